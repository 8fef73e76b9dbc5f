//! The comparison: every figure that the product is measured by, beside its peers.
//!
//! | room | workloads | why |
//! |---|---|---|
//! | `graph_part` | checks of four kinds, against a search over petgraph's `Csr`; memberships and team edges applied and published | the core alone, in process |
//! | `shapes_part` | a chain of 10,000 teams; one bad row that closes a cycle of 12,000; a ring of 20,000 | one row must never stop the service |
//! | `memory_part` | the graph built and then changed a million times, by RSS | what a machine must have |
//! | `grpc_part` | unary, batch and stream, against handlers that do nothing | what the service adds to the transport |
//! | `postgres_part` | the copy against a bare `COPY`; a verify and a rebuild on demand; checks against the flattened table; COMMIT to answer; reads under writes; a bulk transaction against `pg_recvlogical` | the whole path, on a real PostgreSQL |
//! | `restart_part` | ready by copy and by checkpoint; a pause of a million rows; an idle source with busy neighbours | what a restart and a pause cost, here and on the primary |
//! | `projection_part` | the participation table filled, read through and followed, beside one statement by hand | what a flattened table costs where it must be kept |
//! | `projecting_part` | COMMIT to answer while a table is kept of the same server | what the table costs those who ask |
//! | `growth` | four figures from S to XL | what limits each |
//!
//! Each part runs in a process of its own, the suite started again with `--part`: memory is then
//! that part's, and a part that fails takes no figure with it. What is compared alternates run by
//! run within one process. `docs/benchmarks.md` says how each figure is taken; `scripts/bench`
//! runs it; `--test` runs once, tiny, all that needs no PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::iter_over_hash_type,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a benchmark, not the product"
)]

mod admin_part;
mod bulk_part;
mod closure_shapes;
mod copy_rows;
mod database;
mod empty_service;
mod figures;
mod following;
mod graph_part;
mod growth;
mod grpc_part;
mod live_part;
mod load;
mod machine;
mod mart;
mod memory_part;
mod options;
mod organisation;
mod parts;
mod petgraph_peer;
mod postgres_part;
mod process;
mod projecting_part;
mod projection_part;
mod questions;
mod rebuild_part;
mod record;
mod report;
mod restart_part;
mod sample;
mod servers;
mod shapes_part;
mod table_part;

use clap::Parser;
use options::{Options, Plan};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False if a part failed; the others' figures are reported all the same.
fn run(options: &Options) -> anyhow::Result<bool> {
    parts::know(&options.only)?;
    if options.test {
        parts::agree_with_the_table()?;
        let plan = Plan::tiny();
        for part in parts::without_postgres() {
            let record = part.run(&plan)?;
            anyhow::ensure!(!record.is_empty(), "part {} measured nothing", part.name);
            let lines = report::table(&record, &plan).lines().count();
            let samples = record.samples.len();
            anyhow::ensure!(lines == samples + 1, "part {}: a figure without a line", part.name);
        }
        growth::measure(&plan)?;
        println!("suite: every part that needs no PostgreSQL ran once");
        return Ok(true);
    }
    let plan = Plan { only: options.only.clone(), ..Plan::of(options.size()) };
    if let Some(part) = &options.part {
        let record = parts::run(part, &plan)?;
        println!("{}", serde_json::to_string(&record)?);
        return Ok(true);
    }
    if options.growth {
        return growth::run().map(|()| true);
    }
    let record = parts::run_all(options, &plan);
    report::write(&record, &plan)?;
    Ok(!record.has_failures())
}
