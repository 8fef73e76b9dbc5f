//! What an operator asks of a server that follows: a verify and a rebuild, both of everything.
//!
//! A verify is timed from its call to its report. So is a rebuild: the slot, the reading and the swap
//! are in it. Its report, which says what differed in the graph that was replaced, is timed by itself
//! too, from the new graph's being served.

use crate::following::Following;
use crate::options::Plan;
use crate::postgres_part::Stage;
use crate::record::Record;
use anyhow::Context;
use pb::admin_service_client::AdminServiceClient;
use pb::{rebuild_response, verify_response};
use std::sync::Arc;
use std::time::Duration;
use teamgraph::graph::PublishedCell;
use teamgraph::pb;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

pub const FIGURES: &[&str] = &["verify_rows_per_s", "rebuild_online_s", "drift_report_s"];
const REBUILDING: &[&str] = &["rebuild_online_s", "drift_report_s"];

/// Each reads everything; five are enough.
const SAMPLES: usize = 5;

type Admin = AdminServiceClient<Channel>;

pub fn run(plan: &Plan, stage: &Stage, record: &mut Record) -> anyhow::Result<()> {
    let following = Following::begin(&stage.database.url)?;
    stage.runtime.block_on(async {
        following.streaming().await?;
        following.copied().await?;
        let mut admin = Admin::connect(format!("http://{}", following.address)).await?;
        if plan.wants(&["verify_rows_per_s"]) {
            verifies(&mut admin, record).await?;
        }
        if plan.wants(REBUILDING) {
            rebuilds(&mut admin, &following.published, record).await?;
        }
        Ok(())
    })
}

async fn verifies(admin: &mut Admin, record: &mut Record) -> anyhow::Result<()> {
    let (mut rates, mut took) = (vec![], vec![]);
    for _ in 0..SAMPLES {
        let begin = Instant::now();
        let mut events = admin.verify(pb::VerifyRequest::default()).await?.into_inner();
        let mut last = None;
        while let Some(event) = events.message().await? {
            last = event.event;
        }
        let seconds = begin.elapsed().as_secs_f64();
        let Some(verify_response::Event::Report(report)) = last else {
            anyhow::bail!("the verify ended without a report");
        };
        anyhow::ensure!(report.whole && report.differences.is_empty(), "it differs: {report:?}");
        took.push(seconds);
        rates.push(report.rows as f64 / seconds);
        record.context("verify_rows", report.rows);
        record.context("verify_participations", report.participations);
    }
    record.context_median("verify_s", &took);
    record.put("verify_rows_per_s", rates);
    Ok(())
}

async fn rebuilds(
    admin: &mut Admin,
    published: &Arc<PublishedCell>,
    record: &mut Record,
) -> anyhow::Result<()> {
    let (mut online, mut told) = (vec![], vec![]);
    for _ in 0..SAMPLES {
        let mut served = JoinSet::new();
        served.spawn(another_copy(Arc::clone(published)));
        let begin = Instant::now();
        let mut events = admin.rebuild(pb::RebuildRequest::default()).await?.into_inner();
        let mut last = None;
        while let Some(event) = events.message().await? {
            last = event.event;
        }
        let end = Instant::now();
        let Some(rebuild_response::Event::Report(report)) = last else {
            anyhow::bail!("the rebuild ended without a report");
        };
        let drift = report.drift.context("nothing was compared")?;
        anyhow::ensure!(drift.differences.is_empty(), "the graph drifted: {drift:?}");
        let served = served.join_next().await.context("a task was spawned")?;
        online.push((end - begin).as_secs_f64());
        told.push((end - served?).as_secs_f64());
    }
    record.put("rebuild_online_s", online);
    record.put("drift_report_s", told);
    Ok(())
}

/// When another graph than the one of now is served.
async fn another_copy(published: Arc<PublishedCell>) -> Instant {
    let copy = || published.load().map(|published| published.snapshot.copy());
    let before = copy();
    while copy() == before {
        sleep(Duration::from_millis(1)).await;
    }
    Instant::now()
}
