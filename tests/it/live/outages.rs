//! Connections and servers that go away under a writer.

use super::dice::{Dice, seed};
use super::judge::compare_at_a_position;
use super::served::Served;
use super::source::{Source, connect, start};
use super::writer::{Tally, write_at_random};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A source, a server that follows it, and two writers.
struct Busy {
    source: Source,
    served: Served,
    writers: Vec<JoinHandle<Tally>>,
    done: CancellationToken,
}

impl Busy {
    async fn start() -> Self {
        let seed = seed();
        let source = Source::start().await;
        source.populate(300, 40).await;
        let served = Served::start(&source.url, "busy").await;
        let done = CancellationToken::new();
        let writer =
            |n| write_at_random(source.url.clone(), Dice::new(seed, n), true, done.clone());
        let writers = (0..2).map(|n| start(writer(n))).collect();
        Busy { source, served, writers, done }
    }

    /// Waits until the stream was resumed so many times, then compares.
    async fn resumed(&self, times: u64) {
        self.served.reports("resumed", |status| status.reconnects >= times).await;
        self.served.streaming().await;
        println!("{:?}", compare_at_a_position(&self.source.url, &self.served).await);
    }

    /// Stops the writers; all that they wrote arrived through one copy and its stream.
    async fn end(self, lost: bool) {
        self.done.cancel();
        for writer in self.writers {
            let tally = writer.await.unwrap();
            println!("{tally:?}");
            assert!(tally.committed > 10 && (tally.lost > 0) == lost, "{tally:?}");
        }
        compare_at_a_position(&self.source.url, &self.served).await;
        let status = self.served.feed_status.get();
        assert_eq!((status.copies, status.stale_since), (1, None));
        self.served.stop().await;
        assert_eq!(self.source.slots().await, 0);
        self.source.stop().await;
    }

    /// Lets the writers write.
    async fn a_while(&self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_is_resumed() {
    let busy = Busy::start().await;
    for cut in 1..=8 {
        busy.a_while().await;
        busy.source.cut(&busy.served.slot).await;
        busy.resumed(cut).await;
    }
    busy.end(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_is_followed_further() {
    let mut busy = Busy::start().await;
    for restart in 1..=2 {
        busy.a_while().await;
        busy.source.postgres.restart().await.unwrap();
        busy.source.sql = connect(&busy.source.url).await;
        busy.resumed(restart).await;
    }
    busy.end(true).await;
}

/// The slot's position on disk is older than what was confirmed: what comes again is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_is_followed_further() {
    let mut busy = Busy::start().await;
    for crash in 1..=3 {
        busy.a_while().await;
        busy.source.postgres.crash().await.unwrap();
        busy.source.postgres.resume().await.unwrap();
        busy.source.sql = connect(&busy.source.url).await;
        busy.resumed(crash).await;
    }
    busy.end(true).await;
}
