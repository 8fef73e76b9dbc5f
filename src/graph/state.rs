//! The whole content of one version, and of the working version.
//!
//! Owns the parts side by side and what can be said of them together: who exists, what an edge
//! counts for. A clone shares everything. It must not know how versions are named or published.

use super::adjacency::{Down, Standing, Up};
use super::closure::{Closure, TeamEdges};
use super::digest::{StatedSums, Weight};
use super::member_words::{MEMBERS, pages_of};
use super::numbers::Numbers;
use super::owned::Owned;
use super::pages::{POINTERS, Pages, count};
use super::rows::Edge;
use crate::id::{MemberId, TeamId};
use std::sync::Arc;

/// Counts that are kept up as changes arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) people: u64,
    pub(super) teams: u64,
    pub(super) memberships: u64,
    pub(super) self_memberships: u64,
    pub(super) team_edges: u64,
    pub(super) rows: u64,
    pub(super) rows_bytes: u64,
}

/// Member → its name.
pub(super) type Names = Pages<Option<Arc<str>>, POINTERS>;

/// Every name of so many members, with the member that has it.
pub(super) fn all_names(
    names: &Names,
    members: u32,
) -> impl Iterator<Item = (&Arc<str>, MemberId)> {
    (0..members).filter_map(|member| Some((names.get(member)?.as_ref()?, MemberId(member))))
}

/// The content of a version.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) numbers: Numbers,
    pub(super) names: Names,
    pub(super) up: Up,
    pub(super) down: Down,
    /// Member → its owner's number plus one; zero for none.
    pub(super) owners: Pages<u32>,
    pub(super) owned: Owned,
    pub(super) closure: Closure,
    pub(super) counts: Counts,
    pub(super) sums: StatedSums,
}

impl State {
    pub(super) fn standing(&self, member: MemberId) -> Standing {
        self.up.standing(member)
    }

    pub(super) fn name(&self, member: MemberId) -> Option<&Arc<str>> {
        self.names.get(member.0)?.as_ref()
    }

    /// Whether the member in its part as a team exists now. The closure learns of it at commit.
    pub(super) fn is_team(&self, team: TeamId) -> bool {
        let standing = self.numbers.member(team).map(|member| self.standing(member));
        standing == Some(Standing::Team)
    }

    /// Whether the edge child → parent is stated between two different teams that exist.
    pub(super) fn is_team_edge(&self, child: TeamId, parent: TeamId) -> bool {
        let stated = |member| self.up.role(member, parent).is_some();
        child != parent
            && self.is_team(child)
            && self.is_team(parent)
            && self.numbers.member(child).is_some_and(stated)
    }

    /// Puts the edge into the set of its team that its member's standing asks for, or takes it out.
    pub(super) fn set_down(&mut self, (member, team): Edge, standing: Standing, stated: bool) {
        let number = match standing {
            Standing::Team => self.numbers.intern_team(member).0,
            Standing::Person | Standing::Absent => member.0,
        };
        self.down.set(team, standing, number, stated);
    }

    /// Notes at the member's owner that it owns the member, or that it does not any more; a member
    /// that is no team is owned by nobody.
    pub(super) fn set_owned(&mut self, member: MemberId, owned: bool) {
        if let (Standing::Team, Some(owner), Some(team)) =
            (self.standing(member), self.owner(member), self.numbers.team(member))
        {
            self.owned.set(owner, team, owned);
        }
    }

    /// The owner that the member's row states, whether or not it exists.
    pub(super) fn owner(&self, member: MemberId) -> Option<MemberId> {
        self.owners.get(member.0)?.checked_sub(1).map(MemberId)
    }

    /// No edge is stated any more; what members are stays.
    pub(super) fn clear_edges(&mut self) {
        for page in 0..pages_of(self.numbers.member_count()) {
            self.up.set_page(page, &[0; MEMBERS], &[]);
        }
        self.down.clear(self.numbers.team_count());
    }

    /// Counts the effective edges between teams, by a look at all of them.
    pub(super) fn count_team_edges(&self) -> u64 {
        self.teams().map(|team| count(self.parents(team).count())).sum()
    }

    /// Bytes copied since the beginning because a version shared them.
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.numbers.copied_bytes()
            + self.owners.copied_bytes()
            + self.names.copied_bytes()
            + self.up.copied_bytes()
            + self.down.copied_bytes()
            + self.owned.copied_bytes()
            + self.closure.copied_bytes()
    }
}

impl TeamEdges for State {
    fn parents(&self, team: TeamId) -> impl Iterator<Item = TeamId> {
        let stated = self.is_team(team).then(|| self.stated_parents(team)).into_iter().flatten();
        stated.filter(move |&up| up != team && self.is_team(up))
    }

    fn stated_parents(&self, team: TeamId) -> impl Iterator<Item = TeamId> {
        let edges = self.numbers.member(team).map(|member| self.up.of(member)).unwrap_or_default();
        edges.iter().map(|edge| edge.team())
    }

    fn children(&self, team: TeamId) -> impl Iterator<Item = TeamId> {
        let exists = self.is_team(team);
        self.down.teams_of(team).filter(move |&child| exists && child != team)
    }

    fn teams(&self) -> impl Iterator<Item = TeamId> {
        (0..self.numbers.team_count()).map(TeamId).filter(|&team| self.is_team(team))
    }

    fn lower_weights(&self) -> impl FnMut(TeamId) -> Weight {
        self.numbers.lower_weights()
    }

    fn upper_weight(&self, team: TeamId) -> Weight {
        self.upper_of(team)
    }
}
