//! The rows at a position of the source, and the version that the graph had there.
//!
//! Owns the wait for that version, and that another graph's is never taken for it.

use super::teller::Teller;
use super::{APPLIED_MAX, DeskParts};
use crate::change::FeedEvent;
use crate::command::{AdminPhase, AdminProgress};
use crate::feed::{FeedError, Reading};
use crate::graph::{PublishedCell, Snapshot};
use crate::id::{History, Lsn};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The version of a position; or why it cannot be had any more, though all up to there is applied.
pub(crate) type Seen = Result<Arc<Snapshot>, String>;

/// Why rows and graph did not come to one position.
#[derive(Debug)]
pub(crate) enum Apart {
    /// The reading broke off.
    Reading(FeedError),
    /// The graph did not come as far.
    Late(String),
}

/// Reads the rows; meanwhile, takes the version of their position as soon as it is there, since it
/// may leave the ring with the next that comes. Returns how many rows there are, and the version.
pub(crate) async fn rows_and_version<E: From<AdminProgress> + Send>(
    parts: &DeskParts,
    teller: &mut Teller<E>,
    reading: Reading,
    sender: mpsc::Sender<Vec<FeedEvent>>,
) -> Result<(u64, Seen), Apart> {
    let (history, point) = (reading.history(), reading.consistent_point());
    // The graph has the active rows alone, and the database an estimate, or none.
    let total = rows_of(&parts.published).max(reading.estimated_rows());
    let mut version = pin!(version_at(&parts.published, history, point));
    let mut early = None;
    let rows = {
        let mut read = pin!(reading.run(sender, |rows| {
            teller.tell(AdminPhase::Reading, rows, total.max(rows));
        }));
        loop {
            tokio::select! {
                biased;
                version = &mut version, if early.is_none() => early = Some(version),
                rows = &mut read => break rows.map_err(Apart::Reading)?,
            }
        }
    };
    if let Some(version) = early {
        return Ok((rows, version));
    }
    teller.tell(AdminPhase::Waiting, 0, 0);
    match timeout(APPLIED_MAX, version).await {
        Ok(version) => Ok((rows, version)),
        Err(_) => Err(Apart::Late(format!(
            "the graph was not at {point} within {} s: the feed is {}",
            APPLIED_MAX.as_secs(),
            parts.feed_status.get().state.name()
        ))),
    }
}

/// How many rows made the graph that is served.
fn rows_of(published: &PublishedCell) -> u64 {
    published.load().map_or(0, |newest| {
        let stats = newest.snapshot.stats();
        stats.people + stats.teams + stats.rows
    })
}

/// The version that the position of this history shows, once all up to there is applied.
async fn version_at(published: &PublishedCell, history: History, point: Lsn) -> Seen {
    loop {
        let mut waiter = published.wait_for(point);
        let Some(newest) = published.load() else {
            return Err("there is no graph any more".to_owned());
        };
        let version = newest.snapshot.version();
        if version.history != history {
            return Err(
                "the graph is of another history than the database: a fresh copy is due".to_owned()
            );
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
            return Err(format!(
                "the version of {point} is not kept any more, or was replaced by a fresh copy; \
                 --history-seconds and --history-bytes say what is kept"
            ));
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
            version_at(&self.cell, HISTORY, Lsn(lsn)).now_or_never().map(ended)
        }
    }

    fn writer(copy: u64, history: History) -> GraphWriter {
        GraphWriter::new(copy, history, GraphLimits::default())
    }

    fn ended(found: Seen) -> Result<u64, String> {
        found.map(|version| version.version().end_lsn.0)
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
        assert_eq!(ended(found.await), Ok(200));
    }
}
