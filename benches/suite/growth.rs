//! Growth: check time, apply time, bytes and build time from S to XL.

use crate::graph_part::{apply_once, mean, pass_ours};
use crate::machine;
use crate::options::{Plan, Size};
use crate::organisation::{Comings, DrawnRows, Organisation};
use crate::process::{self, resident_bytes};
use crate::questions::Questions;
use crate::record::Record;
use crate::report;
use crate::sample::{median, percentile, timed};
use serde_json::json;
use std::sync::Arc;
use teamgraph::graph::HistoryLimits;
use teamgraph::synthetic::Synthetic;

/// All sizes, each in a process of its own, into `target/bench/growth.json`.
pub fn run() -> anyhow::Result<()> {
    let mut sizes = Vec::new();
    for size in Size::ALL {
        eprintln!("suite: growth at {}", size.name());
        let record = process::part("growth_once", &Plan::of(size))?;
        println!("{:<3} {}", size.name(), serde_json::to_string(&record.context)?);
        sizes.push(record.context);
    }
    let growth = json!({
        "commit": machine::commit(),
        "machine": machine::describe(),
        "sizes": sizes,
    });
    report::save("growth.json", &growth)
}

/// One size, in this process.
pub fn measure(plan: &Plan) -> anyhow::Result<Record> {
    let synthetic = Synthetic::new(plan.shape);
    let drawn = DrawnRows::of(&synthetic);
    let (_, generate_s) = timed(|| synthetic.changes().count());
    let before = resident_bytes()?;
    let limits = HistoryLimits::default();
    let (mut organisation, build_s) = timed(|| Organisation::build(&synthetic, limits, false));
    let built = resident_bytes()? - before;
    let snapshot = Arc::clone(organisation.writer.last());
    let stats = snapshot.stats();
    let questions = Questions::draw(&snapshot, &synthetic, &drawn, plan.questions)?;
    pass_ours(&snapshot, &questions);
    let passes = (0..plan.samples).map(|_| mean(pass_ours(&snapshot, &questions).0));
    let check_ns = median(&passes.collect::<Vec<_>>());
    drop(snapshot);
    let mut comings = Comings::new(drawn, &plan.shape);
    let applied = |organisation: &mut Organisation, comings: &mut Comings| {
        percentile(&mut apply_once(organisation, comings, plan.changes), 0.5)
    };
    let apply: Vec<f64> =
        (0..plan.samples).map(|_| applied(&mut organisation, &mut comings)).collect();
    let mut record = Record::default();
    record.context("size", plan.size.name());
    record.context("people", stats.people);
    record.context("teams", stats.teams);
    record.context("memberships", stats.memberships);
    record.context("closure_pairs", stats.closure_pairs);
    record.context("check_ns", check_ns);
    record.context_median("apply_us_median", &apply);
    record.context("bytes_per_membership", built / stats.memberships as f64);
    record.context("rss_built_mb", built / 1e6);
    // The changes are made as they are applied: what making them alone takes is stated beside.
    record.context("build_s", build_s);
    record.context("generate_s", generate_s);
    Ok(record)
}
