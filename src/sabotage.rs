//! What the service can be told to do wrong, so that the fault run can prove that it would notice.
//!
//! Compiled with the feature `sabotage` alone, which no release has. The variable
//! `TEAMGRAPH_SABOTAGE` names one of these; each is one call at the place that it spoils:
//!
//! | name | what is wrong | where |
//! |---|---|---|
//! | `skip-commit` | a transaction's changes are dropped | `apply` |
//! | `apply-twice` | a transaction is applied once more behind the next one | `apply` |
//! | `watermark-early` | what is published claims a position that it has not reached | `apply` |
//! | `acknowledge-early` | positions are confirmed to the source that are not applied | `feed::stream` |
//! | `keep-edge` | a membership that ended stays an edge | `graph::writer` |
//! | `half-rows` | the rows map keeps what a transaction that was cut off did to it | `graph::writer` |

use crate::change::Change;
use crate::id::Lsn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// One transaction in so many is spoiled: often enough to be seen within seconds, seldom enough
/// that most answers are right.
const TRANSACTIONS: u64 = 40;

/// One edge in so many is kept.
const EDGES: u64 = 20;

/// How far ahead is claimed: some transactions.
const CLAIMED_BYTES: u64 = 16_384;

/// How far ahead is confirmed: more than is written in the second between two reports.
const CONFIRMED_BYTES: u64 = 262_144;

fn is(name: &str) -> bool {
    static TOLD: OnceLock<String> = OnceLock::new();
    TOLD.get_or_init(|| std::env::var("TEAMGRAPH_SABOTAGE").unwrap_or_default()) == name
}

/// True once in so many times.
fn once_in(times: u64) -> bool {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(times)
}

/// `skip-commit`: whether this transaction is to be dropped.
pub(crate) fn skips_commit() -> bool {
    is("skip-commit") && once_in(TRANSACTIONS)
}

/// `apply-twice`: the changes of the transaction under way, and of the last one.
#[derive(Debug, Default)]
pub(crate) struct Twice {
    current: Vec<Change>,
    last: Vec<Change>,
}

impl Twice {
    pub(crate) fn note(&mut self, change: &Change) {
        if is("apply-twice") {
            self.current.push(change.clone());
        }
    }

    pub(crate) fn forget(&mut self) {
        self.current.clear();
    }

    /// At a commit: what is to be applied once more before it.
    pub(crate) fn again(&mut self) -> Vec<Change> {
        let last = std::mem::replace(&mut self.last, std::mem::take(&mut self.current));
        if is("apply-twice") && once_in(TRANSACTIONS / 10) { last } else { Vec::new() }
    }
}

/// `watermark-early`: the position to publish.
pub(crate) fn published(lsn: Lsn) -> Lsn {
    if is("watermark-early") { Lsn(lsn.0 + CLAIMED_BYTES) } else { lsn }
}

/// `acknowledge-early`: the position to confirm.
pub(crate) fn confirmed(lsn: Lsn) -> Lsn {
    if is("acknowledge-early") { Lsn(lsn.0 + CONFIRMED_BYTES) } else { lsn }
}

/// `keep-edge`: whether this edge is to stay.
pub(crate) fn keeps_edge() -> bool {
    is("keep-edge") && once_in(EDGES)
}

/// `half-rows`: whether the rows map is to keep what it was told.
pub(crate) fn keeps_rows() -> bool {
    is("half-rows")
}
