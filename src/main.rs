//! The command `teamgraph`: parses, sets up logging and the runtime, runs.

use std::ffi::OsString;
use std::process::ExitCode;
use teamgraph::cli::{Cli, Usage};
use teamgraph::telemetry;

/// For errors; 1 means "no".
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::read(&args) {
        Ok(cli) => cli,
        Err(Usage::Clap(message)) => message.exit(),
        Err(Usage::Config(error)) => return failed(&error),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::init(cli.log(), cli.default_log_filter())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(cli.run())
}

/// Prints an error and its causes on one line.
#[expect(clippy::print_stderr, reason = "the one place where the command reports its failure")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("teamgraph: {error:#}");
    ExitCode::from(FAILED)
}
