//! Is this member in that team?
//!
//! Owns the point question. No allocation while the closure is materialised, and no lock.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::Relation;
use super::member_words::UpEdges;
use crate::id::{MemberId, Role, TeamId};

/// Pairs whose waits for memory overlap: a core has some ten loads under way.
const GROUP: usize = 16;

/// A member as its page has it, and whether the team that it is asked about exists.
type Ends<'a> = (Standing, UpEdges<'a>, bool);

impl Snapshot {
    /// How each member stands to its team, into the first of `relations`: as many as there are
    /// pairs, or as many as fit. The same answers as [`Snapshot::relation`] gives, but what each
    /// pair waits for in memory is asked for together.
    pub fn relations(&self, pairs: &[(MemberId, TeamId)], relations: &mut [Relation]) {
        let state = self.state();
        for (pairs, relations) in pairs.chunks(GROUP).zip(relations.chunks_mut(GROUP)) {
            let mut ends: [Ends<'_>; GROUP] =
                [(Standing::Absent, UpEdges::default(), false); GROUP];
            for (&(member, _), end) in pairs.iter().zip(&mut ends) {
                (end.0, end.1) = state.up.member(member);
            }
            for (&(_, team), end) in pairs.iter().zip(&mut ends) {
                end.2 = state.closure.exists(team);
            }
            for ((&(member, team), end), relation) in pairs.iter().zip(ends).zip(relations) {
                *relation = self.stands(member, end, team);
            }
        }
    }

    /// How the member stands to the team. An end that does not exist stands to nothing.
    pub fn relation(&self, member: MemberId, team: TeamId) -> Relation {
        let state = self.state();
        let (standing, edges) = state.up.member(member);
        self.stands(member, (standing, edges, state.closure.exists(team)), team)
    }

    fn stands(
        &self,
        member: MemberId,
        (standing, edges, exists): Ends<'_>,
        team: TeamId,
    ) -> Relation {
        if standing == Standing::Absent || !exists {
            return Relation::None;
        }
        let state = self.state();
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
