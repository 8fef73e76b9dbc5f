//! What the catalogue says of the mapped tables.
//!
//! Owns the facts that the copy and the stream rely on: object identifiers, column types, what
//! identifies a row, partitions. How they are read stands in [`read`], what is demanded of them in
//! [`check()`], [`identity`] and [`partitions`], and by what a change of rows shows that no stream
//! tells in [`marks`]. It must not know settings.

mod check;
mod identity;
mod marks;
mod partitions;
mod read;

pub(crate) use check::check;

use super::error::FeedError;
use super::mapping::TableName;
use super::translate::WireColumn;
use super::value::ColumnType;
use crate::resume::TableMarks;
use marks::Marks;
use std::collections::HashMap;

/// The mapped tables as the catalogue has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    tables: Vec<TableFacts>,
    /// Mapped columns' types that are not built in: extensions', enums, domains.
    types: HashMap<u32, ColumnType>,
    /// Changes of partitions are published as their root's.
    via_root: bool,
    /// Differs once the publication was made anew or its part in these tables changed: then
    /// changes may have gone by unpublished, though all may look right again.
    publication: String,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableFacts {
    oid: u32,
    name: TableName,
    /// The mapped columns, each once, in the order in which the copy reads them.
    columns: Vec<(String, ColumnType)>,
    identity: RowIdentity,
    /// The partitions that hold its rows, by object identifier; none if it is an ordinary table.
    partitions: Option<Vec<Partition>>,
    marks: Marks,
}

/// What tells a table's rows from one another, in every delete too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowIdentity {
    /// This column.
    Column(String),
    /// The member and the team together.
    Pair,
}

/// A partition that holds rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) oid: u32,
    pub(crate) name: TableName,
    /// Where its rows are stored, which changes when it is truncated; only where that is not
    /// published, since the root's changes are.
    storage: Option<u32>,
}

/// What a relation of the stream is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// A mapped table.
    Table(&'a TableFacts),
    /// A partition of a mapped table.
    Partition(&'a TableFacts),
    /// A table of a mapped one's name that is not the one that was copied, or the other way round.
    Another,
    /// Nothing, or a partition that is new.
    Stranger,
}

impl Catalogue {
    /// The mapped tables, members first.
    pub(crate) fn tables(&self) -> &[TableFacts] {
        &self.tables
    }

    /// Changes of partitions are published as their root's.
    pub(crate) const fn via_root(&self) -> bool {
        self.via_root
    }

    /// Mapped tables whose partitions' changes are published as the partitions' own.
    pub(crate) fn partitioned(&self) -> impl Iterator<Item = &TableFacts> {
        self.tables.iter().filter(|table| !self.via_root && table.partitions.is_some())
    }

    /// What a relation of this identifier and name is to us.
    pub(crate) fn known(&self, oid: u32, name: &TableName) -> Known<'_> {
        let of_oid = |table: &&TableFacts| table.oid == oid;
        match self.tables.iter().find(of_oid) {
            Some(table) if table.name == *name => return Known::Table(table),
            Some(_) => return Known::Another,
            None => {}
        }
        let has = |table: &&TableFacts| table.partitions().iter().any(|part| part.oid == oid);
        match self.tables.iter().find(has) {
            Some(table) => Known::Partition(table),
            None if self.tables.iter().any(|table| table.name == *name) => Known::Another,
            None => Known::Stranger,
        }
    }

    /// Partitions' own truncations are published.
    fn forget_storage(&mut self) {
        let partitions = self.tables.iter_mut().filter_map(|table| table.partitions.as_mut());
        partitions.flatten().for_each(|partition| partition.storage = None);
    }

    pub(crate) fn column_type(&self, oid: u32) -> ColumnType {
        ColumnType::of_oid(oid)
            .or_else(|| self.types.get(&oid).copied())
            .unwrap_or(ColumnType::Other)
    }

    /// How it differs from what it was `earlier`, if so that rows may not be what they were copied
    /// or streamed as.
    pub(crate) fn differs(&self, earlier: &Catalogue) -> Option<String> {
        if (&self.publication, self.via_root) != (&earlier.publication, earlier.via_root) {
            return Some("the publication was made anew, or its tables were changed".to_owned());
        }
        if self.types != earlier.types || self.tables.len() != earlier.tables.len() {
            return Some("a mapped table was changed".to_owned());
        }
        let mut pairs = self.tables.iter().zip(&earlier.tables);
        let (changed, _) = pairs.find(|(now, before)| now.differs(before))?;
        Some(format!("table {} was made anew, or mapped columns of it", changed.name))
    }

    /// What [`Catalogue::differs`] compares, to be kept: what must be the same, and the marks of
    /// rewriting.
    pub(crate) fn facts(&self) -> (String, Vec<TableMarks>) {
        let mut types: Vec<_> = self.types.iter().collect();
        types.sort_unstable_by_key(|(oid, _)| **oid);
        let mut text = format!("{} {} {types:?}", self.publication, self.via_root);
        for TableFacts { oid, name, columns, identity, partitions, marks } in &self.tables {
            let places = marks.places();
            text += &format!("; {oid} {name} {columns:?} {identity:?} {partitions:?} {places}");
        }
        (text, self.tables.iter().map(|table| table.marks.of_rewriting()).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(tables: Vec<TableFacts>) -> Self {
        Catalogue { tables, ..Catalogue::default() }
    }
}

impl TableFacts {
    #[cfg(test)]
    pub(crate) fn of(oid: u32, name: TableName, columns: &[(&str, ColumnType)]) -> Self {
        let columns: Vec<_> = columns.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect();
        let identity = RowIdentity::Column("id".to_owned());
        TableFacts { oid, name, columns, identity, partitions: None, marks: Marks::default() }
    }

    #[cfg(test)]
    pub(crate) fn by_pair(self) -> Self {
        TableFacts { identity: RowIdentity::Pair, ..self }
    }

    #[cfg(test)]
    pub(crate) fn with_partitions(self, oids: &[u32]) -> Self {
        let partition = |&oid: &u32| {
            let name = TableName { schema: "parts".into(), table: format!("part_{oid}") };
            Partition { oid, name, storage: None }
        };
        TableFacts { partitions: Some(oids.iter().map(partition).collect()), ..self }
    }

    fn differs(&self, earlier: &TableFacts) -> bool {
        let TableFacts { oid, name, columns, identity, partitions, marks } = self;
        (oid, name, columns) != (&earlier.oid, &earlier.name, &earlier.columns)
            || (identity, partitions) != (&earlier.identity, &earlier.partitions)
            || marks.differ(&earlier.marks)
    }

    pub(crate) const fn oid(&self) -> u32 {
        self.oid
    }

    pub(crate) const fn name(&self) -> &TableName {
        &self.name
    }

    pub(crate) fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    pub(crate) const fn identity(&self) -> &RowIdentity {
        &self.identity
    }

    pub(crate) const fn is_partitioned(&self) -> bool {
        self.partitions.is_some()
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        self.partitions.as_deref().unwrap_or_default()
    }

    /// Refuses columns that are not what they were when the table was copied.
    pub(crate) fn unchanged(&self, columns: &[WireColumn<'_>]) -> Result<(), FeedError> {
        for (mapped, ty) in &self.columns {
            let what = match columns.iter().find(|column| column.name == mapped) {
                None => "is gone",
                Some(column) if column.ty != *ty => "has another type than when it was copied",
                Some(_) => continue,
            };
            return Err(FeedError::changed(format!("table {}: column {mapped} {what}", self.name)));
        }
        Ok(())
    }
}
