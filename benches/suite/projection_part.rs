//! The participation table at full size: filled, read through, and followed.
//!
//! The graph is in this process, the target a private PostgreSQL with the suite's settings, and no
//! rate is asked for. A change is timed from its being published to its row in the progress table
//! being seen by another session. What is done by hand is the one statement that gives a team the
//! people of another, of a table that is right already.

use crate::database::{SETTINGS, Sql, connect};
use crate::options::Plan;
use crate::organisation::{Comings, DrawnRows, Organisation, join, leave};
use crate::record::Record;
use crate::sample::percentile;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::change::Change;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::graph::HistoryLimits;
use teamgraph::project::{Filter, ProjectOptions, Projector, SourceNames, TableNames, check, mend};
use teamgraph::status::StatusCell;
use teamgraph::synthetic::Synthetic;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const FIGURES: &[&str] =
    &["project_fill_s", "project_check_s", "project_nest_s", "project_one_ms"];

/// Each moves everything, or much.
const SAMPLES: usize = 3;
/// Single memberships that are waited for, one after the other.
const SINGLES: usize = 200;
/// Above every row of the organisation.
const EDGE_ROW: i64 = i64::MAX;

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let synthetic = Synthetic::new(plan.shape);
    let organisation = Organisation::build(&synthetic, HistoryLimits::default(), false);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let settings = SETTINGS.iter().filter(|(name, _)| *name != "listen_addresses");
        let settings = settings.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let postgres =
            EmbeddedPostgres::start(EmbeddedOptions { directory: None, settings }).await?;
        let url = postgres.create_database("mart").await?;
        let bench = Bench { options: options(&url)?, sql: connect(&url).await?, organisation };
        let record = bench.measure(plan, &synthetic).await?;
        postgres.stop().await?;
        Ok(record)
    })
}

fn options(url: &str) -> anyhow::Result<ProjectOptions> {
    Ok(ProjectOptions {
        target: url.parse()?,
        table: TableNames {
            schema: None,
            table: "teamparticipation".into(),
            team: "team".into(),
            person: "person".into(),
        },
        filter: Filter::default(),
        batch_rows: 10_000,
        rows_per_s: None,
        interval: Duration::ZERO,
        instance: "bench".into(),
        same_database: false,
        source: SourceNames { database: "none".into(), publication: "none".into() },
    })
}

struct Bench {
    options: ProjectOptions,
    sql: Sql,
    organisation: Organisation,
}

impl Bench {
    async fn measure(mut self, plan: &Plan, synthetic: &Synthetic) -> anyhow::Result<Record> {
        let (mut record, mut fills, mut checks) = (Record::default(), Vec::new(), Vec::new());
        let (cell, mut rows) = (Arc::clone(&self.organisation.cell), 0);
        for _ in 0..SAMPLES {
            self.sql.client.batch_execute("DROP TABLE IF EXISTS teamparticipation").await?;
            let (report, seconds) = timed(mend(&cell, &self.options)).await?;
            rows = report.rows_expected;
            fills.push(seconds);
            let (report, seconds) = timed(check(&cell, &self.options)).await?;
            anyhow::ensure!(!report.has_differences(), "{report:?}");
            checks.push(seconds);
        }
        let size = "SELECT pg_total_relation_size('teamparticipation')";
        let bytes: i64 = self.sql.client.query_one(size, &[]).await?.get(0);
        record.context("project_rows", rows);
        record.context("project_table_mb", bytes as f64 / 1e6);
        record.context_median("project_fill_rows_per_s", &rates(rows, &fills));
        record.context_median("project_check_rows_per_s", &rates(rows, &checks));
        record.put("project_fill_s", fills);
        record.put("project_check_s", checks);
        let stop = CancellationToken::new();
        let feed = Arc::new(StatusCell::default());
        let projector = Projector::new(self.options.clone(), cell, feed);
        let mut running = JoinSet::new();
        running.spawn(projector.run(stop.clone()));
        self.reached().await?;
        self.singles(plan, synthetic, &mut record).await?;
        self.nesting(synthetic, &mut record).await?;
        stop.cancel();
        running.join_next().await.transpose()?;
        Ok(record)
    }

    async fn singles(
        &mut self,
        plan: &Plan,
        synthetic: &Synthetic,
        record: &mut Record,
    ) -> anyhow::Result<()> {
        let mut comings = Comings::new(DrawnRows::of(synthetic), &plan.shape);
        let mut took = Vec::new();
        for _ in 0..SINGLES {
            took.push(self.follow(comings.next_change()).await? * 1e3);
        }
        record.context("project_one_ms_p99", percentile(&mut took.clone(), 0.99));
        record.put("project_one_ms", took);
        Ok(())
    }

    async fn nesting(&mut self, synthetic: &Synthetic, record: &mut Record) -> anyhow::Result<()> {
        let (big, spare) = (synthetic.big_team(), synthetic.spare_team());
        let count = "SELECT count(*) FROM teamparticipation WHERE team = $1";
        let rows: i64 = self.sql.client.query_one(count, &[&big]).await?.get(0);
        let by_hand = format!(
            "BEGIN; INSERT INTO teamparticipation (team, person)
             SELECT {spare}, person FROM teamparticipation WHERE team = {big}; COMMIT"
        );
        let undo =
            format!("DELETE FROM teamparticipation WHERE team = {spare} AND person <> {spare}");
        let (mut nest, mut part, mut hand, mut log) = (vec![], vec![], vec![], vec![]);
        for _ in 0..SAMPLES {
            let before = self.log_bytes().await?;
            nest.push(self.follow(join(EDGE_ROW, big, spare)).await?);
            log.push(self.log_bytes().await? - before);
            part.push(self.follow(leave(EDGE_ROW)).await?);
            let (_, seconds) = timed(self.sql.client.batch_execute(&by_hand)).await?;
            hand.push(seconds);
            self.sql.client.batch_execute(&undo).await?;
        }
        record.context("project_nest_rows", rows);
        record.context_median("project_nest_log_mb", &log);
        record.context_median("project_part_s", &part);
        record.context_median("project_nest_by_hand_s", &hand);
        record.put("project_nest_s", nest);
        Ok(())
    }

    /// Seconds from the change's being published to its being in the table.
    async fn follow(&mut self, change: Change) -> anyhow::Result<f64> {
        self.organisation.change(change);
        let begin = Instant::now();
        self.organisation.publish();
        self.reached().await?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Waits until the table is at the newest version.
    async fn reached(&self) -> anyhow::Result<()> {
        let published = self.organisation.cell.load();
        let published = published.ok_or_else(|| anyhow::anyhow!("nothing is published"))?;
        let lsn = published.applied_lsn.to_string();
        let sql = "SELECT FROM teamgraph_projection WHERE applied_lsn >= $1::text::pg_lsn";
        let sql = self.sql.client.prepare(sql).await?;
        while self.sql.client.query(&sql, &[&lsn]).await?.is_empty() {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Ok(())
    }

    /// Megabytes of log that the target has written.
    async fn log_bytes(&self) -> anyhow::Result<f64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 / 1e6";
        Ok(self.sql.client.query_one(sql, &[]).await?.get(0))
    }
}

async fn timed<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<(T, f64), E> {
    let begin = Instant::now();
    let done = work.await?;
    Ok((done, begin.elapsed().as_secs_f64()))
}

fn rates(rows: u64, seconds: &[f64]) -> Vec<f64> {
    seconds.iter().map(|seconds| rows as f64 / seconds).collect()
}
