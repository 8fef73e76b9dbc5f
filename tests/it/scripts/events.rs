//! What a script comes to: a plain sequence of changes, commits and aborts.
//!
//! Owns the meaning of each [`Op`], which may depend on what the tables hold when it comes, and
//! the printed form of a script, which is the syntax of `tests/cases`.

use super::generate::{End, Op, Row, Script};
use super::universe::{NODES, ROWS, Universe, name};
use crate::conformance::syntax::change_text;
use crate::oracle::Rows;
use std::fmt::Write;
use std::sync::Arc;
use teamgraph::change::{Change, Membership, NamePut};
use teamgraph::id::{KeySpace, MemberKind, Role, SourceKey, TableId};

/// One thing that reaches the graph.
#[derive(Clone, Debug)]
pub enum Event {
    Change(Change),
    Commit,
    Abort,
}

impl Script {
    /// The events, found by carrying the tables along.
    pub fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut committed = Rows::default();
        for transaction in &self.transactions {
            let mut tables =
                Tables { universe: self.universe, rows: committed.clone(), changes: Vec::new() };
            for op in &transaction.ops {
                tables.perform(op);
            }
            let whole = tables.changes.iter().cloned().map(Event::Change);
            let mut commits = true;
            if let End::Cut { at, sent_again } = &transaction.end {
                let cut = at.index(tables.changes.len() + 1);
                events.extend(whole.clone().take(cut).chain([Event::Abort]));
                commits = *sent_again;
            }
            if commits {
                events.extend(whole);
                committed = tables.rows;
            }
            // After a transaction that never happened, an empty one shows the working version.
            events.push(Event::Commit);
        }
        events
    }

    /// The script as a case, to be run again from `tests/cases`.
    pub fn text(&self) -> String {
        let mut text = "case found by a random script\n".to_owned();
        if let Some(pairs) = self.closure_pairs_max {
            writeln!(text, "closure-pairs-max {pairs}").unwrap();
        }
        for event in self.events() {
            match event {
                Event::Change(change) => writeln!(text, "{}", change_text(&change)),
                Event::Commit => writeln!(text, "commit"),
                Event::Abort => writeln!(text, "abort"),
            }
            .unwrap();
        }
        text
    }
}

/// The tables while one transaction changes them.
struct Tables {
    universe: Universe,
    rows: Rows,
    changes: Vec<Change>,
}

impl Tables {
    fn change(&mut self, change: Change) {
        self.rows.apply(&change);
        self.changes.push(change);
    }

    fn perform(&mut self, op: &Op) {
        match *op {
            Op::Put { .. }
            | Op::Convert(_)
            | Op::Rename(..)
            | Op::SwapNames(..)
            | Op::Delete(_)
            | Op::TruncateMembers(_) => self.perform_on_members(op),
            Op::State { row, member, team, admin } => {
                self.state(row, member, team, if admin { Role::Admin } else { Role::Member });
            }
            Op::Deactivate((table, row)) => {
                self.change(Change::RowPut { row: self.universe.row(table, row), states: None });
            }
            Op::DeleteRow((table, row)) => {
                self.change(Change::RowDelete { row: self.universe.row(table, row) });
            }
            Op::MoveMember(row, to) => {
                let to = self.universe.key(to);
                self.update(row, row, |it| it.member = to);
            }
            Op::MoveTeam(row, to) => {
                let to = self.universe.key(to);
                self.update(row, row, |it| it.team = to);
            }
            Op::FlipRole(row) => self.update(row, row, |it| {
                it.role = if it.role == Role::Admin { Role::Member } else { Role::Admin };
            }),
            Op::Repeat(row) => self.update(row, row, |_| {}),
            Op::CopyRow(from, to) => self.update(from, to, |_| {}),
            Op::MergePeople(from, to) => self.merge(from, to),
            Op::DeactivateAllOf(team) => self.deactivate_all(team),
            Op::Pad(teams) => self.pad(teams),
            Op::TruncateRows(table) => {
                self.change(Change::RowsTruncate { table: TableId(u16::from(table)) });
            }
            Op::Chain { row, start, step, length, closed } => {
                let at = |place: u8| (start + place * step) % NODES;
                for place in 0..length.saturating_sub(u8::from(!closed)) {
                    let next = if place + 1 == length { 0 } else { place + 1 };
                    self.state(below(row, place), at(place), at(next), Role::Member);
                }
            }
            Op::Diamond { row, start, step } => {
                let at = |place: u8| (start + place * step) % NODES;
                for (place, (member, team)) in
                    [(0, 1), (0, 2), (1, 3), (2, 3)].into_iter().enumerate()
                {
                    let place = u8::try_from(place).unwrap();
                    self.state(below(row, place), at(member), at(team), Role::Member);
                }
            }
        }
    }

