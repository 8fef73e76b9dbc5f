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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::{History, Lsn};
    use crate::synthetic::{Random, Shape, Synthetic};
    use std::collections::BTreeSet;

    /// Ends are drawn past what there is, and the numbers of pairs around the size of a group.
    #[test]
    fn a_group_is_answered_as_its_pairs_are_one_by_one() {
        let synthetic = Synthetic::new(Shape { cycles: 3, ..Shape::S });
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        synthetic.changes().for_each(|change| writer.apply(change).unwrap());
        let snapshot = writer.commit(Lsn(8));
        let (mut random, mut seen) = (Random::new(5), BTreeSet::new());
        let mut number = |below: u64| u32::try_from(random.below(below)).unwrap();
        for count in [0, 1, 15, 16, 17, 20_000] {
            // Teams are the first members: half of the pairs ask about them.
            let pair = |place: u32| {
                (
                    MemberId(number(if place.is_multiple_of(2) { 600 } else { 11_000 })),
                    TeamId(number(510)),
                )
            };
            let pairs: Vec<(MemberId, TeamId)> = (0..count).map(pair).collect();
            let mut relations = vec![Relation::None; pairs.len()];
            snapshot.relations(&pairs, &mut relations);
            for (&(member, team), relation) in pairs.iter().zip(relations) {
                assert_eq!(relation, snapshot.relation(member, team), "{member:?} {team:?}");
                seen.insert(format!("{relation:?}"));
            }
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }
}
