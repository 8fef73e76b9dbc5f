//! The memberships tables' active rows, as far as they must be remembered.
//!
//! Owns the rows map (row key → what the row states) and the count of rows for edges that several
//! rows state. It is the writer's state, never a reader's. It must not know the graph: it answers
//! each change with what becomes of the edge.
//!
//! With PostgreSQL's default replica identity a DELETE brings the primary key alone, so the map is
//! what tells which edge goes. INVARIANT (rows): an edge is stated as long as one active row of any
//! table states it, and its role is the highest of theirs; the map changes only with its
//! transaction and goes back with it.

mod group;
mod int_rows;
mod sharded;
mod stated;

pub(super) use stated::StatedRow;

use super::pages::count;
use crate::change::{RowId, RowKey};
use crate::id::{Key, MemberId, Role, TableId, TeamId};
use int_rows::{IntRows, give_back};
use sharded::Sharded;
use std::collections::BTreeMap;
use std::hash::Hash;

type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// A direct edge.
pub(super) type Edge = (MemberId, TeamId);

/// How many rows state an edge, by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowCount {
    members: u32,
    admins: u32,
}

impl RowCount {
    const fn one(role: Role) -> Self {
        match role {
            Role::Member => RowCount { members: 1, admins: 0 },
            Role::Admin => RowCount { members: 0, admins: 1 },
        }
    }

    const fn of(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::Member => &mut self.members,
            Role::Admin => &mut self.admins,
        }
    }

    const fn total(self) -> u32 {
        self.members + self.admins
    }

    const fn role(self) -> Role {
        if self.admins > 0 { Role::Admin } else { Role::Member }
    }
}

/// One table's active rows, all in one of these. A clone shares them.
#[derive(Clone, Debug, Default)]
struct TableRows {
    by_int: IntRows,
    by_key: Sharded<Key, StatedRow>,
    by_int_pair: Sharded<(i64, i64), StatedRow>,
    by_pair: Sharded<(Key, Key), StatedRow>,
}

/// Sets or removes the value; returns the one before.
fn set<K: Eq + Hash, V>(map: &mut Map<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => {
            let old = map.remove(&key);
            give_back(map);
            old
        }
    }
}

impl TableRows {
    fn set(&mut self, key: &RowId, row: Option<StatedRow>) -> Option<StatedRow> {
        match key {
            RowId::Key(Key::Int(key)) => self.by_int.set(*key, row),
            RowId::Key(key) => self.by_key.set(key.clone(), row),
            RowId::Pair(Key::Int(member), Key::Int(team)) => {
                self.by_int_pair.set((*member, *team), row)
            }
            RowId::Pair(member, team) => self.by_pair.set((member.clone(), team.clone()), row),
        }
    }

    fn get(&self, key: &RowId) -> Option<StatedRow> {
        let row = match key {
            RowId::Key(Key::Int(key)) => return self.by_int.get(*key),
            RowId::Key(key) => self.by_key.get(key),
            RowId::Pair(Key::Int(member), Key::Int(team)) => {
                self.by_int_pair.get(&(*member, *team))
            }
            RowId::Pair(member, team) => self.by_pair.get(&(member.clone(), team.clone())),
        };
        row.copied()
    }

    /// Each row with what it states, in no order.
    fn iter(&self) -> impl Iterator<Item = (RowId, StatedRow)> {
        let ints = self.by_int.iter().map(|(key, row)| (RowId::Key(Key::Int(key)), row));
        let keys = self.by_key.iter().map(|(key, row)| (RowId::Key(key.clone()), *row));
        let int_pairs = self
            .by_int_pair
            .iter()
            .map(|(&(member, team), row)| (RowId::Pair(Key::Int(member), Key::Int(team)), *row));
        let pairs = self
            .by_pair
            .iter()
            .map(|((member, team), row)| (RowId::Pair(member.clone(), team.clone()), *row));
        ints.chain(int_pairs).chain(keys).chain(pairs)
    }

    /// What the rows state, in no order.
    fn stated(&self) -> impl Iterator<Item = StatedRow> {
        let others = self.by_int_pair.iter().map(|(_, row)| row);
        let others = others.chain(self.by_key.iter().map(|(_, row)| row));
        let others = others.chain(self.by_pair.iter().map(|(_, row)| row));
        self.by_int.iter().map(|(_, row)| row).chain(others.copied())
    }

    fn len(&self) -> usize {
        self.by_int.len() + self.by_key.len() + self.by_int_pair.len() + self.by_pair.len()
    }
}

