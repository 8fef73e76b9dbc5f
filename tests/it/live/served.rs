//! A Teamgraph server within the test's process.
//!
//! Owns its start, its end and the waits for what it has come to.

use super::source::{NEVER, start, until};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::feed::FeedConfig;
use teamgraph::graph::{GraphLimits, HistoryLimits, PublishedCell};
use teamgraph::id::Lsn;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::project::ProjectOptions;
use teamgraph::server::{Server, ServerError, ServerOptions};
use teamgraph::status::{CheckpointStatus, FeedState, FeedStatus, StatusCell};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

pub type Asker = ParticipationServiceClient<Channel>;

/// Old versions are kept for as long as any test runs.
pub const HISTORY: HistoryLimits =
    HistoryLimits { versions_max: 1_000_000, bytes_max: 2 << 30, age_max_ms: 3_600_000 };

pub struct Served {
    pub published: Arc<PublishedCell>,
    pub feed_status: Arc<StatusCell<FeedStatus>>,
    pub checkpoint: Option<Arc<StatusCell<CheckpointStatus>>>,
    pub address: SocketAddr,
    pub slot: String,
    stop: CancellationToken,
    running: JoinHandle<Result<(), ServerError>>,
}

pub fn options(url: &str, instance: &str) -> ServerOptions {
    ServerOptions {
        feed: FeedConfig::new(url, "teamgraph", &format!("tg_{instance}")).unwrap(),
        listen: ([127, 0, 0, 1], 0).into(),
        instance: instance.into(),
        graph: GraphLimits::default(),
        history: HISTORY,
        checkpoint: None,
        max_staleness: None,
        verify_every: None,
    }
}

impl Served {
    /// Starts a server and waits until it follows the source.
    pub async fn start(url: &str, instance: &str) -> Self {
        let served = Self::begin(options(url, instance)).await;
        served.streaming().await;
        served
    }

    /// Starts a server.
    pub async fn begin(options: ServerOptions) -> Self {
        let slot = options.feed.slot().to_owned();
        Self::run(Server::start(options).await.unwrap(), slot)
    }

    /// Starts a server that keeps a participation table, too.
    pub async fn projecting(options: ServerOptions, projection: ProjectOptions) -> Self {
        let slot = options.feed.slot().to_owned();
        Self::run(Server::start(options).await.unwrap().projecting(projection), slot)
    }

    fn run(server: Server, slot: String) -> Self {
        let stop = CancellationToken::new();
        Served {
            published: server.published(),
            feed_status: server.feed_status(),
            checkpoint: server.checkpoint_status(),
            address: server.local_addr(),
            slot,
            running: start(server.run_until(stop.clone())),
            stop,
        }
    }

    /// Waits until the feed's report is so.
    pub async fn reports(&self, what: &str, holds: impl Fn(&FeedStatus) -> bool) {
        until(what, async || {
            let status = self.feed_status.get();
            let failed = matches!(status.state, FeedState::Failed { .. });
            assert!(!failed || holds(&status), "not {what}: {status:?}");
            holds(&status)
        })
        .await;
    }

    pub async fn streaming(&self) {
        self.reports("streaming", |status| status.state == FeedState::Streaming).await;
    }

    /// Waits until everything up to the position is published.
    pub async fn applied(&self, position: Lsn) {
        until("applied", async || {
            self.published.load().is_some_and(|published| published.applied_lsn >= position)
        })
        .await;
    }

    pub async fn asker(&self) -> Asker {
        asker(self.address).await.unwrap()
    }

    /// Waits for an end that nobody asked for.
    pub async fn ended(self) -> Result<(), ServerError> {
        tokio::time::timeout(NEVER, self.running).await.expect("it does not end").unwrap()
    }

    /// Ends in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.ended().await.unwrap();
    }
}

pub async fn asker(address: SocketAddr) -> Result<Asker, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let endpoint = endpoint.connect_timeout(Duration::from_secs(5)).tcp_nodelay(true);
    Ok(Asker::new(endpoint.connect().await?))
}
