//! What became of the participations from one version to another.
//!
//! Owns the difference of two versions of one copy, team by team, in work that is proportional to
//! what changed: whatever the versions share in memory is not looked at. It must not know who wants
//! it, nor how versions are made.
//!
//! ```text
//! direct people that differ ──► the teams at or above theirs ──┐
//!                                                              ├─► per team: who to ask about
//! direct edges between teams that differ ──► teams above ──────┘       in the other version
//! ```
//!
//! A team loses a person for one of two reasons: a team below it lost that person, or it lost a team
//! below it that has the person. So candidates come from those two places, and are lost unless the
//! later version still has them through another chain. What is gained is the same the other way
//! round.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::{Kinds, Relation};
use super::chunks::{ChunkedSet, only_in};
use crate::id::{MemberId, TeamId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of one team's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamDifference {
    /// The team.
    pub team: TeamId,
    /// Who participates in it now and did not, ascending; itself never included.
    pub gained: Vec<MemberId>,
    /// Who participated in it and does not now, ascending; itself never included.
    pub lost: Vec<MemberId>,
}

/// The teams whose members differ between two versions, ascending; each is worked out when it is
/// asked for.
#[derive(Debug)]
pub struct Difference<'a> {
    before: &'a Snapshot,
    after: &'a Snapshot,
    kinds: Kinds,
    teams: std::vec::IntoIter<TeamId>,
    /// Teams that may have other teams below them.
    regrouped: Vec<TeamId>,
    lost: DirectChanges,
    gained: DirectChanges,
}

/// The people that teams have directly in one of the versions and not in the other.
#[derive(Debug, Default)]
struct DirectChanges {
    people: BTreeMap<TeamId, Vec<u32>>,
    /// A team, and one at or below it that has such people; ascending.
    above: Vec<(TeamId, TeamId)>,
}

impl Snapshot {
    /// What became of the participations since an earlier (or later) version; `None` unless both
    /// are of one copy. A member that is a person in one and a team in the other stays what it is,
    /// a member, where both kinds are asked for.
    pub fn difference<'a>(&'a self, before: &'a Snapshot, kinds: Kinds) -> Option<Difference<'a>> {
        if !Arc::ptr_eq(self.shared(), before.shared()) {
            return None;
        }
        let (mut lost, mut gained) = (BTreeMap::new(), BTreeMap::new());
        for team in self.state().down.unshared(&before.state().down) {
            let (was, is) = (direct_people(before, team), direct_people(self, team));
            let (gone, come) = was.difference(is);
            lost.extend((!gone.is_empty()).then_some((team, gone)));
            gained.extend((!come.is_empty()).then_some((team, come)));
        }
        let (lost, gained) = (DirectChanges::new(before, lost), DirectChanges::new(self, gained));
        let regrouped = self.state().closure.regrouped_since(&before.state().closure);
        let above = lost.above.iter().chain(&gained.above).map(|&(team, _)| team);
        let mut teams: Vec<TeamId> = regrouped.iter().copied().chain(above).collect();
        teams.sort_unstable();
        teams.dedup();
        let teams = teams.into_iter();
        Some(Difference { before, after: self, kinds, teams, regrouped, lost, gained })
    }

    /// The members that exist now and did not, and those that did and do not, each ascending; one
    /// that is not of the kinds does not exist here. Both versions are of one copy.
    pub fn members_difference(
        &self,
        before: &Snapshot,
        kinds: Kinds,
    ) -> (Vec<MemberId>, Vec<MemberId>) {
        let (mut gained, mut lost) = (Vec::new(), Vec::new());
        for member in self.state().up.unshared(&before.state().up) {
            match (before.is_of(member, kinds), self.is_of(member, kinds)) {
                (false, true) => gained.push(member),
                (true, false) => lost.push(member),
                (true, true) | (false, false) => {}
            }
        }
        (gained, lost)
    }

    /// All members of the kinds, ascending.
    pub fn members(&self, kinds: Kinds) -> impl Iterator<Item = MemberId> {
        let all = (0..self.state().numbers.member_count()).map(MemberId);
        all.filter(move |&member| self.is_of(member, kinds))
    }

    fn is_of(&self, member: MemberId, kinds: Kinds) -> bool {
        match self.state().standing(member) {
            Standing::Absent => false,
            Standing::Person => kinds.people,
            Standing::Team => kinds.teams,
        }
    }
}

impl DirectChanges {
    /// The people are direct members in the version.
    fn new(of: &Snapshot, people: BTreeMap<TeamId, Vec<u32>>) -> Self {
        let closure = &of.state().closure;
        let above = people.keys().flat_map(|&team| {
            closure.teams_at_or_above(&[team]).into_iter().map(move |upper| (upper, team))
        });
        let mut above: Vec<_> = above.collect();
        above.sort_unstable();
        DirectChanges { people, above }
    }

    /// Those of the teams at or below the team.
    fn below(&self, team: TeamId) -> impl Iterator<Item = u32> {
        let begin = self.above.partition_point(|&(upper, _)| upper < team);
        let here = self.above.get(begin..).unwrap_or_default().iter();
        let here = here.take_while(move |&&(upper, _)| upper == team);
        here.filter_map(|(_, source)| self.people.get(source)).flatten().copied()
    }
}

