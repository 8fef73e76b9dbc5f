//! The whole path, on a real PostgreSQL that holds the organisation.

use crate::database::Database;
use crate::following::Following;
use crate::options::Plan;
use crate::organisation::DrawnRows;
use crate::questions::{Question, Questions};
use crate::record::Record;
use crate::servers::one_core;
use crate::{admin_part, bulk_part, live_part, rebuild_part, restart_part, table_part};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::time::Instant;

pub const FIGURES: &[&str] = &[
    "rebuild_vs_copy",
    "verify_rows_per_s",
    "rebuild_online_s",
    "drift_report_s",
    "unary_vs_table",
    "visible_ms_p50",
    "visible_ms_p99",
    "read_p99_under_writes",
    "feed_bulk_vs_recvlogical",
    "ready_copy_s",
    "ready_checkpoint_s",
    "catch_up_s",
    "primary_cpu_s",
    "wal_held_mb",
];
/// Those that one server gives, which follows all the while.
const FOLLOWING: &[&str] = &[
    "unary_vs_table",
    "visible_ms_p50",
    "visible_ms_p99",
    "read_p99_under_writes",
    "feed_bulk_vs_recvlogical",
];

/// Questions of each kind: what the table's cache and the clients' memory must hold beside all.
const QUESTIONS_MAX: usize = 25_000;

/// What the rooms of this part share.
pub struct Stage {
    /// The clients' one core.
    pub runtime: Runtime,
    pub database: Database,
}

/// A server that follows the database, and what it can be asked.
pub struct Scene {
    pub following: Following,
    pub questions: Arc<Vec<Question>>,
}

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let mut record = Record::default();
    let stage = Stage::start(plan, &mut record)?;
    if plan.wants(rebuild_part::FIGURES) {
        attempt("rebuild", &mut record, |record| rebuild_part::run(&stage, record));
    }
    if plan.names(admin_part::FIGURES) {
        attempt("admin", &mut record, |record| admin_part::run(plan, &stage, record));
    }
    if plan.wants(FOLLOWING) {
        attempt("following", &mut record, |record| follow(plan, &stage, record));
    }
    if plan.wants(restart_part::FIGURES) {
        attempt("restart", &mut record, |record| restart_part::run(plan, &stage, record));
    }
    stage.stop()?;
    Ok(record)
}

impl Stage {
    /// Starts PostgreSQL and loads the organisation.
    pub fn start(plan: &Plan, record: &mut Record) -> anyhow::Result<Self> {
        let runtime = one_core()?;
        let start = Instant::now();
        let database = runtime.block_on(Database::start(plan))?;
        record.context("postgres_load_s", start.elapsed().as_secs_f64());
        Ok(Stage { runtime, database })
    }

    pub fn stop(self) -> anyhow::Result<()> {
        self.runtime.block_on(self.database.stop())
    }
}

impl Scene {
    /// Starts the server and waits until it has caught up.
    pub fn begin(plan: &Plan, stage: &Stage) -> anyhow::Result<Self> {
        let following = Following::begin(&stage.database.feed_url())?;
        stage.runtime.block_on(async {
            following.copied().await?;
            following.streaming().await
        })?;
        let (snapshot, synthetic) = (following.snapshot()?, &stage.database.synthetic);
        let drawn = DrawnRows::of(synthetic);
        let each = plan.questions.min(QUESTIONS_MAX);
        let questions = Questions::draw(&snapshot, synthetic, &drawn, each)?.mixed();
        Ok(Scene { following, questions: Arc::new(questions) })
    }
}

fn follow(plan: &Plan, stage: &Stage, record: &mut Record) -> anyhow::Result<()> {
    let scene = Scene::begin(plan, stage)?;
    if plan.wants(&["unary_vs_table"]) {
        attempt("table", record, |record| table_part::run(plan, stage, &scene, record));
    }
    if plan.wants(&["visible_ms_p50", "visible_ms_p99"]) {
        attempt("visible", record, |record| live_part::visible(plan, stage, &scene, record));
    }
    if plan.wants(&["read_p99_under_writes"]) {
        attempt("reads", record, |record| live_part::reads(plan, stage, &scene, record));
    }
    if plan.wants(&["feed_bulk_vs_recvlogical"]) {
        attempt("bulk", record, |record| bulk_part::run(plan, stage, &scene, record));
    }
    Ok(())
}

/// A room that fails leaves its figures absent, says why, and takes no other with it.
fn attempt(name: &str, record: &mut Record, work: impl FnOnce(&mut Record) -> anyhow::Result<()>) {
    let start = Instant::now();
    if let Err(error) = work(record) {
        record.fail(name, &error);
    }
    eprintln!("suite: postgres/{name} took {:.0} s", start.elapsed().as_secs_f64());
}
