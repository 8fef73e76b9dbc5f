//! The row that says at which version the table stands.
//!
//! Owns the progress table, its view, and the one statement that moves the row: always in the
//! transaction that changes the projected table. It must not know how the rows were found.
//!
//! INVARIANT (progress): the projected table holds the participations at the version that its row
//! names; both change in one transaction, which is refused if another has moved the row since it was
//! read.

use super::error::ProjectError;
use super::table::Table;
use crate::graph::{Digest, Snapshot};
use crate::id::{History, Lsn, Version};
use tokio::time::Instant;
use tokio_postgres::{Client, Row, Transaction};

/// The progress table's name, and its view's, in the schema of the projected table.
pub(super) const PROGRESS: &str = "teamgraph_projection";
const LAG: &str = "teamgraph_projection_lag";

/// Where the table stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// None if the row does not name one as we write it: then nothing is known of the table.
    version: Option<Version>,
    /// The table that it was said of.
    pub(super) table_oid: u32,
    /// What is in it, in words.
    filter: String,
    /// The version's [`digest`]: a version of the same name may be of another graph.
    pub(super) digest: String,
    /// Counts the moves.
    pub(super) revision: i64,
}

impl Progress {
    /// The version that the row names, whatever of it the table holds.
    pub(super) const fn stated(&self) -> Option<Version> {
        self.version
    }

    /// The version at which the table stands, if the row is of this table and of what is to be in
    /// it.
    pub(super) fn stands(&self, table: &Table, filter: &str) -> Option<Version> {
        let is_it = Some(self.table_oid) == table.oid && self.filter == filter;
        self.version.filter(|_| is_it)
    }
}

/// Where the table stands from now on.
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    pub(super) version: Version,
    /// Everything committed in the source before this position is in the table.
    pub(super) applied_lsn: Lsn,
    /// Since when something newer may be in the source; none if it may have been there all along.
    pub(super) current_at: Option<Instant>,
    pub(super) filter: &'a str,
    pub(super) digest: &'a str,
    pub(super) instance: &'a str,
}

/// Makes the progress table and its view, unless they are there.
pub(super) async fn create(client: &Client, table: &Table) -> Result<(), ProjectError> {
    let (progress, lag) = (table.beside(PROGRESS), table.beside(LAG));
    let found = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&lag])
        .await
        .map_err(ProjectError::statement("look for the progress table"))?;
    if found.get(0) {
        return Ok(());
    }
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {progress} (
            projected text PRIMARY KEY,
            table_oid oid NOT NULL,
            system_id text NOT NULL,
            timeline bigint NOT NULL,
            end_lsn pg_lsn NOT NULL,
            tick bigint NOT NULL,
            applied_lsn pg_lsn NOT NULL,
            current_at timestamptz,
            moved_at timestamptz NOT NULL,
            revision bigint NOT NULL,
            filter text NOT NULL,
            digest text NOT NULL,
            instance text NOT NULL,
            status text NOT NULL
         );
         COMMENT ON TABLE {progress} IS
            'teamgraph: the version at which each projected table stands';
         CREATE OR REPLACE VIEW {lag} AS
            SELECT projected, status, end_lsn, applied_lsn, current_at,
                   extract(epoch FROM clock_timestamp() - current_at)::float8 AS lag_s
            FROM {progress};
         COMMENT ON VIEW {lag} IS
            'teamgraph: for how long each projected table has not been known to be current';"
    );
    client.batch_execute(&sql).await.map_err(ProjectError::statement("create the progress table"))
}

/// The table's row, if there is a progress table and a row in it.
pub(super) async fn read(client: &Client, table: &Table) -> Result<Option<Progress>, ProjectError> {
    let looked = || ProjectError::statement("read the progress row");
    let progress = table.beside(PROGRESS);
    let found = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&progress]).await;
    if !found.map_err(looked())?.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT system_id, timeline, end_lsn::text, tick, filter, revision, table_oid,
            digest
         FROM {progress} WHERE projected = $1"
    );
    let row = client.query_opt(&sql, &[&table.name]).await.map_err(looked())?;
    row.as_ref().map(progress_of).transpose().map_err(looked())
}

/// What the row says. Whatever it is, its revision is known, so that it can be moved.
fn progress_of(row: &Row) -> Result<Progress, tokio_postgres::Error> {
    Ok(Progress {
        version: version_of(row),
        filter: row.try_get(4)?,
        revision: row.try_get(5)?,
        table_oid: row.try_get(6)?,
        digest: row.try_get(7)?,
    })
}

