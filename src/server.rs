//! The running process: feed, applier and service, wired together.
//!
//! Owns every task and thread, each with a name, and the order of their end. Nothing else knows all
//! the parts.
//!
//! ```text
//! feed task ──batches──► apply thread ──Published──► service task
//!     ▲                    │   │  ▲                       │ Admin
//!     ├───── AppliedLsn ───┘   │  └─tee, swap─ rebuild task and thread
//!     │                        └─images─► checkpoint task and thread
//!     └───── PersistedLsn ─────────────────────┘
//! ```
//!
//! Beside the service, or in its place, a projection may keep a table from what is published, on a
//! thread of its own. Its end is not the service's: answers do not come from the table.

use crate::admin::{Desk, DeskParts, verify_again_and_again};
use crate::apply::{Applier, ApplyError, RebuildRequest};
use crate::checkpoint::{CheckpointError, CheckpointOptions, Keeping, KeptBy};
use crate::command::Admin;
use crate::feed::{self, FeedConfig, FeedError, PrimarySource};
use crate::graph::{GraphLimits, HistoryLimits, PublishedCell};
use crate::project::{ProjectOptions, Projector};
use crate::resume::WarmStart;
use crate::service::{self, ServeError, ServiceParts};
use crate::status::{
    AppliedLsn, CheckpointStatus, FeedState, FeedStatus, ProjectionState, ProjectionStatus,
    StatusCell,
};
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Batches of at most 1,024 events between feed and applier: 65,536 events are some tens of
/// megabytes at most and a fraction of a second of applying, so that the feed feels a slow applier
/// soon and yet never waits for its wake-ups.
const QUEUED_BATCHES_MAX: usize = 64;

/// How long the feed may take to drop its slot and close, at a clean stop.
const FEED_STOP_MAX: Duration = Duration::from_secs(10);

/// How long verifies and rebuilds may take to end, and to have the slots gone that they wait for.
const RUNS_STOP_MAX: Duration = Duration::from_secs(10);

/// How long a projection may take to come to a place where it can be given up.
const PROJECT_STOP_MAX: Duration = Duration::from_secs(5);

/// What a server needs to be told.
#[derive(Debug)]
pub struct ServerOptions {
    /// The source database.
    pub feed: FeedConfig,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The instance's name, shown in every answer and held by page tokens.
    pub instance: String,
    /// Limits of the graph.
    pub graph: GraphLimits,
    /// How much of the past is kept.
    pub history: HistoryLimits,
    /// Where the graph is kept for the next process; nowhere unless asked for.
    pub checkpoint: Option<CheckpointOptions>,
    /// For how long the source may be out of reach before questions are refused, if they ever are.
    pub max_staleness: Option<Duration>,
    /// How long to rest between one verify of a sample and the next; none is made unless asked for.
    pub verify_every: Option<Duration>,
}

