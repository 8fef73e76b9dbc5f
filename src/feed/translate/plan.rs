//! From rows to changes: the same code for a copied row and for a streamed one.
//!
//! Owns what an insert, update, delete or truncate of a mapped table means in the product's words,
//! under every replica identity alike. It must not know messages, nor which relation a row is of.
//!
//! A membership row whose member or team is NULL states nothing, like one that is not active. What
//! identifies a row can only be NULL if the table changed under us, which is an error.

use crate::change::{Change, FeedEvent, Membership, NamePut, RowId, RowKey};
use crate::feed::error::FeedError;
use crate::feed::mapping::{
    Condition, Mapping, MembersTable, MembershipsTable, Reference, TableName, Teams,
};
use crate::feed::pgoutput::Old;
use crate::feed::tables::{RowIdentity, TableFacts};
use crate::feed::value::{Cell, ColumnType, ValueError};
use crate::id::{Key, KeySpace, MemberKind, Role, SourceKey, TableId};
use std::sync::Arc;

/// How one table's rows are read.
#[derive(Debug)]
pub(crate) enum Plan {
    Members(Members),
    Memberships(Memberships),
}

/// How a row that is a member is read.
#[derive(Debug)]
pub(crate) struct Members {
    space: KeySpace,
    key: Column,
    name: Option<Column>,
    teams: Kinds,
    owner: Option<Refers>,
}

/// How a row that states a membership is read.
#[derive(Debug)]
pub(crate) struct Memberships {
    id: TableId,
    identity: Identity,
    member: Refers,
    team: Refers,
    active: Option<Holds>,
    admin: Option<Holds>,
}

/// Where a row's identity is.
#[derive(Debug)]
enum Identity {
    Column(Column),
    Pair(Column, Column),
}

#[derive(Debug)]
enum Kinds {
    Always(MemberKind),
    TeamWhere(Holds),
}

/// Where a mapped column is in the rows that come.
#[derive(Clone, Debug)]
struct Column {
    index: usize,
    name: String,
    table: Arc<TableName>,
    ty: ColumnType,
    in_identity: bool,
}

#[derive(Debug)]
struct Refers {
    column: Column,
    space: KeySpace,
}

#[derive(Debug)]
struct Holds {
    column: Column,
    test: Test,
}

#[derive(Debug)]
enum Test {
    IsNull,
    IsNotNull,
    In(Vec<Key>),
    Bool(bool),
}

/// A column of the rows that come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireColumn<'a> {
    pub(crate) name: &'a str,
    pub(crate) ty: ColumnType,
    pub(crate) in_identity: bool,
}

/// A row after a change, with what is known of it before.
#[derive(Clone, Copy)]
struct Row<'a> {
    new: &'a [Cell<'a>],
    old: Option<&'a Old<'a>>,
}

impl Plan {
    /// Finds a mapped table's columns among those that come.
    pub(crate) fn bind(
        mapping: &Mapping,
        table: &TableFacts,
        columns: &[WireColumn<'_>],
    ) -> Result<Self, FeedError> {
        let name = table.name();
        let finder = Finder { table: Arc::new(name.clone()), columns };
        if let Some(members) = mapping.members.iter().find(|members| members.table == *name) {
            return finder.members(members).map(Plan::Members);
        }
        match mapping.memberships.iter().find(|memberships| memberships.table == *name) {
            Some(memberships) => {
                finder.memberships(memberships, table.identity()).map(Plan::Memberships)
            }
            None => Err(FeedError::operator(format!("table {name} is not mapped"))),
        }
    }

    /// Adds what a row that is now there says; `old` is what is known of it before an update.
    pub(crate) fn put<'a>(
        &self,
        new: &'a [Cell<'a>],
        old: Option<&'a Old<'a>>,
        out: &mut Vec<FeedEvent>,
    ) -> Result<(), FeedError> {
        let row = Row { new, old };
        let change = match self {
            Plan::Members(members) => {
                let key = members.key(|column| row.cell(column))?;
                let before = old.map(|old| members.key(|column| old_cell(old, column)));
                let moved_from = before.transpose()?.filter(|before| *before != key);
                let moved = moved_from.is_some();
                out.extend(moved_from.map(|key| FeedEvent::Change(Change::MemberDelete { key })));
                members.put(key, row, moved)?
            }
            Plan::Memberships(memberships) => {
                let key = memberships.key(|column| row.cell(column))?;
                let before = old.map(|old| memberships.key(|column| old_cell(old, column)));
                let moved_from = before.transpose()?.filter(|before| *before != key);
                out.extend(moved_from.map(|row| FeedEvent::Change(Change::RowDelete { row })));
                memberships.put(key, row)?
            }
        };
        out.push(FeedEvent::Change(change));
        Ok(())
    }

    /// Adds what a row that is no more said.
    pub(crate) fn delete(&self, old: &Old<'_>, out: &mut Vec<FeedEvent>) -> Result<(), FeedError> {
        let change = match self {
            Plan::Members(members) => {
                Change::MemberDelete { key: members.key(|column| old_cell(old, column))? }
            }
            Plan::Memberships(memberships) => {
                Change::RowDelete { row: memberships.key(|column| old_cell(old, column))? }
            }
        };
        out.push(FeedEvent::Change(change));
        Ok(())
    }

    /// What it means that all rows are no more.
    pub(crate) const fn truncate(&self) -> Change {
        match self {
            Plan::Members(members) => Change::MembersTruncate { space: members.space },
            Plan::Memberships(memberships) => Change::RowsTruncate { table: memberships.id },
        }
    }
}

