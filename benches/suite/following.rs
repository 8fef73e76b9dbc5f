//! A Teamgraph server that follows the database, on threads of its own: one for its tasks, one that
//! applies.

use crate::database::until;
use crate::servers::one_core;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use teamgraph::checkpoint::CheckpointOptions;
use teamgraph::feed::FeedConfig;
use teamgraph::graph::{GraphLimits, HistoryLimits, PublishedCell, Snapshot};
use teamgraph::server::{Server, ServerOptions};
use teamgraph::status::{CheckpointStatus, FeedState, FeedStatus, StatusCell};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub const SLOT: &str = "tg_bench";

pub struct Following {
    pub address: SocketAddr,
    pub published: Arc<PublishedCell>,
    pub status: Arc<StatusCell<FeedStatus>>,
    pub checkpoint: Option<Arc<StatusCell<CheckpointStatus>>>,
    /// Where its tasks run.
    pub tasks: Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Starts; nothing is copied yet.
    pub fn begin(url: &str) -> anyhow::Result<Self> {
        Self::begin_kept(url, None)
    }

    /// Starts, perhaps from what another left in the directory.
    pub fn begin_kept(url: &str, checkpoint: Option<CheckpointOptions>) -> anyhow::Result<Self> {
        let options = ServerOptions {
            feed: FeedConfig::new(url, "teamgraph", SLOT)?,
            listen: ([127, 0, 0, 1], 0).into(),
            instance: "bench".into(),
            graph: GraphLimits::default(),
            history: HistoryLimits::default(),
            checkpoint,
            max_staleness: None,
            verify_every: None,
        };
        let (sender, receiver) = mpsc::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let work = move || {
            let runtime = one_core().unwrap();
            let ended = runtime.block_on(async {
                let server = Server::start(options).await?;
                let parts = (
                    server.local_addr(),
                    server.published(),
                    server.feed_status(),
                    server.checkpoint_status(),
                    Handle::current(),
                );
                sender.send(parts).unwrap();
                server.run_until(stopped).await
            });
            if let Err(error) = ended {
                eprintln!("suite: the server ended: {error}");
            }
        };
        let thread = Some(std::thread::Builder::new().name("following".into()).spawn(work)?);
        let (address, published, status, checkpoint, tasks) = receiver.recv()?;
        Ok(Following { address, published, status, checkpoint, tasks, stop, thread })
    }

    /// Waits until what was copied is served.
    pub async fn copied(&self) -> anyhow::Result<()> {
        until("a copy that is served", 600, || self.published.load().is_some()).await
    }

    /// Waits until it has caught up.
    pub async fn streaming(&self) -> anyhow::Result<()> {
        until("streaming", 600, || self.status.get().state == FeedState::Streaming).await
    }

    pub fn snapshot(&self) -> anyhow::Result<Arc<Snapshot>> {
        let published = self.published.load();
        let published = published.ok_or_else(|| anyhow::anyhow!("nothing is published"))?;
        Ok(Arc::clone(&published.snapshot))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // Its end was told on the way.
            let _ended = thread.join();
        }
    }
}
