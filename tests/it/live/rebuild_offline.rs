//! A checkpoint made of the database for a server that does not run: it starts from it without a
//! copy, and where none could be made nothing is left.

use super::dice::{Dice, seed};
use super::judge::compare_at_a_position;
use super::source::{Source, connect, start, until};
use super::warm::begin;
use super::writer::write_at_random;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use teamgraph::cli::Cli;
use teamgraph::feed::{FeedConfig, PreparedReading};
use teamgraph::graph::GraphLimits;
use teamgraph::rebuild::{OfflineError, OfflineOptions, rebuild_offline};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_secs(3_600);

/// Runs `teamgraph rebuild --checkpoint`.
async fn shell(source: &Source, path: &Path) -> Result<String, String> {
    let path = path.display().to_string();
    let url = source.url.as_str();
    let words = ["teamgraph", "rebuild", "--checkpoint", &path, "--database-url", url];
    let words = words.into_iter().chain(["--instance", "warm", "--json"]).map(Into::into);
    let words: Vec<_> = words.collect();
    let cli = Cli::read(&words).unwrap_or_else(|error| panic!("{error:?}"));
    let ended = Box::pin(cli.run()).await;
    ended.map(|code| format!("{code:?}")).map_err(|error| format!("{error:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_from_what_was_built_without_it() {
    let (source, directory) = (Source::start().await, TempDir::new().unwrap());
    source.populate(300, 40).await;
    let path = directory.path().join("made");
    let file = path.join("tg_warm.checkpoint");
    for round in 0..3 {
        // Of nothing; of what a server kept; and of what was built before and never used.
        let (dice, done) = (Dice::new(seed(), round), CancellationToken::new());
        let writer = start(write_at_random(source.url.clone(), dice, false, done.clone()));
        sleep(Duration::from_millis(200)).await;
        // By the file's name as by its directory's.
        let path = if round == 1 { &file } else { &path };
        let built = shell(&source, path).await;
        assert_eq!(built.as_deref(), Ok("ExitCode(unix_exit_status(0))"));
        assert_eq!(source.slots().await, 1);
        // The slot keeps what comes in between.
        sleep(Duration::from_millis(200)).await;
        done.cancel();
        println!("{:?}", writer.await.unwrap());
        if round == 1 {
            continue;
        }
        let served = begin(&source.url, file.parent().unwrap(), INTERVAL).await;
        served.streaming().await;
        served.resumed();
        println!("{:?}", compare_at_a_position(&source.url, &served).await);
        served.stop().await;
    }
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_is_left_alone() {
    let (source, directory) = (Source::start().await, TempDir::new().unwrap());
    source.populate(60, 10).await;
    let served = begin(&source.url, directory.path(), INTERVAL).await;
    served.streaming().await;
    served.kept_up_to(source.position().await).await;
    let file = directory.path().join("tg_warm.checkpoint");
    let before = fs::read(&file).unwrap();
    let refused = shell(&source, directory.path()).await.unwrap_err();
    assert!(refused.contains("a server of this --instance runs; fix: stop it"), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), before);
    compare_at_a_position(&source.url, &served).await;
    assert_eq!(served.feed_status.get().reconnects, 0);
    served.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_checkpoint_can_be_made_no_slot_is_left() {
    let (source, directory) = (Source::start().await, TempDir::new().unwrap());
    source.populate(60, 10).await;
    let taken = directory.path().join("a_file");
    fs::write(&taken, "in its place").unwrap();
    let refused = shell(&source, &taken).await.unwrap_err();
    assert!(refused.contains("the checkpoint cannot be written to"), "{refused}");
    assert_eq!(source.slots().await, 0);
    let refused = shell(&source, &directory.path().join("tg_other.checkpoint")).await.unwrap_err();
    assert!(refused.contains("reads tg_warm.checkpoint"), "{refused}");
    // Told to stop: while it waits for a transaction that writes, and at any other moment.
    let options = OfflineOptions {
        feed: FeedConfig::new(&source.url, "teamgraph", "tg_warm").unwrap(),
        directory: directory.path().to_owned(),
        graph: GraphLimits::default(),
    };
    let blocker = connect(&source.url).await;
    blocker.batch_execute("BEGIN; UPDATE teamgraph.person SET display_name = 'x'").await.unwrap();
    let stop = CancellationToken::new();
    let (built, ()) = tokio::join!(rebuild_offline(&options, |_| {}, &stop), async {
        until("it waits", async || source.slots().await == 1).await;
        stop.cancel();
    });
    assert!(matches!(built, Err(OfflineError::Stopped)), "{built:?}");
    assert_eq!(source.slots().await, 0);
    blocker.batch_execute("COMMIT").await.unwrap();
    for ms in [0, 5, 10, 20, 30, 40, 50, 80, 160] {
        let stop = CancellationToken::new();
        let (built, ()) = tokio::join!(rebuild_offline(&options, |_| {}, &stop), async {
            sleep(Duration::from_millis(ms)).await;
            stop.cancel();
        });
        if built.is_err() {
            assert!(matches!(built, Err(OfflineError::Stopped)), "{built:?}");
            assert_eq!(source.slots().await, 0);
            assert!(!directory.path().join("tg_warm.checkpoint").exists());
        } else {
            source.execute("SELECT pg_drop_replication_slot('tg_warm')").await;
            fs::remove_file(directory.path().join("tg_warm.checkpoint")).unwrap();
        }
    }
    source.stop().await;
}

/// A process that stands still until this is dropped, whatever becomes of the test.
struct Still(String);

impl Still {
    fn stand(pid: String) -> Self {
        let sent = Command::new("kill").args(["-STOP", &pid]).status();
        assert!(sent.unwrap().success());
        Still(pid)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        // It may be gone; and to panic here would hide why the test failed.
        let _sent = Command::new("kill").args(["-CONT", &self.0]).status();
    }
}

/// Who gives up closes its connection, but what it asked for is carried out all the same.
#[tokio::test]
async fn a_slot_that_is_still_to_be_made_is_given_up_too() {
    let source = Source::start().await;
    let config = FeedConfig::new(&source.url, "teamgraph", "tg_warm").unwrap();
    let walsender = "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'walsender'";
    // It comes to the command by itself; and it has to be ended.
    for idle_for in [Duration::from_millis(100), Duration::from_secs(1)] {
        let prepared = PreparedReading::lasting(&config).await.unwrap();
        let slot = prepared.slot();
        let pid: String = source.sql.query_one(walsender, &[]).await.unwrap().get(0);
        let still = Still::stand(pid);
        // Long enough for what is asked before the slot.
        assert!(timeout(Duration::from_secs(3), prepared.open()).await.is_err());
        let (abandoned, ()) = tokio::join!(slot.abandon(), async {
            sleep(idle_for).await;
            drop(still);
        });
        abandoned.unwrap();
        until("it is gone", async || source.sql.query_opt(walsender, &[]).await.unwrap().is_none())
            .await;
        assert_eq!(source.slots().await, 0);
    }
    source.stop().await;
}
