//! The thread's work: a graph of the rows, made level with the one that is served, in its place.
//!
//! Owns what the rebuild holds in memory, and frees it: the graph that was replaced too, which would
//! hold up whoever applies. It must not know where rows come from.

use super::{Whole, take_in};
use crate::admin::{Teller, finished};
use crate::apply::{RebuildRequest, Shadow, Swapped, Teed};
use crate::change::FeedEvent;
use crate::command::{
    AdminError, AdminPhase, DriftReport, RebuildEvent, RebuildOrder, RebuildReport,
};
use crate::graph::{GraphWriter, PublishedCell, Snapshot};
use crate::id::Lsn;
use crate::resume::SourceFacts;
use crate::verify::{CompareOptions, Gathering, compare};
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// How many changes may be left when the graph is handed over: whoever applies them then, holding
/// up the stream, is through within milliseconds.
const NEARLY_LEVEL_CHANGES: usize = 1_024;

/// Everything that the thread works with.
pub(super) struct Build {
    pub(super) rows: mpsc::Receiver<Vec<FeedEvent>>,
    /// Comes once all rows are read, and all up to their position is applied.
    pub(super) whole: oneshot::Receiver<Whole>,
    pub(super) teed: Teed,
    pub(super) writer: GraphWriter,
    pub(super) facts: Arc<SourceFacts>,
    /// The position that the rows show.
    pub(super) point: Lsn,
    pub(super) order: RebuildOrder,
    pub(super) published: Arc<PublishedCell>,
    pub(super) rebuilds: mpsc::Sender<RebuildRequest>,
    pub(super) teller: Teller<RebuildEvent>,
    /// No other begins while this one holds memory.
    pub(super) _turn: Arc<OwnedSemaphorePermit>,
}

impl Build {
    /// Builds, swaps, compares; none if it was given up meanwhile.
    pub(super) fn run(self) -> Result<Option<RebuildReport>, AdminError> {
        let Build { mut rows, whole, mut teed, mut writer, point, mut teller, .. } = self;
        let mut gathering = Gathering::new();
        take_in(&mut rows, |change| {
            gathering.apply(&change).map_err(not_rebuilt)?;
            writer.apply(change).map_err(not_rebuilt)
        })?;
        let Ok(whole) = whole.blocking_recv() else { return Ok(None) };
        let Whole { rows, statuses, seen } = whole;
        teller.tell(AdminPhase::Building, 0, 0);
        writer.commit(point);
        while teed.waiting() > NEARLY_LEVEL_CHANGES && !teller.is_gone() {
            teed.advance(&mut writer).map_err(not_rebuilt)?;
            let bytes_to = |lsn: Lsn| lsn.0.saturating_sub(point.0);
            let done = bytes_to(writer.last().version().end_lsn);
            let served = self.published.load().map(|served| bytes_to(served.applied_lsn));
            teller.tell(AdminPhase::CatchingUp, done, served.unwrap_or_default().max(done));
        }
        if teller.is_gone() {
            return Ok(None);
        }
        let (done, swapped) = oneshot::channel();
        let shadow = Box::new(Shadow { writer, facts: self.facts, rest: teed, done });
        let handed = self.rebuilds.blocking_send(RebuildRequest::Swap(shadow));
        handed.map_err(|_| AdminError::Stopping)?;
        let Ok(Swapped { outcome, unused }) = swapped.blocking_recv() else {
            return Err(AdminError::Stopping);
        };
        let (version, copy) = outcome.map_err(not_rebuilt)?;
        tracing::info!(copy, %version, rows, "rebuilt: the new graph is served");
        let replaced = Arc::clone(unused.last());
        drop(unused);
        let drift = seen.and_then(|seen| {
            // Of another position each time, so another sample.
            let options = CompareOptions { sample: self.order.sample, seed: point.0 };
            let compared = drift(gathering, &seen, options, &mut teller);
            self.published.let_go(seen);
            compared.map(|drift| finished(DriftReport { read_at: point, rows, ..drift }, statuses))
        });
        self.published.let_go(replaced);
        Ok(Some(RebuildReport { version, copy, rows, took_ms: 0, drift }))
    }
}

/// What differed in the graph that was served.
fn drift(
    gathering: Gathering,
    seen: &Snapshot,
    options: CompareOptions,
    teller: &mut Teller<RebuildEvent>,
) -> Result<DriftReport, String> {
    let expected = gathering.finish();
    let drift = compare(&expected, seen, options, &mut |done, total| {
        teller.tell(AdminPhase::Comparing, done, total);
        if teller.is_gone() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drift.ok_or_else(|| "the caller is gone".to_owned())
}

fn not_rebuilt(why: impl Error) -> AdminError {
    AdminError::NotRebuilt(why.to_string())
}