/// How to take the transaction back: what each row and count was before. Those of different kinds
/// do not touch each other, so each kind has its own list, in order.
#[derive(Debug, Default)]
struct Undo {
    int_rows: Vec<(TableId, i64, Option<StatedRow>)>,
    other_rows: Vec<(RowKey, Option<StatedRow>)>,
    repeats: Vec<(Edge, Option<RowCount>)>,
    cleared: Option<Box<Cleared>>,
}

/// All rows of the one table that had any, and their repeats, as a truncate found them; and what
/// was noted before it.
#[derive(Debug)]
struct Cleared {
    table: TableId,
    rows: TableRows,
    repeats: Map<Edge, RowCount>,
    before: Undo,
}

/// All active rows, and the way back to the last commit.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tables: BTreeMap<TableId, TableRows>,
    /// Edges that more than one active row states. All others have exactly one.
    repeats: Map<Edge, RowCount>,
    undo: Undo,
    /// Whether there is a commit to go back to; a copy is dropped whole instead.
    keeps_undo: bool,
}

impl Rows {
    /// Sets what the row states now, and returns what it stated before. The caller then counts
    /// both ([`Rows::add`], [`Rows::remove`]).
    pub(super) fn set(&mut self, key: &RowKey, row: Option<StatedRow>) -> Option<StatedRow> {
        let old = self.tables.entry(key.table).or_default().set(&key.key, row);
        if self.keeps_undo && old != row {
            match key.key {
                RowId::Key(Key::Int(row)) => self.undo.int_rows.push((key.table, row, old)),
                RowId::Key(_) | RowId::Pair(..) => self.undo.other_rows.push((key.clone(), old)),
            }
        }
        old
    }

    /// The keys of the table's active rows, in an order that depends on nothing but them.
    pub(super) fn keys(&self, table: TableId) -> Vec<RowKey> {
        let Some(rows) = self.tables.get(&table) else { return Vec::new() };
        let mut keys: Vec<RowId> = rows.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| RowKey { table, key }).collect()
    }

    /// Forgets all rows of the table at once, if no other table has any; false if one has.
    pub(super) fn clear_only(&mut self, table: TableId) -> bool {
        let others = self.tables.iter().filter(|(other, _)| **other != table);
        if others.map(|(_, rows)| rows.len()).sum::<usize>() > 0 {
            return false;
        }
        let rows = self.tables.remove(&table).unwrap_or_default();
        let repeats = std::mem::take(&mut self.repeats);
        if self.keeps_undo {
            let before = std::mem::take(&mut self.undo);
            self.undo.cleared = Some(Box::new(Cleared { table, rows, repeats, before }));
        }
        true
    }

    /// What every active row states, in no order.
    pub(super) fn stated(&self) -> impl Iterator<Item = StatedRow> {
        self.tables.values().flat_map(TableRows::stated)
    }

    /// All rows as they are now. Costs next to nothing; what changes afterwards is copied first.
    pub(super) fn image(&self) -> RowsImage {
        RowsImage(self.tables.clone())
    }

    /// That many rows, more than one, state the edge: found at the end of a copy.
    pub(super) fn count_repeats(&mut self, edge: Edge, members: u32, admins: u32) {
        self.repeats.insert(edge, RowCount { members, admins });
    }

    /// Counts a row that states the edge beside those that made its role `held`; returns the
    /// edge's role now.
    pub(super) fn add(&mut self, edge: Edge, held: Option<Role>, role: Role) -> Role {
        let Some(held) = held else { return role };
        let mut counted = self.repeats.get(&edge).copied().unwrap_or(RowCount::one(held));
        *counted.of(role) += 1;
        self.set_repeat(edge, Some(counted));
        counted.role()
    }

    /// Counts a row that stated the edge as `role` no more; returns the edge's role now, `None` if
    /// no row is left.
    pub(super) fn remove(&mut self, edge: Edge, role: Role) -> Option<Role> {
        let mut counted = self.repeats.get(&edge).copied()?;
        let of_role = counted.of(role);
        *of_role = of_role.saturating_sub(1);
        self.set_repeat(edge, (counted.total() > 1).then_some(counted));
        Some(counted.role())
    }

    fn set_repeat(&mut self, edge: Edge, counted: Option<RowCount>) {
        let old = set(&mut self.repeats, edge, counted);
        if self.keeps_undo {
            self.undo.repeats.push((edge, old));
        }
    }

    /// The transaction's changes stay.
    pub(super) fn commit(&mut self) {
        self.undo = Undo::default();
        self.keeps_undo = true;
    }

    /// The transaction's changes never happened.
    pub(super) fn abort(&mut self) {
        let mut undo = std::mem::take(&mut self.undo);
        loop {
            for (table, row, old) in undo.int_rows.into_iter().rev() {
                self.tables.entry(table).or_default().by_int.set(row, old);
            }
            for (key, old) in undo.other_rows.into_iter().rev() {
                self.tables.entry(key.table).or_default().set(&key.key, old);
            }
            for (edge, old) in undo.repeats.into_iter().rev() {
                set(&mut self.repeats, edge, old);
            }
            let Some(cleared) = undo.cleared else { return };
            let Cleared { table, rows, repeats, before } = *cleared;
            self.tables.insert(table, rows);
            self.repeats = repeats;
            undo = before;
        }
    }

    /// Bytes of rows with integer keys, as allocated, and of the other maps' entries, roughly.
    pub(super) fn bytes(&self) -> u64 {
        let one = |rows: &TableRows| {
            let pairs = rows.by_int_pair.bytes(25) + rows.by_pair.bytes(57);
            rows.by_int.bytes() + pairs + rows.by_key.bytes(33)
        };
        self.tables.values().map(one).sum::<u64>() + count(self.repeats.capacity() * 17)
    }

    /// How many active rows there are.
    pub(super) fn len(&self) -> u64 {
        self.tables.values().map(|rows| count(rows.len())).sum()
    }

    /// Every edge with its role, recounted from the rows; and whether the counts kept agree.
    pub(super) fn recount(&self) -> Result<BTreeMap<Edge, Role>, String> {
        let mut counts: BTreeMap<Edge, RowCount> = BTreeMap::new();
        for table in self.tables.keys() {
            for row in self.keys(*table).iter().filter_map(|key| self.get(key)) {
                let none = RowCount { members: 0, admins: 0 };
                *counts.entry(row.edge()).or_insert(none).of(row.role()) += 1;
            }
        }
        for (edge, counted) in &counts {
            let expected = (counted.total() > 1).then_some(counted);
            if self.repeats.get(edge) != expected {
                let kept = self.repeats.get(edge);
                return Err(format!("rows: {edge:?} counted {counted:?}, kept {kept:?}"));
            }
        }
        if let Some(stray) = self.repeats.keys().find(|edge| !counts.contains_key(edge)) {
            return Err(format!("rows: {stray:?} is counted but no row states it"));
        }
        Ok(counts.into_iter().map(|(edge, counted)| (edge, counted.role())).collect())
    }

    fn get(&self, key: &RowKey) -> Option<StatedRow> {
        self.tables.get(&key.table)?.get(&key.key)
    }
}