impl Members {
    fn key<'a>(&self, cell: impl Fn(&Column) -> Cell<'a>) -> Result<SourceKey, FeedError> {
        Ok(SourceKey { space: self.space, key: self.key.identity(cell(&self.key))? })
    }

    fn put(&self, key: SourceKey, row: Row<'_>, moved: bool) -> Result<Change, FeedError> {
        let kind = match &self.teams {
            Kinds::Always(kind) => *kind,
            Kinds::TeamWhere(condition) if condition.of(row)? => MemberKind::Team,
            Kinds::TeamWhere(_) => MemberKind::Person,
        };
        let name = match &self.name {
            None => NamePut::Set(None),
            Some(column) => match row.cell(column) {
                // Under another key "the name that it had" would be nobody's.
                Cell::Unchanged if !moved => NamePut::Keep,
                cell => NamePut::Set(column.ty.text(cell).map_err(|e| column.fault(e))?),
            },
        };
        let owner = self.owner.as_ref().map(|owner| owner.of(row)).transpose()?.flatten();
        Ok(Change::MemberPut { key, kind, name, owner })
    }
}

impl Memberships {
    fn key<'a>(&self, cell: impl Fn(&Column) -> Cell<'a>) -> Result<RowKey, FeedError> {
        let key = match &self.identity {
            Identity::Column(column) => RowId::Key(column.identity(cell(column))?),
            Identity::Pair(member, team) => {
                RowId::Pair(member.identity(cell(member))?, team.identity(cell(team))?)
            }
        };
        Ok(RowKey { table: self.id, key })
    }

    fn put(&self, key: RowKey, row: Row<'_>) -> Result<Change, FeedError> {
        let active = match &self.active {
            Some(condition) => condition.of(row)?,
            None => true,
        };
        if !active {
            return Ok(Change::RowPut { row: key, states: None });
        }
        let admin = match &self.admin {
            Some(condition) => condition.of(row)?,
            None => false,
        };
        let role = if admin { Role::Admin } else { Role::Member };
        let states = match (self.member.of(row)?, self.team.of(row)?) {
            (Some(member), Some(team)) => Some(Membership { member, team, role }),
            _ => None,
        };
        Ok(Change::RowPut { row: key, states })
    }
}

impl Refers {
    fn of(&self, row: Row<'_>) -> Result<Option<SourceKey>, FeedError> {
        let Refers { column, space } = self;
        let key = column.ty.key(row.cell(column)).map_err(|e| column.fault(e))?;
        Ok(key.map(|key| SourceKey { space: *space, key }))
    }
}

impl Holds {
    fn of(&self, row: Row<'_>) -> Result<bool, FeedError> {
        let Holds { column, test } = self;
        let cell = row.cell(column);
        let held = match test {
            // A value that is stored out of line is not NULL.
            Test::IsNull => Ok(cell == Cell::Null),
            Test::IsNotNull => Ok(cell != Cell::Null),
            Test::In(values) => {
                column.ty.key(cell).map(|key| key.is_some_and(|key| values.contains(&key)))
            }
            Test::Bool(wanted) => column.ty.boolean(cell).map(|value| value == Some(*wanted)),
        };
        held.map_err(|error| column.fault(error))
    }
}

