//! A fresh copy of members and memberships, against a `COPY` whose bytes are thrown away.
//!
//! Ours is timed from the feed's state `copying`, which it enters once it has its slot, to the
//! version being published. The peer reads the same columns with the same client library.

use crate::database::until;
use crate::following::Following;
use crate::postgres_part::Stage;
use crate::record::Record;
use crate::sample::alternate;
use futures_util::StreamExt;
use teamgraph::status::FeedState;
use tokio::time::Instant;

pub const FIGURES: &[&str] = &["rebuild_vs_copy"];

const TABLES: [&str; 2] = [
    "teamgraph.person (id, name, team_owner)",
    "teamgraph.team_membership (id, person, team, status)",
];

/// Each copies everything; five are enough.
const SAMPLES: usize = 5;

pub fn run(stage: &Stage, record: &mut Record) -> anyhow::Result<()> {
    let pairs = alternate(SAMPLES, || rebuild(stage), || stage.runtime.block_on(discard(stage)))?;
    let (ours, peer): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    record.put_alternated("rebuild_vs_copy", pairs.iter().map(|it| it.0 / it.1).collect());
    record.context_median("rebuild_s", &ours);
    record.context_median("copy_s", &peer);
    Ok(())
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
