//! What the rows say: members, and the edges that active rows state.
//!
//! Owns the arrays. It must not know the graph.

use super::at;
use super::count;
use super::directory::Directory;
use super::teams::Teams;
use crate::change::{Change, NamePut};
use crate::id::{MemberKind, Role, SourceKey};
use std::ops::Range;
use std::sync::Arc;

/// Rows, as they are read.
#[derive(Debug)]
pub struct Gathering {
    directory: Directory,
    /// By number; shorter than the directory where the last ones are only named.
    members: Vec<MemberFacts>,
    /// What each active row states.
    rows: Vec<Edge>,
}

/// The rows cannot be compared with a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatheringError {
    /// A change that no reading holds.
    #[error("the reading holds something other than rows: please report this defect")]
    NotARow,
    /// There is no number left.
    #[error("the rows name 2^31 members, more than a graph holds")]
    Full,
}

/// What is known of a member by its row.
#[derive(Clone, Debug, Default)]
struct MemberFacts {
    /// None if there is no row.
    kind: Option<MemberKind>,
    name: Option<Arc<str>>,
    /// The owner's number plus one; 0 for none.
    owner: u32,
}

/// What a row states, packed; sorts by member, then team, then role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    member: u32,
    /// The team's number above a bit that says whether the role is ADMIN.
    team_role: u32,
}

impl Edge {
    fn new(member: u32, team: u32, role: Role) -> Self {
        Edge { member, team_role: team << 1 | u32::from(role == Role::Admin) }
    }

    /// Who joins.
    pub(super) const fn member(self) -> u32 {
        self.member
    }

    /// What is joined.
    pub(super) const fn team(self) -> u32 {
        self.team_role >> 1
    }

    /// As what.
    pub(super) const fn role(self) -> Role {
        if self.team_role & 1 == 1 { Role::Admin } else { Role::Member }
    }
}

impl Default for Gathering {
    fn default() -> Self {
        Self::new()
    }
}

impl Gathering {
    /// Nothing read yet.
    pub fn new() -> Self {
        Gathering { directory: Directory::new(), members: Vec::new(), rows: Vec::new() }
    }

    /// Takes one row of a reading, which holds members and memberships as they are, each once.
    ///
    /// # Errors
    /// See [`GatheringError`].
    pub fn apply(&mut self, change: &Change) -> Result<(), GatheringError> {
        match change {
            Change::MemberPut { key, kind, name: NamePut::Set(name), owner } => {
                let owner = owner.as_ref().map(|owner| self.directory.number(owner));
                let owner = owner.transpose()?.map_or(0, |owner| owner + 1);
                let number = at(self.directory.number(key)?);
                if self.members.len() <= number {
                    self.members.resize(number + 1, MemberFacts::default());
                }
                if let Some(member) = self.members.get_mut(number) {
                    *member = MemberFacts { kind: Some(*kind), name: name.clone(), owner };
                }
                Ok(())
            }
            Change::RowPut { states: None, .. } => Ok(()),
            Change::RowPut { states: Some(stated), .. } => {
                let member = self.directory.number(&stated.member)?;
                let team = self.directory.number(&stated.team)?;
                self.rows.push(Edge::new(member, team, stated.role));
                Ok(())
            }
            Change::MemberPut { name: NamePut::Keep, .. }
            | Change::MemberDelete { .. }
            | Change::MembersTruncate { .. }
            | Change::RowDelete { .. }
            | Change::RowsTruncate { .. } => Err(GatheringError::NotARow),
        }
    }

    /// All rows are read: puts them in order.
    pub fn finish(self) -> Expected {
        let Gathering { directory, mut members, rows: mut edges } = self;
        members.resize(directory.len(), MemberFacts::default());
        edges.sort_unstable_by_key(|edge| u64::from(edge.member) << 32 | u64::from(edge.team_role));
        // Of the rows of one edge the last has the highest role.
        edges.reverse();
        edges.dedup_by_key(|edge| (edge.member, edge.team()));
        edges.reverse();
        edges.shrink_to_fit();
        let starts = starts(members.len(), edges.iter().map(|edge| edge.member));
        let mut expected = Expected { directory, members, edges, starts, teams: Teams::default() };
        expected.teams = Teams::of(&expected);
        expected
    }
}

/// What the rows say.
#[derive(Debug)]
pub struct Expected {
    directory: Directory,
    members: Vec<MemberFacts>,
    /// Sorted; each once, with the highest role that a row gives it.
    edges: Vec<Edge>,
    /// Where each member's edges begin, and at the end how many there are.
    starts: Vec<u32>,
    teams: Teams,
}

impl Expected {
    /// How many members have a row.
    pub fn member_count(&self) -> u64 {
        count(self.existing().count())
    }

    /// How many direct memberships active rows state.
    pub fn membership_count(&self) -> u64 {
        count(self.edges.len())
    }

    /// Every number, whether the member has a row or is only named.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.directory.len()).unwrap_or(u32::MAX)
    }

    /// The numbers of members that have a row.
    pub(super) fn existing(&self) -> impl Iterator<Item = u32> {
        self.numbers().filter(|&number| self.kind(number).is_some())
    }

    pub(super) fn find(&self, key: &SourceKey) -> Option<u32> {
        self.directory.find(key)
    }

    pub(super) fn key(&self, number: u32) -> Option<&SourceKey> {
        self.directory.key(number)
    }

    /// None if the member has no row.
    pub(super) fn kind(&self, number: u32) -> Option<MemberKind> {
        self.members.get(at(number))?.kind
    }

    pub(super) fn name(&self, number: u32) -> Option<&Arc<str>> {
        self.members.get(at(number))?.name.as_ref()
    }

    /// The owner that the row names, whether or not it has a row itself.
    pub(super) fn owner(&self, number: u32) -> Option<u32> {
        self.members.get(at(number))?.owner.checked_sub(1)
    }

    pub(super) fn is_team(&self, number: u32) -> bool {
        self.kind(number) == Some(MemberKind::Team)
    }

    /// All edges, by member and team.
    pub(super) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The member's edges, and where among all of them they begin.
    pub(super) fn edges_of(&self, member: u32) -> (usize, &[Edge]) {
        let range = range(&self.starts, member);
        (range.start, self.edges.get(range).unwrap_or_default())
    }

    /// Whether the edge counts: both ends exist, the upper one is a team, and they differ.
    pub(super) fn counts(&self, edge: Edge) -> bool {
        edge.member() != edge.team()
            && self.kind(edge.member()).is_some()
            && self.is_team(edge.team())
    }

    pub(super) const fn teams(&self) -> &Teams {
        &self.teams
    }
}

/// Where the items of each of so many owners begin, and at the end how many there are; `owners` are
/// those of the items, ascending.
pub(super) fn starts(owners_total: usize, owners: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0; owners_total + 1];
    for owner in owners {
        if let Some(items) = starts.get_mut(at(owner) + 1) {
            *items += 1;
        }
    }
    let mut total = 0;
    for start in &mut starts {
        total += *start;
        *start = total;
    }
    starts
}

/// The places of an owner's items.
pub(super) fn range(starts: &[u32], owner: u32) -> Range<usize> {
    let start = |of: usize| starts.get(of).map_or(0, |&start| at(start));
    start(at(owner))..start(at(owner) + 1)
}