impl Iterator for Difference<'_> {
    type Item = TeamDifference;

    fn next(&mut self) -> Option<TeamDifference> {
        loop {
            let team = self.teams.next()?;
            let (mut was, mut is) = (Vec::new(), Vec::new());
            if self.regrouped.binary_search(&team).is_ok() {
                (was, is) = (at_or_below(self.before, team), at_or_below(self.after, team));
            }
            let (gone, come) = (only_in(&was, &is), only_in(&is, &was));
            let lost = self.only_in_one(team, &gone, &self.lost, (self.before, self.after));
            let gained = self.only_in_one(team, &come, &self.gained, (self.after, self.before));
            // Whoever became a team, or a person, is in both.
            let (gained, lost) = (only_in(&gained, &lost), only_in(&lost, &gained));
            if !gained.is_empty() || !lost.is_empty() {
                return Some(TeamDifference { team, gained, lost });
            }
        }
    }
}

impl Difference<'_> {
    /// The team's members in the one version that are none, or none of that kind, in the other;
    /// `teams` are at or below it in the one alone.
    fn only_in_one(
        &self,
        team: TeamId,
        teams: &[TeamId],
        direct: &DirectChanges,
        (one, other): (&Snapshot, &Snapshot),
    ) -> Vec<MemberId> {
        let mut members = Vec::new();
        if self.kinds.people {
            let theirs = teams.iter().flat_map(|&below| direct_people(one, below).iter_from(0));
            members.extend(theirs.chain(direct.below(team)).map(MemberId));
            members.sort_unstable();
            members.dedup();
            members.retain(|&person| !is_person_in(other, person, team));
        }
        if self.kinds.teams {
            let below = teams.iter().filter(|&&below| below != team);
            members.extend(below.filter_map(|&below| one.member(below)));
            members.sort_unstable();
        }
        members
    }
}

fn direct_people(version: &Snapshot, team: TeamId) -> &ChunkedSet {
    const NOBODY: &ChunkedSet = &ChunkedSet::EMPTY;
    version.state().down.of(team).map_or(NOBODY, |direct| &direct.people)
}

/// The team, if it exists, and all below it, ascending.
fn at_or_below(version: &Snapshot, team: TeamId) -> Vec<TeamId> {
    let state = version.state();
    if !state.closure.exists(team) {
        return Vec::new();
    }
    let mut teams = state.closure.teams_below(state, team);
    let place = teams.partition_point(|&below| below < team);
    teams.insert(place, team);
    teams
}

fn is_person_in(version: &Snapshot, person: MemberId, team: TeamId) -> bool {
    version.state().standing(person) == Standing::Person
        && version.relation(person, team) != Relation::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Membership, NamePut, RowKey};
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};

    const BOTH: Kinds = Kinds { people: true, teams: true };

    fn member(key: i64, kind: MemberKind) -> Change {
        let (key, name) = (SourceKey::int(key), NamePut::Set(None));
        Change::MemberPut { key, kind, name, owner: None }
    }

    fn joins(row: i64, member: i64, team: i64) -> Change {
        let (member, team) = (SourceKey::int(member), SourceKey::int(team));
        Change::RowPut {
            row: RowKey { table: TableId(0), key: Key::Int(row).into() },
            states: Some(Membership { member, team, role: Role::Member }),
        }
    }

    /// People 0 to 99,999 in team 1,000,000, and that in 1,000,001.
    fn writer() -> GraphWriter {
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        for key in 0..100_000 {
            writer.apply(member(key, MemberKind::Person)).unwrap();
            writer.apply(joins(key, key, 1_000_000)).unwrap();
        }
        for key in 1_000_000..1_000_003 {
            writer.apply(member(key, MemberKind::Team)).unwrap();
        }
        writer.apply(joins(-1, 1_000_000, 1_000_001)).unwrap();
        writer.commit(Lsn(1));
        writer
    }

    #[test]
    fn one_membership_is_found_without_a_look_at_the_other_members() {
        let mut writer = writer();
        let before = Arc::clone(writer.last());
        let row = RowKey { table: TableId(0), key: Key::Int(50_000).into() };
        writer.apply(Change::RowDelete { row }).unwrap();
        let after = writer.commit(Lsn(2));
        // Of a hundred thousand members a page, of the teams one.
        let members: Vec<_> = after.state().up.unshared(&before.state().up).collect();
        assert_eq!(members.len(), 16);
        assert_eq!(after.state().down.unshared(&before.state().down).count(), 1);
        assert!(after.state().closure.regrouped_since(&before.state().closure).is_empty());
        let team = |key| after.team(after.find(&SourceKey::int(key)).unwrap()).unwrap();
        let person = after.find(&SourceKey::int(50_000)).unwrap();
        let difference: Vec<_> = after.difference(&before, BOTH).unwrap().collect();
        let lost = |team| TeamDifference { team, gained: Vec::new(), lost: vec![person] };
        assert_eq!(difference, [lost(team(1_000_000)), lost(team(1_000_001))]);
    }

    #[test]
    fn a_team_that_is_nested_brings_its_people_to_those_above_alone() {
        let mut writer = writer();
        let before = Arc::clone(writer.last());
        writer.apply(joins(-2, 1_000_001, 1_000_002)).unwrap();
        let after = writer.commit(Lsn(2));
        let difference: Vec<_> = after.difference(&before, BOTH).unwrap().collect();
        assert_eq!(difference.len(), 1);
        assert_eq!((difference[0].gained.len(), difference[0].lost.len()), (100_002, 0));
        let people = Kinds { people: true, teams: false };
        let back: Vec<_> = before.difference(&after, people).unwrap().collect();
        assert_eq!((back[0].gained.len(), back[0].lost.len()), (0, 100_000));
    }

    #[test]
    fn versions_of_two_copies_have_no_difference() {
        let (one, other) = (writer(), writer());
        assert!(one.last().difference(other.last(), BOTH).is_none());
        assert_eq!(one.last().difference(one.last(), BOTH).unwrap().count(), 0);
    }
}
