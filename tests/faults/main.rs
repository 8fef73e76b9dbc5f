//! The fault run: a real service behind a real PostgreSQL, faults at random, and every answer that
//! any reader saw judged at the version that it names.
//!
//! ```text
//! writers ──► PostgreSQL ──► proxy ──► teamgraph serve ──► readers ──answers──► judge
//!                  └── test_decoding, a slot of its own ──► recorder ──commits──► ┘
//! ```
//!
//! The judge shares no code with the product: `wire` and `decoding` hear the commits, `rows` and
//! `log` keep them, `oracle` says what they mean. `kinds`, `faults` and `definitions` disturb;
//! `compare` holds the service to recursive SQL in pauses of the writers. `docs/operations.md`
//! says how to run it and what it proves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "a harness, not the product"
)]

mod asked;
mod compare;
mod decoding;
mod definitions;
mod disk;
mod faults;
mod judge;
mod kinds;
mod log;
mod options;
mod oracle;
mod population;
mod proxy;
mod questions;
mod readers;
mod recorder;
mod report;
mod rows;
mod run;
mod service;
mod stage;
mod statements;
mod wire;
mod writer;

use clap::{Parser, ValueEnum};
use options::{Options, Sabotage};
use report::Summary;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

#[expect(clippy::disallowed_methods, reason = "the tasks of a harness need no name")]
fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(future)
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let told = tokio::select! {
        told = Box::pin(told(&options)) => told,
        // What is under way is dropped, and with it all processes and directories.
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Does what the options say; whether it went as it should.
async fn told(options: &Options) -> anyhow::Result<bool> {
    decoding::prove()?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let seed = options.seed.unwrap_or_else(|| u64::try_from(now()).unwrap_or(1) % 1_000_000_007);
    if options.every_sabotage {
        return every_sabotage(options, seed).await;
    }
    let summary = one(options, seed).await?;
    let objections = summary.objections(options);
    for objection in &objections {
        eprintln!("faults: {objection}");
    }
    if !objections.is_empty() {
        eprintln!("faults: the choices of this run come again with --seed {seed}; its timing not");
    }
    Ok(objections.is_empty())
}

async fn one(options: &Options, seed: u64) -> anyhow::Result<Summary> {
    println!("faults: {} minutes, seed {seed}", options.minutes);
    let summary = Box::pin(run::run(options, seed)).await?;
    summary.write()?;
    Ok(summary)
}

/// Each sabotage must turn its count.
async fn every_sabotage(options: &Options, seed: u64) -> anyhow::Result<bool> {
    let mut unseen = Vec::new();
    for sabotage in Sabotage::value_variants() {
        let options = Options { sabotage: Some(*sabotage), ..options.clone() };
        println!("faults: sabotage {}", sabotage.name());
        if !one(&options, seed).await?.has_turned(*sabotage) {
            unseen.push(sabotage.name());
        }
    }
    match unseen.as_slice() {
        [] => println!("faults: every sabotage was seen"),
        unseen => eprintln!("faults: not seen: {}", unseen.join(", ")),
    }
    Ok(unseen.is_empty())
}
