//! Many questions at once.
//!
//! Owns the order in which memory is read for them: what several keys or pairs wait for is asked for
//! together, step by step, since a core has some ten loads under way and a question alone is one
//! load after the other. It must not know what an answer is: see [`super::check`].

use super::Snapshot;
use super::answer::Relation;
use super::check::Ends;
use crate::id::{KeySpace, MemberId, MemberKind, TeamId};

/// Keys or pairs whose waits for memory overlap.
pub const GROUP: usize = 32;

impl Snapshot {
    /// The members with these integer keys, each as [`Snapshot::find_int`] finds it, and what they
    /// are, into the first of `found`: as many as there are keys, or as many as fit.
    pub fn find_ints(
        &self,
        space: KeySpace,
        keys: &[i64],
        found: &mut [Option<(MemberId, MemberKind)>],
    ) {
        for (keys, found) in keys.chunks(GROUP).zip(found.chunks_mut(GROUP)) {
            let mut members = [None; GROUP];
            for (&key, member) in keys.iter().zip(&mut members) {
                *member = self.shared().keys.get_int(space, key);
            }
            let members = members.get(..keys.len()).unwrap_or_default();
            let standings = self.state().up.standings::<GROUP>(members);
            for ((found, &member), standing) in found.iter_mut().zip(members).zip(standings) {
                *found = member.zip(standing.kind());
            }
        }
    }

    /// The teams with these integer keys, as [`Snapshot::find_ints`] finds members: none in the
    /// place of a key that nobody has, or somebody who is no team.
    pub fn find_int_teams(
        &self,
        space: KeySpace,
        keys: &[i64],
        found: &mut [Option<(MemberId, TeamId)>],
    ) {
        let state = self.state();
        for (keys, found) in keys.chunks(GROUP).zip(found.chunks_mut(GROUP)) {
            let mut members = [None; GROUP];
            for (&key, member) in keys.iter().zip(&mut members) {
                *member = self.shared().keys.get_int(space, key);
            }
            for (found, &member) in found.iter_mut().zip(&members).take(keys.len()) {
                *found = member.and_then(|member| Some((member, state.numbers.team(member)?)));
            }
            for found in found.iter_mut().take(keys.len()) {
                *found = found.filter(|&(_, team)| state.closure.exists(team));
            }
        }
    }

    /// How each member stands to its team, as [`Snapshot::relation`] says it, into the first of
    /// `relations`: as many as there are pairs, or as many as fit.
    pub fn relations(&self, pairs: &[(MemberId, TeamId)], relations: &mut [Relation]) {
        for (pairs, relations) in pairs.chunks(GROUP).zip(relations.chunks_mut(GROUP)) {
            let ends = self.ends(pairs);
            for ((&(member, team), ends), relation) in pairs.iter().zip(ends).zip(relations) {
                *relation = self.stands(member, ends, team);
            }
        }
    }

    fn ends(&self, pairs: &[(MemberId, TeamId)]) -> [Ends<'_>; GROUP] {
        let state = self.state();
        let mut ends = [Ends::default(); GROUP];
        let pages = state.up.pages::<GROUP>(pairs.iter().map(|&(member, _)| member));
        for ((&(member, _), end), page) in pairs.iter().zip(&mut ends).zip(pages) {
            (end.standing, end.edges) = page.member(member);
        }
        for (&(_, team), end) in pairs.iter().zip(&mut ends) {
            end.target = state.closure.target(team);
        }
        for (&(_, team), end) in pairs.iter().zip(&mut ends) {
            end.may_be_direct = end.edges.may_have(team);
        }
        for end in ends.iter_mut().take(pairs.len()) {
            end.may_be_indirect = match (end.target, end.edges.range()) {
                (Some(target), Some((first, last))) => state.closure.may_reach(first, last, target),
                _ => false,
            };
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::{History, Lsn, SourceKey};
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

    /// Keys of people, of teams, of nobody, of somebody who is gone, and past the direct index.
    #[test]
    fn keys_are_found_together_as_they_are_one_by_one() {
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        Synthetic::new(Shape::S).changes().for_each(|change| writer.apply(change).unwrap());
        writer.commit(Lsn(8));
        writer.apply(Change::MemberDelete { key: SourceKey::int(900) }).unwrap();
        let snapshot = writer.commit(Lsn(16));
        let space = KeySpace::DEFAULT;
        let keys: Vec<i64> = (-3..1_200).chain([10_499, 1 << 40, i64::MIN, 20_000]).collect();
        for count in [0, 1, GROUP - 1, GROUP, GROUP + 1, keys.len()] {
            let mut found = vec![None; keys.len()];
            snapshot.find_ints(space, &keys[..count], &mut found);
            let expected = keys.iter().map(|&key| {
                let member = snapshot.find_int(space, key)?;
                Some((member, snapshot.kind(member).unwrap()))
            });
            let expected: Vec<_> = expected.take(count).collect();
            assert_eq!(found[..count], expected);
            assert!(found[count..].iter().all(Option::is_none));
            let mut teams = vec![None; keys.len()];
            snapshot.find_int_teams(space, &keys[..count], &mut teams);
            let as_team = |it: &Option<(MemberId, MemberKind)>| {
                it.and_then(|(member, _)| Some((member, snapshot.team(member)?)))
            };
            assert!(teams.iter().copied().eq(found.iter().map(as_team)));
            for (&key, team) in keys[..count].iter().zip(teams) {
                let found = snapshot.find_team(&SourceKey::int(key));
                assert_eq!(found, team.map(|(_, team)| team));
            }
        }
        assert_eq!(snapshot.find_int(space, 900), None);
        assert!(snapshot.find_int(space, 901).is_some());
    }
}
