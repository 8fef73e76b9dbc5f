//! A fresh copy of members and memberships, against a `COPY` whose bytes are thrown away.
//!
//! Ours is timed from the feed's state `copying`, which it enters once it has its slot, to the
//! version being published. The peer reads the same columns with the same client library.
//!
//! And a rebuild while the graph is served, from its call to its report: the slot, the reading, the
//! swap, and the comparison of all participations are in it.

use crate::database::until;
use crate::following::Following;
use crate::options::Plan;
use crate::postgres_part::Stage;
use crate::record::Record;
use crate::sample::alternate;
use anyhow::Context;
use futures_util::StreamExt;
use pb::admin_service_client::AdminServiceClient;
use teamgraph::pb;
use teamgraph::status::FeedState;
use tokio::time::Instant;

pub const FIGURES: &[&str] = &["rebuild_vs_copy", "rebuild_online_s"];

const TABLES: [&str; 2] = [
    "teamgraph.person (id, name, team_owner)",
    "teamgraph.team_membership (id, person, team, status)",
];

/// Each copies everything; five are enough.
const SAMPLES: usize = 5;

pub fn run(_: &Plan, stage: &Stage, record: &mut Record) -> anyhow::Result<()> {
    let pairs = alternate(SAMPLES, || rebuild(stage), || stage.runtime.block_on(discard(stage)))?;
    let (ours, peer): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    record.put_alternated("rebuild_vs_copy", pairs.iter().map(|it| it.0 / it.1).collect());
    record.context_median("rebuild_s", &ours);
    record.context_median("copy_s", &peer);
    let following = Following::begin(&stage.database.url)?;
    stage.runtime.block_on(following.copied())?;
    let mut online = Vec::new();
    for _ in 0..SAMPLES {
        online.push(stage.runtime.block_on(rebuild_online(&following))?);
    }
    record.put("rebuild_online_s", online);
    Ok(())
}

async fn rebuild_online(following: &Following) -> anyhow::Result<f64> {
    let mut client = AdminServiceClient::connect(format!("http://{}", following.address)).await?;
    let begin = Instant::now();
    let mut events = client.rebuild(pb::RebuildRequest::default()).await?.into_inner();
    let mut last = None;
    while let Some(event) = events.message().await? {
        last = event.event;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let Some(pb::rebuild_response::Event::Report(report)) = last else {
        anyhow::bail!("the rebuild ended without a report");
    };
    let drift = report.drift.context("nothing was compared")?;
    anyhow::ensure!(drift.differences.is_empty(), "the graph drifted: {drift:?}");
    Ok(seconds)
}

fn rebuild(stage: &Stage) -> anyhow::Result<f64> {
    let following = Following::begin(&stage.database.url)?;
    stage.runtime.block_on(async {
        let is_copying = || matches!(following.status.get().state, FeedState::Copying { .. });
        until("copying", 60, is_copying).await?;
        let begin = Instant::now();
        following.copied().await?;
        Ok(begin.elapsed().as_secs_f64())
    })
}

async fn discard(stage: &Stage) -> anyhow::Result<f64> {
    let begin = Instant::now();
    for table in TABLES {
        let sql = format!("COPY {table} TO STDOUT (FORMAT binary)");
        let mut rows = Box::pin(stage.database.sql.client.copy_out(&sql).await?);
        while let Some(bytes) = rows.next().await {
            std::hint::black_box(bytes?);
        }
    }
    Ok(begin.elapsed().as_secs_f64())
}
