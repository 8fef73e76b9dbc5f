//! Where the copy ends and the stream begins, while others write.

use super::dice::{Dice, seed};
use super::judge::compare_at_a_position;
use super::served::Served;
use super::source::{Source, start};
use super::writer::write_at_random;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const WRITERS: u64 = 4;
/// Fresh copies, and comparisons after each.
const COPIES: usize = 4;
const COMPARISONS: usize = 4;

/// Each copy is taken while writers never rest, and what follows it is compared again and again
/// at positions that lie in the midst of their transactions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_and_streams_agree_with_sql_under_writers() {
    let seed = seed();
    let source = Source::start().await;
    source.populate(800, 80).await;
    source
        .execute(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT 2 + g % 800, 802 + (g * 7 + g / 800) % 80, 1 + g % 3
             FROM generate_series(1, 4000) g",
        )
        .await;
    let done = CancellationToken::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            start(write_at_random(source.url.clone(), Dice::new(seed, writer), true, done.clone()))
        })
        .collect();
    let mut compared = Vec::new();
    for copy in 1..=COPIES {
        let served = Served::start(&source.url, "boundary").await;
        for _ in 0..COMPARISONS {
            compared.push(compare_at_a_position(&source.url, &served).await);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        if copy == COPIES {
            done.cancel();
            for writer in writers {
                let tally = writer.await.unwrap();
                println!("{tally:?}");
                assert!(tally.committed > 20 && tally.rolled_back > 0 && tally.lost == 0);
            }
            compared.push(compare_at_a_position(&source.url, &served).await);
            assert_eq!(served.feed_status.get().copies, 1);
            served.stop().await;
            break;
        }
        served.stop().await;
    }
    for compared in &compared {
        println!("{compared:?}");
    }
    // At least some comparisons were overtaken by what was written meanwhile.
    assert!(compared.iter().filter(|compared| compared.behind > 0).count() > COPIES);
    assert_eq!(source.slots().await, 0);
    source.stop().await;
}
