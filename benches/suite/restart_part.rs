//! Starts and pauses: the time to ready by copy and by checkpoint, the catch-up after a pause of
//! 1,000,000 rows, what the primary's processor pays for them, and the log that is held back while
//! the source's own tables are idle and its neighbours are busy.
//!
//! *Ready* is counted from the start of the server, its slot and checks included, to the first
//! version that is served and caught up. The pause's rows are in transactions of 1,000. The
//! primary's share is the processor time of the walsender that decodes and sends them, from its
//! start to where the server has caught up. The log held back is looked at once a second while a
//! table that is not published is written.

use crate::database::{connect, until};
use crate::following::{Following, SLOT};
use crate::options::Plan;
use crate::postgres_part::Stage;
use crate::process::process_cpu_s;
use crate::record::Record;
use anyhow::Context;
use std::path::Path;
use std::time::Duration;
use teamgraph::checkpoint::CheckpointOptions;
use tokio::time::{Instant, sleep};

pub const FIGURES: &[&str] =
    &["ready_copy_s", "ready_checkpoint_s", "catch_up_s", "primary_cpu_s", "wal_held_mb"];

const SAMPLES: usize = 5;
const PAUSE_ROWS: i64 = 1_000_000;
const TRANSACTION_ROWS: i64 = 1_000;
/// The first looks are not counted: a slot's place moves on with the server's own notes in the
/// log, of which there is one every 15 s.
const HELD_LOOKS: usize = 40;
const HELD_SKIPPED: usize = 20;

pub fn run(plan: &Plan, stage: &Stage, record: &mut Record) -> anyhow::Result<()> {
    let restart = Restart { rows: PAUSE_ROWS.min(plan.bulk_rows), stage };
    restart.prepare()?;
    let (mut copied, mut kept, mut away, mut cpu) = (vec![], vec![], vec![], vec![]);
    let (mut bytes, mut took) = (vec![], vec![]);
    for _ in 0..SAMPLES {
        let directory = tempfile::tempdir()?;
        let (following, ready_s) = restart.ready(Some(directory.path()))?;
        copied.push(ready_s);
        let written = restart.checkpoint(&following)?;
        bytes.push(written.0);
        took.push(written.1);
        drop(following);
        let (following, ready_s) = restart.ready(Some(directory.path()))?;
        kept.push(ready_s);
        drop(following);
        restart.pause()?;
        let (following, ready_s) = restart.ready(Some(directory.path()))?;
        away.push(ready_s);
        cpu.push(restart.walsender_cpu_s()?);
        anyhow::ensure!(following.status.get().copies == 0, "the pause ended in a copy");
        drop(following);
        restart.forget()?;
    }
    record.put("ready_copy_s", copied);
    record.put("ready_checkpoint_s", kept);
    record.put("catch_up_s", away);
    record.put("primary_cpu_s", cpu);
    record.context_median("checkpoint_mb", &bytes);
    record.context_median("checkpoint_write_s", &took);
    record.context("catch_up_rows", restart.rows);
    record.put("wal_held_mb", restart.held()?);
    Ok(())
}

struct Restart<'a> {
    rows: i64,
    stage: &'a Stage,
}

