//! The whole stated content of a graph at one commit, to be kept outside of the process.
//!
//! Owns the content's form in the product's words: members by their keys, rows by theirs, without
//! the closure or anything else that follows from them. It must not know where it is kept.
//!
//! Members are numbered from 0 without a gap, so that whoever writes rows down need not repeat
//! their keys.

use super::adjacency::Standing;
use super::rows::RowsImage;
use super::snapshot::Snapshot;
use crate::change::RowKey;
use crate::id::{MemberId, MemberKind, Role, SourceKey, Version};
use std::sync::Arc;

/// A graph as it was at one commit. It shares all it can with the graph, which goes on changing.
#[derive(Debug)]
pub struct Image {
    snapshot: Arc<Snapshot>,
    rows: RowsImage,
}

/// A member of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMember<'a> {
    /// A person or a team.
    pub kind: MemberKind,
    /// The directory name.
    pub name: Option<&'a str>,
    /// The number of the owner that its row names.
    pub owner: Option<u32>,
}

/// A row of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRow {
    /// The row.
    pub key: RowKey,
    /// The number of who joins.
    pub member: u32,
    /// The number of what is joined.
    pub team: u32,
    /// As what.
    pub role: Role,
}

impl Image {
    pub(super) const fn new(snapshot: Arc<Snapshot>, rows: RowsImage) -> Self {
        Image { snapshot, rows }
    }

    /// The version that it is of.
    pub fn version(&self) -> Version {
        self.snapshot.version()
    }

    /// Which copy the version descends from, and which of that copy's versions it is.
    pub fn sequence(&self) -> (u64, u64) {
        (self.snapshot.copy(), self.snapshot.sequence())
    }

    /// How many members have a number, whether they exist or are only named by rows.
    pub fn member_count(&self) -> u32 {
        self.snapshot.state().numbers.member_count()
    }

    /// The key of the member with this number.
    pub fn key(&self, number: u32) -> Option<SourceKey> {
        self.snapshot.key(MemberId(number))
    }

    /// The member with this number, if it exists.
    pub fn member(&self, number: u32) -> Option<ImageMember<'_>> {
        let (member, state) = (MemberId(number), self.snapshot.state());
        let kind = match state.standing(member) {
            Standing::Absent => return None,
            Standing::Person => MemberKind::Person,
            Standing::Team => MemberKind::Team,
        };
        let owner = state.owner(member).map(|owner| owner.0);
        Some(ImageMember { kind, name: self.snapshot.name(member), owner })
    }

    /// The active rows, table by table.
    pub fn rows(&self) -> impl Iterator<Item = ImageRow> {
        let numbers = &self.snapshot.state().numbers;
        self.rows.iter().filter_map(|(key, row)| {
            // A row's team has a number as a team, and that belongs to a member.
            let team = numbers.member(row.team())?.0;
            Some(ImageRow { key, member: row.member().0, team, role: row.role() })
        })
    }
}
