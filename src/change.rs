//! What flows down from a feed to the graph, in order: [`FeedEvent`].
//!
//! Owns the closed set of events that a source of changes may produce, in the product's own
//! words. It must not know how a source finds them (PostgreSQL, a file, a test) nor what the graph
//! does with them.
//!
//! ```text
//! Resume                             a graph that was kept, in place of a copy
//! CopyBegin  Change*  CopyEnd        a fresh copy, beside whatever is served
//! Change*    Commit | Abort          one transaction, or one cut off midway
//! Watermark                          nothing up to here is outstanding
//! ```

use crate::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};
use crate::resume::SourceFacts;
use std::sync::Arc;

/// One event of a feed. Events arrive in commit order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// The graph that an earlier process left is good, and the stream goes on from there.
    Resume {
        /// Where it stands.
        lsn: Lsn,
        /// The source's log ended here: nobody was shown anything newer, and nobody is to be shown
        /// anything older.
        shown_from: Lsn,
    },
    /// A fresh copy begins: the changes up to [`FeedEvent::CopyEnd`] build a graph from nothing.
    CopyBegin {
        /// The cluster and timeline that the copy is taken from.
        history: History,
        /// How the rows are read, to be kept with them.
        facts: Arc<SourceFacts>,
    },
    /// The copy is whole; it shows the source as of this position.
    CopyEnd {
        /// The slot's consistent point.
        consistent_point: Lsn,
    },
    /// One change, within a copy or within a transaction.
    Change(Change),
    /// The transaction that the changes since the last event belong to is committed.
    Commit {
        /// The Commit message's end LSN.
        end_lsn: Lsn,
    },
    /// The connection broke: the changes since the last `Commit` never happened, and will come
    /// again if they were committed. A copy under way is dropped too.
    Abort,
    /// Everything committed before this position has been sent.
    Watermark {
        /// How far the source's log is known to hold nothing that has not been sent.
        lsn: Lsn,
    },
}

/// A change of one row, or of a whole table, of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member's row was inserted or updated; its key did not change.
    MemberPut {
        /// The member.
        key: SourceKey,
        /// A person or a team.
        kind: MemberKind,
        /// The directory name.
        name: NamePut,
        /// The owner, a member that administers the team without being in it.
        owner: Option<SourceKey>,
    },
    /// A member's row was deleted (or lost this key by an update of the key).
    MemberDelete {
        /// The member.
        key: SourceKey,
    },
    /// All members of the key space were deleted.
    MembersTruncate {
        /// The key space whose table was truncated.
        space: crate::id::KeySpace,
    },
    /// A membership's row was inserted or updated, whatever it said before.
    RowPut {
        /// The row.
        row: RowKey,
        /// What it states now; `None` for a row that is not active.
        states: Option<Membership>,
    },
    /// A membership's row was deleted (or lost this key by an update of the key).
    RowDelete {
        /// The row.
        row: RowKey,
    },
    /// All rows of a memberships table were deleted.
    RowsTruncate {
        /// The table.
        table: TableId,
    },
}

/// The directory name in a [`Change::MemberPut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePut {
    /// The name is now this; `None` where the member has no name.
    Set(Option<Arc<str>>),
    /// The source sent no value because it did not change (an unchanged TOAST value).
    Keep,
}

/// Identifies a row of a memberships table by that table's replica identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The table that the row is attributed to.
    pub table: TableId,
    /// What tells it from the table's other rows.
    pub key: RowId,
}

/// What tells a row of a memberships table from all others of that table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowId {
    /// The value of one column.
    Key(Key),
    /// The keys of the member and of the team, where no two rows have the same two. Which key
    /// spaces they belong to is fixed by the table.
    Pair(Key, Key),
}

impl From<Key> for RowId {
    fn from(key: Key) -> Self {
        RowId::Key(key)
    }
}

/// The direct edge member → team that an active row states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who joins.
    pub member: SourceKey,
    /// What is joined. Nothing says that it is a team, nor that either end exists.
    pub team: SourceKey,
    /// As what.
    pub role: Role,
}
