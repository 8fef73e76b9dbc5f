//! What of a graph outlives its process, and what a feed must know of it to go on from there.
//!
//! Owns the words between those who keep a graph on disk and the feed that fills it; neither knows
//! the other. It must not know how a graph is kept, nor how a source is followed.
//!
//! INVARIANT (kept): what is kept is only ever resumed by the history that it is of. So the feed
//! has everything forgotten before it copies afresh, and nothing is kept of a graph that a copy is
//! about to replace.

use crate::id::{History, Lsn};
use crate::status::{CheckpointStatus, StatusCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the rows of a graph were read: to be kept with it, and compared before it is followed
/// further. Only the feed, which writes it, reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Which rows were translated into what, and how.
    pub mapping: String,
    /// The tables and the publication, as far as a difference means other rows.
    pub tables: String,
    /// What differs in both of its parts once a table's rows were rewritten; one for each table.
    pub marks: Vec<TableMarks>,
}

/// Marks of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableMarks {
    /// Changes with the definition of a column.
    pub definitions: String,
    /// Changes with the table's files.
    pub files: String,
}

/// Where a graph that was kept stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// What its position counts in.
    pub history: History,
    /// Everything up to here is in it, and nothing beyond.
    pub lsn: Lsn,
    /// How its rows were read.
    pub facts: Arc<SourceFacts>,
}

/// The position up to which the graph outlives the process: what may be confirmed to a source whose
/// log is to be resumed by the next process.
#[derive(Debug, Default)]
pub struct PersistedLsn(Mutex<Persisted>);

#[derive(Clone, Copy, Debug, Default)]
struct Persisted {
    /// The copy that may be kept; none while a fresh one is due.
    copy: Option<u64>,
    lsn: Lsn,
}

impl PersistedLsn {
    fn held(&self) -> MutexGuard<'_, Persisted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position; zero while there is none.
    pub fn get(&self) -> Lsn {
        self.held().lsn
    }

    /// The copy of the source that may be kept.
    pub fn copy(&self) -> Option<u64> {
        self.held().copy
    }

    /// A fresh copy is due: nothing of what there is may be kept any more.
    pub fn close(&self) {
        *self.held() = Persisted::default();
    }

    /// This copy is served, and its source keeps its log from here.
    pub fn open(&self, copy: u64, lsn: Lsn) {
        *self.held() = Persisted { copy: Some(copy), lsn };
    }

    /// This copy is served in the place of the one that may be kept, as of the same history: what
    /// is on disk of that one can be resumed as well, so the position stays.
    pub fn hand_over(&self, copy: u64) {
        let mut held = self.held();
        if held.copy.is_some() {
            held.copy = Some(copy);
        }
    }

    /// Raises the position, if this copy may still be kept.
    pub fn raise(&self, copy: u64, lsn: Lsn) {
        let mut held = self.held();
        if held.copy == Some(copy) {
            held.lsn = held.lsn.max(lsn);
        }
    }
}

/// The end of [`Keeper::forget`].
pub type Forgotten = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whoever keeps a graph.
pub trait Keeper: Send + Sync + fmt::Debug {
    /// Forgets all that is kept; bounded in time by the implementation.
    fn forget(&self) -> Forgotten;
}

/// What a feed is told where its graph is kept.
#[derive(Clone, Debug)]
pub struct WarmStart {
    /// The graph that was kept by an earlier process and is ready to be served.
    pub kept: Option<ResumePoint>,
    /// What may be confirmed.
    pub persisted: Arc<PersistedLsn>,
    /// Whom to tell that a fresh copy is due.
    pub keeper: Arc<dyn Keeper>,
    /// Where to say what came of the start.
    pub status: Arc<StatusCell<CheckpointStatus>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint that is late must not count for the copy that came meanwhile.
    #[test]
    fn a_position_counts_for_its_own_copy_only() {
        let persisted = PersistedLsn::default();
        persisted.raise(1, Lsn(9));
        assert_eq!((persisted.copy(), persisted.get()), (None, Lsn(0)));
        persisted.open(1, Lsn(100));
        persisted.raise(1, Lsn(150));
        persisted.raise(1, Lsn(120));
        assert_eq!(persisted.get(), Lsn(150));
        persisted.close();
        persisted.raise(1, Lsn(160));
        assert_eq!((persisted.copy(), persisted.get()), (None, Lsn(0)));
        persisted.open(2, Lsn(50));
        persisted.raise(1, Lsn(170));
        persisted.raise(2, Lsn(60));
        assert_eq!((persisted.copy(), persisted.get()), (Some(2), Lsn(60)));
    }

    /// The source keeps its log from what is on disk, whichever copy that is of.
    #[test]
    fn a_copy_in_the_place_of_another_keeps_its_position() {
        let persisted = PersistedLsn::default();
        persisted.hand_over(1);
        assert_eq!(persisted.copy(), None, "nothing may be kept while a fresh copy is due");
        persisted.open(1, Lsn(100));
        persisted.hand_over(2);
        persisted.raise(1, Lsn(150));
        assert_eq!((persisted.copy(), persisted.get()), (Some(2), Lsn(100)));
    }
}
