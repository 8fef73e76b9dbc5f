//! Is this member in that team?
//!
//! Owns the point question. No allocation while the closure is materialised, and no lock.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::Relation;
use super::member_words::UpEdges;
use crate::id::{MemberId, Role, TeamId};

/// What the answer to a pair begins with: the member as its page has it, and whether the team that
/// it is asked about exists.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends<'a> {
    pub(super) standing: Standing,
    pub(super) edges: UpEdges<'a>,
    /// Whether the team may be among the edges, as far as the first and the last of them tell.
    pub(super) may_be_direct: bool,
    pub(super) team_exists: bool,
}

impl Snapshot {
    /// How the member stands to the team. An end that does not exist stands to nothing.
    pub fn relation(&self, member: MemberId, team: TeamId) -> Relation {
        let state = self.state();
        let (standing, edges) = state.up.member(member);
        let team_exists = state.closure.exists(team);
        self.stands(member, Ends { standing, edges, may_be_direct: true, team_exists }, team)
    }

    /// [`Snapshot::relation`], once the ends are read.
    pub(super) fn stands(&self, member: MemberId, ends: Ends<'_>, team: TeamId) -> Relation {
        let Ends { standing, edges, may_be_direct, team_exists } = ends;
        if standing == Standing::Absent || !team_exists {
            return Relation::None;
        }
        let state = self.state();
        let own = if standing == Standing::Team { state.numbers.team(member) } else { None };
        if own == Some(team) {
            return Relation::Itself;
        }
        if may_be_direct && edges.role(team).is_some() {
            return Relation::Direct;
        }
        let indirect = match own {
            Some(own) => state.closure.reaches(state, own, team),
            None => self.reaches_through(edges, team),
        };
        if indirect { Relation::Indirect } else { Relation::None }
    }

    /// Whether one of the person's direct teams reaches the team.
    fn reaches_through(&self, edges: UpEdges<'_>, team: TeamId) -> bool {
        let state = self.state();
        if state.closure.is_lowest(team) {
            return false;
        }
        let direct = edges.iter().map(|edge| edge.team());
        state.closure.any_reaches(state, direct, team)
    }

    /// The role of the direct membership, if there is an effective one. A team's membership in
    /// itself is none.
    pub fn role(&self, member: MemberId, team: TeamId) -> Option<Role> {
        let state = self.state();
        self.kind(member)?;
        if !state.closure.exists(team) || state.numbers.team(member) == Some(team) {
            return None;
        }
        state.up.role(member, team)
    }
}
