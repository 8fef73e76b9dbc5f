//! Requests that go down, from those who answer clients to those who hold the source.
//!
//! Owns the questions' shape only: standard library, no knowledge of either side.

use crate::id::{History, Lsn};
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Where the source's log ends now, on its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePosition {
    /// The primary's cluster and timeline.
    pub history: History,
    /// The insert position: no commit that exists is past it.
    pub insert_lsn: Lsn,
}

/// The source could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUnavailable(pub String);

impl fmt::Display for SourceUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source database cannot be asked: {}", self.0)
    }
}

impl std::error::Error for SourceUnavailable {}

/// The answer of a [`Source`], later.
pub type SourceReply =
    Pin<Box<dyn Future<Output = Result<SourcePosition, SourceUnavailable>> + Send>>;

/// The source database, as far as answering a client needs it.
pub trait Source: Send + Sync + fmt::Debug {
    /// Asks the primary where its log ends; bounded in time by the implementation.
    fn position(&self) -> SourceReply;
}
