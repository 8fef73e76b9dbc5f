//! Bytes a membership, by resident memory, each sample in a process of its own.
//!
//! Built from integer keys, rows by their primary key (so with the rows map), names apart. Then a
//! million transactions of one change each, with history on; the larger of the two counts.
//!
//! The default history holds 256 MB, which is 5 bytes a membership at L. Other sizes are held to the
//! same share, or history alone would be 50 bytes a membership at M; the default's figure stands in
//! the context.

use crate::options::Plan;
use crate::organisation::{Comings, DrawnRows, Organisation};
use crate::process::{self, resident_bytes};
use crate::record::Record;
use teamgraph::graph::HistoryLimits;
use teamgraph::synthetic::{Shape, Synthetic};

pub const FIGURES: &[&str] = &["bytes_core", "bytes_all"];

/// A process for each sample; they hardly differ.
const SAMPLES: usize = 5;

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let mut record = Record::default();
    for _ in 0..SAMPLES {
        let once = process::part("memory_once", plan)?;
        for (name, values) in once.samples {
            record.samples.entry(name.clone()).or_default().extend(values);
            record.alternated.insert(name, false);
        }
        record.context.extend(once.context);
    }
    let by_default = process::part("memory_default_history", plan)?;
    let bytes = by_default.samples.get("bytes_all").and_then(|values| values.first());
    record.context("bytes_all_default_history", bytes.copied());
    Ok(record)
}

pub fn once(plan: &Plan) -> anyhow::Result<Record> {
    let share =
        |bytes: u64| bytes / 1_000 * plan.shape.memberships / (Shape::L.memberships / 1_000);
    let limits = HistoryLimits::default();
    let bytes_max = share(limits.bytes_max).min(limits.bytes_max);
    measure(plan, HistoryLimits { bytes_max, ..limits })
}

pub fn once_with_default_history(plan: &Plan) -> anyhow::Result<Record> {
    measure(plan, HistoryLimits::default())
}

fn measure(plan: &Plan, limits: HistoryLimits) -> anyhow::Result<Record> {
    let synthetic = Synthetic::new(plan.shape);
    let mut comings = Comings::new(DrawnRows::of(&synthetic), &plan.shape);
    let before = resident_bytes()?;
    let mut organisation = Organisation::build(&synthetic, limits, false);
    let built = resident_bytes()? - before;
    let aside_when_built = aside(&organisation);
    for _ in 0..plan.memory_changes {
        organisation.change(comings.next_change());
        organisation.publish();
    }
    let changed = resident_bytes()? - before;
    let memberships = organisation.writer.last().stats().memberships as f64;
    let mut record = Record::default();
    let core = (built - aside_when_built).max(changed - aside(&organisation));
    record.put("bytes_core", vec![core / memberships]);
    record.put("bytes_all", vec![built.max(changed) / memberships]);
    record.context("bytes_all_after_build", built / memberships);
    record.context("bytes_all_after_changes", changed / memberships);
    record.context("bytes_history_max_mb", limits.bytes_max as f64 / 1e6);
    let (versions, bytes) = organisation.cell.recent_size();
    record.context("bytes_history_versions", versions);
    record.context("bytes_history_mb", bytes as f64 / 1e6);
    Ok(record)
}

/// What is not core: the rows map and the index of keys, as the graph reports them.
fn aside(organisation: &Organisation) -> f64 {
    let stats = organisation.writer.last().stats();
    (stats.rows_bytes + stats.key_index_bytes) as f64
}
