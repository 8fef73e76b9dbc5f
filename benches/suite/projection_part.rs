//! The participation table at full size: filled, read through, and followed.
//!
//! The graph is in this process, the target a private PostgreSQL with the suite's settings, and no
//! rate is asked for. A change is timed from its being published to its row in the progress table
//! being seen by another session. What is done by hand is the one statement that gives a team the
//! people of another, of a table that is right already.

use crate::mart::Mart;
use crate::options::Plan;
use crate::organisation::{Comings, DrawnRows, Organisation, join, leave};
use crate::record::Record;
use crate::sample::percentile;
use std::future::Future;
use std::sync::Arc;
use teamgraph::change::Change;
use teamgraph::graph::HistoryLimits;
use teamgraph::project::{ProjectOptions, Projector, check, mend};
use teamgraph::status::StatusCell;
use teamgraph::synthetic::Synthetic;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const FIGURES: &[&str] =
    &["project_fill_s", "project_check_s", "project_nest_s", "project_one_ms"];
const FILLING: &[&str] = &["project_fill_s", "project_check_s"];

/// Each moves everything, or much.
const SAMPLES: usize = 5;
/// Single memberships that are waited for, one after the other.
const SINGLES: usize = 200;
/// Above every row of the organisation.
const EDGE_ROW: i64 = i64::MAX;

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let synthetic = Synthetic::new(plan.shape);
    let organisation = Organisation::build(&synthetic, HistoryLimits::default(), false);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mart = Mart::start().await?;
        let mut bench = Bench { options: mart.unbounded()?, mart, organisation };
        let mut record = Record::default();
        bench.fills(plan, &mut record).await?;
        bench.follows(plan, &synthetic, &mut record).await?;
        bench.mart.stop().await?;
        Ok(record)
    })
}

struct Bench {
    options: ProjectOptions,
    mart: Mart,
    organisation: Organisation,
}

impl Bench {
    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.mart.sql.client.batch_execute(sql).await?)
    }

    /// Once, if what follows alone is asked for.
    async fn fills(&self, plan: &Plan, record: &mut Record) -> anyhow::Result<()> {
        let (cell, options) = (&self.organisation.cell, &self.options);
        if !plan.wants(FILLING) {
            mend(cell, options).await?;
            return Ok(());
        }
        let (mut fills, mut checks, mut rows) = (vec![], vec![], 0);
        for _ in 0..SAMPLES {
            self.execute("DROP TABLE IF EXISTS teamparticipation").await?;
            let (report, seconds) = timed(mend(cell, options)).await?;
            rows = report.rows_expected;
            fills.push(seconds);
            let (report, seconds) = timed(check(cell, options)).await?;
            anyhow::ensure!(!report.has_differences(), "{report:?}");
            checks.push(seconds);
        }
        let size = "SELECT pg_total_relation_size('teamparticipation')";
        let bytes: i64 = self.mart.sql.client.query_one(size, &[]).await?.get(0);
        record.context("project_rows", rows);
        record.context("project_table_mb", bytes as f64 / 1e6);
        record.context_median("project_fill_rows_per_s", &rates(rows, &fills));
        record.context_median("project_check_rows_per_s", &rates(rows, &checks));
        record.put("project_fill_s", fills);
        record.put("project_check_s", checks);
        Ok(())
    }

    async fn follows(
        &mut self,
        plan: &Plan,
        synthetic: &Synthetic,
        record: &mut Record,
    ) -> anyhow::Result<()> {
        if !plan.wants(&["project_one_ms", "project_nest_s"]) {
            return Ok(());
        }
        let (stop, feed) = (CancellationToken::new(), Arc::new(StatusCell::default()));
        let cell = Arc::clone(&self.organisation.cell);
        let projector = Projector::new(self.options.clone(), cell, feed, Arc::default());
        let mut running = JoinSet::new();
        running.spawn(projector.run(stop.clone()));
        self.mart.reached(&self.organisation.cell).await?;
        self.singles(plan, synthetic, record).await?;
        self.nesting(synthetic, record).await?;
        stop.cancel();
        running.join_next().await.transpose()?;
        let report = check(&self.organisation.cell, &self.options).await?;
        anyhow::ensure!(!report.has_differences(), "{report:?}");
        Ok(())
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
        let rows: i64 = self.mart.sql.client.query_one(count, &[&big]).await?.get(0);
        let by_hand = format!(
            "BEGIN; INSERT INTO teamparticipation (team, person)
             SELECT {spare}, person FROM teamparticipation WHERE team = {big}; COMMIT"
        );
        let undo =
            format!("DELETE FROM teamparticipation WHERE team = {spare} AND person <> {spare}");
        let (mut nest, mut part, mut hand, mut log) = (vec![], vec![], vec![], vec![]);
        for _ in 0..SAMPLES {
            let before = self.mart.log_mb().await?;
            nest.push(self.follow(join(EDGE_ROW, big, spare)).await?);
            log.push(self.mart.log_mb().await? - before);
            part.push(self.follow(leave(EDGE_ROW)).await?);
            let (_, seconds) = timed(self.execute(&by_hand)).await?;
            hand.push(seconds);
            self.execute(&undo).await?;
        }
        record.context("project_nest_rows", rows);
        record.context_median("project_nest_log_mb", &log);
        record.context_median("project_nest_rows_per_s", &rates(rows.unsigned_abs(), &nest));
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
        self.mart.reached(&self.organisation.cell).await?;
        Ok(begin.elapsed().as_secs_f64())
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
