//! From the feed's events to the published version.
//!
//! Owns the graph's writer and the order in which things happen: apply, publish, and only then tell
//! the feed how far it may confirm. It must not know where events come from nor who reads. It is
//! synchronous and has a thread of its own: a large commit takes as long as it takes, and no
//! task waits behind it.
//!
//! A fresh copy is built beside the graph that is served and takes its place when it is whole; if
//! it breaks off, what is served stays. In place of a first copy there may be a graph that an
//! earlier process kept; and whoever keeps this one is given images of it, at commits. One that is
//! built elsewhere, while the stream goes on, is given what is committed meanwhile (`tee`), and
//! takes the place of what is served between two transactions (`swap`).

mod swap;
mod tee;

use crate::change::{Change, FeedEvent};
use crate::checkpoint::{Header, ImageRequest, Kept};
use crate::graph::{GraphFull, GraphLimits, GraphWriter, Published, PublishedCell, Snapshot};
use crate::id::{History, Lsn};
use crate::resume::{PersistedLsn, ResumePoint, SourceFacts};
use crate::status::AppliedLsn;
use std::sync::Arc;
use tokio::sync::mpsc;

pub use swap::{RebuildRequest, Shadow, SwapRefused, Swapped, TeeBegun};
use tee::Tee;
pub use tee::{TEE_CHANGES_MAX, TeeEnd, Teed};

/// Why applying ended before the feed did. Nothing newer than what was published will come, so the
/// process ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// No number is left for another member.
    #[error(transparent)]
    Full(#[from] GraphFull),
    /// The feed broke the order of its events: a defect, and going on would publish a wrong graph.
    #[error("the feed sent {event} {place}: please report this defect; a restart copies afresh")]
    OutOfOrder {
        /// What came.
        event: &'static str,
        /// Where it may not come.
        place: &'static str,
    },
}

/// Applies what the feed sends until it ends.
#[derive(Debug)]
pub struct Applier {
    limits: GraphLimits,
    published: Arc<PublishedCell>,
    applied: Arc<AppliedLsn>,
    /// The graph that is served.
    served: Option<GraphWriter>,
    /// The graph of a copy under way.
    copying: Option<GraphWriter>,
    /// A graph that an earlier process kept and nobody has found good yet.
    kept: Option<GraphWriter>,
    /// How the rows of the graph that is served were read, and those of the copy under way.
    facts: Arc<SourceFacts>,
    copying_facts: Arc<SourceFacts>,
    /// What may be kept, if anything is.
    persisted: Option<Arc<PersistedLsn>>,
    /// Who waits for an image.
    wanted: Option<ImageRequest>,
    /// What a rebuild asked for, until the next boundary.
    asked: Option<RebuildRequest>,
    /// Where whatever is committed goes too.
    tee: Option<Tee>,
    /// Copies and rebuilds begun.
    copies: u64,
    /// Nothing older is shown to readers.
    shown_from: Lsn,
    /// Changes came since the last commit.
    in_transaction: bool,
    #[cfg(feature = "sabotage")]
    twice: crate::sabotage::Twice,
}

impl Applier {
    /// An applier that publishes into the cell and reports how far it is.
    pub fn new(
        limits: GraphLimits,
        published: Arc<PublishedCell>,
        applied: Arc<AppliedLsn>,
    ) -> Self {
        Applier {
            limits,
            published,
            applied,
            served: None,
            copying: None,
            kept: None,
            facts: Arc::default(),
            copying_facts: Arc::default(),
            persisted: None,
            wanted: None,
            asked: None,
            tee: None,
            copies: 0,
            shown_from: Lsn::default(),
            in_transaction: false,
            #[cfg(feature = "sabotage")]
            twice: crate::sabotage::Twice::default(),
        }
    }

    /// Says of each graph that is served whether it may be kept.
    #[must_use]
    pub fn persisting(self, persisted: Arc<PersistedLsn>) -> Self {
        Applier { persisted: Some(persisted), ..self }
    }

    /// The number of the graph that is made next: of a copy, or of what was kept.
    pub const fn next_copy(&self) -> u64 {
        self.copies + 1
    }

