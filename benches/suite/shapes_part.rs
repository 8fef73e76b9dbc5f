//! Hard shapes: an edge of a chain of 10,000 teams, a bad row that closes a cycle of 12,000.
//!
//! Chain and cycles run in processes of their own, so that resident memory is theirs.

use crate::closure_shapes::{Edge, add, chain as chain_of, chain_edge, funnel, remove};
use crate::options::Plan;
use crate::organisation::Organisation;
use crate::process::{self, resident_bytes};
use crate::record::Record;
use teamgraph::graph::HistoryLimits;
use teamgraph::synthetic::Synthetic;

pub const FIGURES: &[&str] = &["chain_edge_ms", "cycle_ms"];

const MB: f64 = 1e6;

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let mut record = process::part("chain", plan)?;
    record.merge(process::part("cycle", plan)?);
    Ok(record)
}

/// An edge at the top, in the middle and at the bottom goes and comes: the slowest of the six.
pub fn chain(plan: &Plan) -> anyhow::Result<Record> {
    let before = resident_bytes()?;
    let teams = plan.chain_teams;
    let mut organisation = chain_of(teams);
    let mut record = Record::default();
    let mut slowest_of_each = Vec::new();
    let mut rss: f64 = resident_bytes()?;
    for _ in 0..plan.samples {
        let mut slowest: f64 = 0.0;
        for (place, team) in [("bottom", 1), ("middle", teams / 2), ("top", teams - 1)] {
            let edge = chain_edge(team);
            let removed = remove(&mut organisation, edge);
            let added = add(&mut organisation, edge);
            record.context(&format!("chain_remove_{place}_ms"), removed);
            record.context(&format!("chain_add_{place}_ms"), added);
            slowest = slowest.max(removed).max(added);
            rss = rss.max(resident_bytes()?);
        }
        slowest_of_each.push(slowest);
    }
    record.put("chain_edge_ms", slowest_of_each);
    let stats = organisation.writer.last().stats();
    record.context("chain_closure_pairs", stats.closure_pairs);
    record.context("chain_closure_materialised", stats.closure_materialised);
    record.context("chain_rss_mb", (rss - before) / MB);
    Ok(record)
}

/// One bad row among all else at M, and a ring alone; closing and healing, the slowest of the four.
pub fn cycle(plan: &Plan) -> anyhow::Result<Record> {
    let mut record = Record::default();
    let synthetic = Synthetic::new(plan.shape);
    let mut organisation = Organisation::build(&synthetic, HistoryLimits::default(), false);
    let bad = funnel(&mut organisation, &synthetic)?;
    let funnel = close_and_heal(plan, &mut organisation, bad, "funnel", &mut record)?;
    drop(organisation);
    let mut ring = chain_of(plan.ring_teams);
    let bad = Edge { row: i64::MAX, member: plan.ring_teams, team: 1 };
    let ring = close_and_heal(plan, &mut ring, bad, "ring", &mut record)?;
    let slower = funnel.iter().zip(&ring).map(|(funnel, ring)| funnel.max(*ring));
    record.put("cycle_ms", slower.collect());
    Ok(record)
}

fn close_and_heal(
    plan: &Plan,
    organisation: &mut Organisation,
    bad: Edge,
    name: &str,
    record: &mut Record,
) -> anyhow::Result<Vec<f64>> {
    let before = resident_bytes()?;
    let (mut slower, mut rss) = (Vec::new(), before);
    for _ in 0..plan.samples {
        let closed = add(organisation, bad);
        rss = rss.max(resident_bytes()?);
        let teams = organisation.writer.last().stats().teams_on_cycles;
        let healed = remove(organisation, bad);
        rss = rss.max(resident_bytes()?);
        record.context(&format!("cycle_{name}_teams"), teams);
        record.context(&format!("cycle_{name}_close_ms"), closed);
        record.context(&format!("cycle_{name}_heal_ms"), healed);
        slower.push(closed.max(healed));
    }
    record.context(&format!("cycle_{name}_rss_more_mb"), (rss - before) / MB);
    Ok(slower)
}
