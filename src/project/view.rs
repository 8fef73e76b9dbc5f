//! A version as the rows that it comes to.
//!
//! Owns the filter's application, the keys' way into the columns, and the order of rows: by team,
//! then by person, as the table's unique index has them. It must not know where rows go.
//!
//! In memory at any time: the keys of all that can stand in the team column, and of the members of
//! one team.

use super::error::ProjectError;
use super::options::Filter;
use super::table::{Column, Table};
use crate::graph::{Kinds, Scope, Snapshot};
use crate::id::{Key, KeySpace, MemberId, TeamId};

const TEAMS: Kinds = Kinds { people: false, teams: true };
const ALL: Kinds = Kinds { people: true, teams: true };

/// The one key space that the keys of each column come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spaces {
    team: KeySpace,
    person: KeySpace,
}

impl Spaces {
    /// Those of the version; an error if two members could have one row.
    pub(super) fn of(snapshot: &Snapshot, filter: &Filter) -> Result<Self, ProjectError> {
        let mixed = |one, other, fix| ProjectError::KeySpaces { one, other, fix };
        let people_only = "--project-people-only";
        let team = only_space(snapshot, TEAMS)
            .ok_or_else(|| mixed("some teams", "others", "--project-teams for each table"))?;
        let person = only_space(snapshot, filter.kinds()).ok_or_else(|| {
            if filter.people_only {
                mixed("some people", "others", "one table of people to the mapping")
            } else {
                mixed("people", "teams", people_only)
            }
        })?;
        let spaces = Spaces {
            team: team.or(person).unwrap_or_default(),
            person: person.or(team).unwrap_or_default(),
        };
        if filter.self_rows && spaces.team != spaces.person {
            return Err(mixed("people", "teams", "--project-no-self-rows"));
        }
        Ok(spaces)
    }
}

/// The key space of all such members, if there are any; none if there are several.
fn only_space(snapshot: &Snapshot, kinds: Kinds) -> Option<Option<KeySpace>> {
    let spaces = snapshot.members(kinds).filter_map(|member| snapshot.key(member));
    let mut spaces = spaces.map(|key| key.space);
    let first = spaces.next();
    spaces.all(|space| Some(space) == first).then_some(first)
}

/// A version, as it is to be in a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) filter: &'a Filter,
    pub(super) table: &'a Table,
    pub(super) spaces: Spaces,
}

impl View<'_> {
    /// Some key of each column; integers where there is none yet.
    pub(super) fn first_keys(snapshot: &Snapshot, filter: &Filter) -> (Key, Key) {
        let first = |kinds| {
            let member = snapshot.members(kinds).next().and_then(|member| snapshot.key(member));
            member.map(|member| member.key)
        };
        let (team, person) = (first(TEAMS), first(filter.kinds()));
        let either = team.clone().or_else(|| person.clone()).unwrap_or(Key::Int(0));
        (team.unwrap_or_else(|| either.clone()), person.unwrap_or(either))
    }

    /// What stands in the team column for the member.
    pub(super) fn team_key(&self, member: MemberId) -> Result<Key, ProjectError> {
        self.key(member, &self.table.team, self.spaces.team)
    }

    /// What stands in the person column for the member.
    pub(super) fn person_key(&self, member: MemberId) -> Result<Key, ProjectError> {
        self.key(member, &self.table.person, self.spaces.person)
    }

    /// What stands in the team column for the team; `None` if it is filtered out.
    pub(super) fn wanted(&self, team: TeamId) -> Result<Option<Key>, ProjectError> {
        let Some(member) = self.snapshot.member(team) else { return Ok(None) };
        Ok(Some(self.team_key(member)?).filter(|key| self.filter.has_team(key)))
    }

    fn key(&self, member: MemberId, column: &Column, space: KeySpace) -> Result<Key, ProjectError> {
        // Every number that the version's own lists have has a key.
        let Some(key) = self.snapshot.key(member).filter(|key| key.space == space) else {
            let (one, other) = ("some members", "others");
            return Err(ProjectError::KeySpaces { one, other, fix: "--project-people-only" });
        };
        self.table.check_key(column, &key.key)?;
        Ok(key.key)
    }
}

/// All rows with one key in the team column.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) team: Key,
    /// Ascending.
    pub(super) people: Vec<Key>,
}

/// The rows of a version, by team and then by person.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    view: View<'a>,
    heads: std::vec::IntoIter<(Key, MemberId)>,
}

impl<'a> View<'a> {
    /// The rows, in order; each group is made when it is asked for, and none is empty.
    pub(super) fn groups(self) -> Result<Groups<'a>, ProjectError> {
        let heads = self.snapshot.members(if self.filter.self_rows { ALL } else { TEAMS });
        let heads = heads.map(|member| self.team_key(member).map(|key| (key, member)));
        let mut heads: Vec<_> = heads.collect::<Result<_, ProjectError>>()?;
        heads.retain(|(key, _)| self.filter.has_team(key));
        heads.sort_unstable();
        Ok(Groups { view: self, heads: heads.into_iter() })
    }
}

impl Groups<'_> {
    fn group(&self, team: Key, head: MemberId) -> Result<Group, ProjectError> {
        let View { snapshot, filter, .. } = self.view;
        let kinds = filter.kinds();
        let mut members = Vec::new();
        if let Some(team) = snapshot.team(head) {
            members = snapshot.member_list(team, Scope::All, kinds).page(None, usize::MAX).members;
        }
        let is_of_kinds = snapshot.team(head).is_none() || kinds.teams;
        members.extend((filter.self_rows && is_of_kinds).then_some(head));
        let people = members.into_iter().map(|member| self.view.person_key(member));
        let mut people: Vec<Key> = people.collect::<Result<_, _>>()?;
        people.sort_unstable();
        Ok(Group { team, people })
    }
}

