//! The logical replication messages of the `pgoutput` plugin, protocol version 1.
//!
//! Owns the [message formats](https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html)
//! and nothing of their meaning. Access is checked: any bytes give a message or an error, and no
//! more is allocated than a small multiple of the input's size.

use super::value::Cell;
use super::wire::{Malformed, Reader};
use crate::id::Lsn;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A transaction begins.
    Begin {
        /// Where its commit record starts.
        final_lsn: Lsn,
    },
    /// It ends.
    Commit {
        /// The position after its commit record.
        end_lsn: Lsn,
        /// When, by the server's clock, in microseconds since the beginning of 2000.
        committed_at_us: i64,
    },
    /// The transaction came from another server. Nothing to us.
    Origin,
    /// A data type that is not built in. Types are looked up in the catalogue instead.
    Type,
    /// Something that an application wrote into the log. Nothing to us.
    Logical,
    /// A table's columns, before the first row of it and after each change of it.
    Relation(Relation<'a>),
    /// A row was inserted.
    Insert {
        /// The table.
        relation: u32,
        /// The row.
        new: Tuple<'a>,
    },
    /// A row was updated.
    Update {
        /// The table.
        relation: u32,
        /// There if the replica identity is FULL or its columns changed.
        old: Option<Old<'a>>,
        /// The row now.
        new: Tuple<'a>,
    },
    /// A row was deleted.
    Delete {
        /// The table.
        relation: u32,
        /// What it was.
        old: Old<'a>,
    },
    /// Tables were emptied.
    Truncate {
        /// All of them, however they came to be.
        relations: Vec<u32>,
    },
}

/// A table as a Relation message describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    /// Its object identifier.
    pub id: u32,
    /// Its schema's name.
    pub schema: &'a str,
    /// Its name.
    pub table: &'a str,
    /// In the order of the rows' cells.
    pub columns: Vec<Column<'a>>,
}

/// A column as a Relation message describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type's object identifier.
    pub type_oid: u32,
    /// Part of the replica identity.
    pub in_identity: bool,
}

/// The columns of one row.
pub type Tuple<'a> = Vec<Cell<'a>>;

/// A row before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old<'a> {
    /// The whole row (replica identity FULL); else only the identity's columns are there and the
    /// others look like NULL.
    pub whole: bool,
    /// A cell for each column of the table.
    pub tuple: Tuple<'a>,
}

/// `pg_catalog` goes over the wire as an empty schema name.
const CATALOG: &str = "pg_catalog";

impl<'a> Message<'a> {
    /// Reads one message.
    ///
    /// # Errors
    /// [`Malformed`] where the bytes are no message, or more than one.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut at = Reader::new(bytes);
        let message = match at.byte()? {
            b'B' => {
                let final_lsn = Lsn(at.u64()?);
                at.take(12)?; // the time of the commit, the transaction's id
                Message::Begin { final_lsn }
            }
            b'C' => {
                at.take(9)?; // flags, the commit record's start
                let end_lsn = Lsn(at.u64()?);
                let committed_at_us = at.u64()?.cast_signed();
                Message::Commit { end_lsn, committed_at_us }
            }
            b'O' => {
                at.take(8)?;
                at.text()?;
                Message::Origin
            }
            b'Y' => {
                at.take(4)?;
                at.text()?;
                at.text()?;
                Message::Type
            }
            b'M' => {
                at.take(9)?; // flags, position
                at.text()?;
                let len = at.length()?;
                at.take(len)?;
                Message::Logical
            }
            b'R' => Message::Relation(at.relation()?),
            b'I' => {
                let relation = at.u32()?;
                at.expect(b'N', "mark before a new row")?;
                Message::Insert { relation, new: at.tuple()? }
            }
            b'U' => at.update()?,
            b'D' => Message::Delete {
                relation: at.u32()?,
                old: {
                    let mark = at.byte()?;
                    at.old(mark)?
                },
            },
            b'T' => at.truncate()?,
            byte => return Err(Malformed::Unknown { what: "message", byte }),
        };
        at.end()?;
        Ok(message)
    }
}

impl<'a> Reader<'a> {
    fn relation(&mut self) -> Result<Relation<'a>, Malformed> {
        let id = self.u32()?;
        let schema = match self.text()? {
            "" => CATALOG,
            schema => schema,
        };
        let table = self.text()?;
        self.take(1)?; // the replica identity's kind: told by the columns
        let count = usize::from(self.u16()?);
        let count = self.count(count, 10)?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let in_identity = self.byte()? & 1 == 1;
            let name = self.text()?;
            let type_oid = self.u32()?;
            self.take(4)?; // the type's modifier
            columns.push(Column { name, type_oid, in_identity });
        }
        Ok(Relation { id, schema, table, columns })
    }

    fn tuple(&mut self) -> Result<Tuple<'a>, Malformed> {
        let count = usize::from(self.u16()?);
        let count = self.count(count, 1)?;
        let mut cells = Vec::with_capacity(count);
        for _ in 0..count {
            let cell = match self.byte()? {
                b'n' => Cell::Null,
                b'u' => Cell::Unchanged,
                b't' => Cell::Text(self.value()?),
                b'b' => Cell::Binary(self.value()?),
                byte => return Err(Malformed::Unknown { what: "kind of value", byte }),
            };
            cells.push(cell);
        }
        Ok(cells)
    }

    fn old(&mut self, mark: u8) -> Result<Old<'a>, Malformed> {
        let whole = match mark {
            b'K' => false,
            b'O' => true,
            byte => return Err(Malformed::Unknown { what: "mark before an old row", byte }),
        };
        Ok(Old { whole, tuple: self.tuple()? })
    }

    fn update(&mut self) -> Result<Message<'a>, Malformed> {
        let relation = self.u32()?;
        let old = match self.byte()? {
            b'N' => None,
            mark => {
                let old = self.old(mark)?;
                self.expect(b'N', "mark before a new row")?;
                Some(old)
            }
        };
        Ok(Message::Update { relation, old, new: self.tuple()? })
    }

    fn truncate(&mut self) -> Result<Message<'a>, Malformed> {
        let count = self.length()?;
        self.take(1)?; // CASCADE and RESTART IDENTITY: the tables are listed either way
        let count = self.count(count, 4)?;
        let relations = (0..count).map(|_| self.u32()).collect::<Result<_, _>>()?;
        Ok(Message::Truncate { relations })
    }
}

#[cfg(test)]
mod tests;
