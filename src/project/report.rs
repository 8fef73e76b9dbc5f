//! What a comparison of the table with a version came to.
//!
//! Owns the counts and a few examples, as names. It must not know how the table was read.

use super::compare::Finding;
use super::merge::Way;
use crate::graph::Snapshot;
use crate::id::{Key, SourceKey, Version};

/// The most examples of each sort.
const EXAMPLES_MAX: u64 = 10;

/// How the table stood beside a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// The version at which the table said that it stands; none if it said nothing, or nothing of
    /// such rows.
    pub stands: Option<Version>,
    /// The version that it was compared with.
    pub version: Version,
    /// Rows that the version comes to.
    pub rows_expected: u64,
    /// Rows that the table had.
    pub rows_found: u64,
    /// Rows that the table lacked.
    pub missing: u64,
    /// Rows that the table had and the version has not.
    pub spurious: u64,
    /// Some of either.
    pub examples: Vec<TableExample>,
}

/// A row that differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableExample {
    /// Whether the table lacked it; otherwise it had it and should not have.
    pub is_missing: bool,
    /// The team's name, if it has one, and its key.
    pub team: String,
    /// The name of who participates, and the key.
    pub person: String,
}

impl TableReport {
    pub(super) const fn new(table: String, version: Version) -> Self {
        TableReport {
            table,
            stands: None,
            version,
            rows_expected: 0,
            rows_found: 0,
            missing: 0,
            spurious: 0,
            examples: Vec::new(),
        }
    }

    /// Whether anything differed.
    pub const fn has_differences(&self) -> bool {
        self.missing > 0 || self.spurious > 0
    }

    pub(super) fn note(&mut self, finding: &Finding, snapshot: &Snapshot) {
        let is_missing = finding.way == Way::In;
        let count = if is_missing { &mut self.missing } else { &mut self.spurious };
        *count += 1;
        if *count <= EXAMPLES_MAX {
            let (team, person) = (named(snapshot, &finding.team), named(snapshot, &finding.person));
            self.examples.push(TableExample { is_missing, team, person });
        }
    }
}

/// The key, with the name of whoever has it.
fn named(snapshot: &Snapshot, key: &Key) -> String {
    let mut names = snapshot.key_spaces().filter_map(|space| {
        let member = snapshot.find(&SourceKey { space, key: key.clone() })?;
        snapshot.name(member)
    });
    match names.next() {
        Some(name) => format!("{name} ({key})"),
        None => key.to_string(),
    }
}