impl Column {
    /// The value of a column that identifies a row.
    fn identity(&self, cell: Cell<'_>) -> Result<Key, FeedError> {
        let key = self.ty.key(cell).map_err(|error| self.fault(error))?;
        key.ok_or_else(|| {
            FeedError::recopy(format!(
                "table {}, column {}: a row without a key; fix: make the column NOT NULL and part \
                 of the replica identity",
                self.table, self.name
            ))
        })
    }

    fn fault(&self, error: ValueError) -> FeedError {
        let what = format!("table {}, column {}: {error}", self.table, self.name);
        match error {
            // A column that was altered between the check and the copy looks malformed too.
            ValueError::Unchanged | ValueError::Malformed => FeedError::recopy(what),
            ValueError::NotUtf8 => FeedError::operator(format!(
                "{what}; fix: correct the value (a database in SQL_ASCII takes any bytes)"
            )),
        }
    }
}

fn old_cell<'a>(old: &'a Old<'a>, column: &Column) -> Cell<'a> {
    old.tuple.get(column.index).copied().unwrap_or(Cell::Null)
}

impl<'a> Row<'a> {
    /// The column's value; where it was not sent because it did not change, its old one if that
    /// is known: of an old row that is not whole only the identity's columns are real.
    fn cell(self, column: &Column) -> Cell<'a> {
        match (self.new.get(column.index), self.old) {
            (Some(Cell::Unchanged), Some(old)) if old.whole || column.in_identity => {
                old.tuple.get(column.index).copied().unwrap_or(Cell::Unchanged)
            }
            (Some(cell), _) => *cell,
            // A row shorter than its columns were told to be: an error for every use.
            (None, _) => Cell::Unchanged,
        }
    }
}

/// Finds columns by name.
struct Finder<'a> {
    table: Arc<TableName>,
    columns: &'a [WireColumn<'a>],
}

impl Finder<'_> {
    fn members(&self, members: &MembersTable) -> Result<Members, FeedError> {
        Ok(Members {
            space: members.space,
            key: self.column(&members.key)?,
            name: members.name.as_deref().map(|name| self.column(name)).transpose()?,
            teams: match &members.teams {
                Teams::None => Kinds::Always(MemberKind::Person),
                Teams::All => Kinds::Always(MemberKind::Team),
                Teams::Where(condition) => Kinds::TeamWhere(self.condition(condition)?),
            },
            owner: members.owner.as_ref().map(|owner| self.reference(owner)).transpose()?,
        })
    }

    fn memberships(
        &self,
        memberships: &MembershipsTable,
        identity: &RowIdentity,
    ) -> Result<Memberships, FeedError> {
        let condition = |condition: &Option<Condition>| {
            condition.as_ref().map(|condition| self.condition(condition)).transpose()
        };
        let (member, team) =
            (self.reference(&memberships.member)?, self.reference(&memberships.team)?);
        let identity = match identity {
            RowIdentity::Column(key) => Identity::Column(self.column(key)?),
            RowIdentity::Pair => Identity::Pair(member.column.clone(), team.column.clone()),
        };
        let (active, admin) = (condition(&memberships.active)?, condition(&memberships.admin)?);
        Ok(Memberships { id: memberships.id, identity, member, team, active, admin })
    }

    fn reference(&self, reference: &Reference) -> Result<Refers, FeedError> {
        Ok(Refers { column: self.column(&reference.column)?, space: reference.space })
    }

    fn condition(&self, condition: &Condition) -> Result<Holds, FeedError> {
        let column = self.column(condition.column())?;
        let test = match condition {
            Condition::IsNull(_) => Test::IsNull,
            Condition::IsNotNull(_) => Test::IsNotNull,
            Condition::Bool(_, value) => Test::Bool(*value),
            Condition::In(_, values) => {
                let values = values.iter().map(|value| column.ty.literal(value));
                let values: Option<Vec<Key>> = values.collect();
                Test::In(values.ok_or_else(|| column.fault(ValueError::Malformed))?)
            }
        };
        Ok(Holds { column, test })
    }

    fn column(&self, name: &str) -> Result<Column, FeedError> {
        let found = self.columns.iter().enumerate().find(|(_, column)| column.name == name);
        let (index, column) = found.ok_or_else(|| {
            FeedError::changed(format!("table {}: column {name} is gone", self.table))
        })?;
        let WireColumn { ty, in_identity, .. } = *column;
        let table = Arc::clone(&self.table);
        Ok(Column { index, name: name.into(), table, ty, in_identity })
    }
}
