//! What a version holds as stated, whether or not it counts: for who compares it with its source.
//!
//! Owns the raw edges and the owners, from either end. Questions are answered elsewhere, from what
//! counts. It must not know who compares.

use super::Snapshot;
use crate::id::{MemberId, MemberKind, Role};

impl Snapshot {
    /// How many members have a number: those that exist and those that rows merely name, now or in
    /// the past of this copy.
    pub fn number_count(&self) -> u32 {
        self.state().numbers.member_count()
    }

    /// The direct memberships that rows state of the member, as the member's side has them; neither
    /// end need exist, and the upper one need not be a team.
    pub fn stated_teams(&self, member: MemberId) -> impl Iterator<Item = (MemberId, Role)> {
        let state = self.state();
        let edges = state.up.of(member).iter();
        edges.filter_map(|edge| Some((state.numbers.member(edge.team())?, edge.role())))
    }

    /// The direct memberships that rows state in the team, as the team's side has them; neither end
    /// need exist, and the upper one need not be a team. With each, what the team's side takes it
    /// for; none for one that does not exist.
    pub fn stated_members(
        &self,
        team: MemberId,
    ) -> impl Iterator<Item = (MemberId, Option<MemberKind>)> {
        let state = self.state();
        let team = state.numbers.team(team);
        let direct = team.and_then(|team| state.down.of(team));
        let people = direct.into_iter().flat_map(|direct| direct.people.iter_from(0));
        let absent = direct.into_iter().flat_map(|direct| direct.absent.iter_from(0));
        let teams = team.into_iter().flat_map(|team| state.down.teams_of(team));
        let teams = teams.filter_map(|team| state.numbers.member(team));
        let people = people.map(|member| (MemberId(member), Some(MemberKind::Person)));
        let teams = teams.map(|team| (team, Some(MemberKind::Team)));
        people.chain(absent.map(|member| (MemberId(member), None))).chain(teams)
    }

    /// The members that the team's side takes for its admins, whether or not they exist.
    pub fn stated_admins(&self, team: MemberId) -> impl Iterator<Item = MemberId> {
        let state = self.state();
        let direct = state.numbers.team(team).and_then(|team| state.down.of(team));
        direct.into_iter().flat_map(|direct| direct.admins.iter_from(0)).map(MemberId)
    }

    /// The owner that the member's row names, whether or not it exists.
    pub fn stated_owner(&self, member: MemberId) -> Option<MemberId> {
        self.state().owner(member)
    }

    /// The teams that the owner's side takes for its own, ascending by their numbers as teams.
    pub fn stated_owned(&self, owner: MemberId) -> impl Iterator<Item = MemberId> {
        let state = self.state();
        state.owned.of(owner).filter_map(|team| state.numbers.member(team))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Membership, NamePut, RowKey};
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::{History, Key, Lsn, SourceKey, TableId};

    /// Person 1 is in team 2, in person 3 and in nobody 4; nobody 5 is in team 2; team 2 is in itself
    /// and owned by nobody 5.
    #[test]
    fn what_does_not_count_is_told_from_both_ends() {
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        for (key, kind, owner) in [
            (1, MemberKind::Person, None),
            (3, MemberKind::Person, None),
            (2, MemberKind::Team, Some(5)),
        ] {
            let (key, owner) = (SourceKey::int(key), owner.map(SourceKey::int));
            let name = NamePut::Set(None);
            writer.apply(Change::MemberPut { key, kind, name, owner }).unwrap();
        }
        for (row, (member, team, role)) in (0..).zip([
            (1, 2, Role::Admin),
            (1, 3, Role::Member),
            (1, 4, Role::Member),
            (5, 2, Role::Member),
            (2, 2, Role::Member),
        ]) {
            let (member, team) = (SourceKey::int(member), SourceKey::int(team));
            let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
            let states = Some(Membership { member, team, role });
            writer.apply(Change::RowPut { row, states }).unwrap();
        }
        let version = writer.commit(Lsn(8));
        let numbers = || (0..version.number_count()).map(MemberId);
        let number =
            |key: i64| numbers().find(|&it| version.key(it) == Some(SourceKey::int(key))).unwrap();
        assert_eq!(version.number_count(), 5);
        let key = |member| match version.key(member).unwrap().key {
            Key::Int(key) => key,
            other => panic!("{other:?}"),
        };
        let mut up: Vec<_> = version.stated_teams(number(1)).map(|(t, r)| (key(t), r)).collect();
        up.sort_unstable();
        assert_eq!(up, [(2, Role::Admin), (3, Role::Member), (4, Role::Member)]);
        let down = |team: i64| {
            let members = version.stated_members(number(team));
            let mut down: Vec<_> = members.map(|(member, kind)| (key(member), kind)).collect();
            down.sort_unstable();
            down
        };
        let person = (1, Some(MemberKind::Person));
        assert_eq!(down(2), [person, (2, Some(MemberKind::Team)), (5, None)]);
        assert_eq!((down(3), down(4), down(1)), (vec![person], vec![person], vec![]));
        let admins = |team: i64| version.stated_admins(number(team)).map(key).collect::<Vec<_>>();
        assert_eq!((admins(2), admins(3), admins(1)), (vec![1], vec![], vec![]));
        assert_eq!(version.stated_owner(number(2)).map(key), Some(5));
        let owned = |owner: i64| version.stated_owned(number(owner)).map(key).collect::<Vec<_>>();
        assert_eq!((owned(5), owned(1)), (vec![2], vec![]));
    }
}
