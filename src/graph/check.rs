//! Is this member in that team?
//!
//! Owns the point question. No allocation while the closure is materialised, and no lock.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::Relation;
use super::member_words::UpEdges;
use crate::id::{MemberId, Role, TeamId};

impl Snapshot {
    /// How the member stands to the team. An end that does not exist stands to nothing.
    pub fn relation(&self, member: MemberId, team: TeamId) -> Relation {
        let state = self.state();
        let (standing, edges) = state.up.member(member);
        if standing == Standing::Absent || !state.closure.exists(team) {
            return Relation::None;
        }
        let own = if standing == Standing::Team { state.numbers.team(member) } else { None };
        if own == Some(team) {
            return Relation::Itself;
        }
        if edges.role(team).is_some() {
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
