//! Partitioned tables: what is demanded of their partitions, and what the feed cannot tell.
//!
//! Owns the rules about partitions. Rows lie in the partitions, so it is the partition's replica
//! identity that decides what deletes carry, under `publish_via_partition_root` too.

use super::read::{IndexFacts, PartitionFacts, RelationFacts};
use super::{Catalogue, Partition};
use crate::feed::check::Findings;

/// Checks a table's partitions.
pub(super) fn check(
    what: &str,
    root: &RelationFacts,
    indexes: &[IndexFacts],
    found: Vec<PartitionFacts>,
    findings: &mut Findings,
) -> Vec<Partition> {
    let index = indexes.iter().find(|index| match root.identity.as_str() {
        "d" => index.primary,
        "i" => index.identity,
        _ => false,
    });
    let expected = index.map(|index| index.columns.as_slice()).unwrap_or_default();
    for PartitionFacts { partition, is_table, is_logged, identity, identity_columns } in &found {
        let name = &partition.name;
        if !is_table {
            let text =
                format!("partition {name} is a foreign table, whose changes are not in the log");
            findings.error(what, &text, &format!("ALTER {what} DETACH PARTITION {name}"));
        } else if !is_logged {
            let text = format!("partition {name} is unlogged, so its changes are not in the log");
            findings.error(what, &text, &format!("ALTER TABLE {name} SET LOGGED"));
        } else if *identity != root.identity || !same_columns(identity_columns, expected) {
            let text = format!("partition {name} has another replica identity");
            let fix = match root.identity.as_str() {
                "f" => format!("ALTER TABLE {name} REPLICA IDENTITY FULL"),
                "i" => format!(
                    "ALTER TABLE {name} REPLICA IDENTITY USING INDEX (its index of the \
                                same columns)"
                ),
                _ => format!(
                    "ALTER TABLE {name} REPLICA IDENTITY DEFAULT, with the same primary key"
                ),
            };
            findings.error(what, &text, &fix);
        }
    }
    found.into_iter().map(|facts| facts.partition).collect()
}

fn same_columns(some: &[String], others: &[String]) -> bool {
    some.len() == others.len() && some.iter().all(|column| others.contains(column))
}

/// Warns of what is not in the change feed.
pub(super) fn check_publishing(catalogue: &Catalogue, findings: &mut Findings) {
    for table in catalogue.tables().iter().filter(|table| table.is_partitioned()) {
        let silent = if catalogue.via_root {
            "TRUNCATE of one partition, and ATTACH, DETACH and DROP of a filled one"
        } else {
            "ATTACH, DETACH and DROP of a filled partition"
        };
        findings.warning(
            &format!("table {}", table.name()),
            &format!(
                "is partitioned: {silent} are not in the change feed; they are noticed within \
                      half a minute, and cured by a fresh copy"
            ),
            "DELETE the rows first, or accept the delay",
        );
    }
}
