//! What a rebuild asks of whoever applies: the tee, and the place of the graph that is served.
//!
//! Owns the moment of both, which is a boundary between transactions. It must not know how the
//! other graph comes about.

use super::Applier;
use super::tee::{TEE_CHANGES_MAX, Tee, TeeEnd, Teed};
use crate::graph::{GraphFull, GraphWriter, Published, Snapshot};
use crate::id::{History, Version};
use crate::resume::SourceFacts;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A request, answered between two transactions.
#[derive(Debug)]
pub enum RebuildRequest {
    /// Whatever is committed from now on is handed to the asker too.
    Tee(oneshot::Sender<Result<TeeBegun, TeeEnd>>),
    /// The graph is to be served.
    Swap(Box<Shadow>),
}

/// A tee that has begun.
#[derive(Debug)]
pub struct TeeBegun {
    /// The history of the graph that is served.
    pub history: History,
    /// The number of the copy that is built.
    pub copy: u64,
    /// What is committed from now on.
    pub teed: Teed,
}

/// A graph that was built beside the one that is served, and is nearly level with it.
#[derive(Debug)]
pub struct Shadow {
    /// The graph, between transactions.
    pub writer: GraphWriter,
    /// How its rows were read.
    pub facts: Arc<SourceFacts>,
    /// What was committed since.
    pub rest: Teed,
    /// Told what came of it.
    pub done: oneshot::Sender<Swapped>,
}

/// What came of a [`Shadow`].
#[derive(Debug)]
pub struct Swapped {
    /// The version and copy that are served now.
    pub outcome: Result<(Version, u64), SwapRefused>,
    /// The graph that is not served, to be freed elsewhere: that takes a while.
    pub unused: GraphWriter,
}

/// Why a graph is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapRefused {
    /// It cannot be made level.
    #[error(transparent)]
    Tee(#[from] TeeEnd),
    /// No number is left for another member.
    #[error(transparent)]
    Full(#[from] GraphFull),
    /// It shows other transactions than the graph that is served: their positions are of two logs.
    #[error(
        "the new graph is not level with the one that is served, as if the database's log had been \
         set back: a fresh copy is due"
    )]
    NotLevel,
}

impl Applier {
    /// Takes a request; it is answered at the next boundary. An older one is given up.
    pub fn ask(&mut self, request: RebuildRequest, now_ms: u64) {
        self.asked = Some(request);
        self.settle(now_ms);
    }

    /// Answers what was asked, unless a transaction is under way. While a copy is, it is refused.
    pub(super) fn settle(&mut self, now_ms: u64) {
        if self.in_transaction && self.copying.is_none() {
            return;
        }
        match self.asked.take() {
            None => {}
            Some(RebuildRequest::Tee(reply)) => {
                // Whoever gave up is found gone at the next commit.
                let _told = reply.send(self.begin_tee());
            }
            Some(RebuildRequest::Swap(shadow)) => self.swap(*shadow, now_ms),
        }
    }

    fn begin_tee(&mut self) -> Result<TeeBegun, TeeEnd> {
        let served = self.served.as_ref().filter(|_| self.copying.is_none());
        let history = served.ok_or(TeeEnd::FreshCopy)?.last().version().history;
        let (tee, teed) = Tee::new(TEE_CHANGES_MAX);
        self.tee = Some(tee);
        self.copies += 1;
        Ok(TeeBegun { history, copy: self.copies, teed })
    }

    /// INVARIANT (version): the graph takes the place of one that shows the same transactions, by
    /// one publish, at the position that is applied.
    fn swap(&mut self, shadow: Shadow, now_ms: u64) {
        let Shadow { mut writer, facts, mut rest, done } = shadow;
        let swapped = match (self.level(&mut writer, &mut rest), &mut self.served) {
            (Ok(snapshot), Some(served)) => {
                let unused = std::mem::replace(served, writer);
                self.facts = facts;
                let (version, copy) = (snapshot.version(), snapshot.copy());
                if let Some(persisted) = &self.persisted {
                    persisted.hand_over(copy);
                }
                self.show(Published { snapshot, applied_lsn: self.applied.get() }, now_ms);
                Swapped { outcome: Ok((version, copy)), unused }
            }
            (outcome, _) => {
                let refused = outcome.err().unwrap_or(TeeEnd::FreshCopy.into());
                Swapped { outcome: Err(refused), unused: writer }
            }
        };
        self.tee = None;
        // Whoever built it waits.
        let _told = done.send(swapped);
    }

    /// Applies the rest; the graph then shows what the one that is served shows.
    fn level(
        &self,
        writer: &mut GraphWriter,
        rest: &mut Teed,
    ) -> Result<Arc<Snapshot>, SwapRefused> {
        // Live as long as it is the tee of the graph that is served.
        if !rest.is_live() {
            return Err(rest.end().unwrap_or(TeeEnd::FreshCopy).into());
        }
        while rest.advance(writer)? {}
        // INVARIANT (version, watermark): no version goes back, and none passes the position beside
        // it.
        let end_lsn = writer.last().version().end_lsn;
        let served = self.served.as_ref().map(|served| served.last().version().end_lsn);
        if end_lsn > self.applied.get() || served.is_some_and(|served| end_lsn < served) {
            return Err(SwapRefused::NotLevel);
        }
        // The same transactions have the same name: what is on disk of the graph before has it, and
        // may be resumed by a process that must not show an older one.
        match served.filter(|&served| served < end_lsn) {
            Some(served) => Ok(writer.commit(served)),
            None => Ok(Arc::clone(writer.last())),
        }
    }
}
