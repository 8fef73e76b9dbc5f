//! A graph that is built beside the one that is served: what it is given, and when it takes that
//! one's place.

use super::*;
use tokio::sync::oneshot::{self, Receiver};

/// A rebuild under way, by hand.
struct Rebuild {
    begun: TeeBegun,
    writer: GraphWriter,
}

impl Bench {
    fn tee(&mut self) -> Receiver<Result<TeeBegun, TeeEnd>> {
        let (reply, begun) = oneshot::channel();
        self.applier.ask(RebuildRequest::Tee(reply), 0);
        begun
    }

    /// Has begun the tee, and built a graph of these people as of the position.
    fn rebuild(&mut self, people: &[i64], position: u64) -> Rebuild {
        let begun = self.tee().try_recv().unwrap().unwrap();
        Rebuild { writer: graph(begun.copy, people, position), begun }
    }

    fn swap(&mut self, Rebuild { begun, writer }: Rebuild) -> Receiver<Swapped> {
        let (done, swapped) = oneshot::channel();
        let facts =
            Arc::new(SourceFacts { tables: "rebuilt".to_owned(), ..SourceFacts::default() });
        let shadow = Shadow { writer, facts, rest: begun.teed, done };
        self.applier.ask(RebuildRequest::Swap(Box::new(shadow)), 0);
        swapped
    }

    /// The swap is refused at once, and nothing changes.
    fn refuses(&mut self, rebuild: Rebuild, why: SwapRefused) {
        let (seen, copy) = (self.seen(), rebuild.begun.copy);
        let swapped = self.swap(rebuild).try_recv().unwrap();
        assert_eq!((swapped.outcome, swapped.unused.last().copy()), (Err(why), copy));
        assert_eq!(self.seen(), seen);
    }
}

fn graph(copy: u64, people: &[i64], position: u64) -> GraphWriter {
    let mut writer = GraphWriter::new(copy, HISTORY, GraphLimits::default());
    for &key in people {
        let FeedEvent::Change(person) = put(key, &format!("p{key}")) else { unreachable!() };
        writer.apply(person).unwrap();
    }
    writer.commit(Lsn(position));
    writer
}

fn commit(people: &[i64], end_lsn: u64) -> Vec<FeedEvent> {
    let mut events: Vec<_> = people.iter().map(|&key| put(key, &format!("p{key}"))).collect();
    events.push(FeedEvent::Commit { end_lsn: Lsn(end_lsn) });
    events
}

#[test]
fn a_rebuilt_graph_takes_its_place_at_the_next_boundary() {
    let mut bench = Bench::new();
    bench.apply(copy(&[1, 2], 100));
    // It begins between two transactions.
    bench.apply([put(3, "c")]);
    let mut begun = bench.tee();
    assert!(begun.try_recv().is_err());
    bench.apply(commit(&[], 110));
    let begun = begun.try_recv().unwrap().unwrap();
    assert_eq!((begun.history, begun.copy, begun.teed.waiting()), (HISTORY, 2, 0));
    // Of what is committed up to 150 the rows are read; that they contradict it shows that they win.
    bench.apply(commit(&[50, 51], 120));
    bench.apply([commit(&[4], 160), vec![put(60, "cut"), FeedEvent::Abort]].concat());
    assert_eq!(begun.teed.waiting(), 5);
    let writer = graph(begun.copy, &[1, 2, 3, 9], 150);
    bench.apply([put(5, "p5")]);
    let mut swapped = bench.swap(Rebuild { begun, writer });
    assert!(swapped.try_recv().is_err());
    assert_eq!(bench.seen(), Some((1, 160, 160, 6)));
    bench.apply(commit(&[], 170));
    assert_eq!(bench.seen(), Some((2, 170, 170, 6)));
    let Swapped { outcome, unused } = swapped.try_recv().unwrap();
    let (version, copy) = outcome.unwrap();
    assert_eq!((version.end_lsn, copy, unused.last().copy()), (Lsn(170), 2, 1));
    assert!(bench.cell.load().unwrap().snapshot.find(&SourceKey::int(9)).is_some());
    // Two versions of its own, and none of the graph before.
    assert!(bench.cell.recent(2, 3).is_some() && bench.cell.recent(1, 4).is_none());
    bench.apply([commit(&[6], 180), vec![FeedEvent::Watermark { lsn: Lsn(190) }]].concat());
    assert_eq!(bench.seen(), Some((2, 180, 190, 7)));
    assert!(bench.applier.tee.is_none());
}