    /// Takes a graph that an earlier process kept, to be served once the feed says that it is good.
    /// Returns where it stands.
    pub fn restore(&mut self, writer: GraphWriter, header: Header) -> ResumePoint {
        self.copies += 1;
        self.kept = Some(writer);
        self.facts = Arc::clone(&header.facts);
        let Header { history, applied: lsn, facts, .. } = header;
        ResumePoint { history, lsn, facts }
    }

    /// Applies batches until the feed's end of the queue is gone, and those who ask for images
    /// too; who asks for a rebuild keeps nobody. It works for as long as there is work: give it a
    /// thread of its own.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<Vec<FeedEvent>>,
        mut images: mpsc::Receiver<ImageRequest>,
        mut rebuilds: mpsc::Receiver<RebuildRequest>,
    ) -> Result<(), ApplyError> {
        let start = tokio::time::Instant::now();
        let now_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (mut fed, mut asked, mut rebuilt) = (true, true, true);
        while fed || asked {
            tokio::select! {
                biased;
                batch = events.recv(), if fed => {
                    fed = batch.is_some();
                    if !fed {
                        // What it did not finish never happened, and would keep images waiting.
                        self.abort();
                    }
                    let now_ms = now_ms();
                    for event in batch.into_iter().flatten() {
                        self.apply(event, now_ms)?;
                    }
                    // A feed that never rests keeps nobody waiting.
                    self.wanted = images.try_recv().ok().or(self.wanted);
                    if let Ok(request) = rebuilds.try_recv() {
                        self.ask(request, now_ms);
                    }
                }
                request = images.recv(), if asked => {
                    asked = request.is_some();
                    self.wanted = request.or(self.wanted);
                }
                request = rebuilds.recv(), if rebuilt => {
                    rebuilt = request.is_some();
                    if let Some(request) = request {
                        self.ask(request, now_ms());
                    }
                }
            }
            self.give_image();
        }
        Ok(())
    }

    /// Gives the image that is wanted, unless a transaction or a copy is under way: a copy's end
    /// makes a newer one.
    fn give_image(&mut self) {
        if self.in_transaction {
            return;
        }
        let Some(wanted) = self.wanted.take() else { return };
        let Some(writer) = self.served.as_ref().filter(|_| self.copying.is_none()) else { return };
        let image = writer.image();
        let version = image.version();
        let header = Header {
            history: version.history,
            version: version.end_lsn,
            applied: self.applied.get(),
            facts: Arc::clone(&self.facts),
        };
        // Whoever gave up does not need it.
        let _given = wanted.send(Kept { image, header });
    }

    /// Applies one event; `now_ms` is any clock that does not go back.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub fn apply(&mut self, event: FeedEvent, now_ms: u64) -> Result<(), ApplyError> {
        self.take(event, now_ms)?;
        self.settle(now_ms);
        Ok(())
    }

    fn take(&mut self, event: FeedEvent, now_ms: u64) -> Result<(), ApplyError> {
        match event {
            FeedEvent::Change(change) => self.change(change),
            FeedEvent::Commit { end_lsn } => self.commit(end_lsn, now_ms),
            FeedEvent::Watermark { lsn } => self.watermark(lsn, now_ms),
            FeedEvent::Abort => {
                self.abort();
                Ok(())
            }
            FeedEvent::Resume { lsn, shown_from } => self.resume(lsn, shown_from, now_ms),
            FeedEvent::CopyBegin { history, facts } => {
                self.begin_copy(history, facts);
                Ok(())
            }
            FeedEvent::CopyEnd { consistent_point } => self.end_copy(consistent_point, now_ms),
        }
    }

    fn change(&mut self, change: Change) -> Result<(), ApplyError> {
        let writer = self.copying.as_mut().or(self.served.as_mut());
        let Some(writer) = writer else {
            return Err(out_of_order("a change", "before any copy"));
        };
        self.in_transaction = true;
        Tee::note(&mut self.tee, &change);
        #[cfg(feature = "sabotage")]
        self.twice.note(&change);
        Ok(writer.apply(change)?)
    }

    fn commit(&mut self, end_lsn: Lsn, now_ms: u64) -> Result<(), ApplyError> {
        let Some(writer) = self.served.as_mut().filter(|_| self.copying.is_none()) else {
            return Err(out_of_order("a commit", "outside the stream"));
        };
        if end_lsn <= self.applied.get() {
            return Err(out_of_order("a commit", "at or below the applied position"));
        }
        self.in_transaction = false;
        Tee::commit(&mut self.tee, end_lsn);
        #[cfg(feature = "sabotage")]
        {
            for change in self.twice.again() {
                writer.apply(change)?;
            }
            if crate::sabotage::skips_commit() {
                writer.abort();
                return Ok(());
            }
        }
        let snapshot = writer.commit(end_lsn);
        self.publish(snapshot, end_lsn, now_ms);
        Ok(())
    }

    /// INVARIANT (watermark): a watermark comes behind the changes that it covers, in one queue
    /// with them, and never within a transaction.
    fn watermark(&self, lsn: Lsn, now_ms: u64) -> Result<(), ApplyError> {
        if self.in_transaction || self.copying.is_some() {
            return Err(out_of_order("a watermark", "within a transaction or copy"));
        }
        let Some(writer) = &self.served else {
            return Err(out_of_order("a watermark", "before any copy"));
        };
        if lsn > self.applied.get() {
            let snapshot = Arc::clone(writer.last());
            self.publish(snapshot, lsn, now_ms);
        }
        Ok(())
    }

    fn abort(&mut self) {
        self.in_transaction = false;
        Tee::abort(&mut self.tee);
        #[cfg(feature = "sabotage")]
        self.twice.forget();
        if self.copying.take().is_none()
            && let Some(writer) = &mut self.served
        {
            writer.abort();
        }
    }

    /// INVARIANT (version): the process that kept the graph may have shown newer versions than the
    /// one that it kept, up to where the source's log ended. Older ones are not shown by this one.
    fn resume(&mut self, lsn: Lsn, shown_from: Lsn, now_ms: u64) -> Result<(), ApplyError> {
        let Some(writer) = self.kept.take() else {
            return Err(out_of_order("that what was kept is good", "where nothing was kept"));
        };
        let snapshot = Arc::clone(writer.last());
        self.served = Some(writer);
        self.shown_from = shown_from;
        self.begin(snapshot, lsn, now_ms);
        Ok(())
    }

    fn begin_copy(&mut self, history: History, facts: Arc<SourceFacts>) {
        self.abort();
        Tee::end(&mut self.tee, TeeEnd::FreshCopy);
        self.kept = None;
        if let Some(persisted) = &self.persisted {
            persisted.close();
        }
        self.copying_facts = facts;
        self.copies += 1;
        self.copying = Some(GraphWriter::new(self.copies, history, self.limits));
    }

    fn end_copy(&mut self, consistent_point: Lsn, now_ms: u64) -> Result<(), ApplyError> {
        let Some(mut writer) = self.copying.take() else {
            return Err(out_of_order("the end of a copy", "without its beginning"));
        };
        self.in_transaction = false;
        let snapshot = writer.commit(consistent_point);
        self.served = Some(writer);
        self.facts = Arc::clone(&self.copying_facts);
        self.shown_from = Lsn::default();
        self.begin(snapshot, consistent_point, now_ms);
        Ok(())
    }

    /// Publishes a graph that is none of the last one's versions.
    fn begin(&self, snapshot: Arc<Snapshot>, lsn: Lsn, now_ms: u64) {
        let copy = snapshot.copy();
        // A copy may be of another history, whose positions begin lower.
        self.show(Published { snapshot, applied_lsn: lsn }, now_ms);
        if let Some(persisted) = &self.persisted {
            persisted.open(copy, lsn);
        }
        self.applied.reset(lsn);
    }

    /// Publishes, and only then lets the feed confirm.
    fn publish(&self, snapshot: Arc<Snapshot>, applied_lsn: Lsn, now_ms: u64) {
        let published = Published { snapshot, applied_lsn };
        #[cfg(feature = "sabotage")]
        let published =
            Published { applied_lsn: crate::sabotage::published(applied_lsn), ..published };
        self.show(published, now_ms);
        self.applied.raise(applied_lsn);
    }

    fn show(&self, published: Published, now_ms: u64) {
        if published.applied_lsn >= self.shown_from {
            self.published.store(published, now_ms);
        }
    }
}

const fn out_of_order(event: &'static str, place: &'static str) -> ApplyError {
    ApplyError::OutOfOrder { event, place }
}

#[cfg(test)]
mod tests;
