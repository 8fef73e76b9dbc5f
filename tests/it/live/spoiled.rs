//! A graph that is fed other changes than the feed sends, and a service on it: what a verify must
//! find.
//!
//! Owns the way from the feed to the graph. It must not know what is found.

use super::served::HISTORY;
use super::source::{NEVER, start, until};
use std::net::SocketAddr;
use std::sync::Arc;
use teamgraph::admin::{Desk, DeskParts};
use teamgraph::apply::Applier;
use teamgraph::change::{Change, FeedEvent};
use teamgraph::command::Admin;
use teamgraph::feed::{self, FeedConfig, FeedError, PrimarySource};
use teamgraph::graph::{GraphLimits, PublishedCell};
use teamgraph::id::Lsn;
use teamgraph::service::{self, ServiceParts};
use teamgraph::status::{AppliedLsn, FeedState, FeedStatus, StatusCell};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What becomes of a change: none at all, or another one.
pub type Spoil = fn(Change) -> Option<Change>;

pub struct Spoiled {
    pub published: Arc<PublishedCell>,
    pub address: SocketAddr,
    status: Arc<StatusCell<FeedStatus>>,
    stop: CancellationToken,
    feed: JoinHandle<Result<(), FeedError>>,
}

impl Spoiled {
    /// Follows the source until it streams.
    pub async fn start(url: &str, instance: &str, spoil: Spoil) -> Self {
        let config = FeedConfig::new(url, "teamgraph", &format!("tg_{instance}")).unwrap();
        let published = Arc::new(PublishedCell::new(HISTORY));
        let (applied, status) = (Arc::<AppliedLsn>::default(), Arc::default());
        let stop = CancellationToken::new();
        let (sender, mut sent) = mpsc::channel::<Vec<FeedEvent>>(64);
        let (spoiled, events) = mpsc::channel(64);
        let (_nobody, images) = mpsc::channel(1);
        let (rebuild, rebuilds) = mpsc::channel(1);
        let applier =
            Applier::new(GraphLimits::default(), Arc::clone(&published), Arc::clone(&applied));
        let runtime = Handle::current();
        std::thread::spawn(move || {
            runtime.block_on(applier.run(events, images, rebuilds)).unwrap();
        });
        start(async move {
            while let Some(batch) = sent.recv().await {
                let batch: Vec<FeedEvent> =
                    batch.into_iter().filter_map(|it| spoil_event(it, spoil)).collect();
                if spoiled.send(batch).await.is_err() {
                    break;
                }
            }
        });
        let (feed_config, feed_status) = (config.clone(), Arc::clone(&status));
        let feed = feed::run(feed_config, sender, applied, feed_status, stop.clone(), None);
        let feed = start(feed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk: Arc<dyn Admin> = Arc::new(Desk::new(DeskParts {
            feed: config.clone(),
            graph: GraphLimits::default(),
            published: Arc::clone(&published),
            feed_status: Arc::clone(&status),
            rebuilds: rebuild,
            stop: stop.clone(),
        }));
        let parts = ServiceParts {
            published: Arc::clone(&published),
            feed: Arc::clone(&status),
            source: Arc::new(PrimarySource::new(config)),
            instance: instance.to_owned(),
            checkpoint: None,
            projection: None,
            admin: Some(desk),
            max_staleness: None,
        };
        start(service::serve(listener, parts, stop.clone()));
        let spoiled = Spoiled { published, address, status, stop, feed };
        spoiled.streaming().await;
        spoiled
    }

    async fn streaming(&self) {
        until("streaming", async || self.status.get().state == FeedState::Streaming).await;
    }

    /// Waits until everything up to the position is published.
    pub async fn applied(&self, position: Lsn) {
        until("applied", async || {
            self.published.load().is_some_and(|published| published.applied_lsn >= position)
        })
        .await;
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(NEVER, self.feed).await.expect("it does not end").unwrap().unwrap();
    }
}

fn spoil_event(event: FeedEvent, spoil: Spoil) -> Option<FeedEvent> {
    match event {
        FeedEvent::Change(change) => spoil(change).map(FeedEvent::Change),
        other => Some(other),
    }
}