#[test]
fn a_quiet_graph_is_replaced_at_once_and_its_position_stays() {
    let mut bench = Bench::new();
    let persisted = Arc::<PersistedLsn>::default();
    bench.applier = bench.applier.persisting(Arc::clone(&persisted));
    bench.apply(copy(&[1, 2], 100));
    let rebuild = bench.rebuild(&[1, 2], 150);
    bench.apply([FeedEvent::Watermark { lsn: Lsn(170) }]);
    let swapped = bench.swap(rebuild).try_recv().unwrap();
    assert!(swapped.outcome.is_ok());
    // The same transactions have the same name.
    assert_eq!(bench.seen(), Some((2, 100, 170, 2)));
    // What is on disk is still of the graph before: no more may be confirmed.
    assert_eq!((persisted.copy(), persisted.get()), (Some(2), Lsn(100)));
    let (request, mut image) = oneshot::channel();
    bench.applier.wanted = Some(request);
    bench.applier.give_image();
    let Kept { image, header } = image.try_recv().unwrap();
    assert_eq!((image.sequence(), header.applied), ((2, 2), Lsn(170)));
    assert_eq!(header.facts.tables, "rebuilt");
}

#[test]
fn a_tee_that_is_not_taken_from_ends_and_nobody_waits_for_it() {
    for transactions in [vec![commit(&[10, 11, 12], 120)], vec![commit(&[10], 120)], vec![]] {
        let mut bench = Bench::new();
        bench.apply(copy(&[1], 100));
        let mut rebuild = bench.rebuild(&[1], 100);
        let (tee, teed) = Tee::new(4);
        (bench.applier.tee, rebuild.begun.teed) = (Some(tee), teed);
        bench.apply(transactions.concat());
        assert_eq!(rebuild.begun.teed.end(), None);
        let before = bench.seen().unwrap();
        bench.apply(commit(&[20, 21, 22, 23], 200));
        assert_eq!(bench.seen(), Some((1, 200, 200, before.3 + 4)));
        assert_eq!(rebuild.begun.teed.end(), Some(TeeEnd::Overflow));
        bench.refuses(rebuild, SwapRefused::Tee(TeeEnd::Overflow));
    }
}

#[test]
fn what_is_taken_from_a_tee_makes_room() {
    let mut bench = Bench::new();
    bench.apply(copy(&[1], 100));
    let mut rebuild = bench.rebuild(&[1], 100);
    let (tee, teed) = Tee::new(4);
    (bench.applier.tee, rebuild.begun.teed) = (Some(tee), teed);
    for (key, end_lsn) in (10..20).zip(110..) {
        bench.apply(commit(&[key], end_lsn));
        if key % 2 == 1 {
            while rebuild.begun.teed.advance(&mut rebuild.writer).unwrap() {}
            assert_eq!(rebuild.begun.teed.waiting(), 0);
        }
    }
    assert!(bench.swap(rebuild).try_recv().unwrap().outcome.is_ok());
    assert_eq!(bench.seen(), Some((2, 119, 119, 11)));
}

/// What its bound is reckoned by.
#[test]
fn a_change_that_waits_takes_160_bytes_at_most() {
    assert!(size_of::<Change>() <= 160, "{}", size_of::<Change>());
}

/// Transactions without a change of ours count too.
#[test]
fn many_empty_transactions_overflow_too() {
    let mut bench = Bench::new();
    bench.apply(copy(&[1], 100));
    let (tee, teed) = Tee::new(3);
    bench.applier.tee = Some(tee);
    for end_lsn in [110, 120, 130] {
        bench.apply(commit(&[], end_lsn));
        assert_eq!(teed.end(), None);
    }
    bench.apply(commit(&[], 140));
    assert_eq!(teed.end(), Some(TeeEnd::Overflow));
}

