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

use super::DeskParts;
use crate::change::FeedEvent;
use crate::command::{
    AdminError, AdminPhase, AdminProgress, DriftReport, Finding, FindingExample, FindingKind,
    LastVerify, NamedMember, VerifyEvent, VerifyOrder,
};
use crate::feed::{FeedError, Reading, Remedy, UnknownStatus, UnknownStatuses};
use crate::graph::{PublishedCell, Snapshot};
use crate::id::{History, Lsn, SourceKey};
use crate::server::spawn_thread;
use crate::status::StatusCell;
use crate::verify::{CompareOptions, Gathering, GatheringError, compare};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Batches of rows between their reading and their gathering: as many as between the feed and the
/// one who applies.
const QUEUED_BATCHES_MAX: usize = 64;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How long, once the rows are read, until all up to their position must be applied: about as long as
/// a transaction of the largest size that is followed takes.
const APPLIED_MAX: Duration = Duration::from_secs(120);

/// How often a reading is begun, where what broke it off may pass.
const TRIES_MAX: u32 = 3;

/// How long to wait before another.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

type Events = mpsc::Sender<Result<VerifyEvent, AdminError>>;

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
    teller: Teller,
    /// Held until the thread has ended, too, so that there are never two sets of rows in memory.
    turn: Arc<OwnedSemaphorePermit>,
}

impl Verifying {
    pub(super) fn new(
        parts: DeskParts,
        order: VerifyOrder,
        events: Events,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        let teller = Teller { events, told: None };
        Verifying { parts, order, teller, turn: Arc::new(turn) }
    }

    /// Runs to its end, or until nobody waits for it any more.
    pub(super) async fn run(mut self, last: Arc<StatusCell<Option<LastVerify>>>) {
        let (stop, events) = (self.parts.stop.clone(), self.teller.events.clone());
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Err(AdminError::Stopping),
            () = events.closed() => return,
            ended = Box::pin(self.verify()) => ended,
        };
        let outcome = ended.as_ref().map(|report| Arc::new(report.clone())).map_err(Clone::clone);
        let noted = LastVerify { ended_at: SystemTime::now(), outcome };
        last.update(|last| *last = Some(noted));
        // Whoever is told may begin another at once.
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
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// One position, from its making to the report.
    async fn attempt(&mut self) -> Result<DriftReport, Fault> {
        self.teller.tell(AdminPhase::Opening, 0, 0);
        let mut reading = Reading::open(&self.parts.feed).await.map_err(of_feed)?;
        let (history, point) = (reading.history(), reading.consistent_point());
        let statuses = reading.unknown_statuses().await.map_err(of_feed)?;
        let (sender, rows) = mpsc::channel(QUEUED_BATCHES_MAX);
        let (give, version) = oneshot::channel();
        let work = Work {
            rows,
            version,
            options: CompareOptions { sample: self.order.sample, seed: seed() },
            teller: self.teller.clone(),
            stop: self.parts.stop.clone(),
            _turn: Arc::clone(&self.turn),
        };
        let compared = spawn_thread("verify", move || work.run());
        let compared = compared.map_err(|error| Fault::Again(error.to_string()))?;
        let read = self.read(reading, sender, (history, point)).await;
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

    /// Reads the rows; meanwhile, takes the version of their position as soon as it is there, since it
    /// may leave the ring with the next that comes. Returns how many rows there are, and the version.
    async fn read(
        &mut self,
        reading: Reading,
        sender: mpsc::Sender<Vec<FeedEvent>>,
        (history, point): (History, Lsn),
    ) -> Result<(u64, Arc<Snapshot>), Fault> {
        let published = Arc::clone(&self.parts.published);
        let total = published.load().map_or(0, |newest| {
            let stats = newest.snapshot.stats();
            stats.people + stats.teams + stats.rows
        });
        let mut version = pin!(version_at(&published, history, point));
        let mut early = None;
        let rows = {
            let teller = &mut self.teller;
            let mut read = pin!(reading.run(sender, |rows| {
                teller.tell(AdminPhase::Reading, rows, total.max(rows));
            }));
            loop {
                tokio::select! {
                    biased;
                    version = &mut version, if early.is_none() => early = Some(version?),
                    rows = &mut read => break rows.map_err(of_feed)?,
                }
            }
        };
        if let Some(version) = early {
            return Ok((rows, version));
        }
        self.teller.tell(AdminPhase::Waiting, 0, 0);
        let waited = timeout(APPLIED_MAX, version).await;
        let version = waited.map_err(|_| {
            let state = self.parts.feed_status.get().state.name();
            Fault::Again(format!(
                "the graph was not at {point} within {} s: the feed is {state}",
                APPLIED_MAX.as_secs()
            ))
        })?;
        Ok((rows, version?))
    }
}

/// The version that the position of this history shows, once all up to there is applied.
async fn version_at(
    published: &PublishedCell,
    history: History,
    point: Lsn,
) -> Result<Arc<Snapshot>, Fault> {
    loop {
        let mut waiter = published.wait_for(point);
        let Some(newest) = published.load() else {
            return Err(Fault::Again("there is no graph any more".to_owned()));
        };
        let version = newest.snapshot.version();
        if version.history != history {
            return Err(Fault::Again(
                "the graph is of another history than the database: a fresh copy is due".to_owned(),
            ));
        }
        if newest.applied_lsn < point {
            drop(newest);
            waiter.reached().await;
            continue;
        }
        if version.end_lsn <= point {
            return Ok(Arc::clone(&newest.snapshot));
        }
        // One of another copy need not have come as far yet.
        let is_of_copy = |version: &Arc<Snapshot>| version.copy() == newest.snapshot.copy();
        if let Some(version) = published.recent_at(point).filter(is_of_copy) {
            return Ok(version);
        }
        let still = published.load();
        if still.is_some_and(|still| still.snapshot.copy() == newest.snapshot.copy()) {
            return Err(Fault::Again(format!(
                "the version of {point} is not kept any more, or was replaced by a fresh copy; \
                 --history-seconds and --history-bytes say what is kept"
            )));
        }
    }
}

/// The thread's part.
struct Work {
    rows: mpsc::Receiver<Vec<FeedEvent>>,
    version: oneshot::Receiver<Arc<Snapshot>>,
    options: CompareOptions,
    teller: Teller,
    stop: CancellationToken,
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
            if self.stop.is_cancelled() || self.teller.events.is_closed() {
                return ControlFlow::Break(());
            }
            self.teller.tell(AdminPhase::Comparing, done, total);
            ControlFlow::Continue(())
        };
        Ok(compare(&expected, &version, self.options, &mut progress))
    }
}

