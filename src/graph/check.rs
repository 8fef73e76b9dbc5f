//! Is this member in that team?
//!
//! Owns the point question. No allocation while the closure is materialised, and no lock.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::Relation;
use super::closure::Target;
use super::member_words::UpEdges;
use crate::id::{MemberId, Role, TeamId};

/// What the answer to a pair begins with: the member as its page has it, and the team that it is
/// asked about, if that exists.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends<'a> {
    pub(super) standing: Standing,
    pub(super) edges: UpEdges<'a>,
    pub(super) target: Option<Target<'a>>,
    /// Whether the team may be among the edges, as far as the first and the last of them tell.
    pub(super) may_be_direct: bool,
    /// Whether one of the edges may be to a team below, as far as the ends of both tell.
    pub(super) may_be_indirect: bool,
}

impl Snapshot {
    /// How the member stands to the team. An end that does not exist stands to nothing.
    pub fn relation(&self, member: MemberId, team: TeamId) -> Relation {
        let state = self.state();
        // Asked for first: it does not wait for the member's page, nor that for it.
        let target = state.closure.target(team);
        let (standing, edges) = state.up.member(member);
        let ends = Ends { standing, edges, target, may_be_direct: true, may_be_indirect: true };
        self.stands(member, ends, team)
    }

    /// [`Snapshot::relation`], once the ends are read.
    pub(super) fn stands(&self, member: MemberId, ends: Ends<'_>, team: TeamId) -> Relation {
        let Ends { standing, edges, target, may_be_direct, may_be_indirect } = ends;
        let (Some(target), false) = (target, standing == Standing::Absent) else {
            return Relation::None;
        };
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
            None => may_be_indirect && self.reaches_through(edges, target),
        };
        if indirect { Relation::Indirect } else { Relation::None }
    }

    /// Whether one of the person's direct teams, of which the target is none, reaches it.
    fn reaches_through(&self, edges: UpEdges<'_>, target: Target<'_>) -> bool {
        let state = self.state();
        if state.closure.is_lowest(target) {
            return false;
        }
        let direct = edges.iter().map(|edge| edge.team());
        state.closure.any_reaches(state, direct, target)
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