/// All active rows at one moment.
#[derive(Debug)]
pub(super) struct RowsImage(BTreeMap<TableId, TableRows>);

impl RowsImage {
    /// Each row with what it states, table by table.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RowKey, StatedRow)> {
        self.0.iter().flat_map(|(&table, rows)| {
            rows.iter().map(move |(key, row)| (RowKey { table, key }, row))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableId = TableId(0);
    const EDGE: Edge = (MemberId(1), TeamId(2));

    fn key(row: i64) -> RowKey {
        RowKey { table: TABLE, key: Key::Int(row).into() }
    }

    /// Two rows stated one edge; the truncate that forgot both was cut off. With the rows but not
    /// their count back, the next removal of one took the edge from the other.
    #[test]
    fn a_truncate_that_is_cut_off_gives_rows_and_counts_back() {
        let mut rows = Rows::default();
        let row = StatedRow::new(EDGE, Role::Member);
        rows.set(&key(1), Some(row));
        rows.set(&key(2), Some(row));
        assert_eq!(rows.add(EDGE, None, Role::Member), Role::Member);
        assert_eq!(rows.add(EDGE, Some(Role::Member), Role::Member), Role::Member);
        rows.commit();
        assert!(rows.clear_only(TABLE));
        assert_eq!(rows.len(), 0);
        rows.abort();
        assert_eq!(rows.len(), 2);
        assert!(rows.recount().is_ok());
        rows.set(&key(1), None);
        assert_eq!(rows.remove(EDGE, Role::Member), Some(Role::Member));
        assert!(rows.recount().is_ok());
    }

    #[test]
    fn one_table_is_not_cleared_at_once_while_another_has_rows() {
        let mut rows = Rows::default();
        let other = RowKey { table: TableId(1), ..key(1) };
        rows.set(&other, Some(StatedRow::new(EDGE, Role::Admin)));
        assert!(!rows.clear_only(TABLE));
        assert_eq!(rows.len(), 1);
    }
}
