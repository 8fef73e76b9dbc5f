//! Why nothing was loaded, with the file and the line.

use crate::database::DatabaseError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) file: Arc<Path>,
    pub(super) line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file.display(), self.line)
    }
}

/// Nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line cannot be used.
    #[error("{place}: {problem}; nothing was loaded")]
    Line {
        /// Which.
        place: Place,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// A rule that no one line breaks.
    #[error("{0}; nothing was loaded")]
    Roster(String),
    /// More than the ids of one run can count.
    #[error("more than {} members in one run: load the files in parts", u32::MAX)]
    TooMany,
    /// No connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The tables are missing.
    #[error("the database has no schema `teamgraph`: run `teamgraph migrate` on it first")]
    NoSchema,
    /// A statement failed.
    #[error("cannot {action}; nothing was loaded")]
    Statement {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: tokio_postgres::Error,
    },
}

impl LoadError {
    pub(super) fn line(place: &Place, problem: impl Into<String>) -> Self {
        LoadError::Line { place: place.clone(), problem: problem.into() }
    }

    /// Wraps a failed statement: `.map_err(LoadError::statement("copy the members"))`.
    pub(super) fn statement(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| LoadError::Statement { action, source }
    }
}
