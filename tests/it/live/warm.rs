//! A server that keeps its graph on disk: restarted, killed, idle, without a disk.
//!
//! What it comes back with equals the database, though nothing is copied.

use super::asked::Judge;
use super::dice::{Dice, seed};
use super::judge::{Truth, compare_at_a_position};
use super::process::Process;
use super::served::{Served, options};
use super::source::{Source, connect, start, until};
use super::writer::write_at_random;
use std::fs;
use std::path::Path;
use std::time::Duration;
use teamgraph::checkpoint::CheckpointOptions;
use teamgraph::id::Lsn;
use teamgraph::pb;
use teamgraph::status::CheckpointStatus;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A server that keeps its graph in the directory.
pub async fn begin(url: &str, directory: &Path, interval: Duration) -> Served {
    let mut options = options(url, "warm");
    options.checkpoint = Some(CheckpointOptions { directory: directory.to_owned(), interval });
    Served::begin(options).await
}

impl Served {
    fn kept(&self) -> CheckpointStatus {
        (*self.checkpoint.as_ref().unwrap().get()).clone()
    }

    /// Waits until everything up to the position is on disk.
    pub async fn kept_up_to(&self, position: Lsn) {
        self.applied(position).await;
        until("kept", async || self.kept().position.is_some_and(|kept| kept >= position)).await;
    }

    /// It goes on from the checkpoint.
    pub fn resumed(&self) {
        let (feed, start) = (self.feed_status.get(), self.kept().start);
        assert!(start.starts_with("resumed at "), "{start}");
        assert_eq!((feed.copies, feed.stale_since), (0, None));
    }

    /// It copied, for a reason that has these words in it.
    pub fn copied_for(&self, why: &str) {
        let start = self.kept().start;
        assert!(start.starts_with("copied: ") && start.contains(why), "{why}: {start}");
        assert_eq!(self.feed_status.get().copies, 1, "{why}");
    }
}

const SECOND: Duration = Duration::from_secs(1);
const NEVER_AGAIN: Duration = Duration::from_secs(3_600);

async fn report(process: &Process) -> Option<pb::GetStatusResponse> {
    let mut asker = process.asker().await.ok()?;
    Some(asker.get_status(pb::GetStatusRequest {}).await.ok()?.into_inner())
}

/// Waits until the server streams and what it has of its graph on disk is not older than this.
async fn kept_up_to(process: &Process, position: Lsn) -> pb::GetStatusResponse {
    let mut last = pb::GetStatusResponse::default();
    until("kept", async || {
        let Some(report) = report(process).await else { return false };
        last = report;
        let kept = last.checkpoint.clone().unwrap().position;
        last.feed.clone().unwrap().state == "streaming"
            && kept.parse::<Lsn>().is_ok_and(|kept| kept >= position)
    })
    .await;
    last
}

async fn judge(source: &Source, process: &Process) {
    let truth = Truth::ask(&source.sql).await;
    let token = source.sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await.unwrap();
    let mut asker = process.asker().await.unwrap();
    Judge { asker: &mut asker, token: token.get(0) }.judge(&truth).await;
    println!("{} members, {} participations agree", truth.members.len(), truth.all.len());
}

/// Killed under writers and stopped in order; the source changes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_takes_no_copy_and_misses_nothing() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("made").display().to_string();
    let arguments = ["--checkpoint-dir", &path, "--checkpoint-interval-s", "1"];
    let source = Source::start().await;
    source.populate(300, 40).await;
    let seed = seed();
    let mut process = Process::start_with(&source.url, "warm", &arguments).await;
    let first = kept_up_to(&process, source.position().await).await;
    assert_eq!(first.feed.unwrap().copies, 1);
    assert_eq!(first.checkpoint.unwrap().start, "copied: there is none");
    for round in 0..5_u64 {
        let done = CancellationToken::new();
        let dice = Dice::new(seed, round);
        let writer = start(write_at_random(source.url.clone(), dice, true, done.clone()));
        tokio::time::sleep(Duration::from_millis(700)).await;
        if round % 2 == 0 {
            process.kill().await;
        } else {
            process.stop().await;
        }
        assert_eq!(source.slots().await, 1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        process = Process::start_with(&source.url, "warm", &arguments).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        done.cancel();
        println!("{:?}", writer.await.unwrap());
        let status = kept_up_to(&process, source.position().await).await;
        let (feed, checkpoint) = (status.feed.unwrap(), status.checkpoint.unwrap());
        assert_eq!((feed.copies, feed.rows_copied, feed.error), (0, 0, String::new()));
        assert!(checkpoint.start.starts_with("resumed at "), "{checkpoint:?}");
        assert!(checkpoint.bytes > 1_000 && checkpoint.error.is_empty(), "{checkpoint:?}");
        judge(&source, &process).await;
    }
    process.stop().await;
    // Without the option it is as if nothing had been kept.
    let mut process = Process::start(&source.url, "warm").await;
    until("streaming", async || {
        report(&process).await.is_some_and(|it| it.feed.unwrap().state == "streaming")
    })
    .await;
    assert!(report(&process).await.unwrap().checkpoint.is_none());
    process.stop().await;
    assert_eq!(source.slots().await, 0);
    source.stop().await;
}