fn version_of(row: &Row) -> Option<Version> {
    let system_id = row.try_get::<_, &str>(0).ok()?.parse().ok()?;
    let timeline = row.try_get::<_, i64>(1).ok()?.try_into().ok()?;
    let end_lsn = row.try_get::<_, &str>(2).ok()?.parse().ok()?;
    let tick = row.try_get::<_, i64>(3).ok()?.try_into().ok()?;
    Some(Version { history: History { system_id, timeline }, end_lsn, tick })
}

/// What tells the version from those of the same name.
pub(super) fn digest(snapshot: &Snapshot) -> String {
    let Digest { rows, closure } = snapshot.digest();
    format!("{rows:032x} {:032x}", closure.unwrap_or_default())
}

/// Locks the table's row; an error if it is not the one that was read, or the table another.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    table: &Table,
    expected: Option<&Progress>,
) -> Result<(), ProjectError> {
    let progress = table.beside(PROGRESS);
    let sql = format!("SELECT revision FROM {progress} WHERE projected = $1 FOR UPDATE");
    let row = transaction.query_opt(&sql, &[&table.name]).await;
    let row = row.map_err(ProjectError::statement("lock the progress row"))?;
    let revision: Option<i64> = row.map(|row| row.get(0));
    if revision != expected.map(|progress| progress.revision) {
        return Err(ProjectError::Held { table: table.sql() });
    }
    let found = transaction.query_one("SELECT to_regclass($1)::oid", &[&table.sql()]).await;
    let found = found.map_err(ProjectError::statement("look for the table"))?;
    if found.get::<_, Option<u32>>(0) != table.oid {
        return Err(ProjectError::Replaced { table: table.sql() });
    }
    Ok(())
}

/// Moves the table's row; returns what it says now.
pub(super) async fn advance(
    transaction: &Transaction<'_>,
    table: &Table,
    standing: &Standing<'_>,
) -> Result<Progress, ProjectError> {
    let progress = table.beside(PROGRESS);
    let Standing { version, applied_lsn, current_at, filter, digest, instance } = *standing;
    let current_s_ago = current_at.map(|at| at.elapsed().as_secs_f64());
    let sql = format!(
        "INSERT INTO {progress} AS held (projected, system_id, timeline, end_lsn, tick,
            applied_lsn, current_at, moved_at, revision, filter, instance, status, table_oid,
            digest)
         VALUES ($1, $2, $3, $4::text::pg_lsn, $5, $6::text::pg_lsn,
            clock_timestamp() - make_interval(secs => $7), clock_timestamp(), 1, $8, $9, 'following',
            to_regclass($10), $11)
         ON CONFLICT (projected) DO UPDATE SET
            system_id = excluded.system_id, timeline = excluded.timeline,
            end_lsn = excluded.end_lsn, tick = excluded.tick, applied_lsn = excluded.applied_lsn,
            current_at = coalesce(excluded.current_at, held.current_at),
            moved_at = excluded.moved_at, revision = held.revision + 1,
            filter = excluded.filter, instance = excluded.instance, status = excluded.status,
            table_oid = excluded.table_oid, digest = excluded.digest
         RETURNING revision, table_oid"
    );
    let History { system_id, timeline } = version.history;
    let row = transaction
        .query_one(
            &sql,
            &[
                &table.name,
                &system_id.to_string(),
                &i64::from(timeline),
                &version.end_lsn.to_string(),
                &i64::from(version.tick),
                &applied_lsn.to_string(),
                &current_s_ago,
                &filter,
                &instance,
                &table.sql(),
                &digest,
            ],
        )
        .await
        .map_err(ProjectError::statement("write the progress row"))?;
    let (revision, table_oid) = (row.get(0), row.get(1));
    let (filter, digest) = (filter.to_owned(), digest.to_owned());
    Ok(Progress { version: Some(version), table_oid, filter, digest, revision })
}

/// Says what is being done to a table whose row stays where it is.
pub(super) async fn tell(client: &Client, table: &Table, status: &str) -> Result<(), ProjectError> {
    let progress = table.beside(PROGRESS);
    let sql = format!("UPDATE {progress} SET status = $2 WHERE projected = $1");
    let told = client.execute(&sql, &[&table.name, &status]).await;
    told.map(drop).map_err(ProjectError::statement("write the progress row"))
}
