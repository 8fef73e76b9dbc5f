//! Why a table is not brought up to date.
//!
//! Owns the words, each with its fix. It must not know when what is tried again.

use tokio_postgres::error::Severity;

/// A projection cannot go on as it is.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// No connection.
    #[error("cannot connect to the target database: {reason}")]
    Connect {
        /// Why not.
        reason: String,
    },
    /// A statement failed.
    #[error("cannot {what} in the target database: {reason}")]
    Statement {
        /// What was tried.
        what: &'static str,
        /// What the server said.
        reason: String,
        /// Whether the connection went with it.
        is_lost: bool,
    },
    /// It is no ordinary table.
    #[error("{table} is no table that rows can be put into: name another with --project-table")]
    NoTable {
        /// What it is called.
        table: String,
    },
    /// A column is missing or unfit.
    #[error(
        "column {column} of {table} {problem}: name the right one with --project-team-column or \
         --project-person-column"
    )]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing tells two equal rows apart.
    #[error(
        "{table} has no unique index on its two keys, so equal rows could not be told apart; fix: \
         CREATE UNIQUE INDEX CONCURRENTLY ON {table} ({team}, {person})"
    )]
    NotUnique {
        /// The table.
        table: String,
        /// The team's column.
        team: String,
        /// The person's column.
        person: String,
    },
    /// A key does not fit its column.
    #[error(
        "the key {key} does not fit column {column} of {table}, which is of type {of_type}; fix: \
         ALTER TABLE {table} ALTER COLUMN {column} TYPE {fix}"
    )]
    Key {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        of_type: String,
        /// The key.
        key: String,
        /// A type that the key fits.
        fix: &'static str,
    },
    /// Two members could have one row.
    #[error(
        "the keys of {one} and of {other} come from different tables of the source, so a row could \
         mean either: add {fix}"
    )]
    KeySpaces {
        /// Some members.
        one: &'static str,
        /// Some others.
        other: &'static str,
        /// The options that leave one of them out.
        fix: &'static str,
    },
    /// Somebody else keeps the table.
    #[error("another server projects into {table}: stop it, or let this one project elsewhere")]
    Held {
        /// The table.
        table: String,
    },
    /// Somebody else has written into the table.
    #[error(
        "{table} was changed by somebody else: of {rows} rows to {verb}, {done} could be; whoever \
         writes into it must stop"
    )]
    Changed {
        /// The table.
        table: String,
        /// What was to be done with them.
        verb: &'static str,
        /// How many rows.
        rows: u64,
        /// How many of them were as expected.
        done: u64,
    },
    /// It is not the table that it was.
    #[error("{table} was dropped, or another is there in its place: it is looked at anew")]
    Replaced {
        /// The table.
        table: String,
    },
    /// The table would feed itself.
    #[error(
        "{table} is in publication {publication}, which is followed, so that the table would feed \
         itself; fix: ALTER PUBLICATION {publication} DROP TABLE {table} (or, where it is FOR ALL \
         TABLES or TABLES IN SCHEMA, name the tables instead)"
    )]
    Published {
        /// The table.
        table: String,
        /// The publication.
        publication: String,
    },
    /// The table is where the members are.
    #[error(
        "the target is the database that is followed: what is written there holds back the feed \
         (docs/operations.md); project into another database, or accept that with \
         --project-same-database"
    )]
    SameDatabase,
    /// Something that is not ours has the name of the table that a fill makes.
    #[error("{table} is there and is not ours; fix: ALTER TABLE {table} RENAME TO another name")]
    FillingTaken {
        /// The table.
        table: String,
    },
    /// There is no table to compare with.
    #[error(
        "there is no table {table} in the target database: `teamgraph project`, or `verify --table \
         --fix`, creates it"
    )]
    Missing {
        /// The table.
        table: String,
    },
    /// The version at which the table stands was not reached.
    #[error(
        "the table stands at {version}, which this process has not reached within {waited_s} s: is \
         the source the same?"
    )]
    NotReached {
        /// Where it stands.
        version: String,
        /// How long was waited.
        waited_s: u64,
    },
}

impl ProjectError {
    /// For a statement that was to do `what`.
    pub(super) fn statement(what: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |error| ProjectError::Statement {
            what,
            reason: reason(&error),
            is_lost: is_lost(&error),
        }
    }

    /// Whether there is no connection, or none any more: that says nothing of the table.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self, ProjectError::Connect { .. } | ProjectError::Statement { is_lost: true, .. })
    }
}

/// Whether the connection is gone, with a last word of the server's or without one.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
        None => {
            let cause = std::error::Error::source(error);
            error.is_closed() || cause.is_some_and(|cause| cause.is::<std::io::Error>())
        }
    }
}

/// What the server said, or else what the driver says.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(said), _) => match said.hint() {
            Some(hint) => format!("{} ({hint})", said.message()),
            None => said.message().to_owned(),
        },
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