/// The slot is told of what is on disk alone, so what is on disk must follow even if nothing
/// changes; and a file of megabytes is not written anew for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_graph_keeps_positions_and_holds_back_no_log() {
    let directory = TempDir::new().unwrap();
    let source = Source::start().await;
    source.populate(100, 10).await;
    source.execute("CREATE TABLE elsewhere (id int, filler text)").await;
    let served = begin(&source.url, directory.path(), SECOND).await;
    served.streaming().await;
    served.kept_up_to(source.position().await).await;
    let file = directory.path().join("tg_warm.checkpoint");
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    source
        .execute(
            "INSERT INTO elsewhere SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g;
             SELECT pg_logical_emit_message(false, 'test', 'flush')",
        )
        .await;
    let position = source.position().await;
    served.kept_up_to(position).await;
    let sql = "SELECT coalesce(confirmed_flush_lsn >= $1::text::pg_lsn, false)
               FROM pg_replication_slots WHERE slot_name = 'tg_warm'";
    let position = position.to_string();
    until("confirmed", async || source.sql.query_one(sql, &[&position]).await.unwrap().get(0))
        .await;
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
    assert!(fs::metadata(directory.path().join("tg_warm.position")).unwrap().len() < 100);
    let served = {
        served.stop().await;
        begin(&source.url, directory.path(), SECOND).await
    };
    served.streaming().await;
    served.resumed();
    compare_at_a_position(&source.url, &served).await;
    served.stop().await;
    source.stop().await;
}

/// A server that shuts down waits for us to confirm what is not on disk yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_shutdown_of_the_source_is_not_held_up() {
    let directory = TempDir::new().unwrap();
    let mut source = Source::start().await;
    source.populate(100, 10).await;
    let served = begin(&source.url, directory.path(), NEVER_AGAIN).await;
    served.streaming().await;
    served.kept_up_to(Lsn(1)).await;
    for round in 0..3 {
        source
            .execute(
                "UPDATE teamgraph.person SET display_name = display_name || 'x';
                 INSERT INTO teamgraph.team_membership (person, team, status)
                     SELECT p.id, t.id, 2 FROM teamgraph.person p, teamgraph.person t
                     WHERE p.team_owner IS NULL AND t.team_owner IS NOT NULL
                     ON CONFLICT (person, team) DO UPDATE SET status = 5 - excluded.status",
            )
            .await;
        if round > 0 {
            served.applied(source.position().await).await;
        }
        let begin = Instant::now();
        source.postgres.halt().await.unwrap();
        let took = begin.elapsed();
        println!("shut down in {took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        source.postgres.resume().await.unwrap();
        source.sql = connect(&source.url).await;
        served.streaming().await;
        compare_at_a_position(&source.url, &served).await;
    }
    assert_eq!(served.feed_status.get().copies, 1);
    served.stop().await;
    source.stop().await;
}

/// Nothing can be written for a while: what is served goes on, and so does what was kept before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_costs_no_answer() {
    let directory = TempDir::new().unwrap();
    let source = Source::start().await;
    source.populate(100, 10).await;
    let served = begin(&source.url, directory.path(), SECOND).await;
    served.streaming().await;
    served.kept_up_to(source.position().await).await;
    let join = |team: u32| {
        format!(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT id, {team}, 2 FROM teamgraph.person WHERE team_owner IS NULL"
        )
    };
    // Whatever is written there finds no room.
    let new = directory.path().join("tg_warm.checkpoint.new");
    std::os::unix::fs::symlink("/dev/full", &new).unwrap();
    source.execute(&join(104)).await;
    until("an error", async || !served.kept().error.is_empty()).await;
    let said = served.kept();
    assert!(said.error.contains("No space left") && said.position.is_some(), "{said:?}");
    compare_at_a_position(&source.url, &served).await;
    // The next try finds some.
    served.kept_up_to(source.position().await).await;
    assert_eq!(served.kept().error, "");
    // The directory is gone, and cannot be made anew.
    fs::remove_dir_all(directory.path()).unwrap();
    fs::write(directory.path(), "in its place").unwrap();
    source.execute(&join(105)).await;
    until("an error", async || !served.kept().error.is_empty()).await;
    compare_at_a_position(&source.url, &served).await;
    fs::remove_file(directory.path()).unwrap();
    served.kept_up_to(source.position().await).await;
    served.stop().await;
    let served = begin(&source.url, directory.path(), SECOND).await;
    served.streaming().await;
    served.resumed();
    compare_at_a_position(&source.url, &served).await;
    served.stop().await;
    source.stop().await;
}

/// Cut and resumed within one process while less is on disk than is applied: nothing comes twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_is_resumed_from_what_is_applied() {
    let directory = TempDir::new().unwrap();
    let source = Source::start().await;
    source.populate(300, 40).await;
    let served = begin(&source.url, directory.path(), SECOND).await;
    served.streaming().await;
    let done = CancellationToken::new();
    let dice = Dice::new(seed(), 1);
    let writer = start(write_at_random(source.url.clone(), dice, true, done.clone()));
    for cut in 1..=4 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        source.cut(&served.slot).await;
        served.reports("resumed", |status| status.reconnects >= cut).await;
        served.streaming().await;
        compare_at_a_position(&source.url, &served).await;
    }
    done.cancel();
    println!("{:?}", writer.await.unwrap());
    assert_eq!(served.feed_status.get().copies, 1);
    served.stop().await;
    source.stop().await;
}
