//! The one writer: applies changes to a working version and makes it a version at commit.
//!
//! Owns the working version, the rows map and the way back to the last commit. It must not know
//! readers, nor when versions are published or dropped.
//!
//! Changes go into the working version as they arrive: a transaction needs no buffer beside a note
//! for each row that it changes, to go back by. The closure alone waits for the commit, which tells
//! it what the transaction did net: see [`super::delta`]. Of a copy, all edges and the index of names
//! wait for its end: see [`super::bulk`].

use super::GraphFull;
use super::adjacency::Standing;
use super::closure::TeamEdges;
use super::delta::Touched;
use super::digest::{self, Weight};
use super::image::Image;
use super::names::{NameIndex, NameKeeper};
use super::numbers::KeyIndex;
use super::rows::{Edge, Rows, StatedRow};
use super::snapshot::{Shared, Snapshot};
use super::state::{State, all_names};
use crate::change::{Change, Membership, NamePut, RowKey};
use crate::id::{History, KeySpace, Lsn, MemberId, MemberKind, Role, SourceKey, TableId, Version};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// Limits of one graph.
#[derive(Clone, Copy, Debug)]
pub struct GraphLimits {
    /// The most pairs of components that the closure may hold before questions are searched
    /// instead.
    pub closure_pairs_max: u64,
}

impl Default for GraphLimits {
    fn default() -> Self {
        // A pair costs 4 bytes at most: a quarter of a gigabyte, and a chain of 11,000 teams fits.
        GraphLimits { closure_pairs_max: 64_000_000 }
    }
}

/// Below this many versions nobody looks for dead ones in the middle: they take 0.5 MB.
const LIVING_MIN: usize = 1_024;

/// Builds versions: one per transaction.
#[derive(Debug)]
pub struct GraphWriter {
    limits: GraphLimits,
    working: State,
    base: Arc<Snapshot>,
    rows: Rows,
    names: NameKeeper,
    touched: Touched,
    /// The versions that may still be alive, oldest first.
    living: VecDeque<(u64, Weak<Snapshot>)>,
    /// How many of them were alive when all were last looked at.
    alive: usize,
}

impl GraphWriter {
    /// An empty graph for fresh copy number `copy` of a source.
    pub fn new(copy: u64, history: History, limits: GraphLimits) -> Self {
        let shared =
            Arc::new(Shared { copy, keys: KeyIndex::default(), names: NameIndex::default() });
        let version = Version { history, ..Version::default() };
        let base = Arc::new(Snapshot::new(shared, version, 0, State::default()));
        GraphWriter {
            limits,
            working: State::default(),
            base,
            rows: Rows::default(),
            names: NameKeeper::default(),
            touched: Touched::default(),
            living: VecDeque::new(),
            alive: 0,
        }
    }

    /// Applies one change to the working version.
    ///
    /// # Errors
    /// [`GraphFull`] when there is no number left for another member; nothing is changed then.
    pub fn apply(&mut self, change: Change) -> Result<(), GraphFull> {
        match change {
            Change::MemberPut { key, kind, name, owner } => self.put_member(key, kind, name, owner),
            Change::MemberDelete { key } => {
                if let Some(member) = self.base.shared().keys.get(&key) {
                    self.delete_member(member);
                }
                Ok(())
            }
            Change::MembersTruncate { space } => {
                self.truncate_members(space);
                Ok(())
            }
            Change::RowPut { row, states } => self.put_row(&row, states),
            Change::RowDelete { row } => self.put_row(&row, None),
            Change::RowsTruncate { table } => self.truncate_rows(table),
        }
    }