/// Why a server did not start, or ended otherwise than it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: stop what uses it, or choose another with --listen")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The feed gave up before the first copy was whole: there is nothing to serve.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The graph cannot be kept up any more.
    #[error("the graph cannot be kept up")]
    Apply(#[from] ApplyError),
    /// The service ended.
    #[error(transparent)]
    Service(#[from] ServeError),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The thread ended without an answer: a defect.
    #[error("the {thread} thread failed: please report this defect")]
    ThreadGone {
        /// The thread's name.
        thread: &'static str,
    },
    /// A task ended without an answer: a defect.
    #[error("the {task} task failed: please report this defect")]
    Task {
        /// The task's name.
        task: &'static str,
        /// How it ended.
        source: JoinError,
    },
}

/// A server that listens, or one that only follows.
#[derive(Debug)]
pub struct Server {
    options: ServerOptions,
    listener: Option<TcpListener>,
    address: SocketAddr,
    projection: Option<ProjectOptions>,
    projection_status: Option<Arc<StatusCell<ProjectionStatus>>>,
    published: Arc<PublishedCell>,
    feed_status: Arc<StatusCell<FeedStatus>>,
    kept_by: Option<KeptBy>,
}

impl Server {
    /// Takes the address. Nothing answers before [`Server::run_until`].
    ///
    /// # Errors
    /// [`ServerError::Listen`] if the address is taken or not ours.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        let refused = |source| ServerError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Server { listener: Some(listener), address, ..Server::quiet(options) })
    }

    /// Answers nobody: for what else is done with what is followed.
    pub fn quiet(options: ServerOptions) -> Self {
        let published = Arc::new(PublishedCell::new(options.history));
        let feed_status = Arc::new(StatusCell::new(FeedStatus {
            slot: options.feed.slot().to_owned(),
            publication: options.feed.publication().to_owned(),
            ..FeedStatus::default()
        }));
        let slot = options.feed.slot();
        let kept_by = options.checkpoint.as_ref().map(|options| KeptBy::new(options, slot));
        Server {
            address: options.listen,
            options,
            listener: None,
            projection: None,
            projection_status: None,
            published,
            feed_status,
            kept_by,
        }
    }

    /// Keeps a participation table, too.
    #[must_use]
    pub fn projecting(self, projection: ProjectOptions) -> Self {
        let projection_status = Some(Arc::default());
        Server { projection: Some(projection), projection_status, ..self }
    }

    /// The address that it listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What readers see, for those who embed a server.
    pub fn published(&self) -> Arc<PublishedCell> {
        Arc::clone(&self.published)
    }

    /// What the feed reports.
    pub fn feed_status(&self) -> Arc<StatusCell<FeedStatus>> {
        Arc::clone(&self.feed_status)
    }

    /// What those who keep the graph on disk report, if anybody does.
    pub fn checkpoint_status(&self) -> Option<Arc<StatusCell<CheckpointStatus>>> {
        self.kept_by.as_ref().map(|kept_by| Arc::clone(&kept_by.status))
    }

    /// Serves until told to stop, then ends in order: no new calls, the slot dropped or the graph
    /// kept a last time, the rest.
    ///
    /// # Errors
    /// What ended it otherwise. A feed that gives up after the first copy does not, if there is
    /// anybody to answer: what it copied is still served, marked as stale, and its state is `failed`.
    /// Neither does a projection that fails: the table stands still, and its state is `failed`.
    pub async fn run_until(self, stop: CancellationToken) -> Result<(), ServerError> {
        let stop = stop.child_token();
        let feed_gone = CancellationToken::new();
        let (published, kept_by) = (Arc::clone(&self.published), self.kept_by.clone());
        let feed_status = Arc::clone(&self.feed_status);
        let (answers, projection_status) =
            (self.listener.is_some(), self.projection_status.clone());
        let mut parts = self.spawn(&stop, &feed_gone)?;
        let outcome = loop {
            tokio::select! {
                ended = &mut parts.feed, if !parts.feed_ended => {
                    parts.feed_ended = true;
                    match joined("feed", ended) {
                        Err(error) if published.load().is_none() || !answers => break Err(error),
                        Err(error) => outlived(&feed_status, &error),
                        Ok(()) if stop.is_cancelled() => break Ok(()),
                        Ok(()) => {}
                    }
                }
                ended = &mut parts.service => {
                    parts.service_ended = true;
                    break joined("service", ended);
                }
                ended = &mut parts.applied_all, if !parts.apply_ended => {
                    parts.apply_ended = true;
                    match ended {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => break Err(error.into()),
                        Err(_gone) => break Err(ServerError::ThreadGone { thread: "apply" }),
                    }
                }
                () = lost(&mut parts.projected) => {
                    let error = ServerError::ThreadGone { thread: "project" };
                    match &projection_status {
                        Some(status) if answers => stands_still(status, &error),
                        _ => break Err(error),
                    }
                }
            }
        };
        stop.cancel();
        if !parts.feed_ended && timeout(FEED_STOP_MAX, &mut parts.feed).await.is_err() {
            tracing::warn!("the feed did not stop within {FEED_STOP_MAX:?}; its slot may be left");
            parts.feed.abort();
        }
        at_rest(&parts.desk).await;
        if let (Err(ServerError::Apply(_)), Some(kept_by)) = (&outcome, &kept_by) {
            // What went wrong with this graph may be in it already.
            kept_by.persisted.close();
            kept_by.keeper().forget().await;
        }
        if let Some(projected) = parts.projected
            && timeout(PROJECT_STOP_MAX, projected).await.is_err()
        {
            tracing::warn!("the projection did not stop within {PROJECT_STOP_MAX:?}");
        }
        feed_gone.cancel();
        let kept = match parts.keeping {
            Some(keeping) => joined("checkpoint", keeping.await.map(Ok::<_, ServerError>)),
            None => Ok(()),
        };
        // What ended the server is told before what its end brought about.
        if parts.service_ended {
            return outcome.and(kept);
        }
        outcome.and(joined("service", parts.service.await)).and(kept)
    }

    /// Who does what an operator asks for; and the verify that is made unasked.
    fn admin(&self, stop: &CancellationToken, rebuilds: mpsc::Sender<RebuildRequest>) -> Arc<Desk> {
        let desk = Arc::new(Desk::new(DeskParts {
            feed: self.options.feed.clone(),
            graph: self.options.graph,
            published: Arc::clone(&self.published),
            feed_status: Arc::clone(&self.feed_status),
            rebuilds,
            stop: stop.clone(),
        }));
        if let Some(rest) = self.options.verify_every {
            let admin: Arc<dyn Admin> = Arc::<Desk>::clone(&desk);
            let again = verify_again_and_again(admin, rest, stop.clone());
            spawn_named("background-verify", again);
        }
        desk
    }

    /// On a thread, since what is large is computed between its waits for the target.
    fn spawn_projector(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Option<oneshot::Receiver<()>>, ServerError> {
        let (options, status) = (self.projection.take(), self.projection_status.clone());
        let Some((options, status)) = options.zip(status) else { return Ok(None) };
        let (published, feed) = (Arc::clone(&self.published), Arc::clone(&self.feed_status));
        let projector = Projector::new(options, published, feed, status);
        let (runtime, stop) = (Handle::current(), stop.clone());
        spawn_thread("project", move || runtime.block_on(projector.run(stop))).map(Some)
    }

    fn spawn(
        mut self,
        stop: &CancellationToken,
        feed_gone: &CancellationToken,
    ) -> Result<Parts, ServerError> {
        let applied = Arc::<AppliedLsn>::default();
        let (sender, receiver) = mpsc::channel(QUEUED_BATCHES_MAX);
        let (image_sender, images) = mpsc::channel(1);
        let (requests, rebuilds) = mpsc::channel(1);
        let limits = self.options.graph;
        let mut applier = Applier::new(limits, Arc::clone(&self.published), Arc::clone(&applied));
        let (restored, warm) = oneshot::channel();
        let kept_by = self.kept_by.clone();
        let runtime = Handle::current();
        let applied_all = spawn_thread("apply", move || {
            match kept_by {
                Some(kept_by) => {
                    applier = applier.persisting(Arc::clone(&kept_by.persisted));
                    // Nobody to tell: the server was stopped meanwhile.
                    let _told = restored.send(restore(&mut applier, &kept_by, limits));
                }
                // At once, since the feed waits for either.
                None => drop(restored),
            }
            runtime.block_on(applier.run(receiver, images, rebuilds))
        })?;
        let keeping = match (&self.kept_by, &self.options.checkpoint) {
            (Some(kept_by), Some(options)) => {
                let (kept_by, published) = (kept_by.clone(), Arc::clone(&self.published));
                let (keeping, worker) =
                    Keeping::new(kept_by, published, options.interval, image_sender);
                spawn_thread("checkpoint", move || worker.run())?;
                Some(spawn_named("checkpoint", keeping.run(feed_gone.clone())))
            }
            _ => None,
        };
        let desk = self.admin(stop, requests);
        let projected = self.spawn_projector(stop)?;
        let parts = ServiceParts {
            published: Arc::clone(&self.published),
            feed: Arc::clone(&self.feed_status),
            source: Arc::new(PrimarySource::new(self.options.feed.clone())),
            instance: self.options.instance,
            checkpoint: self.kept_by.map(|kept_by| kept_by.status),
            projection: self.projection_status,
            admin: Some(Arc::<Desk>::clone(&desk)),
            max_staleness: self.options.max_staleness,
        };
        let (config, feed_status) = (self.options.feed, self.feed_status);
        let stopped = stop.clone();
        let feed = async move {
            // None where nothing is kept.
            let warm = tokio::select! {
                warm = warm => warm.ok(),
                () = stopped.cancelled() => None,
            };
            feed::run(config, sender, applied, feed_status, stopped, warm).await
        };
        Ok(Parts {
            feed: spawn_named("feed", feed),
            service: spawn_named("service", serve(self.listener, parts, stop.clone())),
            projected,
            applied_all,
            keeping,
            desk,
            feed_ended: false,
            service_ended: false,
            apply_ended: false,
        })
    }
}

/// What runs.
struct Parts {
    feed: JoinHandle<Result<(), FeedError>>,
    service: JoinHandle<Result<(), ServeError>>,
    applied_all: oneshot::Receiver<Result<(), ApplyError>>,
    keeping: Option<JoinHandle<()>>,
    projected: Option<oneshot::Receiver<()>>,
    desk: Arc<Desk>,
    feed_ended: bool,
    service_ended: bool,
    apply_ended: bool,
}

/// Waits for runs that were given up: what they asked of the source would outlast the process.
async fn at_rest(desk: &Desk) {
    if timeout(RUNS_STOP_MAX, desk.at_rest()).await.is_err() {
        tracing::warn!(
            "a verify or rebuild did not stop within {RUNS_STOP_MAX:?}; its slot may be left until \
             the transactions that it waits for end"
        );
    }
}

/// Serves until told to stop, if there is anything to listen on.
async fn serve(
    listener: Option<TcpListener>,
    parts: ServiceParts,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    match listener {
        Some(listener) => service::serve(listener, parts, stop).await,
        None => {
            stop.cancelled().await;
            Ok(())
        }
    }
}

/// Reads the graph that an earlier process kept; the feed says whether it is still good.
fn restore(applier: &mut Applier, kept_by: &KeptBy, limits: GraphLimits) -> WarmStart {
    let begin = tokio::time::Instant::now();
    let kept = match kept_by.store.load(applier.next_copy(), limits) {
        Ok(loaded) => {
            let point = applier.restore(loaded.writer, loaded.header);
            tracing::info!(lsn = %point.lsn, took = ?begin.elapsed(), "checkpoint loaded");
            Some(point)
        }
        Err(error) => {
            let directory = &kept_by.status.get().directory;
            match error {
                CheckpointError::Missing => tracing::info!(directory, "no checkpoint: copying"),
                _ => tracing::warn!(directory, %error, "the checkpoint cannot be used: copying"),
            }
            kept_by.status.update(|status| status.start = format!("copied: {error}"));
            None
        }
    };
    WarmStart {
        kept,
        persisted: Arc::clone(&kept_by.persisted),
        keeper: kept_by.keeper(),
        status: Arc::clone(&kept_by.status),
    }
}

/// The feed ended while there is something to serve.
fn outlived(status: &StatusCell<FeedStatus>, error: &ServerError) {
    tracing::error!("the feed gave up, and what it copied grows stale: {error}");
    status.update(|status| status.state = FeedState::Failed { error: error.to_string() });
}

/// The projection ended while there is somebody to answer.
fn stands_still(status: &StatusCell<ProjectionStatus>, error: &ServerError) {
    tracing::error!("the participation table stands still until a restart: {error}");
    let error = format!("{error}, and restart the server");
    status.update(|status| status.fail(error, ProjectionState::Failed));
}

/// Waits for the thread to end without an answer; for ever, if it gives one or there is none.
async fn lost<T>(thread: &mut Option<oneshot::Receiver<T>>) {
    if let Some(running) = thread {
        let ended = running.await;
        *thread = None;
        if ended.is_err() {
            return;
        }
    }
    pending::<()>().await;
}

fn joined<E: Into<ServerError>>(
    task: &'static str,
    ended: Result<Result<(), E>, JoinError>,
) -> Result<(), ServerError> {
    ended.map_err(|source| ServerError::Task { task, source })?.map_err(Into::into)
}

/// Runs the future as a task of that name: its log lines carry it.
#[expect(clippy::disallowed_methods, reason = "the one place where tasks are spawned")]
pub(crate) fn spawn_named<T: Send + 'static>(
    name: &'static str,
    future: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(future.instrument(tracing::info_span!("task", name)))
}

/// Runs the work on a thread of that name; the answer comes when it ends.
pub(crate) fn spawn_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>, ServerError> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // Nobody to tell: the server has ended for another reason.
        let _ended = sender.send(work());
    };
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(ServerError::Thread)?;
    Ok(receiver)
}
