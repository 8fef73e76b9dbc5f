//! Checkpoints that do not fit: each is found out, said, and followed by a copy.

use super::judge::compare_at_a_position;
use super::served::Served;
use super::source::{Source, until};
use super::warm::begin;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Long enough that nothing but the copy's own and the last checkpoint is written.
const INTERVAL: Duration = Duration::from_secs(3_600);

const CHANGE: &str = "
    INSERT INTO teamgraph.team_membership (person, team, status)
    SELECT p.id, t.id, 2 FROM teamgraph.person p, teamgraph.person t
    WHERE p.team_owner IS NULL AND t.team_owner IS NOT NULL
    ON CONFLICT (person, team) DO UPDATE SET status = 5 - team_membership.status";

/// A source, and a directory in which the graph of a server that stopped is kept.
struct Kept {
    source: Source,
    directory: TempDir,
}

impl Kept {
    async fn new() -> Self {
        let (source, directory) = (Source::start().await, TempDir::new().unwrap());
        source.populate(60, 10).await;
        let served = begin(&source.url, directory.path(), INTERVAL).await;
        served.streaming().await;
        served.stop().await;
        let kept = Kept { source, directory };
        assert_eq!(kept.source.slots().await, 1);
        kept
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("tg_warm.checkpoint")
    }

    /// The source changes, and a server starts; it copies for this reason and is right. It keeps
    /// its graph anew at its end.
    async fn copies_for(&self, why: &str) {
        let served = self.start().await;
        served.copied_for(why);
        self.agrees_and_stops(served).await;
    }

    async fn resumes(&self) {
        let served = self.start().await;
        served.resumed();
        self.agrees_and_stops(served).await;
    }

    async fn start(&self) -> Served {
        self.source.execute(CHANGE).await;
        let served = begin(&self.source.url, self.directory.path(), INTERVAL).await;
        served.streaming().await;
        served
    }

    async fn agrees_and_stops(&self, served: Served) {
        compare_at_a_position(&self.source.url, &served).await;
        served.stop().await;
    }

    fn change_file(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file()).unwrap();
        change(&mut bytes);
        fs::write(self.file(), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_not_what_was_written() {
    let kept = Kept::new().await;
    kept.resumes().await;
    kept.change_file(|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
    });
    kept.copies_for("is corrupt: its check does not match").await;
    kept.change_file(|bytes| bytes.truncate(bytes.len() * 2 / 3));
    kept.copies_for("it is cut short").await;
    kept.change_file(|bytes| bytes[8] = 99);
    kept.copies_for("its format is number 99").await;
    fs::write(kept.file(), "a letter to somebody").unwrap();
    kept.copies_for("the file is not a checkpoint").await;
    fs::remove_file(kept.file()).unwrap();
    kept.copies_for("there is none").await;
    kept.resumes().await;
    kept.source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_do_not_meet_the_checkpoint() {
    let kept = Kept::new().await;
    let drop = "SELECT pg_drop_replication_slot('tg_warm')";
    kept.source.execute(drop).await;
    kept.copies_for("the replication slot is gone").await;
    kept.source.execute(CHANGE).await;
    let advance = "SELECT pg_replication_slot_advance('tg_warm', pg_current_wal_flush_lsn())";
    kept.source.execute(advance).await;
    kept.copies_for("past the checkpoint").await;
    // One of the same name that somebody made later.
    kept.source.execute(drop).await;
    kept.source.execute(CHANGE).await;
    let make = "SELECT pg_create_logical_replication_slot('tg_warm', 'pgoutput')";
    kept.source.execute(make).await;
    kept.copies_for("past the checkpoint").await;
    kept.resumes().await;
    kept.source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_not_as_they_were() {
    let kept = Kept::new().await;
    // What changes no row costs no copy.
    kept.source.execute("VACUUM FULL teamgraph.team_membership").await;
    kept.source.execute("ALTER TABLE teamgraph.person ADD COLUMN nickname text").await;
    kept.resumes().await;
    // Rows change that no slot tells of.
    kept.source
        .execute(
            "ALTER PUBLICATION teamgraph DROP TABLE teamgraph.team_membership;
             DELETE FROM teamgraph.team_membership WHERE id % 2 = 0;
             ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership",
        )
        .await;
    kept.copies_for("the publication, a mapped table").await;
    kept.source
        .execute(
            "ALTER TABLE teamgraph.team_membership ALTER COLUMN status TYPE smallint
             USING (CASE WHEN status = 2 THEN 3 ELSE 2 END)",
        )
        .await;
    kept.copies_for("the publication, a mapped table").await;
    kept.source
        .execute(
            "ALTER TABLE teamgraph.team_membership ALTER COLUMN status TYPE smallint
             USING (5 - status)",
        )
        .await;
    kept.copies_for("may have been rewritten").await;
    kept.source.stop().await;
}

/// Two clusters, one directory; and a log that was set back and grew again, with a server that is
/// killed before it has kept its new graph.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_that_are_others() {
    let kept = Kept::new().await;
    let other = Source::start().await;
    other.populate(30, 5).await;
    let elsewhere = Kept { source: other, directory: kept.directory };
    elsewhere.copies_for("the database is another cluster").await;
    elsewhere.resumes().await;
    let Kept { source: other, directory } = elsewhere;
    let mut kept = Kept { source: kept.source, directory };
    kept.copies_for("the database is another cluster").await;

    // The files of now are those of later, with the slot in them.
    // Not the folder around them: the lock in it must stay, or another test sweeps it away.
    let data = kept.source.postgres.directory().join("data");
    kept.source.postgres.halt().await.unwrap();
    let before = TempDir::new().unwrap();
    copy(&data, before.path());
    kept.source.postgres.resume().await.unwrap();
    kept.source.sql = super::source::connect(&kept.source.url).await;
    for _ in 0..3 {
        kept.resumes().await;
    }
    kept.source.postgres.halt().await.unwrap();
    copy(before.path(), &data);
    kept.source.postgres.resume().await.unwrap();
    kept.source.sql = super::source::connect(&kept.source.url).await;
    let served = begin(&kept.source.url, kept.directory.path(), INTERVAL).await;
    served.streaming().await;
    served.copied_for("it was set back");
    // Whatever happens now, what was kept of that log is gone.
    until("the new one", async || fs::metadata(kept.file()).is_ok()).await;
    kept.agrees_and_stops(served).await;
    kept.resumes().await;
    kept.source.stop().await;
    other.stop().await;
}

/// The folder's content in place of the other's.
fn copy(from: &Path, to: &Path) {
    let script = "find \"$2\" -mindepth 1 -delete; cp -a \"$1\"/. \"$2\"";
    let mut shell = std::process::Command::new("sh");
    let copied = shell.args(["-c", script, "sh"]).arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}