impl Iterator for Groups<'_> {
    type Item = Result<Group, ProjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (team, head) = self.heads.next()?;
            match self.group(team, head) {
                Ok(group) if group.people.is_empty() => {}
                made => return Some(made),
            }
        }
    }
}

/// Row after row of a version's groups.
#[derive(Debug)]
pub(super) struct Pairs<'a> {
    groups: Groups<'a>,
    team: Option<Key>,
    people: std::vec::IntoIter<Key>,
}

impl<'a> From<Groups<'a>> for Pairs<'a> {
    fn from(groups: Groups<'a>) -> Self {
        Pairs { groups, team: None, people: Vec::new().into_iter() }
    }
}

impl Iterator for Pairs<'_> {
    /// The keys of team and person.
    type Item = Result<(Key, Key), ProjectError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (Some(team), Some(person)) = (&self.team, self.people.next()) {
                return Some(Ok((team.clone(), person)));
            }
            match self.groups.next()? {
                Ok(Group { team, people }) => {
                    self.team = Some(team);
                    self.people = people.into_iter();
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Membership, NamePut, RowKey};
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::{History, Lsn, MemberKind, Role, SourceKey, TableId};
    use std::collections::BTreeSet;
    use tokio_postgres::types::Type;

    fn table() -> Table {
        let column = |name: &str| Column { name: name.into(), of_type: Type::INT4 };
        Table {
            oid: None,
            schema: "public".into(),
            name: "teamparticipation".into(),
            team: column("team"),
            person: column("person"),
        }
    }

    /// Teams 9 and 10, each in the other; person 2 in 9; person 1 in nothing.
    fn snapshot(space: u16) -> std::sync::Arc<Snapshot> {
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        let key = |key: i64| SourceKey {
            space: KeySpace(if key < 9 { space } else { 0 }),
            key: Key::Int(key),
        };
        for member in [10, 1, 2, 9] {
            let kind = if member < 9 { MemberKind::Person } else { MemberKind::Team };
            let put =
                Change::MemberPut { key: key(member), kind, name: NamePut::Set(None), owner: None };
            writer.apply(put).unwrap();
        }
        for (row, (member, team)) in (1..).zip([(9, 10), (10, 9), (2, 9)]) {
            let states = Membership { member: key(member), team: key(team), role: Role::Member };
            let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
            writer.apply(Change::RowPut { row, states: Some(states) }).unwrap();
        }
        writer.commit(Lsn(1))
    }

    fn rows(snapshot: &Snapshot, filter: &Filter) -> Vec<(i64, i64)> {
        let spaces = Spaces::of(snapshot, filter).unwrap();
        let table = table();
        let view = View { snapshot, filter, table: &table, spaces };
        let pairs = Pairs::from(view.groups().unwrap()).map(Result::unwrap);
        let int = |key| match key {
            Key::Int(key) => key,
            Key::Uuid(_) | Key::Text(_) => panic!("{key:?}"),
        };
        pairs.map(|(team, person)| (int(team), int(person))).collect()
    }

    #[test]
    fn rows_are_in_order_and_as_the_filter_asks() {
        let snapshot = snapshot(0);
        let people = [(9, 2), (10, 2)];
        let filter = |people_only, self_rows| Filter { people_only, self_rows, teams: None };
        assert_eq!(rows(&snapshot, &filter(true, false)), people);
        assert_eq!(
            rows(&snapshot, &filter(true, true)),
            [(1, 1), (2, 2), (9, 2), (10, 2)],
            "people have a row in themselves"
        );
        assert_eq!(
            rows(&snapshot, &filter(false, false)),
            [(9, 2), (9, 10), (10, 2), (10, 9)],
            "also on a cycle"
        );
        let all = [(1, 1), (2, 2), (9, 2), (9, 9), (9, 10), (10, 2), (10, 9), (10, 10)];
        assert_eq!(rows(&snapshot, &Filter::default()), all);
        let teams = Some(BTreeSet::from(["9".to_owned(), "1".to_owned()]));
        let some = Filter { teams, ..Filter::default() };
        assert_eq!(rows(&snapshot, &some), [(1, 1), (9, 2), (9, 9), (9, 10)]);
    }

    #[test]
    fn members_of_two_tables_have_rows_only_where_those_mean_one_thing() {
        let snapshot = snapshot(1);
        let filter = |people_only, self_rows| Filter { people_only, self_rows, teams: None };
        let refused = |filter: &Filter| Spaces::of(&snapshot, filter).unwrap_err().to_string();
        assert!(refused(&filter(false, false)).ends_with("add --project-people-only"));
        assert!(refused(&filter(true, true)).ends_with("add --project-no-self-rows"));
        assert_eq!(rows(&snapshot, &filter(true, false)), [(9, 2), (10, 2)]);
    }

    #[test]
    fn a_key_that_does_not_fit_is_told_with_a_type_that_does() {
        let mut table = table();
        table.person.of_type = Type::UUID;
        let (snapshot, filter) = (snapshot(0), Filter::default());
        let view =
            View { snapshot: &snapshot, filter: &filter, table: &table, spaces: Spaces::default() };
        let error = Pairs::from(view.groups().unwrap()).find_map(Result::err).unwrap();
        assert!(error.to_string().ends_with("\"person\" TYPE bigint"), "{error}");
    }
}
