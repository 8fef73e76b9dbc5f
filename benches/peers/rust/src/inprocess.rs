//! Libraries that run in the asker's own process: one measurement a process, so that memory is
//! that library's alone.

mod ascent_closure;
mod differential_closure;
mod petgraph_search;
mod product;

use crate::graph_files::{Graph, questions};
use serde_json::Value;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, value_enum)]
    what: What,
    /// The folder of a graph.
    #[arg(long)]
    graph: PathBuf,
    /// Checks with their answers.
    #[arg(long)]
    checks: Option<PathBuf>,
    #[arg(long, default_value_t = 5)]
    samples: usize,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    /// Checks: the product's graph and a search over petgraph's `Csr`, in turns.
    Checks,
    /// The product's graph: built, and the big team nested and un-nested.
    Product,
    /// petgraph's `Csr`: built. It can only be built anew.
    Petgraph,
    /// ascent: the closure over teams, computed anew for each change.
    AscentTeams,
    /// ascent: every participation.
    AscentAll,
    /// differential-dataflow: the closure over teams, kept while edges come and go.
    DifferentialTeams,
    /// differential-dataflow: every participation, likewise.
    DifferentialAll,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let graph = Graph::read(&options.graph)?;
    let samples = options.samples;
    let result: Value = match options.what {
        What::Checks => {
            let checks =
                options.checks.as_deref().ok_or(anyhow::anyhow!("checks need --checks"))?;
            petgraph_search::checks(&graph, &questions(checks, true)?, samples)?
        }
        What::Product => product::changes(&graph, samples)?,
        What::Petgraph => petgraph_search::build(&graph, samples)?,
        What::AscentTeams => ascent_closure::run(&graph, false, samples)?,
        What::AscentAll => ascent_closure::run(&graph, true, samples)?,
        What::DifferentialTeams => differential_closure::run(graph, false, samples)?,
        What::DifferentialAll => differential_closure::run(graph, true, samples)?,
    };
    println!("{result}");
    Ok(())
}

/// Resident bytes of this process now.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