    /// Makes the working version a version: the source's state after the transaction (or copy)
    /// that ends at `end_lsn`.
    pub fn commit(&mut self, end_lsn: Lsn) -> Arc<Snapshot> {
        if self.is_copy() {
            // The names alone: pages that a clone shares would be copied when edges come to them.
            let (names, members) =
                (self.working.names.clone(), self.working.numbers.member_count());
            let index = &self.base.shared().names;
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| index.add_all(all_names(&names, members)));
                self.working.build_edges(&mut self.rows);
            });
        }
        self.update_closure();
        self.rows.commit();
        self.working.counts.rows = self.rows.len();
        self.working.counts.rows_bytes = self.rows.bytes();
        let version = Version { end_lsn, ..self.base.version() };
        let sequence = self.base.sequence() + 1;
        let shared = Arc::clone(self.base.shared());
        let snapshot = Arc::new(Snapshot::new(shared, version, sequence, self.working.clone()));
        self.base = Arc::clone(&snapshot);
        self.living.push_back((sequence, Arc::downgrade(&snapshot)));
        self.settle_names();
        snapshot
    }

    /// Drops the working version: everything since the last commit never happened.
    pub fn abort(&mut self) {
        // Numbers that were handed out keep their meaning; they name nothing that exists.
        let numbers = std::mem::take(&mut self.working.numbers);
        self.working = State { numbers, ..self.base.state().clone() };
        if self.is_copy() {
            self.rows = Rows::default();
        }
        #[cfg(feature = "sabotage")]
        if crate::sabotage::keeps_rows() {
            self.rows.commit();
        }
        self.rows.abort();
        self.touched.clear();
        self.settle_names();
    }

    /// The last version made; an empty one before the first commit.
    pub const fn last(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// The content of the last version, to be kept elsewhere; a few pointers are copied. Call it
    /// between transactions.
    pub fn image(&self) -> Image {
        Image::new(Arc::clone(&self.base), self.rows.image())
    }

    /// Whether the changes since the last commit are those of a copy: then rows alone are noted,
    /// and the edges are made of all of them at its end.
    fn is_copy(&self) -> bool {
        self.base.sequence() == 0
    }

    /// Checks every invariant of the last version by recomputation; the first breach, in words.
    ///
    /// # Errors
    /// What does not hold. Call it between transactions.
    pub fn validate(&self) -> Result<(), String> {
        super::validate::validate(&self.working, &self.rows)
    }

    fn update_closure(&mut self) {
        let delta = if self.is_copy() {
            self.touched.clear();
            None
        } else {
            Some(self.touched.take_delta(self.base.state(), &self.working))
        };
        let mut closure = std::mem::take(&mut self.working.closure);
        let pairs_max = self.limits.closure_pairs_max;
        if let Some(delta) = &delta {
            let edges = self.working.counts.team_edges;
            closure.update(&self.working, delta, edges, pairs_max);
            let added = super::pages::count(delta.added.len());
            let removed = super::pages::count(delta.removed.len());
            self.working.counts.team_edges = edges + added - removed;
        } else {
            closure.rebuild(&self.working, pairs_max);
            self.working.counts.team_edges = self.working.count_team_edges();
        }
        self.working.closure = closure;
    }

    fn settle_names(&mut self) {
        let index = &self.base.shared().names;
        let working = &self.working;
        self.names.settle(index, self.base.sequence(), |name, member| {
            working.name(member).is_some_and(|held| **held == *name)
        });
        self.forget_dead_versions();
        let oldest = self.living.front().map_or(self.base.sequence(), |&(sequence, _)| sequence);
        self.names.forget_before(&self.base.shared().names, oldest);
    }

    /// Versions die in order, mostly; behind one that a reader holds for long they are looked for
    /// when the list has doubled, so that it stays in proportion to the living.
    fn forget_dead_versions(&mut self) {
        while self.living.front().is_some_and(|(_, version)| version.strong_count() == 0) {
            self.living.pop_front();
        }
        if self.living.len() > 2 * self.alive + LIVING_MIN {
            self.living.retain(|(_, version)| version.strong_count() > 0);
            self.alive = self.living.len();
        }
    }

    fn intern(&mut self, key: SourceKey) -> Result<MemberId, GraphFull> {
        self.working.numbers.intern(&self.base.shared().keys, key)
    }

    fn put_member(
        &mut self,
        key: SourceKey,
        kind: MemberKind,
        name: NamePut,
        owner: Option<SourceKey>,
    ) -> Result<(), GraphFull> {
        let (lower, owner_key) = (digest::lower(&key), owner.clone());
        let owner = owner.map(|owner| self.intern(owner)).transpose()?;
        let member = self.intern(key)?;
        let before = self.working.said_weight(member);
        let named = match &name {
            NamePut::Set(name) => name.as_deref(),
            NamePut::Keep => self.working.name(member).map(|name| &**name),
        };
        let after = digest::said(kind, named, owner_key.as_ref());
        self.working.sums.change_said(lower, before, after);
        self.set_standing(
            member,
            match kind {
                MemberKind::Person => Standing::Person,
                MemberKind::Team => Standing::Team,
            },
        );
        self.set_owner(member, owner);
        // Whoever does not exist has no name to keep.
        if let NamePut::Set(name) = name {
            self.set_name(member, name);
        }
        Ok(())
    }

    fn delete_member(&mut self, member: MemberId) {
        let (lower, before) = (self.working.lower_of(member), self.working.said_weight(member));
        self.working.sums.change_said(lower, before, Weight::default());
        self.set_standing(member, Standing::Absent);
        self.set_name(member, None);
        self.set_owner(member, None);
    }

    fn truncate_members(&mut self, space: KeySpace) {
        for member in (0..self.working.numbers.member_count()).map(MemberId) {
            let key = self.working.numbers.key(member);
            if key.is_some_and(|key| key.space == space) {
                self.delete_member(member);
            }
        }
    }

    /// Has an owner's side say other than its team's, which no change does: for a comparison to see.
    #[cfg(test)]
    pub(crate) fn spoil_owned(
        &mut self,
        owner: &SourceKey,
        team: &SourceKey,
        owns: bool,
    ) -> Option<()> {
        let keys = &self.base.shared().keys;
        let (owner, team) = (keys.get(owner)?, keys.get(team)?);
        let team = self.working.numbers.intern_team(team);
        self.working.owned.set(owner, team, owns);
        Some(())
    }

    fn set_owner(&mut self, member: MemberId, owner: Option<MemberId>) {
        if self.working.owner(member) == owner {
            return;
        }
        self.working.set_owned(member, false);
        *self.working.owners.get_mut(member.0) = owner.map_or(0, |owner| owner.0 + 1);
        self.working.set_owned(member, true);
    }

    fn set_name(&mut self, member: MemberId, name: Option<Arc<str>>) {
        let held = self.working.name(member);
        if held == name.as_ref() {
            return;
        }
        if !self.is_copy() {
            if let Some(held) = held {
                self.names.touch(held, member);
            }
            if let Some(name) = &name {
                self.base.shared().names.add(name, member);
                self.names.touch(name, member);
            }
        }
        *self.working.names.get_mut(member.0) = name;
    }

    /// Changes what the member is, and moves it to the right set of each team that it is in.
    fn set_standing(&mut self, member: MemberId, standing: Standing) {
        let old = self.working.standing(member);
        if old == standing {
            return;
        }
        let counts = &mut self.working.counts;
        match old {
            Standing::Absent => {}
            Standing::Person => counts.people -= 1,
            Standing::Team => counts.teams -= 1,
        }
        match standing {
            Standing::Absent => {}
            Standing::Person => counts.people += 1,
            Standing::Team => counts.teams += 1,
        }
        if standing == Standing::Team {
            self.working.numbers.intern_team(member);
        }
        if old == Standing::Team || standing == Standing::Team {
            self.touched.member(member);
        }
        self.working.set_owned(member, false);
        self.working.up.set_standing(member, standing);
        self.working.set_owned(member, true);
        let teams: Vec<_> = self.working.up.of(member).iter().map(|edge| edge.team()).collect();
        for team in teams {
            self.working.set_down((member, team), old, false);
            self.working.set_down((member, team), standing, true);
        }
    }

    fn put_row(&mut self, key: &RowKey, states: Option<Membership>) -> Result<(), GraphFull> {
        // What the keys at hand weigh, since to look them up by number is to wait for memory; a
        // copy's are weighed at its end.
        let ends = states.as_ref().filter(|_| !self.is_copy());
        let ends = ends.map(|stated| digest::ends(&stated.member, &stated.team));
        let row = states.map(|stated| self.intern_row(stated)).transpose()?;
        let old = self.rows.set(key, row);
        if old == row || self.is_copy() {
            return Ok(());
        }
        // First the new, then the old: a row that only changes its role never lets go of its edge.
        if let (Some(row), Some(ends)) = (row, ends) {
            let (edge, role) = (row.edge(), row.role());
            self.working.sums.add_row(ends, role);
            let held = self.working.up.role(edge.0, edge.1);
            let role = self.rows.add(edge, held, role);
            self.set_edge(edge, ends, held, Some(role));
        }
        if let Some(old) = old {
            let (edge, role) = (old.edge(), old.role());
            let ends = self.working.ends_weight(edge);
            self.working.sums.remove_row(ends, role);
            let held = self.working.up.role(edge.0, edge.1);
            let left = self.rows.remove(edge, role);
            self.set_edge(edge, ends, held, left);
        }
        Ok(())
    }

    fn intern_row(&mut self, stated: Membership) -> Result<StatedRow, GraphFull> {
        let member = self.intern(stated.member)?;
        let team = self.intern(stated.team)?;
        let team = self.working.numbers.intern_team(team);
        Ok(StatedRow::new((member, team), stated.role))
    }

    fn truncate_rows(&mut self, table: TableId) -> Result<(), GraphFull> {
        if self.rows.clear_only(table) {
            self.clear_edges();
            return Ok(());
        }
        for key in self.rows.keys(table) {
            self.put_row(&key, None)?;
        }
        Ok(())
    }

    /// No edge is stated any more. Only those between teams are looked at one by one.
    fn clear_edges(&mut self) {
        for team in self.working.teams() {
            for parent in self.working.parents(team) {
                self.touched.edge(team, parent);
            }
        }
        self.working.clear_edges();
        self.working.counts.memberships = 0;
        self.working.counts.self_memberships = 0;
        self.working.sums.clear_edges();
    }

    /// The edge, whose ends weigh so much, is stated as `role` now, or not any more.
    fn set_edge(&mut self, edge: Edge, ends: Weight, held: Option<Role>, role: Option<Role>) {
        let (member, team) = edge;
        if held == role {
            return;
        }
        #[cfg(feature = "sabotage")]
        if role.is_none() && crate::sabotage::keeps_edge() {
            return;
        }
        self.working.sums.change_edge(ends, held, role);
        match role {
            Some(role) => self.working.up.put(member, team, role),
            None => self.working.up.remove(member, team),
        }
        let is_admin = role == Some(Role::Admin);
        if is_admin != (held == Some(Role::Admin)) {
            self.working.down.set_admin(team, member, is_admin);
        }
        if held.is_some() == role.is_some() {
            return;
        }
        let standing = self.working.standing(member);
        self.working.set_down(edge, standing, role.is_some());
        let to_itself = u64::from(self.working.numbers.member(team) == Some(member));
        let counts = &mut self.working.counts;
        if role.is_some() {
            counts.memberships += 1;
            counts.self_memberships += to_itself;
        } else {
            counts.memberships -= 1;
            counts.self_memberships -= to_itself;
        }
        if let Some(child) = self.working.numbers.team(member) {
            self.touched.edge(child, team);
        }
    }
}
