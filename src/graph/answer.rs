//! The shapes of the graph's answers.
//!
//! Owns plain values only; how they are found is [`super::snapshot`]'s matter.

use crate::id::{MemberId, TeamId};

/// How a member stands to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It does not participate.
    None,
    /// It is the team itself.
    Itself,
    /// A direct membership joins it to the team.
    Direct,
    /// It participates through other teams only.
    Indirect,
}

/// How far a list reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Direct memberships only.
    Direct,
    /// All participations. The member (or team) itself is not listed, even on a cycle.
    All,
}

/// Which kinds of members a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// List people.
    pub people: bool,
    /// List teams.
    pub teams: bool,
}

/// What a directory name stands for in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// No member has the name.
    Unknown,
    /// Exactly this member has it.
    One(MemberId),
    /// Several members (of different key spaces) have it.
    Ambiguous,
}

impl Named {
    /// From the first two members that have it.
    pub(super) const fn of(holders: (Option<MemberId>, Option<MemberId>)) -> Self {
        match holders {
            (Some(_), Some(_)) => Named::Ambiguous,
            (Some(member), None) => Named::One(member),
            (None, _) => Named::Unknown,
        }
    }
}

/// Where the next page of a list of members begins. Fixed within one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberCursor {
    /// At the first listed team whose id is at least this.
    Teams {
        /// The smallest id still to list.
        from: TeamId,
    },
    /// At the first person, directly in `team`, whose id is at least `from`.
    People {
        /// The team whose direct people are being listed.
        team: TeamId,
        /// The smallest id still to list there.
        from: MemberId,
    },
    /// At the first person listed for itself, under no team, whose id is at least `from`.
    Alone {
        /// The smallest id still to list.
        from: MemberId,
    },
}

/// One page of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPage {
    /// The members; teams come before people.
    pub members: Vec<MemberId>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<MemberCursor>,
}

/// One page of teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamPage {
    /// The teams, by ascending id.
    pub teams: Vec<TeamId>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<TeamId>,
}

/// Sizes and peculiarities of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Members that exist and are people.
    pub people: u64,
    /// Members that exist and are teams.
    pub teams: u64,
    /// Direct memberships (edges) that active rows state, whether or not both ends exist.
    pub memberships: u64,
    /// Active rows that state them.
    pub rows: u64,
    /// Bytes of what is remembered of each active row, as allocated.
    pub rows_bytes: u64,
    /// Bytes of the index from source keys to members, as allocated.
    pub key_index_bytes: u64,
    /// Effective memberships of a team in another team.
    pub team_edges: u64,
    /// Pairs of components in the closure; 0 while it is not materialised.
    pub closure_pairs: u64,
    /// Whether the closure is materialised (it fits its budget), or searched on every question.
    pub closure_materialised: bool,
    /// Cycles: components of more than one team.
    pub cycles: u64,
    /// Teams that are on a cycle.
    pub teams_on_cycles: u64,
    /// Memberships of a member in itself: they change nothing.
    pub self_memberships: u64,
}