impl Restart<'_> {
    fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let done = self.stage.runtime.block_on(self.stage.database.sql.client.batch_execute(sql));
        done.with_context(|| format!("in {sql}"))
    }

    /// A server until it has caught up, and how many seconds that took.
    fn ready(&self, directory: Option<&Path>) -> anyhow::Result<(Following, f64)> {
        let begin = Instant::now();
        let options = directory.map(|directory| CheckpointOptions {
            directory: directory.to_owned(),
            // The one that is written after the copy, and the one at the end, are enough.
            interval: Duration::from_secs(3_600),
        });
        let following = Following::begin_kept(&self.stage.database.url, options)?;
        self.stage.runtime.block_on(async {
            following.streaming().await?;
            following.copied().await
        })?;
        Ok((following, begin.elapsed().as_secs_f64()))
    }

    /// Waits for the checkpoint: its megabytes, and the seconds that it took to write.
    fn checkpoint(&self, following: &Following) -> anyhow::Result<(f64, f64)> {
        let status = following.checkpoint.as_ref().context("no checkpoint was asked for")?;
        self.stage.runtime.block_on(until("a checkpoint", 600, || status.get().bytes > 0))?;
        let status = status.get();
        Ok((status.bytes as f64 / 1e6, status.took_ms as f64 / 1e3))
    }

    /// Rows that nobody has, by number.
    fn prepare(&self) -> anyhow::Result<()> {
        let synthetic = &self.stage.database.synthetic;
        let (people, teams) = (synthetic.people(), *synthetic.teams().end());
        let (first, last, rows) = (*people.start(), *people.end(), self.rows);
        self.execute(&format!(
            "SET session_replication_role = replica;
             CREATE TABLE pause AS
             SELECT row_number() OVER () - 1 AS n, person, team FROM (
                 SELECT person, 1 + (person * 7919 + k * 104729) % {teams} AS team
                 FROM generate_series({first}::bigint, {last}) person, generate_series(1, 2) k
             ) AS made
             WHERE NOT EXISTS (SELECT FROM teamgraph.team_membership AS there
                 WHERE there.person = made.person AND there.team = made.team)
             LIMIT {rows};
             CREATE INDEX ON pause (n);
             ANALYZE pause;
             CREATE TABLE neighbour (filler text)"
        ))
    }

    /// What happens while no server runs.
    fn pause(&self) -> anyhow::Result<()> {
        let (rows, each) = (self.rows, TRANSACTION_ROWS);
        self.execute(&format!(
            "DO $$ BEGIN FOR part IN 0 .. {rows} / {each} - 1 LOOP
                INSERT INTO teamgraph.team_membership (person, team, status)
                    SELECT person, team, 2 FROM pause
                    WHERE n >= part * {each} AND n < (part + 1) * {each};
                COMMIT;
             END LOOP; END $$"
        ))
    }

    /// The rows and the slot are as before.
    fn forget(&self) -> anyhow::Result<()> {
        let loaded = self.stage.database.memberships;
        self.execute(&format!("SELECT pg_drop_replication_slot('{SLOT}')"))?;
        self.execute(&format!("DELETE FROM teamgraph.team_membership WHERE id > {loaded}"))?;
        self.execute("VACUUM teamgraph.team_membership")?;
        self.execute("CHECKPOINT")
    }

    fn walsender_cpu_s(&self) -> anyhow::Result<f64> {
        let sql = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1";
        let client = &self.stage.database.sql.client;
        let row = self.stage.runtime.block_on(client.query_one(sql, &[&SLOT]))?;
        process_cpu_s(row.try_get::<_, i32>(0)?)
    }

    /// Megabytes of log that the slot holds back, while others write.
    fn held(&self) -> anyhow::Result<Vec<f64>> {
        let (following, _) = self.ready(None)?;
        let held = self.stage.runtime.block_on(async {
            let neighbour = connect(&self.stage.database.url).await?;
            let write = "INSERT INTO neighbour
                SELECT repeat('x', 1000) FROM generate_series(1, 1000)";
            let look = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)::float8
                FROM pg_replication_slots WHERE slot_name = $1";
            let mut held = Vec::new();
            for _ in 0..HELD_LOOKS {
                let next = Instant::now() + Duration::from_secs(1);
                neighbour.client.batch_execute(write).await?;
                let row = neighbour.client.query_one(look, &[&SLOT]).await?;
                held.push(row.try_get::<_, f64>(0)? / 1e6);
                sleep(next.saturating_duration_since(Instant::now())).await;
            }
            anyhow::Ok(held.split_off(HELD_SKIPPED))
        })?;
        drop(following);
        Ok(held)
    }
}
