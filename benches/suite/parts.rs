//! The parts by name, and which of them give the wanted figures.

use crate::options::{Options, Plan, wants};
use crate::record::Record;
use crate::{
    figures, graph_part, growth, grpc_part, memory_part, postgres_part, process, projecting_part,
    projection_part, shapes_part,
};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// A part: what runs in one process.
pub struct Part {
    pub name: &'static str,
    /// The figures that it measures. None for what only other parts start.
    figures: &'static [&'static str],
    work: fn(&Plan) -> anyhow::Result<Record>,
    needs_postgres: bool,
    /// Takes so long that it runs only where its figures are asked for by name.
    is_apart: bool,
}

const fn part(
    name: &'static str,
    figures: &'static [&'static str],
    work: fn(&Plan) -> anyhow::Result<Record>,
) -> Part {
    Part { name, figures, work, needs_postgres: false, is_apart: false }
}

const fn on_postgres(part: Part) -> Part {
    Part { needs_postgres: true, ..part }
}

const fn apart(part: Part) -> Part {
    Part { is_apart: true, ..part }
}

const PARTS: &[Part] = &[
    part("graph", graph_part::FIGURES, graph_part::run),
    part("shapes", shapes_part::FIGURES, shapes_part::run),
    part("chain", &[], shapes_part::chain),
    part("cycle", &[], shapes_part::cycle),
    part("memory", memory_part::FIGURES, memory_part::run),
    part("memory_once", &[], memory_part::once),
    part("memory_default_history", &[], memory_part::once_with_default_history),
    part("grpc", grpc_part::FIGURES, grpc_part::run),
    part("growth_once", &[], growth::measure),
    apart(on_postgres(part("projection", projection_part::FIGURES, projection_part::run))),
    apart(on_postgres(part("projecting", projecting_part::FIGURES, projecting_part::run))),
    on_postgres(part("postgres", postgres_part::FIGURES, postgres_part::run)),
];

/// Those that the test runs. A part that starts processes would start them at full size; what it
/// starts is run instead.
pub fn without_postgres() -> impl Iterator<Item = &'static Part> {
    let starts_others = |part: &Part| matches!(part.name, "shapes" | "memory");
    PARTS.iter().filter(move |part| !part.needs_postgres && !starts_others(part))
}

/// Fails if a figure is asked for that no part gives: nothing would be measured, and nothing said.
pub fn know(only: &[String]) -> anyhow::Result<()> {
    for name in only {
        let is_given = PARTS.iter().any(|part| wants(std::slice::from_ref(name), part.figures));
        anyhow::ensure!(is_given, "there is no figure {name}: docs/benchmarks.md names them");
    }
    Ok(())
}

/// Fails if a part gives what the table has no line for, or the table has what no part gives.
pub fn agree_with_the_table() -> anyhow::Result<()> {
    let given: BTreeSet<&str> = PARTS.iter().flat_map(|part| part.figures).copied().collect();
    let shown: BTreeSet<&str> = figures::ALL.iter().map(|figure| figure.name).collect();
    let differ: Vec<_> = given.symmetric_difference(&shown).collect();
    anyhow::ensure!(differ.is_empty(), "parts and table differ by {differ:?}");
    Ok(())
}

impl Part {
    pub fn run(&self, plan: &Plan) -> anyhow::Result<Record> {
        (self.work)(plan)
    }

    fn gives(&self, only: &[String]) -> bool {
        wants(only, self.figures) && !(self.is_apart && only.is_empty())
    }
}

/// Runs one part in this process.
pub fn run(name: &str, plan: &Plan) -> anyhow::Result<Record> {
    let part = PARTS.iter().find(|part| part.name == name);
    part.ok_or_else(|| anyhow::anyhow!("there is no part {name}"))?.run(plan)
}

/// Runs the parts that give the wanted figures, each in a process of its own.
pub fn run_all(options: &Options, plan: &Plan) -> Record {
    let mut record = Record::default();
    for part in PARTS.iter().filter(|part| part.gives(&options.only)) {
        let start = Instant::now();
        eprintln!("suite: part {} at {}", part.name, plan.size.name());
        match process::part(part.name, plan) {
            Ok(measured) => record.merge(measured),
            Err(error) => record.fail(part.name, &error),
        }
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("suite: part {} took {seconds:.0} s", part.name);
        record.context(&format!("part_{}_s", part.name), seconds.round());
    }
    record
}
