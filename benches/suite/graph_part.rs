//! The graph alone, in process: checks beside petgraph, memberships and team edges applied.

use crate::options::Plan;
use crate::organisation::{Comings, DrawnRows, Organisation, join, leave};
use crate::petgraph_peer::Peer;
use crate::questions::{KINDS, Question, Questions, ask};
use crate::record::Record;
use crate::sample::{alternate, percentile, timed};
use std::hint::black_box;
use std::sync::Arc;
use teamgraph::graph::{HistoryLimits, Relation, Snapshot};
use teamgraph::synthetic::Synthetic;

pub const FIGURES: &[&str] = &[
    "check_ns",
    "check_ns_direct",
    "check_ns_indirect",
    "check_ns_near_miss",
    "check_ns_random",
    "check_vs_petgraph",
    "apply_us_median",
    "apply_us_p99",
    "team_edge_add_us",
    "team_edge_remove_us",
];

/// A row key that no change uses.
const EDGE_ROW: i64 = i64::MAX;

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let synthetic = Synthetic::new(plan.shape);
    let drawn = DrawnRows::of(&synthetic);
    let limits = HistoryLimits::default();
    let (mut organisation, seconds) = timed(|| Organisation::build(&synthetic, limits, false));
    let mut record = Record::default();
    record.context("graph_build_s", seconds);
    {
        let snapshot = Arc::clone(organisation.writer.last());
        let questions = Questions::draw(&snapshot, &synthetic, &drawn, plan.questions)?;
        compare_checks(plan, &snapshot, &questions, &synthetic, &mut record)?;
    }
    let mut comings = Comings::new(drawn, &plan.shape);
    apply(plan, &mut organisation, &mut comings, &mut record);
    team_edge(plan, &mut organisation, &synthetic, &mut record);
    Ok(record)
}

/// Nanoseconds a check of each kind, and how many were answered yes.
type Pass = ([f64; 4], [usize; 4]);

fn pass(questions: &Questions, mut answer: impl FnMut(Question) -> bool) -> Pass {
    let (mut ns, mut yes) = ([0.0; 4], [0; 4]);
    for (kind, list) in questions.by_kind.iter().enumerate() {
        let count = || list.iter().filter(|&&question| black_box(answer(question))).count();
        let (count, seconds) = timed(count);
        ns[kind] = seconds * 1e9 / list.len() as f64;
        yes[kind] = count;
    }
    (ns, yes)
}

/// One pass of ours over all questions.
pub fn pass_ours(snapshot: &Snapshot, questions: &Questions) -> Pass {
    pass(questions, |question| {
        ask(snapshot, question).is_some_and(|relation| relation != Relation::None)
    })
}

pub fn mean(ns: [f64; 4]) -> f64 {
    ns.iter().sum::<f64>() / 4.0
}

fn compare_checks(
    plan: &Plan,
    snapshot: &Snapshot,
    questions: &Questions,
    synthetic: &Synthetic,
    record: &mut Record,
) -> anyhow::Result<()> {
    let mut peer = Peer::new(synthetic)?;
    // Both warm, and both right: the peer knows nothing of ours.
    let (ours, theirs) =
        (pass_ours(snapshot, questions), pass(questions, |it| peer.participates(it)));
    anyhow::ensure!(ours.1 == theirs.1, "answers differ: {:?} and {:?}", ours.1, theirs.1);
    let pairs = alternate(
        plan.samples,
        || Ok(pass_ours(snapshot, questions).0),
        || Ok(pass(questions, |it| peer.participates(it)).0),
    )?;
    let ours = pairs.iter().map(|pair| pair.0);
    for (kind, name) in KINDS.iter().enumerate() {
        record.put(&format!("check_ns_{name}"), ours.clone().map(|ns| ns[kind]).collect());
        let theirs: Vec<f64> = pairs.iter().map(|pair| pair.1[kind]).collect();
        record.context_median(&format!("petgraph_ns_{name}"), &theirs);
    }
    record.put("check_ns", ours.map(mean).collect());
    let ratios = pairs.iter().map(|(ours, theirs)| mean(*theirs) / mean(*ours));
    record.put_alternated("check_vs_petgraph", ratios.collect());
    let theirs: Vec<f64> = pairs.iter().map(|pair| mean(pair.1)).collect();
    record.context_median("petgraph_ns", &theirs);
    Ok(())
}

/// Microseconds that each of so many changes took, applied, committed and published.
pub fn apply_once(
    organisation: &mut Organisation,
    comings: &mut Comings,
    count: usize,
) -> Vec<f64> {
    let mut one = || {
        let change = comings.next_change();
        let applied = || {
            organisation.change(change);
            organisation.publish();
        };
        timed(applied).1 * 1e6
    };
    (0..count).map(|_| one()).collect()
}

fn apply(plan: &Plan, organisation: &mut Organisation, comings: &mut Comings, record: &mut Record) {
    let (mut medians, mut p99s) = (Vec::new(), Vec::new());
    apply_once(organisation, comings, plan.changes / 4);
    for _ in 0..plan.samples {
        let mut times = apply_once(organisation, comings, plan.changes);
        medians.push(percentile(&mut times, 0.5));
        p99s.push(percentile(&mut times, 0.99));
    }
    record.put("apply_us_median", medians);
    record.put("apply_us_p99", p99s);
    record.context("apply_history_versions", organisation.cell.recent_size().0);
}

fn team_edge(
    plan: &Plan,
    organisation: &mut Organisation,
    synthetic: &Synthetic,
    record: &mut Record,
) {
    let (mut adds, mut removes) = (Vec::new(), Vec::new());
    for _ in 0..plan.samples {
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        for _ in 0..plan.edge_repeats {
            let mut apply = |change| {
                let applied = || {
                    organisation.change(change);
                    organisation.publish();
                };
                timed(applied).1 * 1e6
            };
            add.push(apply(join(EDGE_ROW, synthetic.big_team(), synthetic.spare_team())));
            remove.push(apply(leave(EDGE_ROW)));
        }
        adds.push(percentile(&mut add, 0.5));
        removes.push(percentile(&mut remove, 0.5));
    }
    record.put("team_edge_add_us", adds);
    record.put("team_edge_remove_us", removes);
}
