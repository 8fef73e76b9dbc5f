//! COMMIT to answer while the server that is asked has a participation table kept, and while not.
//!
//! One server follows all the while. In one window a projection of it goes on, as `serve` would run
//! it: on a thread of its own, its connection a task beside the server's, at the rate and the interval
//! that `serve` has where nothing else is said, into a database of another PostgreSQL. It stands where
//! the graph stands when the window begins. In the other window there is none. They take turns.

use crate::live_part::{Committers, Visible, WINDOWS};
use crate::mart::Mart;
use crate::options::Plan;
use crate::postgres_part::{Scene, Stage};
use crate::record::Record;
use crate::sample::alternate;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use teamgraph::project::{ProjectOptions, Projector, check, mend};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const FIGURES: &[&str] = &["visible_ms_p99_projecting", "visible_p99_projecting_vs_rest"];

/// The defaults of `--project-rows-per-s` and `--project-interval-ms`.
const ROWS_PER_S: u64 = 200_000;
const INTERVAL: Duration = Duration::from_millis(200);

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let mut record = Record::default();
    let stage = Stage::start(plan, &mut record)?;
    let mart = stage.runtime.block_on(Mart::start())?;
    let scene = Scene::begin(plan, &stage)?;
    windows(plan, &stage, &scene, &mart, &mut record)?;
    // The last window had none: the version at which the table stands may be forgotten.
    let projection = Projection::start(&scene, options(&mart)?)?;
    stage.runtime.block_on(mart.reached(&scene.following.published))?;
    projection.end()?;
    let report = stage.runtime.block_on(check(&scene.following.published, &mart.unbounded()?))?;
    anyhow::ensure!(!report.has_differences(), "{report:?}");
    drop(scene);
    stage.runtime.block_on(mart.stop())?;
    stage.stop()?;
    Ok(record)
}

/// As `serve` has them.
fn options(mart: &Mart) -> anyhow::Result<ProjectOptions> {
    Ok(ProjectOptions { rows_per_s: Some(ROWS_PER_S), interval: INTERVAL, ..mart.unbounded()? })
}

fn windows(
    plan: &Plan,
    stage: &Stage,
    scene: &Scene,
    mart: &Mart,
    record: &mut Record,
) -> anyhow::Result<()> {
    stage.runtime.block_on(mend(&scene.following.published, &mart.unbounded()?))?;
    let options = options(mart)?;
    let committers = Committers::connect(plan, stage, scene)?;
    let reached = || stage.runtime.block_on(mart.reached(&scene.following.published));
    let mut late = Vec::new();
    let projecting = || {
        let projection = Projection::start(scene, options.clone())?;
        reached()?;
        let seen = committers.window(plan, stage, scene)?;
        let end = Instant::now();
        reached()?;
        late.push(end.elapsed().as_secs_f64());
        projection.end()?;
        Ok(seen)
    };
    let pairs = alternate(WINDOWS, projecting, || committers.window(plan, stage, scene))?;
    let column =
        |of: fn(&(Visible, Visible)) -> f64| -> Vec<f64> { pairs.iter().map(of).collect() };
    record.put("visible_ms_p99_projecting", column(|it| it.0.p99_ms));
    record.put_alternated("visible_p99_projecting_vs_rest", column(|it| it.0.p99_ms / it.1.p99_ms));
    record.context_median("visible_ms_p50_projecting", &column(|it| it.0.p50_ms));
    record.context_median("visible_ms_p50_not_projecting", &column(|it| it.1.p50_ms));
    record.context_median("visible_ms_p99_not_projecting", &column(|it| it.1.p99_ms));
    record.context_median("projecting_behind_at_end_s", &late);
    Ok(())
}

/// A projection of what a server follows.
struct Projection {
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Projection {
    fn start(scene: &Scene, options: ProjectOptions) -> anyhow::Result<Self> {
        let (published, feed) =
            (Arc::clone(&scene.following.published), Arc::clone(&scene.following.status));
        let projector = Projector::new(options, published, feed, Arc::default());
        let (tasks, stop) = (scene.following.tasks.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let work = move || tasks.block_on(projector.run(stopped));
        let thread = std::thread::Builder::new().name("project".into()).spawn(work)?;
        Ok(Projection { stop, thread })
    }

    fn end(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.thread.join().map_err(|_| anyhow::anyhow!("the projection failed"))
    }
}
