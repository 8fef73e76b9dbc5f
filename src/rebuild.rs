//! The graph built anew from the source's rows, beside the one that is served.
//!
//! Owns the order of a rebuild's steps, that there is one at a time, and its end when the caller
//! leaves. It must not know how rows are read, applied or compared, nor who asks.
//!
//! ```text
//!                          what is committed from before P on
//! apply thread ─────────────────────────tee──────────────────────┐
//!     ▲   graph that is served                                   ▼
//!     │                              thread "rebuild": graph as of P, then level ─┐
//!     │   reading at P ──────rows──────────▲                                      │
//!     └────────────────────swap, between two transactions─────────────────────────┘
//! ```
//!
//! The stream goes on meanwhile, and what it brings is shown at once. Then the graph that was served
//! is compared, as of P, with the rows (`drift`). `offline` is the other form: a checkpoint for a
//! server that does not run yet.

mod build;
mod offline;

pub use offline::{OfflineError, OfflineOptions, OfflineReport, rebuild_offline};

use crate::apply::{RebuildRequest, TeeBegun};
use crate::change::{Change, FeedEvent};
use crate::command::{
    AdminError, AdminPhase, AdminProgress, AdminRefused, RebuildEvent, RebuildOrder, RebuildReport,
};
use crate::feed::{FeedConfig, FeedError, PreparedReading, ReadingSlot, Remedy};
use crate::graph::{GraphLimits, GraphWriter, Published, PublishedCell, Snapshot};
use crate::id::Lsn;
use crate::server::{spawn_named, spawn_thread};
use build::Build;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Batches of rows between their reading and the thread that builds: as many as between the feed
/// and whoever applies.
const QUEUED_BATCHES_MAX: usize = 64;

/// Events that wait for the caller to take them. Progress that finds no room is not told.
const EVENTS_MAX: usize = 16;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How long the transaction under way may take to be applied: one of the size that is still
/// followed takes about as long.
const BOUNDARY_MAX: Duration = Duration::from_secs(120);

/// How long it may take, from the reading's begin, until all up to its position is applied.
const APPLIED_MAX: Duration = Duration::from_secs(120);

/// Who rebuilds.
#[derive(Clone, Debug)]
pub struct Rebuilder {
    parts: RebuildParts,
    /// One permit: one rebuild.
    one: Arc<Semaphore>,
}

/// What a rebuild needs of the process.
#[derive(Clone, Debug)]
pub struct RebuildParts {
    /// The source.
    pub feed: FeedConfig,
    /// Limits of the graph.
    pub graph: GraphLimits,
    /// Where the graph that is served stands.
    pub published: Arc<PublishedCell>,
    /// To whoever applies.
    pub requests: mpsc::Sender<RebuildRequest>,
    /// Ends it with the process.
    pub stop: CancellationToken,
}

/// What a rebuild tells its caller, in order; to drop it cancels the rebuild.
pub type RebuildEvents = mpsc::Receiver<Result<RebuildEvent, AdminError>>;

impl Rebuilder {
    /// None runs yet.
    pub fn new(parts: RebuildParts) -> Self {
        Rebuilder { parts, one: Arc::new(Semaphore::new(1)) }
    }

    /// Begins a rebuild.
    ///
    /// # Errors
    /// One has not ended, or there is no graph that could be replaced.
    pub fn start(&self, order: RebuildOrder) -> Result<RebuildEvents, AdminRefused> {
        let one = Arc::clone(&self.one).try_acquire_owned();
        let one = Arc::new(one.map_err(|_| AdminRefused::AlreadyRunning)?);
        let served = self.parts.published.load().ok_or(AdminRefused::NotReady)?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let teller = Teller { events: sender, told: None };
        let (parts, rows) = (self.parts.clone(), rows(&served));
        let rebuild = Rebuild { parts, order, rows, teller, opening: None, one };
        spawn_named("rebuild", rebuild.run());
        Ok(events)
    }
}

/// How many rows made the graph, of members and of memberships; those that are not active are in
/// none.
fn rows(served: &Published) -> u64 {
    let stats = served.snapshot.stats();
    stats.people + stats.teams + stats.rows
}

/// A rebuild under way.
struct Rebuild {
    parts: RebuildParts,
    order: RebuildOrder,
    /// How many rows there may be.
    rows: u64,
    teller: Teller,
    /// The slot that is waited for.
    opening: Option<ReadingSlot>,
    one: Arc<OwnedSemaphorePermit>,
}

