//! What readers see while versions come and go.
//!
//! Owns the order of publishing, as a reader sees it that is woken amid it, and the bounds of the
//! recent past.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use teamgraph::apply::Applier;
use teamgraph::change::{Change, FeedEvent, NamePut};
use teamgraph::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell};
use teamgraph::id::{History, Lsn, MemberKind, SourceKey};
use teamgraph::status::AppliedLsn;

fn person(key: i64) -> Change {
    let (key, kind, name) = (SourceKey::int(key), MemberKind::Person, NamePut::Set(None));
    Change::MemberPut { key, kind, name, owner: None }
}

/// Looks at everything at the very moment when it is told that there is news.
#[derive(Default)]
struct Reader {
    cell: Arc<PublishedCell>,
    applied: Arc<AppliedLsn>,
    seen: Mutex<Vec<Seen>>,
}

/// What the feed may confirm; the published position; how many people its version has.
type Seen = (u64, u64, u64);

impl Wake for Reader {
    fn wake(self: Arc<Self>) {
        let published = self.cell.load().unwrap();
        let people = published.snapshot.stats().people;
        let seen = (self.applied.get().0, published.applied_lsn.0, people);
        self.seen.lock().unwrap().push(seen);
    }
}

#[test]
fn a_position_is_published_with_its_changes_and_only_then_confirmed() {
    let reader = Arc::<Reader>::default();
    let (cell, applied) = (Arc::clone(&reader.cell), Arc::clone(&reader.applied));
    let mut applier = Applier::new(GraphLimits::default(), Arc::clone(&cell), applied);
    let mut apply = |events: &[FeedEvent]| {
        for event in events {
            applier.apply(event.clone(), 0).unwrap();
        }
    };
    let copy = |timeline, consistent_point| {
        let history = History { system_id: 7, timeline };
        let end = FeedEvent::CopyEnd { consistent_point: Lsn(consistent_point) };
        vec![
            FeedEvent::CopyBegin { history, facts: Arc::default() },
            FeedEvent::Change(person(1)),
            end,
        ]
    };
    let commit = |key, end_lsn| {
        vec![FeedEvent::Change(person(key)), FeedEvent::Commit { end_lsn: Lsn(end_lsn) }]
    };
    let watermark = |lsn| vec![FeedEvent::Watermark { lsn: Lsn(lsn) }];
    for (events, seen) in [
        (copy(1, 100), (0, 100, 1)),
        (commit(2, 150), (100, 150, 2)),
        (watermark(180), (150, 180, 2)),
        (commit(3, 190), (180, 190, 3)),
        // Another history may begin lower.
        (copy(2, 50), (190, 50, 1)),
        (commit(2, 60), (50, 60, 2)),
    ] {
        let waker = Waker::from(Arc::clone(&reader));
        let mut waiter = cell.wait_for(Lsn(seen.1));
        let polled = pin!(waiter.reached()).poll(&mut Context::from_waker(&waker)).is_pending();
        assert!(polled, "news of nothing");
        apply(&events);
        let all = std::mem::take(&mut *reader.seen.lock().unwrap());
        assert_eq!(all, [seen], "{events:?}");
        assert_eq!(reader.applied.get().0, seen.1);
    }
}

/// Publishes `versions` versions of one change each, one a millisecond, and says which are kept.
fn kept(limits: HistoryLimits, versions: u64) -> Vec<u64> {
    let cell = PublishedCell::new(limits);
    let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
    for version in 1..=versions {
        writer.apply(person(i64::try_from(version).unwrap())).unwrap();
        let (snapshot, applied_lsn) = (writer.commit(Lsn(version)), Lsn(version));
        cell.store(Published { snapshot, applied_lsn }, version);
        let (_, bytes) = cell.recent_size();
        assert!(bytes <= limits.bytes_max, "{bytes} bytes are kept");
    }
    let kept: Vec<u64> = (1..=versions).filter(|&it| cell.recent(1, it).is_some()).collect();
    assert_eq!(cell.recent_size().0, u64::try_from(kept.len()).unwrap());
    assert!((1..=versions).all(|it| {
        let found = cell.recent_at(Lsn(it)).map(|snapshot| snapshot.sequence());
        found == kept.contains(&it).then_some(it)
    }));
    kept
}

#[test]
fn the_recent_past_is_bounded_in_versions_bytes_and_age() {
    let unbounded = HistoryLimits { versions_max: 1_000, bytes_max: u64::MAX, age_max_ms: 1_000 };
    assert_eq!(kept(unbounded, 20), Vec::from_iter(1..=20));
    assert_eq!(kept(HistoryLimits { versions_max: 3, ..unbounded }, 20), [18, 19, 20]);
    // A version's age counts from when the next one came: 17 ceased to be the newest at 18.
    assert_eq!(kept(HistoryLimits { age_max_ms: 2, ..unbounded }, 20), [17, 18, 19, 20]);
    // The newest is kept whatever it takes.
    assert_eq!(kept(HistoryLimits { versions_max: 0, ..unbounded }, 20), [20]);
    assert_eq!(kept(HistoryLimits { bytes_max: 0, ..unbounded }, 20), [20]);
    let some = kept(HistoryLimits { bytes_max: 10_000, ..unbounded }, 20);
    assert!((2..20).contains(&some.len()) && some.ends_with(&[20]), "{some:?}");
}
