//! Rows on their way into the table, and the one transaction that takes them there.
//!
//! Owns the staging of what a merge will insert and delete, in bounded batches at a bounded rate,
//! and the merge itself, which moves the progress row with the rows. It must not know why a row
//! comes or goes.
//!
//! ```text
//! up to one batch    sent with the merge, as arrays
//! more               copied batch by batch into a temporary table, merged from there
//! ```
//!
//! What was staged is lost with the session, and is found anew.

use super::error::ProjectError;
use super::keys::SqlKey;
use super::pace::Pace;
use super::progress::{self, Progress, Standing};
use super::table::Table;
use crate::id::Key;
use std::pin::pin;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

/// Goes with the session.
const STAGED: &str = "pg_temp.teamgraph_staged";

/// Which way a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the table.
    In,
    /// Out of it.
    Out,
}

/// Rows to be merged.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    client: &'a mut Client,
    table: &'a Table,
    pace: &'a mut Pace,
    batch_rows: usize,
    gained: Batch,
    lost: Batch,
    is_spilled: bool,
}

/// Rows of one way, of which the first may have been copied away already.
#[derive(Debug, Default)]
struct Batch {
    teams: Vec<SqlKey>,
    people: Vec<SqlKey>,
    /// With those that were copied away.
    rows: u64,
}

impl Batch {
    fn push(&mut self, team: Key, person: Key) {
        self.teams.push(SqlKey(team));
        self.people.push(SqlKey(person));
        self.rows += 1;
    }

    fn clear(&mut self) {
        self.teams.clear();
        self.people.clear();
    }
}

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) inserted: u64,
    pub(super) deleted: u64,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        client: &'a mut Client,
        table: &'a Table,
        pace: &'a mut Pace,
        batch_rows: usize,
    ) -> Self {
        let (gained, lost) = (Batch::default(), Batch::default());
        Stage { client, table, pace, batch_rows, gained, lost, is_spilled: false }
    }

    /// One more row.
    pub(super) async fn push(
        &mut self,
        way: Way,
        team: Key,
        person: Key,
    ) -> Result<(), ProjectError> {
        if self.gained.teams.len() + self.lost.teams.len() >= self.batch_rows {
            self.spill().await?;
        }
        match way {
            Way::In => self.gained.push(team, person),
            Way::Out => self.lost.push(team, person),
        }
        Ok(())
    }

    /// Copies away what is held.
    async fn spill(&mut self) -> Result<(), ProjectError> {
        let staged = || ProjectError::statement("stage rows");
        let (team, person) = (&self.table.team, &self.table.person);
        if !self.is_spilled {
            let (team, person) = (team.of_type.name(), person.of_type.name());
            let sql = format!(
                "DROP TABLE IF EXISTS {STAGED};
                 CREATE TABLE {STAGED} (team {team}, person {person}, gained boolean)"
            );
            self.client.batch_execute(&sql).await.map_err(staged())?;
            self.is_spilled = true;
        }
        self.pace.turn(self.gained.teams.len() + self.lost.teams.len()).await;
        let sql = format!("COPY {STAGED} FROM STDIN (FORMAT binary)");
        let sink = self.client.copy_in(&sql).await.map_err(staged())?;
        let types = [team.of_type.clone(), person.of_type.clone(), Type::BOOL];
        let mut rows = pin!(BinaryCopyInWriter::new(sink, &types));
        for (batch, gained) in [(&mut self.gained, true), (&mut self.lost, false)] {
            for (team, person) in batch.teams.iter().zip(&batch.people) {
                rows.as_mut().write(&[team, person, &gained]).await.map_err(staged())?;
            }
            batch.clear();
        }
        rows.finish().await.map_err(staged())?;
        Ok(())
    }

    /// Merges all of it, and moves the progress row, or does nothing: also if a row was not as
    /// expected, which is somebody else's doing.
    pub(super) async fn merge(
        mut self,
        expected: Option<&Progress>,
        standing: &Standing<'_>,
    ) -> Result<(Merged, Progress), ProjectError> {
        if self.is_spilled {
            self.spill().await?;
            let sql = format!("ANALYZE {STAGED}");
            let counted = self.client.batch_execute(&sql).await;
            counted.map_err(ProjectError::statement("look at the staged rows"))?;
        } else {
            self.pace.turn(self.gained.teams.len() + self.lost.teams.len()).await;
        }
        let Stage { client, table, gained, lost, is_spilled, .. } = self;
        let transaction = client.transaction().await;
        let transaction = transaction.map_err(ProjectError::statement("begin a transaction"))?;
        progress::lock(&transaction, table, expected).await?;
        let deleted = delete(&transaction, table, &lost, is_spilled).await?;
        let inserted = insert(&transaction, table, &gained, is_spilled).await?;
        let progress = progress::advance(&transaction, table, standing).await?;
        transaction.commit().await.map_err(ProjectError::statement("commit"))?;
        if is_spilled {
            let sql = format!("DROP TABLE IF EXISTS {STAGED}");
            let dropped = client.batch_execute(&sql).await;
            dropped.map_err(ProjectError::statement("drop the staged rows"))?;
        }
        Ok((Merged { inserted, deleted }, progress))
    }
}

/// The rows of one way, as a table to select from: `rows`, with the columns `team` and `person`.
fn source(table: &Table, is_spilled: bool, gained: bool) -> String {
    let (team, person) = (table.team.of_type.name(), table.person.of_type.name());
    if is_spilled {
        let which = if gained { "gained" } else { "NOT gained" };
        format!("(SELECT team, person FROM {STAGED} WHERE {which}) AS rows")
    } else {
        format!("unnest($1::{team}[], $2::{person}[]) AS rows (team, person)")
    }
}

async fn delete(
    transaction: &Transaction<'_>,
    table: &Table,
    lost: &Batch,
    is_spilled: bool,
) -> Result<u64, ProjectError> {
    let (team, person) = (table.team.sql(), table.person.sql());
    let sql = format!(
        "DELETE FROM {} AS held USING {}
         WHERE held.{team} = rows.team AND held.{person} = rows.person",
        table.sql(),
        source(table, is_spilled, false),
    );
    let done = execute(transaction, &sql, lost, is_spilled).await;
    expect(table, "delete", lost.rows, done.map_err(ProjectError::statement("delete rows"))?)
}

async fn insert(
    transaction: &Transaction<'_>,
    table: &Table,
    gained: &Batch,
    is_spilled: bool,
) -> Result<u64, ProjectError> {
    let (team, person) = (table.team.sql(), table.person.sql());
    let sql = format!(
        "INSERT INTO {} ({team}, {person}) SELECT team, person FROM {} ON CONFLICT DO NOTHING",
        table.sql(),
        source(table, is_spilled, true),
    );
    let done = execute(transaction, &sql, gained, is_spilled).await;
    expect(table, "insert", gained.rows, done.map_err(ProjectError::statement("insert rows"))?)
}

async fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    batch: &Batch,
    is_spilled: bool,
) -> Result<u64, tokio_postgres::Error> {
    if batch.rows == 0 {
        Ok(0)
    } else if is_spilled {
        transaction.execute(sql, &[]).await
    } else {
        transaction.execute(sql, &[&batch.teams, &batch.people]).await
    }
}

/// As many rows as were to be.
fn expect(table: &Table, verb: &'static str, rows: u64, done: u64) -> Result<u64, ProjectError> {
    if rows == done {
        return Ok(done);
    }
    Err(ProjectError::Changed { table: table.sql(), verb, rows, done })
}
