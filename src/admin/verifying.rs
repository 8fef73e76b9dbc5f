//! One verify: the rows at a position of the source, and the version that the graph had there.
//!
//! Owns the run from the position to the report, and that it never says "different" where the two
//! sides are not of one position: what keeps it from telling is tried again, and then an error of its
//! own. It must not know how rows and versions are compared.
//!
//! ```text
//! task    open, at P ──► read rows ────────────────────────┬─► the version at P ─┐
//!                           │ bounded queue                └─ taken meanwhile,   │
//!                           ▼                                 as soon as there   ▼
//! thread                  gather ────────────────────────────────────────────► compare ──► report
//! ```

use super::opening::Opening;
use super::position::{Apart, rows_and_version};
use super::report::finished;
use super::teller::{Events, Teller};
use super::{DeskParts, QUEUED_BATCHES_MAX, Turn};
use crate::change::FeedEvent;
use crate::command::{AdminError, AdminPhase, DriftReport, LastVerify, VerifyEvent, VerifyOrder};
use crate::feed::{FeedError, Remedy};
use crate::graph::Snapshot;
use crate::server::spawn_thread;
use crate::status::StatusCell;
use crate::verify::{CompareOptions, Gathering, GatheringError, compare};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often a reading is begun, where what broke it off may pass.
const TRIES_MAX: u32 = 3;

/// How long to wait before another.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why an attempt came to nothing.
#[derive(Debug)]
enum Fault {
    /// It may go better with another position.
    Again(String),
    End(AdminError),
}

/// A verify under way.
#[derive(Debug)]
pub(super) struct Verifying {
    parts: DeskParts,
    order: VerifyOrder,
    teller: Teller<VerifyEvent>,
    opening: Opening,
    turn: Turn,
}

impl Verifying {
    pub(super) fn new(
        parts: DeskParts,
        order: VerifyOrder,
        events: Events<VerifyEvent>,
        turn: Turn,
    ) -> Self {
        let teller = Teller::new(events);
        Verifying { parts, order, teller, opening: Opening::default(), turn }
    }

    /// Runs to its end, or until nobody waits for it any more.
    pub(super) async fn run(mut self, last: Arc<StatusCell<Option<LastVerify>>>) {
        let (stop, events) = (self.parts.stop.clone(), self.teller.events());
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Some(Err(AdminError::Stopping)),
            () = events.closed() => None,
            ended = Box::pin(self.verify()) => Some(ended),
        };
        self.opening.abandon().await;
        let Some(ended) = ended else { return };
        let outcome = ended.as_ref().map(|report| Arc::new(report.clone())).map_err(Clone::clone);
        let noted = LastVerify { ended_at: SystemTime::now(), outcome };
        last.update(|last| *last = Some(noted));
        // Whoever is told may begin another at once; and a process that stops need not wait for them.
        drop(self);
        // Nobody to tell: the caller is gone.
        let _told = events.send(ended.map(|report| VerifyEvent::Report(Box::new(report)))).await;
    }

    async fn verify(&mut self) -> Result<DriftReport, AdminError> {
        let mut tries = 1;
        loop {
            let why = match self.attempt().await {
                Ok(report) => return Ok(report),
                Err(Fault::End(error)) => return Err(error),
                Err(Fault::Again(why)) => why,
            };
            if tries == TRIES_MAX {
                let why = format!("{why} (tried {TRIES_MAX} times)");
                return Err(AdminError::Inconclusive(why));
            }
            tracing::info!(why, "the verify begins again");
            tries += 1;
            self.opening.abandon().await;
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// One position, from its making to the report.
    async fn attempt(&mut self) -> Result<DriftReport, Fault> {
        self.teller.tell(AdminPhase::Opening, 0, 0);
        let mut reading = self.opening.open(&self.parts.feed).await.map_err(of_feed)?;
        let point = reading.consistent_point();
        let statuses = reading.unknown_statuses().await.map_err(of_feed)?;
        let (sender, rows) = mpsc::channel(QUEUED_BATCHES_MAX);
        let (give, version) = oneshot::channel();
        let work = Work {
            rows,
            version,
            options: CompareOptions { sample: self.order.sample, seed: seed() },
            teller: self.teller.clone(),
            stop: self.parts.stop.clone(),
            _turn: Arc::clone(&self.turn.alone),
        };
        let compared = spawn_thread("verify", move || work.run());
        let compared = compared.map_err(|error| Fault::Again(error.to_string()))?;
        let read = rows_and_version(&self.parts, &mut self.teller, reading, sender).await;
        let read = read.map_err(of_apart).and_then(|(rows, version)| {
            version.map(|version| (rows, version)).map_err(Fault::Again)
        });
        let (rows, failed) = match read {
            Ok((rows, version)) => {
                // Where it has ended, it says why.
                let _given = give.send(version);
                (rows, None)
            }
            Err(fault) => {
                drop(give);
                (0, Some(fault))
            }
        };
        match compared.await {
            Ok(Ok(Some(report))) => {
                Ok(finished(DriftReport { read_at: point, rows, ..report }, statuses))
            }
            Ok(Ok(None)) => Err(failed.unwrap_or(Fault::End(AdminError::Stopping))),
            Ok(Err(error)) => Err(Fault::End(AdminError::Inconclusive(error.to_string()))),
            Err(_gone) => {
                Err(Fault::End(AdminError::Defect("the verify thread failed".to_owned())))
            }
        }
    }
}

/// The thread's part.
struct Work {
    rows: mpsc::Receiver<Vec<FeedEvent>>,
    version: oneshot::Receiver<Arc<Snapshot>>,
    options: CompareOptions,
    teller: Teller<VerifyEvent>,
    stop: CancellationToken,
    /// So that there are never two sets of rows in memory.
    _turn: Arc<OwnedSemaphorePermit>,
}

impl Work {
    /// No report if the reading broke off or nobody waits for it any more.
    fn run(mut self) -> Result<Option<DriftReport>, GatheringError> {
        let mut gathering = Gathering::new();
        while let Some(batch) = self.rows.blocking_recv() {
            for event in batch {
                let FeedEvent::Change(change) = event else { return Err(GatheringError::NotARow) };
                gathering.apply(&change)?;
            }
        }
        let Ok(version) = self.version.blocking_recv() else { return Ok(None) };
        let expected = gathering.finish();
        let mut progress = |done, total| {
            if self.stop.is_cancelled() || self.teller.is_gone() {
                return ControlFlow::Break(());
            }
            self.teller.tell(AdminPhase::Comparing, done, total);
            ControlFlow::Continue(())
        };
        Ok(compare(&expected, &version, self.options, &mut progress))
    }
}

fn of_apart(apart: Apart) -> Fault {
    match apart {
        Apart::Reading(error) => of_feed(error),
        Apart::Late(why) => Fault::Again(why),
    }
}

fn of_feed(error: FeedError) -> Fault {
    match error {
        FeedError::Definite { remedy: Remedy::Operator, what } => {
            Fault::End(AdminError::Source(what))
        }
        error => Fault::Again(error.to_string()),
    }
}

/// Another one each time.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or_default()
}