    fn perform_on_members(&mut self, op: &Op) {
        match *op {
            Op::Put { node, team, name: choice, owner } => {
                let kind = if team { MemberKind::Team } else { MemberKind::Person };
                let name = choice.map_or(NamePut::Keep, |choice| NamePut::Set(name(choice)));
                let owner = owner.map(|owner| self.universe.key(owner));
                self.change(Change::MemberPut { key: self.universe.key(node), kind, name, owner });
            }
            Op::Convert(node) => {
                let kind = match self.rows.members.get(&self.universe.key(node)).map(|row| row.kind)
                {
                    Some(MemberKind::Team) => MemberKind::Person,
                    Some(MemberKind::Person) | None => MemberKind::Team,
                };
                self.put_again(&self.universe.key(node), kind, NamePut::Keep);
            }
            Op::Rename(node, choice) => self.rename(&self.universe.key(node), name(choice)),
            Op::SwapNames(a, b) => {
                let (a, b) = (self.universe.key(a), self.universe.key(b));
                let name_of = |key| self.rows.members.get(key).and_then(|row| row.name.clone());
                let (name_of_a, name_of_b) = (name_of(&a), name_of(&b));
                self.rename(&a, name_of_b);
                self.rename(&b, name_of_a);
            }
            Op::Delete(node) => self.change(Change::MemberDelete { key: self.universe.key(node) }),
            Op::TruncateMembers(space) => {
                self.change(Change::MembersTruncate { space: KeySpace(u16::from(space)) });
            }
            _ => unreachable!("an op on memberships: {op:?}"),
        }
    }

    fn state(&mut self, (table, row): Row, member: u8, team: u8, role: Role) {
        let (member, team) = (self.universe.key(member), self.universe.key(team));
        let states = Some(Membership { member, team, role });
        self.change(Change::RowPut { row: self.universe.row(table, row), states });
    }

    /// Puts what one row states, changed, into another (or the same); nothing if it is not active.
    fn update(&mut self, from: Row, to: Row, edit: impl FnOnce(&mut Membership)) {
        let held = self.rows.memberships.get(&self.universe.row(from.0, from.1));
        if let Some(mut states) = held.cloned() {
            edit(&mut states);
            let row = self.universe.row(to.0, to.1);
            self.change(Change::RowPut { row, states: Some(states) });
        }
    }

    fn put_again(&mut self, key: &SourceKey, kind: MemberKind, name: NamePut) {
        let owner = self.rows.members.get(key).and_then(|row| row.owner.clone());
        self.change(Change::MemberPut { key: key.clone(), kind, name, owner });
    }

    /// Renames a member that exists.
    fn rename(&mut self, key: &SourceKey, name: Option<Arc<str>>) {
        if let Some(kind) = self.rows.members.get(key).map(|row| row.kind) {
            self.put_again(key, kind, NamePut::Set(name));
        }
    }

    /// As a merge of two accounts does: rows move, the merged member goes.
    fn merge(&mut self, from: u8, to: u8) {
        let (from, to) = (self.universe.key(from), self.universe.key(to));
        for (row, mut states) in self.rows.memberships.clone() {
            if states.member == from {
                states.member = to.clone();
                self.change(Change::RowPut { row, states: Some(states) });
            }
        }
        self.change(Change::MemberDelete { key: from });
    }

    fn pad(&mut self, teams: u8) {
        for team in 0..teams {
            let key = SourceKey::int(1_000 + i64::from(team));
            let (kind, name) = (MemberKind::Team, NamePut::Set(None));
            self.change(Change::MemberPut { key: key.clone(), kind, name, owner: None });
            self.change(Change::MemberDelete { key });
        }
    }

    fn deactivate_all(&mut self, team: u8) {
        let team = self.universe.key(team);
        for (row, states) in self.rows.memberships.clone() {
            if states.team == team {
                self.change(Change::RowPut { row, states: None });
            }
        }
    }
}

/// The row `places` after this one in its table, around its end.
fn below((table, row): Row, places: u8) -> Row {
    (table, (row + places) % ROWS)
}
