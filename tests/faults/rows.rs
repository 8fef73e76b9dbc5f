//! What the source's two tables hold, and the changes of one transaction to it.
//!
//! Owns plain maps of rows by their primary keys. It knows the built-in schema's columns and
//! nothing of what they mean for participation.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub owner: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub person: i64,
    pub team: i64,
    pub status: i64,
}

/// One row's change. A row whose key changes is a deletion and a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    PersonPut(i64, Person),
    PersonDelete(i64),
    PeopleTruncate,
    MembershipPut(i64, Membership),
    MembershipDelete(i64),
    MembershipsTruncate,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub people: BTreeMap<i64, Person>,
    pub memberships: BTreeMap<i64, Membership>,
}

impl Rows {
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::PersonPut(id, person) => {
                self.people.insert(*id, person.clone());
            }
            Change::PersonDelete(id) => {
                self.people.remove(id);
            }
            Change::PeopleTruncate => self.people.clear(),
            Change::MembershipPut(id, membership) => {
                self.memberships.insert(*id, *membership);
            }
            Change::MembershipDelete(id) => {
                self.memberships.remove(id);
            }
            Change::MembershipsTruncate => self.memberships.clear(),
        }
    }
}
