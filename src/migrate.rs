//! Brings a database's built-in schema up to date.
//!
//! Owns the embedded SQL of `migrations/`, the lock that keeps two runs apart, and the text that a
//! database administrator can run instead. It must not know who uses the schema.
//!
//! Versioned parts run once each, recorded by refinery in `teamgraph.schema_migration`. The role's
//! part runs every time and does nothing where all is there, because a role belongs to the whole
//! cluster and may be created, or dropped, behind this database's back.

use crate::database::{DatabaseError, Session};
use refinery::{Migration, Runner};
use std::fmt::Write;

/// The versioned parts: name and SQL. A part that has been released is never edited.
const VERSIONED: [(&str, &str); 2] = [
    ("V1__members_and_memberships", include_str!("../migrations/V1__members_and_memberships.sql")),
    ("V2__token", include_str!("../migrations/V2__token.sql")),
];
/// The role's part.
const FEED_ROLE: &str = include_str!("../migrations/feed_role.sql");
/// The role that the feed connects as.
pub const FEED_ROLE_NAME: &str = "teamgraph_feed";
/// Where refinery records what has run.
const HISTORY_TABLE: &str = "teamgraph.schema_migration";
/// As refinery creates it; printed for administrators.
const HISTORY_TABLE_SQL: &str = "CREATE TABLE IF NOT EXISTS teamgraph.schema_migration (\n    \
     version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255)\n);";
/// "tgmigrat" in ASCII: an advisory lock's number that nobody else uses by chance.
const LOCK: i64 = 0x7467_6d69_6772_6174;
/// How long to wait for another run: migrations of an empty or small schema take well under a
/// second, and one that rebuilds an index of a large table may take minutes.
const LOCK_WAIT: &str = "5min";

/// A database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody else holds the lock.
    #[error(
        "another `teamgraph migrate` has been running on this database for {LOCK_WAIT}: wait for \
         it, or find its session in pg_stat_activity"
    )]
    Locked,
    /// The database is a standby.
    #[error("the database is a standby, which cannot be written to: give the primary's URL")]
    Standby,
    /// A part failed; it is rolled back.
    #[error(
        "the schema could not be migrated: the database is as before the part that failed (`teamgraph \
         migrate --print` shows the SQL, for a role with more rights)"
    )]
    Part(#[source] refinery::Error),
    /// Another statement failed.
    #[error("cannot {action}")]
    Statement {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: tokio_postgres::Error,
    },
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The parts that were applied now, such as `V1__members_and_memberships`.
    pub applied: Vec<String>,
    /// Whether the feed's role exists; where it does not, a superuser must create it.
    pub has_feed_role: bool,
}

/// Applies what the database at `url` lacks. Two runs at once do it once.
pub async fn migrate(url: &str) -> Result<Migrated, MigrateError> {
    let mut session = Session::connect(url).await?;
    let client = session.client_mut();
    let statement = |action| move |source| MigrateError::Statement { action, source };

    let recovering = client.query_one("SELECT pg_is_in_recovery()", &[]).await;
    if recovering.map_err(statement("ask whether it is a standby"))?.get(0) {
        return Err(MigrateError::Standby);
    }
    // The lock is the session's, so it ends with it, however this function ends.
    let bounded = format!("SET lock_timeout = '{LOCK_WAIT}'; SET client_min_messages = notice");
    client.batch_execute(&bounded).await.map_err(statement("set the lock's bound"))?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.map_err(|source| {
        let is_wait = source.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE);
        if is_wait { MigrateError::Locked } else { statement("take the lock")(source) }
    })?;

    // Asked first, because IF NOT EXISTS still needs the right to create, and leaves a notice.
    let schema = "SELECT FROM pg_namespace WHERE nspname = 'teamgraph'";
    let found = client.query_opt(schema, &[]).await.map_err(statement("look for the schema"))?;
    if found.is_none() {
        let created = client.batch_execute("CREATE SCHEMA teamgraph").await;
        created.map_err(statement("create schema teamgraph (it needs CREATE on the database)"))?;
    }
    client
        .batch_execute("SET client_min_messages = warning")
        .await
        .map_err(statement("quieten the server"))?;
    let report = runner().map_err(MigrateError::Part)?.run_async(client).await;
    let report = report.map_err(MigrateError::Part)?;
    let role = format!("SET client_min_messages = notice;\n{FEED_ROLE}");
    client.batch_execute(&role).await.map_err(statement("create or grant to the feed's role"))?;
    let role = client
        .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&FEED_ROLE_NAME])
        .await
        .map_err(statement("look for the feed's role"))?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migrated { applied, has_feed_role: role.is_some() })
}

fn migrations() -> Result<Vec<Migration>, refinery::Error> {
    VERSIONED.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect()
}

fn runner() -> Result<Runner, refinery::Error> {
    let mut runner = Runner::new(&migrations()?);
    runner.set_migration_table_name(HISTORY_TABLE);
    Ok(runner)
}

/// The SQL of the feed's role, for a superuser to run in a migrated database.
pub fn print_role() -> String {
    format!("BEGIN;\n\n{FEED_ROLE}\nCOMMIT;\n")
}

/// All the SQL for an empty database. Having run it, a `migrate` finds nothing left to do.
pub fn print_all() -> Result<String, MigrateError> {
    let mut sql = String::from("BEGIN;\n\nCREATE SCHEMA IF NOT EXISTS teamgraph;\n\n");
    sql.push_str(HISTORY_TABLE_SQL);
    for (migration, (name, part)) in migrations().map_err(MigrateError::Part)?.iter().zip(VERSIONED)
    {
        // Writing to a string cannot fail.
        write!(
            sql,
            "\n\n-- {name}\n\n{part}\nINSERT INTO {HISTORY_TABLE} VALUES ({}, '{}', \
             to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '{}');\n",
            migration.version(),
            migration.name(),
            migration.checksum(),
        )
        .unwrap_or_default();
    }
    write!(sql, "\nCOMMIT;\n\n{}", print_role()).unwrap_or_default();
    Ok(sql)
}

#[cfg(test)]
mod tests;
