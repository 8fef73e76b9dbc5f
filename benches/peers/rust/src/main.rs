//! What the comparison with peers needs in Rust: the generator's graphs as files, a driver that
//! asks every peer the same questions, and the peers that are libraries.
//!
//! | command | what it does |
//! |---|---|
//! | `export` | writes a made-up organisation as `meta.json` and `memberships.csv` |
//! | `drive` | reads commands, one JSON object a line, and asks one target with them |
//! | `in-process` | measures one library, or the product's own graph, in this process |
//!
//! The runner in `../runner` starts the peers, draws the questions with their answers, and calls
//! this. Every answer that comes back is compared with the one the question carries.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a benchmark: it measures real time, and no test of it pauses the clock"
)]

mod driver;
mod export;
mod graph_files;
mod inprocess;
mod measure;
mod targets;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Export(export::Options),
    Drive(driver::Options),
    InProcess(inprocess::Options),
}

fn main() -> anyhow::Result<()> {
    match Options::parse().command {
        Command::Export(options) => export::run(&options),
        Command::Drive(options) => driver::run(&options),
        Command::InProcess(options) => inprocess::run(&options),
    }
}
