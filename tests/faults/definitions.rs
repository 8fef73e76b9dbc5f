//! Faults of the tables' definitions, and of the publication.
//!
//! Owns the DDL, and holds back the writers where a window is open that no feed can see into: from
//! the moment a table has left the publication until the service looks at the catalogue, its
//! changes are missed without a trace in the stream. In that window nobody writes to the table
//! here; once the service knows, everybody does.

use crate::stage::Stage;
use crate::statements::Touches;
use crate::writer::Gate;
use std::time::Duration;
use teamgraph::synthetic::Random;
use tokio::time::sleep;

/// Time for a few transactions in the state that a fault made.
const A_WHILE: Duration = Duration::from_millis(700);

/// A column that nobody mapped; every other time it goes again.
pub async fn add_column(stage: &Stage, random: &mut Random) -> anyhow::Result<()> {
    let table = ["person", "team_membership"][usize::try_from(random.below(2))?];
    let column = format!("extra_{}", random.below(1_000_000_000));
    let add = format!("ALTER TABLE teamgraph.{table} ADD COLUMN {column} int DEFAULT 7");
    stage.execute(&add).await?;
    sleep(A_WHILE).await;
    if random.below(2) == 0 {
        stage.execute(&format!("ALTER TABLE teamgraph.{table} DROP COLUMN {column}")).await?;
    }
    Ok(())
}

/// The statuses become wider integers, and narrower ones the next time: every row is rewritten.
pub async fn alter_type(stage: &Stage) -> anyhow::Result<()> {
    const TYPE: &str = "SELECT data_type FROM information_schema.columns
        WHERE table_schema = 'teamgraph' AND table_name = 'team_membership'
          AND column_name = 'status'";
    let sql = stage.sql().await?;
    let is: String = sql.query_one(TYPE, &[]).await?.get(0);
    let becomes = if is == "integer" { "bigint" } else { "integer" };
    stage
        .execute(&format!(
            "ALTER TABLE teamgraph.team_membership ALTER COLUMN status TYPE {becomes}"
        ))
        .await
}

pub async fn rename_column(stage: &mut Stage, moment: Duration) -> anyhow::Result<()> {
    const RENAME: &str = "ALTER TABLE teamgraph.team_membership RENAME COLUMN";
    stage.execute(&format!("{RENAME} status TO standing")).await?;
    // A row announces it, and deletions go on.
    let noticed = stage.until("aware of the column's name", |feed| feed.state != "streaming").await;
    sleep(moment).await;
    stage.execute(&format!("{RENAME} standing TO status")).await?;
    noticed
}

pub async fn publication(stage: &mut Stage, random: &mut Random) -> anyhow::Result<()> {
    let (table, others) = match random.below(2) {
        0 => ("person", Touches::Memberships),
        _ => ("team_membership", Touches::People),
    };
    stage.writers.set(Gate::Only(others)).await;
    let left = leave_publication(stage, table).await;
    stage.writers.set(Gate::All).await;
    left?;
    sleep(A_WHILE).await;
    stage.execute(&format!("ALTER PUBLICATION teamgraph ADD TABLE teamgraph.{table}")).await
}

async fn leave_publication(stage: &mut Stage, table: &str) -> anyhow::Result<()> {
    stage.execute(&format!("ALTER PUBLICATION teamgraph DROP TABLE teamgraph.{table}")).await?;
    // Rows of the other table announce that something has changed.
    stage.until("aware of the publication", |feed| feed.state != "streaming").await
}