impl Rebuild {
    async fn run(mut self) {
        let (stop, gone) = (self.parts.stop.clone(), self.teller.events.clone());
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Err(AdminError::Stopping),
            () = gone.closed() => Err(AdminError::NotRebuilt("the caller is gone".to_owned())),
            ended = Box::pin(self.rebuild()) => ended,
        };
        if let Err(error) = &ended {
            tracing::warn!(%error, "the rebuild ended");
        }
        if let Some(slot) = self.opening.take()
            && let Err(error) = slot.abandon().await
        {
            // A temporary slot: it goes when what it waits for ends.
            tracing::warn!(%error, "a slot that was waited for may stay for a while");
        }
        // Whoever is told may begin another at once.
        drop(self);
        // Nobody to tell: the caller is gone.
        let _told = gone.send(ended.map(|report| RebuildEvent::Report(Box::new(report)))).await;
    }

    async fn rebuild(&mut self) -> Result<RebuildReport, AdminError> {
        let began = Instant::now();
        self.teller.tell(AdminPhase::Opening, 0, 0);
        let begun = self.begin_tee().await?;
        let ended = begun.teed.ended();
        // It ends what is built of it too, wherever that is.
        let mut report = tokio::select! {
            biased;
            end = ended => return Err(AdminError::NotRebuilt(end.to_string())),
            report = Box::pin(self.build(begun)) => report?,
        };
        report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }

    async fn begin_tee(&self) -> Result<TeeBegun, AdminError> {
        let (reply, begun) = oneshot::channel();
        let asked = self.parts.requests.send(RebuildRequest::Tee(reply)).await;
        asked.map_err(|_| AdminError::Stopping)?;
        match timeout(BOUNDARY_MAX, begun).await {
            Ok(Ok(begun)) => begun.map_err(|end| AdminError::NotRebuilt(end.to_string())),
            Ok(Err(_gone)) => Err(AdminError::Stopping),
            Err(_) => Err(AdminError::NotRebuilt(format!(
                "a transaction was under way for {} s",
                BOUNDARY_MAX.as_secs()
            ))),
        }
    }

    /// Reads the rows and has them built; the thread does the rest.
    async fn build(&mut self, begun: TeeBegun) -> Result<RebuildReport, AdminError> {
        let TeeBegun { history, copy, teed } = begun;
        let prepared = PreparedReading::new(&self.parts.feed).await.map_err(of_feed)?;
        self.opening = Some(prepared.slot());
        let reading = prepared.open().await.map_err(of_feed)?;
        self.opening = None;
        if reading.history() != history {
            return Err(AdminError::NotRebuilt(
                "the database is of another history than the graph: a fresh copy is due".to_owned(),
            ));
        }
        let point = reading.consistent_point();
        tracing::info!(copy, %point, "rebuilding");
        let (sender, rows) = mpsc::channel(QUEUED_BATCHES_MAX);
        let (read, whole) = oneshot::channel();
        let build = Build {
            rows,
            whole,
            teed,
            writer: GraphWriter::new(copy, history, self.parts.graph),
            facts: reading.facts(),
            point,
            order: self.order,
            published: Arc::clone(&self.parts.published),
            requests: self.parts.requests.clone(),
            teller: self.teller.clone(),
            _one: Arc::clone(&self.one),
        };
        let built = spawn_thread("rebuild", move || build.run());
        let built = built.map_err(|error| AdminError::NotRebuilt(error.to_string()))?;
        let total = self.rows.max(reading.estimated_rows());
        let (mut then, teller) = (self.teller.clone(), &mut self.teller);
        let reading =
            reading.run(sender, |rows| teller.tell(AdminPhase::Reading, rows, total.max(rows)));
        let reading = async {
            let rows = reading.await.map_err(of_feed)?;
            then.tell(AdminPhase::Waiting, 0, 0);
            Ok(rows)
        };
        let error = match tokio::try_join!(reading, seen_at(&self.parts.published, point)) {
            Ok(whole) => {
                // The thread may have ended for a reason of its own.
                let _told = read.send(whole);
                None
            }
            Err(error) => {
                drop(read);
                Some(error)
            }
        };
        match built.await {
            Ok(Ok(Some(report))) => Ok(report),
            Ok(Ok(None)) => Err(error.unwrap_or(AdminError::Stopping)),
            Ok(Err(error)) => Err(error),
            Err(_gone) => Err(AdminError::Defect("the rebuild thread failed".to_owned())),
        }
    }
}

/// The version that the position shows, once all up to there is applied; or why there is none.
type Seen = Result<Arc<Snapshot>, String>;

async fn seen_at(published: &PublishedCell, point: Lsn) -> Result<Seen, AdminError> {
    let applied = async {
        loop {
            let mut waiter = published.wait_for(point);
            if published.load().is_some_and(|newest| newest.applied_lsn >= point) {
                break;
            }
            waiter.reached().await;
        }
        // At once: it may leave the ring with the next that comes.
        published.recent_at(point).ok_or_else(|| format!("no version of {point} was kept"))
    };
    timeout(APPLIED_MAX, applied).await.map_err(|_| {
        AdminError::NotRebuilt(format!(
            "what is served was not at {point} within {} s: the feed is behind or down",
            APPLIED_MAX.as_secs()
        ))
    })
}

/// Takes in all rows, until nobody sends any more.
fn take_in<E>(
    rows: &mut mpsc::Receiver<Vec<FeedEvent>>,
    mut take: impl FnMut(Change) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(batch) = rows.blocking_recv() {
        for event in batch {
            // A reading sends nothing else.
            if let FeedEvent::Change(change) = event {
                take(change)?;
            }
        }
    }
    Ok(())
}

fn of_feed(error: FeedError) -> AdminError {
    match error {
        FeedError::Definite { remedy: Remedy::Operator, what } => AdminError::Source(what),
        error => AdminError::NotRebuilt(error.to_string()),
    }
}

/// Tells progress, without ever waiting for the caller.
#[derive(Clone, Debug)]
struct Teller {
    events: mpsc::Sender<Result<RebuildEvent, AdminError>>,
    /// What was told last, and when.
    told: Option<(AdminPhase, Instant)>,
}

impl Teller {
    fn tell(&mut self, phase: AdminPhase, done: u64, total: u64) {
        let now = Instant::now();
        let told = self.told;
        if told.is_none_or(|(told, at)| told != phase || now >= at + PROGRESS_INTERVAL) {
            self.told = Some((phase, now));
            let progress = RebuildEvent::Progress(AdminProgress { phase, done, total });
            // A caller who is slow is told less.
            let _told = self.events.try_send(Ok(progress));
        }
    }

    /// The caller is gone.
    fn is_gone(&self) -> bool {
        self.events.is_closed()
    }
}