/// The report with what the comparison does not know.
fn finished(mut report: DriftReport, statuses: UnknownStatuses) -> DriftReport {
    let UnknownStatuses { count, examples } = statuses;
    if count > 0 {
        let examples = examples.into_iter().map(status_example).collect();
        report.findings.push(Finding { kind: FindingKind::StatusUnknown, count, examples });
    }
    report
}

fn status_example(UnknownStatus { member, team, status }: UnknownStatus) -> FindingExample {
    let named = |key: SourceKey| NamedMember { key, name: None, kind: None };
    let members = vec![named(member), named(team)];
    FindingExample { members, source: format!("status {status}"), graph: String::new() }
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

/// Tells progress, without ever waiting for the caller.
#[derive(Clone, Debug)]
struct Teller {
    events: Events,
    /// What was told last, and when.
    told: Option<(AdminPhase, Instant)>,
}

impl Teller {
    fn tell(&mut self, phase: AdminPhase, done: u64, total: u64) {
        let now = Instant::now();
        let is_recent = |(told, at)| told == phase && now < at + PROGRESS_INTERVAL;
        if !self.told.is_some_and(is_recent) {
            self.told = Some((phase, now));
            let progress = VerifyEvent::Progress(AdminProgress { phase, done, total });
            // A caller who is slow is told less.
            let _told = self.events.try_send(Ok(progress));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphLimits, GraphWriter, HistoryLimits, Published};
    use futures_util::FutureExt;

    const HISTORY: History = History { system_id: 7, timeline: 1 };

    /// A cell, and the writer of its copy.
    struct Bench {
        cell: PublishedCell,
        writer: GraphWriter,
    }

    impl Bench {
        fn new() -> Self {
            let limits =
                HistoryLimits { versions_max: 2, bytes_max: u64::MAX, age_max_ms: u64::MAX };
            let mut bench = Bench { cell: PublishedCell::new(limits), writer: writer(1, HISTORY) };
            bench.commit(100);
            bench
        }

        fn commit(&mut self, lsn: u64) {
            let snapshot = self.writer.commit(Lsn(lsn));
            self.cell.store(Published { snapshot, applied_lsn: Lsn(lsn) }, 0);
        }

        fn watermark(&self, lsn: u64) {
            let snapshot = Arc::clone(self.writer.last());
            self.cell.store(Published { snapshot, applied_lsn: Lsn(lsn) }, 0);
        }

        /// What there is at the position, without a wait: the version's end, or why there is none.
        fn at(&self, lsn: u64) -> Option<Result<u64, String>> {
            ended(version_at(&self.cell, HISTORY, Lsn(lsn)).now_or_never()?)
        }
    }

    fn writer(copy: u64, history: History) -> GraphWriter {
        GraphWriter::new(copy, history, GraphLimits::default())
    }

    fn ended(found: Result<Arc<Snapshot>, Fault>) -> Option<Result<u64, String>> {
        Some(match found {
            Ok(version) => Ok(version.version().end_lsn.0),
            Err(Fault::Again(why)) => Err(why),
            Err(Fault::End(error)) => panic!("{error}"),
        })
    }

    fn is_gone(found: Option<Result<u64, String>>) -> bool {
        matches!(found, Some(Err(why)) if why.contains("is not kept any more"))
    }

    #[test]
    fn the_version_of_a_position_is_the_last_that_ends_there_once_all_is_applied() {
        let mut bench = Bench::new();
        assert!(is_gone(bench.at(99)), "older than all that is kept");
        assert_eq!(bench.at(100), Some(Ok(100)));
        assert_eq!(bench.at(150), None, "not applied yet");
        bench.watermark(150);
        assert_eq!(bench.at(150), Some(Ok(100)));
        bench.commit(200);
        assert_eq!((bench.at(150), bench.at(200)), (Some(Ok(100)), Some(Ok(200))));
        bench.commit(300);
        assert!(is_gone(bench.at(150)), "two versions are kept");
        assert_eq!(bench.at(250), Some(Ok(200)));
    }

    #[test]
    fn a_fresh_copy_or_another_history_is_never_taken_for_the_version() {
        let mut bench = Bench::new();
        bench.watermark(150);
        bench.writer = writer(2, HISTORY);
        bench.commit(200);
        assert!(is_gone(bench.at(150)), "what the copy replaced is gone");
        // A copy that is not as far as the position yet may come to be.
        bench.writer = writer(3, HISTORY);
        bench.commit(120);
        assert_eq!(bench.at(150), None);
        bench.watermark(150);
        assert_eq!(bench.at(150), Some(Ok(120)));
        bench.writer = writer(4, History { timeline: 2, ..HISTORY });
        bench.commit(150);
        let found = bench.at(150);
        assert!(matches!(&found, Some(Err(why)) if why.contains("another history")), "{found:?}");
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_commit_that_reaches_the_position() {
        let mut bench = Bench::new();
        let mut found = Box::pin(version_at(&bench.cell, HISTORY, Lsn(200)));
        assert!(found.as_mut().now_or_never().is_none());
        let snapshot = bench.writer.commit(Lsn(200));
        bench.cell.store(Published { snapshot, applied_lsn: Lsn(200) }, 0);
        assert_eq!(ended(found.await), Some(Ok(200)));
    }

    #[test]
    fn unknown_statuses_are_told_and_no_difference() {
        let status = UnknownStatus {
            member: SourceKey::int(1),
            team: SourceKey::int(2),
            status: "9".into(),
        };
        let statuses = UnknownStatuses { count: 3, examples: vec![status] };
        let report = finished(DriftReport::default(), statuses);
        assert_eq!((report.findings.len(), report.differences()), (1, 0));
        assert_eq!(
            (report.findings[0].count, report.findings[0].examples[0].source.as_str()),
            (3, "status 9")
        );
        assert!(finished(DriftReport::default(), UnknownStatuses::default()).findings.is_empty());
    }
}
