//! The order of things: whole copies, whole transactions, and nothing of what was cut.

use super::*;
use crate::change::NamePut;
use crate::id::{MemberKind, SourceKey};

mod rebuild;

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
        let applier = Applier::new(GraphLimits::default(), Arc::clone(&cell), Arc::clone(&applied));
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
    bench.apply([FeedEvent::Watermark { lsn: Lsn(180) }, FeedEvent::Watermark { lsn: Lsn(90) }]);
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
    let (_nobody_asks, rebuilds) = mpsc::channel(1);
    batches.send([copy(&[1, 2], 100), vec![put(3, "c")]].concat()).await.unwrap();
    drop(batches);
    let (request, image) = tokio::sync::oneshot::channel();
    requests.send(request).await.unwrap();
    let asked = async move {
        let kept = tokio::time::timeout(std::time::Duration::from_secs(20), image).await;
        drop(requests);
        kept.unwrap().unwrap()
    };
    let (ended, Kept { image, header }) =
        tokio::join!(applier.run(events, images, rebuilds), asked);
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
