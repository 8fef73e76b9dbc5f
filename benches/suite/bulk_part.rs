//! One transaction of 1,000,000 rows through the feed, against `pg_recvlogical` into `/dev/null`.
//!
//! Both begin after the commit, from slots at the same place: ours is cut off before the transaction
//! and kept out until after it, and the peer's is copied from it meanwhile. Ours is timed from the
//! feed's state `catching-up`, which it enters when its stream has started, to the transaction's
//! version being published; the peer from the start of its process to its end at the commit's
//! position. Both take the binary form.

use crate::database::until;
use crate::following::SLOT;
use crate::options::Plan;
use crate::postgres_part::{Scene, Stage};
use crate::record::Record;
use anyhow::Context;
use std::process::Stdio;
use teamgraph::status::FeedState;
use tokio::time::Instant;

const PEER_SLOT: &str = "peer";
/// Each moves a million rows three times.
const SAMPLES: usize = 5;

pub fn run(plan: &Plan, stage: &Stage, scene: &Scene, record: &mut Record) -> anyhow::Result<()> {
    let bulk = Bulk { plan, stage, scene };
    stage.runtime.block_on(async {
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for sample in 0..SAMPLES {
            let (mine, theirs) = bulk.sample(sample % 2 == 0).await?;
            ours.push(mine);
            peer.push(theirs);
        }
        let ratios = ours.iter().zip(&peer).map(|(ours, peer)| peer / ours);
        record.put_alternated("feed_bulk_vs_recvlogical", ratios.collect());
        record.context_median("feed_bulk_s", &ours);
        record.context_median("recvlogical_s", &peer);
        record.context("feed_bulk_rows", plan.bulk_rows);
        Ok(())
    })
}

struct Bulk<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    scene: &'a Scene,
}

impl Bulk<'_> {
    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let done = self.stage.database.sql.client.batch_execute(sql).await;
        done.with_context(|| format!("in {sql}"))
    }

    /// Seconds of ours and of the peer's.
    async fn sample(&self, ours_first: bool) -> anyhow::Result<(f64, f64)> {
        self.cut_off().await?;
        let copy = format!("SELECT pg_copy_logical_replication_slot('{SLOT}', '{PEER_SLOT}')");
        self.execute(&copy).await?;
        let end = self.insert().await?;
        let (ours, peer) = if ours_first {
            let ours = self.ours().await?;
            (ours, self.peer(&end).await?)
        } else {
            let peer = self.peer(&end).await?;
            (self.ours().await?, peer)
        };
        self.execute(&format!("SELECT pg_drop_replication_slot('{PEER_SLOT}')")).await?;
        self.remove().await?;
        Ok((ours, peer))
    }

    /// Ends the feed's connection and lets it have no other.
    async fn cut_off(&self) -> anyhow::Result<()> {
        self.scene.following.streaming().await?;
        self.execute("ALTER ROLE teamgraph_feed CONNECTION LIMIT 0").await?;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = 'teamgraph_feed'";
        self.execute(cut).await?;
        let status = &self.scene.following.status;
        let is_off = || matches!(status.get().state, FeedState::BackingOff { .. });
        until("the feed cut off", 30, is_off).await?;
        // The slot is free once the process that held it has gone.
        let held =
            format!("SELECT FROM pg_replication_slots WHERE slot_name = '{SLOT}' AND active");
        let deadline = Instant::now() + std::time::Duration::from_secs(30);
        while !self.stage.database.sql.client.query(&held, &[]).await?.is_empty() {
            anyhow::ensure!(Instant::now() < deadline, "the slot stays in use");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// The position right after the commit.
    async fn insert(&self) -> anyhow::Result<String> {
        let synthetic = &self.stage.database.synthetic;
        let (people, teams) = (synthetic.people(), *synthetic.teams().end());
        let (first, last, rows) = (*people.start(), *people.end(), self.plan.bulk_rows);
        let client = &self.stage.database.sql.client;
        // Foreign keys are checked by queries, which leave nothing in the log.
        self.execute("SET session_replication_role = replica").await?;
        let insert = format!(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT person, team, 2 FROM (
                 SELECT person, 1 + (person * 7919 + k * 104729) % {teams} AS team
                 FROM generate_series({first}::bigint, {last}) person, generate_series(1, 2) k
             ) AS made
             WHERE NOT EXISTS (SELECT FROM teamgraph.team_membership AS there
                 WHERE there.person = made.person AND there.team = made.team)
             LIMIT {rows}"
        );
        let inserted = client.execute(&insert, &[]).await?;
        let end = client.query_one("SELECT pg_current_wal_insert_lsn()::text", &[]).await?.get(0);
        anyhow::ensure!(inserted as i64 == rows, "{inserted} rows in place of {rows}");
        Ok(end)
    }

    async fn ours(&self) -> anyhow::Result<f64> {
        let following = &self.scene.following;
        let before = following.snapshot()?.sequence();
        self.execute("ALTER ROLE teamgraph_feed CONNECTION LIMIT -1").await?;
        let is_streaming =
            || matches!(following.status.get().state, FeedState::CatchingUp | FeedState::Streaming);
        until("the feed back", 60, is_streaming).await?;
        let begin = Instant::now();
        let is_applied =
            || following.published.load().is_some_and(|it| it.snapshot.sequence() > before);
        until("the transaction applied", 300, is_applied).await?;
        Ok(begin.elapsed().as_secs_f64())
    }

    async fn peer(&self, end: &str) -> anyhow::Result<f64> {
        let database = &self.stage.database;
        let mut command = tokio::process::Command::new(database.program("pg_recvlogical")?);
        command.arg("--dbname").arg(&database.url).args(["--slot", PEER_SLOT, "--start"]);
        command.args(["--endpos", end, "--file", "/dev/null", "--no-loop"]);
        for option in ["proto_version=1", "publication_names=teamgraph", "binary=true"] {
            command.args(["--option", option]);
        }
        let begin = Instant::now();
        let status = command.stdin(Stdio::null()).kill_on_drop(true).status().await?;
        anyhow::ensure!(status.success(), "pg_recvlogical ended with {status}");
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Takes the rows away again, and waits until that is applied.
    async fn remove(&self) -> anyhow::Result<()> {
        let following = &self.scene.following;
        following.streaming().await?;
        let before = following.snapshot()?.sequence();
        let loaded = self.stage.database.memberships;
        self.execute(&format!("DELETE FROM teamgraph.team_membership WHERE id > {loaded}")).await?;
        self.execute("SET session_replication_role = origin").await?;
        let is_applied =
            || following.published.load().is_some_and(|it| it.snapshot.sequence() > before);
        until("the rows gone", 300, is_applied).await
    }
}
