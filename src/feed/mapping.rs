//! Which tables and columns of the source mean what.
//!
//! Owns the description of an application's schema in the product's words. Conditions are a small
//! closed set that *our* code evaluates on decoded values, in copy and stream alike: SQL in one of
//! the two would sooner or later disagree with the other. It must not know wire formats.

mod condition;
mod file;

pub use super::sql::SyntaxError;
pub use condition::Condition;
pub use file::MappingError;

use super::sql::identifier;
use crate::id::{Key, KeySpace, TableId};
use std::fmt;

/// The tables that hold members and memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Tables whose rows are members (people, teams or both).
    pub members: Vec<MembersTable>,
    /// Tables whose rows state memberships.
    pub memberships: Vec<MembershipsTable>,
}

/// A table's name with its schema, as the catalogue has them (unquoted).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

/// A table whose rows are members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembersTable {
    /// The table.
    pub table: TableName,
    /// The key space of its key column.
    pub space: KeySpace,
    /// The column that identifies a row and that memberships refer to.
    pub key: String,
    /// The column with the directory name, if there is one.
    pub name: Option<String>,
    /// Which rows are teams.
    pub teams: Teams,
    /// The column with the owner, if there is one.
    pub owner: Option<Reference>,
}

/// Which rows of a members table are teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Teams {
    /// None: the table holds people.
    None,
    /// All: the table holds teams.
    All,
    /// Those that the condition holds for.
    Where(Condition),
}

/// A table whose rows state memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipsTable {
    /// The table.
    pub table: TableName,
    /// What its rows are attributed to.
    pub id: TableId,
    /// The column that identifies a row; without one the table's replica identity decides.
    pub key: Option<String>,
    /// Who joins. A row with NULL here states nothing.
    pub member: Reference,
    /// What is joined. A row with NULL here states nothing.
    pub team: Reference,
    /// Which rows are active; all of them without a condition.
    pub active: Option<Condition>,
    /// Which active rows make an administrator; none of them without a condition.
    pub admin: Option<Condition>,
}

/// A column that holds a key of a members table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// The key space of the table that it refers to.
    pub space: KeySpace,
}

/// What a mapped column is used for, which decides the types it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    /// Identifies a row: must be unique, not NULL, and in the replica identity.
    Key,
    /// Refers to a member of the key space.
    Reference(KeySpace),
    /// A directory name.
    Name,
    /// Compared with the values of a [`Condition::In`].
    Compared(&'a [Key]),
    /// A [`Condition::Bool`].
    Flag,
    /// Only whether it is NULL matters: any type will do.
    Presence,
}

/// A mapped table and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct MappedTable<'a> {
    pub(crate) name: &'a TableName,
    pub(crate) identified: Identified<'a>,
    /// What each column is used for, but for the identity; a column may be used more than once.
    pub(crate) uses: Vec<(&'a str, Use<'a>)>,
}

/// What tells a table's rows from one another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identified<'a> {
    /// This column.
    ByColumn(&'a str),
    /// What the table's replica identity has: one column, or the member and the team.
    ByIdentity { member: &'a str, team: &'a str },
}

impl Mapping {
    /// Reads a mapping file's text.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to write.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        file::parse(text)
    }

    /// The built-in schema: people and teams in `teamgraph.person`, memberships in
    /// `teamgraph.team_membership` with Launchpad's statuses, of which 2 (approved) and 3 (admin)
    /// are active.
    pub fn built_in() -> Self {
        let table = |table: &str| TableName { schema: "teamgraph".into(), table: table.into() };
        let person = |column: &str| Reference { column: column.into(), space: KeySpace::DEFAULT };
        let status = |values: &[i64]| {
            Condition::In("status".into(), values.iter().copied().map(Key::Int).collect())
        };
        Mapping {
            members: vec![MembersTable {
                table: table("person"),
                space: KeySpace::DEFAULT,
                key: "id".into(),
                name: Some("name".into()),
                teams: Teams::Where(Condition::IsNotNull("team_owner".into())),
                owner: Some(person("team_owner")),
            }],
            memberships: vec![MembershipsTable {
                table: table("team_membership"),
                id: TableId(0),
                key: Some("id".into()),
                member: person("person"),
                team: person("team"),
                active: Some(status(&[2, 3])),
                admin: Some(status(&[3])),
            }],
        }
    }

    /// All mapped tables, members first: the copy reads them in this order.
    pub(crate) fn tables(&self) -> Vec<MappedTable<'_>> {
        let members = self.members.iter().map(MembersTable::mapped);
        members.chain(self.memberships.iter().map(MembershipsTable::mapped)).collect()
    }
}

impl MembersTable {
    fn mapped(&self) -> MappedTable<'_> {
        let mut uses = Vec::new();
        uses.extend(self.name.as_deref().map(|name| (name, Use::Name)));
        if let Teams::Where(condition) = &self.teams {
            uses.push(condition.used());
        }
        uses.extend(self.owner.as_ref().map(Reference::used));
        MappedTable { name: &self.table, identified: Identified::ByColumn(&self.key), uses }
    }
}

impl MembershipsTable {
    fn mapped(&self) -> MappedTable<'_> {
        let identified = match &self.key {
            Some(key) => Identified::ByColumn(key),
            None => {
                let (member, team) = (&self.member.column, &self.team.column);
                Identified::ByIdentity { member, team }
            }
        };
        let mut uses = vec![self.member.used(), self.team.used()];
        uses.extend(self.active.iter().chain(&self.admin).map(Condition::used));
        MappedTable { name: &self.table, identified, uses }
    }
}

impl Reference {
    fn used(&self) -> (&str, Use<'_>) {
        (&self.column, Use::Reference(self.space))
    }
}

impl Condition {
    fn used(&self) -> (&str, Use<'_>) {
        let used = match self {
            Condition::IsNull(_) | Condition::IsNotNull(_) => Use::Presence,
            Condition::In(_, values) => Use::Compared(values),
            Condition::Bool(..) => Use::Flag,
        };
        (self.column(), used)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", identifier(&self.schema), identifier(&self.table))
    }
}
