//! The oracle: what the rows mean, searched anew for every question.
//!
//! Owns the meaning of participation and administration, obviously right and slow. It shares
//! nothing with the product but the words of its documents: a row counts if its status is 2 or 3;
//! who has an owner is a team; participation is to be connected by rows that count; a team is
//! administered by its owner and by members of status 3, and by whoever participates in those.

use crate::asked::{Asked, Kinds, Listed, Relation, Who};
use crate::rows::Rows;
use std::collections::{BTreeMap, BTreeSet};

const APPROVED: i64 = 2;
const ADMIN: i64 = 3;

/// One state of the source.
pub struct Oracle {
    rows: Rows,
    names: BTreeMap<String, i64>,
    /// member → team → whether it is an admin membership.
    up: BTreeMap<i64, BTreeMap<i64, bool>>,
    down: BTreeMap<i64, BTreeSet<i64>>,
}

impl Oracle {
    pub fn new(rows: Rows) -> Self {
        let names = rows.people.iter().map(|(id, person)| (person.name.clone(), *id)).collect();
        let mut oracle = Oracle { rows, names, up: BTreeMap::default(), down: BTreeMap::default() };
        for row in oracle.rows.memberships.values() {
            let counts = row.status == APPROVED || row.status == ADMIN;
            let exist = oracle.rows.people.contains_key(&row.person) && oracle.is_team(row.team);
            if counts && exist && row.person != row.team {
                *oracle.up.entry(row.person).or_default().entry(row.team).or_default() |=
                    row.status == ADMIN;
                oracle.down.entry(row.team).or_default().insert(row.person);
            }
        }
        oracle
    }

    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    pub fn is_team(&self, id: i64) -> bool {
        self.rows.people.get(&id).is_some_and(|person| person.owner.is_some())
    }

    /// What is wrong with an answer: what it should have been. None if it is right.
    pub fn objection(&self, asked: &Asked) -> Option<String> {
        let differs = |expected: String, same: bool| (!same).then_some(expected);
        match asked {
            Asked::Check { member, team, admin, got } => {
                let expected = self.check(member, team, *admin);
                differs(format!("{expected:?}"), expected == *got)
            }
            Asked::Batch { pairs, got } => {
                let participates = |&(member, team)| {
                    self.check(&Who::Key(member), &Who::Key(team), false) != Relation::None
                };
                let expected: Vec<bool> = pairs.iter().map(participates).collect();
                differs(format!("{expected:?}"), expected == *got)
            }
            Asked::Teams { list, got } => {
                let expected = self.teams(*list);
                differs(format!("{expected:?}"), is_list_of(got, &expected))
            }
            Asked::Members { list, kinds, got } => {
                let expected = self.members(*list, *kinds);
                differs(format!("{expected:?}"), is_list_of(got, &expected))
            }
            Asked::Count { list, kinds, got } => {
                let expected = self.members(*list, *kinds);
                differs(format!("{expected:?}"), u64::try_from(expected.len()) == Ok(*got))
            }
            Asked::Directory { keys, got } => {
                let entry = |key: &i64| {
                    let person = self.rows.people.get(key)?;
                    Some((person.name.clone(), person.owner.is_some()))
                };
                let expected: Vec<_> = keys.iter().map(entry).collect();
                differs(format!("{expected:?}"), expected == *got)
            }
            Asked::Sizes { got } => {
                let expected = self.sizes();
                differs(format!("{expected:?}"), expected == *got)
            }
        }
    }

    fn key(&self, who: &Who) -> Option<i64> {
        match who {
            Who::Key(key) => Some(*key),
            Who::Name(name) => self.names.get(name).copied(),
        }
    }

    fn check(&self, member: &Who, team: &Who, admin: bool) -> Relation {
        let (Some(member), Some(team)) = (self.key(member), self.key(team)) else {
            return Relation::None;
        };
        if admin {
            return self.administration(member, team);
        }
        if member == team && self.rows.people.contains_key(&member) {
            Relation::Itself
        } else if self.direct(member).contains(&team) {
            Relation::Direct
        } else if self.above(member).contains(&team) {
            Relation::Indirect
        } else {
            Relation::None
        }
    }

    fn administration(&self, member: i64, team: i64) -> Relation {
        if !self.rows.people.contains_key(&member) || !self.is_team(team) {
            return Relation::None;
        }
        let holders = self.holders(team);
        if holders.contains(&member) {
            Relation::Direct
        } else if self.above(member).iter().any(|above| holders.contains(above)) {
            Relation::Indirect
        } else {
            Relation::None
        }
    }

    /// The owner, and the members of status 3.
    fn holders(&self, team: i64) -> BTreeSet<i64> {
        let admins = self.down.get(&team).into_iter().flatten().copied();
        let mut holders: BTreeSet<i64> = admins.filter(|member| self.up[member][&team]).collect();
        let owner = self.rows.people.get(&team).and_then(|person| person.owner);
        holders.extend(owner.filter(|owner| self.rows.people.contains_key(owner)));
        holders
    }

    fn direct(&self, member: i64) -> BTreeSet<i64> {
        self.up.get(&member).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Everything that the member participates in, itself excluded.
    fn above(&self, member: i64) -> BTreeSet<i64> {
        let mut found = BTreeSet::new();
        let mut open: Vec<i64> = self.direct(member).into_iter().collect();
        while let Some(team) = open.pop() {
            if found.insert(team) {
                open.extend(self.direct(team));
            }
        }
        found.remove(&member);
        found
    }

    fn teams(&self, list: Listed) -> BTreeSet<i64> {
        if !list.admin {
            return if list.direct { self.direct(list.of) } else { self.above(list.of) };
        }
        let teams = self.rows.people.keys().filter(|id| self.is_team(**id));
        teams.copied().filter(|team| self.is_within(list, list.of, *team)).collect()
    }

    fn members(&self, list: Listed, kinds: Kinds) -> BTreeSet<i64> {
        let wanted = |id: &i64| match kinds {
            Kinds::Both => true,
            Kinds::Teams => self.is_team(*id),
            Kinds::People => !self.is_team(*id),
        };
        let members = self.rows.people.keys().copied().filter(wanted);
        members.filter(|member| self.is_within(list, *member, list.of)).collect()
    }

    fn is_within(&self, list: Listed, member: i64, team: i64) -> bool {
        match self.check(&Who::Key(member), &Who::Key(team), list.admin) {
            Relation::Direct => true,
            Relation::Indirect => !list.direct,
            Relation::None | Relation::Itself => false,
        }
    }

    fn sizes(&self) -> [u64; 4] {
        let teams = self.rows.people.keys().filter(|id| self.is_team(**id)).count();
        let active = self.rows.memberships.values();
        let active = active.filter(|row| row.status == APPROVED || row.status == ADMIN);
        let stated: Vec<_> = active.map(|row| (row.person, row.team)).collect();
        let edges: BTreeSet<_> = stated.iter().collect();
        [self.rows.people.len() - teams, teams, edges.len(), stated.len()]
            .map(|count| u64::try_from(count).unwrap())
    }
}

/// Whether these are listed, each once.
fn is_list_of(got: &[i64], expected: &BTreeSet<i64>) -> bool {
    got.len() == expected.len() && got.iter().all(|id| expected.contains(id))
}
