//! From messages to changes: which table a message is about, and what it does to its rows.
//!
//! Owns the relations of one connection. Columns are found by name, anew at every Relation message,
//! for positions shift when columns come and go. What a row means stands in [`plan`]. It must not
//! know connections.

mod plan;

pub(crate) use plan::{Plan, WireColumn};

use super::error::FeedError;
use super::mapping::{Mapping, TableName};
use super::pgoutput::{Message, Relation};
use super::tables::{Catalogue, Known, TableFacts};
use crate::change::FeedEvent;
use std::collections::HashMap;

/// Translates the messages of one connection.
#[derive(Debug)]
pub(crate) struct Translator<'a> {
    mapping: &'a Mapping,
    catalogue: &'a Catalogue,
    relations: HashMap<u32, Translated<'a>>,
    /// A relation that may be a new partition.
    stranger: Option<u32>,
}

/// What is done with a relation's rows.
#[derive(Debug)]
enum Translated<'a> {
    /// They are a mapped table's.
    Table(Plan),
    /// They are a mapped table's, of which they are a part.
    Partition(Plan, &'a TableFacts),
    /// Nothing: the table is published but not mapped.
    Nothing,
}

impl<'a> Translator<'a> {
    /// For a new connection, whose first message of each table is its Relation.
    pub(crate) fn new(mapping: &'a Mapping, catalogue: &'a Catalogue) -> Self {
        Translator { mapping, catalogue, relations: HashMap::new(), stranger: None }
    }

    /// Learns a table's columns.
    pub(crate) fn relation(&mut self, relation: &Relation<'_>) -> Result<(), FeedError> {
        let columns: Vec<_> = relation
            .columns
            .iter()
            .map(|column| WireColumn {
                name: column.name,
                ty: self.catalogue.column_type(column.type_oid),
                in_identity: column.in_identity,
            })
            .collect();
        let name = TableName { schema: relation.schema.into(), table: relation.table.into() };
        let bind = |table: &TableFacts| {
            table.unchanged(&columns)?;
            Plan::bind(self.mapping, table, &columns)
        };
        let translated = match self.catalogue.known(relation.id, &name) {
            Known::Table(table) => Translated::Table(bind(table)?),
            // The columns of a partition that is published as its root come too.
            Known::Partition(_) if self.catalogue.via_root() => Translated::Nothing,
            Known::Partition(table) => Translated::Partition(bind(table)?, table),
            Known::Another => {
                return Err(FeedError::changed(format!(
                    "table {name} was renamed, or dropped and created anew: its rows are not known"
                )));
            }
            Known::Stranger => {
                let new = !self.relations.contains_key(&relation.id);
                if new && self.catalogue.partitioned().next().is_some() {
                    self.stranger = Some(relation.id);
                }
                Translated::Nothing
            }
        };
        self.relations.insert(relation.id, translated);
        Ok(())
    }

    /// Its rows are a mapped table's.
    pub(crate) fn is_mapped(&self, relation: u32) -> bool {
        let translated = self.relations.get(&relation);
        matches!(translated, Some(Translated::Table(_) | Translated::Partition(..)))
    }

    /// A relation that was not known before, where it may be a new partition of a mapped table. To
    /// be asked for after each message.
    pub(crate) fn stranger(&mut self) -> Option<u32> {
        self.stranger.take()
    }

    /// The mapped tables that it may be a partition of.
    pub(crate) fn partitioned(&self) -> Vec<u32> {
        self.catalogue.partitioned().map(TableFacts::oid).collect()
    }

    /// Adds what a message about rows changes; nothing for tables that are not mapped.
    pub(crate) fn change(
        &self,
        message: &Message<'_>,
        out: &mut Vec<FeedEvent>,
    ) -> Result<(), FeedError> {
        match message {
            Message::Insert { relation, new } => match self.plan(*relation)? {
                Some(plan) => plan.put(new, None, out),
                None => Ok(()),
            },
            Message::Update { relation, old, new } => match self.plan(*relation)? {
                Some(plan) => plan.put(new, old.as_ref(), out),
                None => Ok(()),
            },
            Message::Delete { relation, old } => match self.plan(*relation)? {
                Some(plan) => plan.delete(old, out),
                None => Ok(()),
            },
            Message::Truncate { relations } => self.truncate(relations, out),
            Message::Begin { .. }
            | Message::Commit { .. }
            | Message::Origin
            | Message::Type
            | Message::Logical
            | Message::Relation(_) => Ok(()),
        }
    }

    /// Rows are not known by partition: all of a table are truncated together, or it is copied
    /// anew.
    fn truncate(&self, relations: &[u32], out: &mut Vec<FeedEvent>) -> Result<(), FeedError> {
        let mut truncated: Vec<u32> = Vec::new();
        for relation in relations {
            match self.translated(*relation)? {
                Translated::Table(plan) => out.push(FeedEvent::Change(plan.truncate())),
                Translated::Partition(_, table) if truncated.contains(&table.oid()) => {}
                Translated::Partition(plan, table) => {
                    let all = table.partitions().iter().all(|part| relations.contains(&part.oid));
                    if !all {
                        let name = table.name();
                        return Err(FeedError::changed(format!(
                            "some partitions of table {name} were truncated, and others not"
                        )));
                    }
                    truncated.push(table.oid());
                    out.push(FeedEvent::Change(plan.truncate()));
                }
                Translated::Nothing => {}
            }
        }
        Ok(())
    }

    fn plan(&self, relation: u32) -> Result<Option<&Plan>, FeedError> {
        Ok(match self.translated(relation)? {
            Translated::Table(plan) | Translated::Partition(plan, _) => Some(plan),
            Translated::Nothing => None,
        })
    }

    fn translated(&self, relation: u32) -> Result<&Translated<'a>, FeedError> {
        self.relations.get(&relation).ok_or_else(|| {
            FeedError::recopy(format!("rows of table {relation} came before its columns"))
        })
    }
}

#[cfg(test)]
mod tests;