#[tokio::test]
async fn a_fresh_copy_in_between_ends_a_rebuild() {
    let mut bench = Bench::new();
    bench.apply(copy(&[1], 100));
    let rebuild = bench.rebuild(&[1, 2], 100);
    let ended = rebuild.begun.teed.ended();
    let mut events = copy(&[1, 2, 3], 300);
    let end = events.pop();
    bench.apply(events);
    assert_eq!(ended.await, TeeEnd::FreshCopy);
    // While it lasts none can begin.
    assert_eq!(bench.tee().try_recv().unwrap().unwrap_err(), TeeEnd::FreshCopy);
    bench.refuses(rebuild, SwapRefused::Tee(TeeEnd::FreshCopy));
    // Nor is one of before taken for one of after.
    let (tee, teed) = Tee::new(4);
    Tee::end(&mut Some(tee), TeeEnd::FreshCopy);
    let begun = TeeBegun { history: HISTORY, copy: 2, teed };
    bench.apply(end);
    assert_eq!(bench.seen(), Some((3, 300, 300, 3)));
    bench.rebuild(&[1], 300);
    let late = Rebuild { begun, writer: graph(2, &[1], 100) };
    bench.refuses(late, SwapRefused::Tee(TeeEnd::FreshCopy));
}

#[test]
fn a_graph_that_is_ahead_or_behind_is_refused() {
    for position in [90, 500] {
        let mut bench = Bench::new();
        bench.apply(copy(&[1], 100));
        let rebuild = bench.rebuild(&[1], position);
        bench.refuses(rebuild, SwapRefused::NotLevel);
    }
}

#[test]
fn a_rebuild_that_is_given_up_costs_nothing_further() {
    let mut bench = Bench::new();
    bench.apply(copy(&[1], 100));
    drop(bench.rebuild(&[1], 100));
    assert!(bench.applier.tee.is_some());
    bench.apply(commit(&[2], 110));
    assert!(bench.applier.tee.is_none());
    // One that gave up while it waited is replaced by the next.
    bench.apply([put(3, "c")]);
    drop(bench.tee());
    let mut next = bench.tee();
    bench.apply(commit(&[], 120));
    assert_eq!(next.try_recv().unwrap().unwrap().copy, 3);
}

#[test]
fn nothing_is_built_beside_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.tee().try_recv().unwrap().unwrap_err(), TeeEnd::FreshCopy);
}

/// No event comes that would wake whoever applies.
#[tokio::test]
async fn a_feed_at_rest_keeps_no_rebuild_waiting() {
    let Bench { applier, cell, .. } = Bench::new();
    let (batches, events) = mpsc::channel(2);
    let (images_kept, images) = mpsc::channel(1);
    let (requests, rebuilds) = mpsc::channel(1);
    let asked = async {
        batches.send(copy(&[1, 2], 100)).await.unwrap();
        let (reply, begun) = oneshot::channel();
        requests.send(RebuildRequest::Tee(reply)).await.unwrap();
        let TeeBegun { copy, teed, .. } = begun.await.unwrap().unwrap();
        let (writer, (done, swapped)) = (graph(copy, &[1, 2, 3], 100), oneshot::channel());
        let shadow = Box::new(Shadow { writer, facts: Arc::default(), rest: teed, done });
        requests.send(RebuildRequest::Swap(shadow)).await.unwrap();
        let swapped = swapped.await.unwrap();
        drop((batches, images_kept));
        swapped.outcome.unwrap().1
    };
    // It ends though somebody may still ask for a rebuild.
    let (ended, copy) = tokio::join!(applier.run(events, images, rebuilds), asked);
    ended.unwrap();
    assert_eq!((copy, cell.load().unwrap().snapshot.stats().people), (2, 3));
}
