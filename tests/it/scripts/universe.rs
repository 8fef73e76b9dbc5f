//! The few members, rows and names that random scripts are about: few, so that they collide.
//!
//! Owns the translation of small numbers, which shrink well, into keys of every kind.

use crate::answers::compare::Questions;
use proptest::prelude::{Just, Strategy, prop_oneof};
use std::sync::Arc;
use teamgraph::change::{RowId, RowKey};
use teamgraph::id::{Key, KeySpace, SourceKey, TableId};

/// How many members a script may mention.
pub const NODES: u8 = 10;

/// How many rows each of the tables may have.
pub const ROWS: u8 = 12;

/// How many tables of memberships there are.
pub const TABLES: u8 = 2;

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dev"];

/// What the keys of the members are like.
#[derive(Clone, Copy, Debug)]
pub enum Universe {
    /// Integers of one key space, dense.
    Dense,
    /// The same integers in two key spaces.
    TwoSpaces,
    /// Integers far apart, text and uuids, in two key spaces.
    Mixed,
}

impl Universe {
    pub fn any() -> impl Strategy<Value = Universe> {
        prop_oneof![
            2 => Just(Universe::Dense),
            1 => Just(Universe::TwoSpaces),
            2 => Just(Universe::Mixed),
        ]
    }

    pub fn key(self, node: u8) -> SourceKey {
        let (space, key) = match self {
            Universe::Dense => (0, Key::Int(i64::from(node) + 1)),
            Universe::TwoSpaces => (u16::from(node % 2), Key::Int(i64::from(node / 2))),
            Universe::Mixed => match node {
                0 => (0, Key::Int(1)),
                1 => (1, Key::Int(1)),
                2 => (0, Key::Text("b".into())),
                3 => (0, Key::Text("a".into())),
                4 => (0, Key::Int(i64::MAX)),
                5 => (0, Key::Uuid([0; 16])),
                6 => (1, Key::Text("a".into())),
                7 => (0, Key::Int(i64::MIN)),
                8 => (1, Key::Uuid([0xff; 16])),
                _ => (0, Key::Text(format!("n{node}").into())),
            },
        };
        SourceKey { space: KeySpace(space), key }
    }

    pub fn keys(self) -> Vec<SourceKey> {
        (0..NODES).map(|node| self.key(node)).collect()
    }

    /// The key of a row: integers, and in the mixed universe text, uuids and pairs as well.
    pub fn row(self, table: u8, row: u8) -> RowKey {
        let int = Key::Int(i64::from(row));
        let text = Key::Text(format!("r{row}").into());
        let key = match (self, row % 5) {
            (Universe::Mixed, 1) => RowId::Key(text),
            (Universe::Mixed, 2) => RowId::Key(Key::Uuid([row; 16])),
            (Universe::Mixed, 3) => RowId::Pair(int.clone(), int),
            (Universe::Mixed, 4) => RowId::Pair(int, text),
            _ => RowId::Key(int),
        };
        RowKey { table: TableId(u16::from(table)), key }
    }

    /// All that can be asked of a version of this universe.
    pub fn questions(self) -> Questions {
        let names = NAMES.iter().chain(&["nobody"]);
        Questions { keys: self.keys(), names: names.map(|name| (*name).to_owned()).collect() }
    }
}

/// A name, or none.
pub fn name(choice: u8) -> Option<Arc<str>> {
    NAMES.get(usize::from(choice)).map(|name| Arc::from(*name))
}

/// Choices of [`name`], none included.
pub const NAME_CHOICES: u8 = 5;
