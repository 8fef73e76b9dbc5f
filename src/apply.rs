//! From the feed's events to the published version.
//!
//! Owns the graph's writer and the order in which things happen: apply, publish, and only then tell
//! the feed how far it may confirm. It must not know where events come from nor who reads. It is
//! synchronous and has a thread of its own: a large commit takes as long as it takes, and no
//! task waits behind it.
//!
//! A fresh copy is built beside the graph that is served and takes its place when it is whole; if
//! it breaks off, what is served stays. In place of a first copy there may be a graph that an
//! earlier process kept; and whoever keeps this one is given images of it, at commits.

use crate::change::{Change, FeedEvent};
use crate::checkpoint::{Header, ImageRequest, Kept};
use crate::graph::{GraphFull, GraphLimits, GraphWriter, Published, PublishedCell, Snapshot};
use crate::id::{History, Lsn};
use crate::resume::{PersistedLsn, ResumePoint, SourceFacts};
use crate::status::AppliedLsn;
use std::sync::Arc;
use tokio::sync::mpsc;

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
    /// Copies begun.
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
    /// too. It works for as long as there is work: give it a thread of its own.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<Vec<FeedEvent>>,
        mut images: mpsc::Receiver<ImageRequest>,
    ) -> Result<(), ApplyError> {
        let start = tokio::time::Instant::now();
        let (mut fed, mut asked) = (true, true);
        while fed || asked {
            tokio::select! {
                biased;
                batch = events.recv(), if fed => {
                    fed = batch.is_some();
                    if !fed {
                        // What it did not finish never happened, and would keep images waiting.
                        self.abort();
                    }
                    let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
                    for event in batch.into_iter().flatten() {
                        self.apply(event, now_ms)?;
                    }
                    // A feed that never rests keeps nobody waiting.
                    self.wanted = images.try_recv().ok().or(self.wanted);
                }
                request = images.recv(), if asked => {
                    asked = request.is_some();
                    self.wanted = request.or(self.wanted);
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
mod tests {
    use super::*;
    use crate::change::NamePut;
    use crate::id::{MemberKind, SourceKey};

    const HISTORY: History = History { system_id: 7, timeline: 1 };

    fn put(key: i64, name: &str) -> FeedEvent {
        FeedEvent::Change(Change::MemberPut {
            key: SourceKey::int(key),
            kind: MemberKind::Person,
            name: NamePut::Set(Some(name.into())),
            owner: None,
        })
    }

    struct Bench {
        applier: Applier,
        cell: Arc<PublishedCell>,
        applied: Arc<AppliedLsn>,
    }

    impl Bench {
        fn new() -> Self {
            let (cell, applied) = (Arc::<PublishedCell>::default(), Arc::<AppliedLsn>::default());
            let applier =
                Applier::new(GraphLimits::default(), Arc::clone(&cell), Arc::clone(&applied));
            Bench { applier, cell, applied }
        }

        fn apply(&mut self, events: impl IntoIterator<Item = FeedEvent>) {
            for event in events {
                self.applier.apply(event, 0).unwrap();
            }
        }

        /// (copy, version's LSN, applied LSN, people) as readers see them.
        fn seen(&self) -> Option<(u64, u64, u64, u64)> {
            let published = self.cell.load()?;
            let snapshot = &published.snapshot;
            let version = snapshot.version().end_lsn.0;
            assert_eq!(self.applied.get(), published.applied_lsn);
            Some((snapshot.copy(), version, published.applied_lsn.0, snapshot.stats().people))
        }
    }

    fn copy(people: &[i64], consistent_point: u64) -> Vec<FeedEvent> {
        let mut events = vec![FeedEvent::CopyBegin { history: HISTORY, facts: Arc::default() }];
        events.extend(people.iter().map(|&key| put(key, &format!("p{key}"))));
        events.push(FeedEvent::CopyEnd { consistent_point: Lsn(consistent_point) });
        events
    }

    #[test]
    fn publishes_whole_copies_and_whole_transactions() {
        let mut bench = Bench::new();
        let mut events = copy(&[1, 2], 100);
        let end = events.pop();
        bench.apply(events);
        assert_eq!(bench.seen(), None);
        bench.apply(end);
        assert_eq!(bench.seen(), Some((1, 100, 100, 2)));
        bench.apply([put(3, "c"), put(4, "d")]);
        assert_eq!(bench.seen(), Some((1, 100, 100, 2)));
        bench.apply([FeedEvent::Commit { end_lsn: Lsn(150) }]);
        assert_eq!(bench.seen(), Some((1, 150, 150, 4)));
        bench
            .apply([FeedEvent::Watermark { lsn: Lsn(180) }, FeedEvent::Watermark { lsn: Lsn(90) }]);
        assert_eq!(bench.seen(), Some((1, 150, 180, 4)));
    }

    /// The process that kept the graph as of 100 showed versions up to 150 before it ended.
    #[test]
    fn what_was_kept_is_shown_once_it_is_as_new_as_what_was_shown_before() {
        let mut bench = Bench::new();
        let mut writer = GraphWriter::new(1, HISTORY, GraphLimits::default());
        let FeedEvent::Change(person) = put(1, "a") else { unreachable!() };
        writer.apply(person).unwrap();
        writer.commit(Lsn(100));
        let (history, version, applied) = (HISTORY, Lsn(100), Lsn(100));
        let header = Header { history, version, applied, facts: Arc::default() };
        bench.applier.restore(writer, header);
        bench.apply([FeedEvent::Resume { lsn: Lsn(100), shown_from: Lsn(150) }]);
        assert!(bench.cell.load().is_none());
        bench.apply([put(2, "b"), FeedEvent::Commit { end_lsn: Lsn(120) }]);
        assert!(bench.cell.load().is_none());
        assert_eq!(bench.applied.get(), Lsn(120));
        bench.apply([FeedEvent::Watermark { lsn: Lsn(150) }]);
        assert_eq!(bench.seen(), Some((1, 120, 150, 2)));
        // A copy is of now, whatever its positions.
        bench.apply(copy(&[1, 2, 3], 130));
        assert_eq!(bench.seen(), Some((2, 130, 130, 3)));
    }

    /// Else the last checkpoint, at a stop, would wait for a commit that never comes.
    #[tokio::test]
    async fn a_feed_that_ends_within_a_transaction_leaves_an_image_of_the_last() {
        let Bench { applier, .. } = Bench::new();
        let (batches, events) = mpsc::channel(2);
        let (requests, images) = mpsc::channel(1);
        batches.send([copy(&[1, 2], 100), vec![put(3, "c")]].concat()).await.unwrap();
        drop(batches);
        let (request, image) = tokio::sync::oneshot::channel();
        requests.send(request).await.unwrap();
        let asked = async move {
            let kept = tokio::time::timeout(std::time::Duration::from_secs(20), image).await;
            drop(requests);
            kept.unwrap().unwrap()
        };
        let (ended, Kept { image, header }) = tokio::join!(applier.run(events, images), asked);
        ended.unwrap();
        assert_eq!((header.version, image.member(2).is_none()), (Lsn(100), true));
    }

    #[test]
    fn a_cut_transaction_leaves_nothing_and_comes_again() {
        let mut bench = Bench::new();
        bench.apply(copy(&[1], 100));
        bench.apply([put(2, "b"), FeedEvent::Abort]);
        bench.apply([put(2, "b"), put(3, "c"), FeedEvent::Commit { end_lsn: Lsn(120) }]);
        assert_eq!(bench.seen(), Some((1, 120, 120, 3)));
    }

    #[test]
    fn a_fresh_copy_takes_its_place_when_it_is_whole() {
        let mut bench = Bench::new();
        bench.apply(copy(&[1, 2], 100));
        let mut events = copy(&[1, 2, 3], 300);
        let end = events.pop();
        bench.apply(events);
        assert_eq!(bench.seen(), Some((1, 100, 100, 2)));
        bench.apply([FeedEvent::Abort]);
        bench.apply([put(9, "z"), FeedEvent::Commit { end_lsn: Lsn(200) }]);
        assert_eq!(bench.seen(), Some((1, 200, 200, 3)));
        bench.apply(copy(&[5], 300).into_iter().filter(|event| Some(event) != end.as_ref()));
        bench.apply(end);
        assert_eq!(bench.seen(), Some((3, 300, 300, 1)));
    }

    #[test]
    fn events_out_of_order_are_refused() {
        let cases: [(Vec<FeedEvent>, FeedEvent); 6] = [
            (copy(&[1], 100), FeedEvent::Resume { lsn: Lsn(200), shown_from: Lsn(200) }),
            (vec![], put(1, "a")),
            (vec![], FeedEvent::Watermark { lsn: Lsn(1) }),
            (vec![], FeedEvent::CopyEnd { consistent_point: Lsn(1) }),
            ([copy(&[1], 100), vec![put(2, "b")]].concat(), FeedEvent::Watermark { lsn: Lsn(200) }),
            (copy(&[1], 100), FeedEvent::Commit { end_lsn: Lsn(100) }),
        ];
        for (before, event) in cases {
            let mut bench = Bench::new();
            bench.apply(before);
            let seen = bench.seen();
            let refused = bench.applier.apply(event.clone(), 0);
            assert!(matches!(refused, Err(ApplyError::OutOfOrder { .. })), "{event:?}");
            assert_eq!(bench.seen(), seen);
        }
    }
}
