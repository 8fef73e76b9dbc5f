//! The command `teamgraph`: its subcommands, and how they end.
//!
//! Owns parsing and dispatch. Exit codes: 0 for success and for yes, 1 for no (`check`, and a
//! `doctor` or a `verify` that found something), 2 for an error.

pub mod client;
pub mod demo;
pub mod doctor;
pub mod load;
pub mod migrate;
mod output;
mod process;
mod progress;
pub mod project;
pub mod rebuild;
pub mod serve;
pub mod verify;

use crate::config::{ConfigFile, with_lenient_variables};
use crate::telemetry::LogOptions;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Follows the team memberships of a PostgreSQL database and answers, over gRPC, who participates
/// in which team.
#[derive(Parser, Debug)]
#[command(name = "teamgraph", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// A TOML file of options: one key for each flag, by the flag's name
    #[arg(long, global = true, env = "TEAMGRAPH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Follow a database and answer over gRPC
    Serve(serve::ServeArgs),
    /// Show the whole path on a generated organisation, in a private PostgreSQL
    Demo(demo::DemoArgs),
    /// Follow a database and keep a table of all participations in another
    Project(project::ProjectArgs),
    /// Create or update the built-in schema in a database
    Migrate(migrate::MigrateArgs),
    /// Check every setting and right that following a database needs, each with its fix
    Doctor(doctor::DoctorArgs),
    /// Load members and memberships from CSV files into a database of the built-in schema
    Load(load::LoadArgs),
    /// Build the graph of a server anew, or the checkpoint that one starts from
    Rebuild(rebuild::RebuildArgs),
    /// Ask a server whether a member participates in a team; exit code 0 for yes, 1 for no
    Check(client::check::CheckArgs),
    /// List the teams of a member
    Teams(client::teams::TeamsArgs),
    /// List the members of a team
    Members(client::members::MembersArgs),
    /// Show why a member participates in a team; exit code 0 for yes, 1 for no
    Explain(client::explain::ExplainArgs),
    /// Show how a server is
    Status(client::status::StatusArgs),
    /// Compare a server's graph, or a participation table, with the database; exit code 0 for the
    /// same, 1 for different
    Verify(verify::VerifyArgs),
}

/// The arguments cannot be used, or only help was asked for.
#[derive(Debug)]
pub enum Usage {
    /// clap's own message, help included.
    Clap(clap::Error),
    /// The config file is wrong.
    Config(anyhow::Error),
}

impl Cli {
    /// Reads the arguments, the environment, and the config file that either names.
    ///
    /// Twice where there is a file: first to find its path, and whether the arguments alone are in
    /// order; then with its values as the defaults.
    pub fn read(args: &[OsString]) -> Result<Self, Usage> {
        let parse = |command: clap::Command| {
            let matches = with_lenient_variables(command).try_get_matches_from(args)?;
            Cli::from_arg_matches(&matches)
        };
        let plain = parse(Cli::command()).map_err(Usage::Clap)?;
        let Some(path) = &plain.config else { return Ok(plain) };
        let configured = ConfigFile::read(path).and_then(|file| file.as_defaults(Cli::command()));
        let command = configured.map_err(|error| Usage::Config(error.into()))?;
        parse(command).map_err(|error| {
            // The arguments were in order without the file.
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Usage::Config(anyhow::anyhow!("in the config file {}: {said}", path.display()))
        })
    }

    /// What to log, and how.
    pub fn log(&self) -> &LogOptions {
        &self.log
    }

    /// What is logged where nothing else is asked for: a server reports, other commands answer.
    pub fn default_log_filter(&self) -> &'static str {
        match &self.command {
            // refinery tells of each of its steps, and `migrate` tells of them better.
            Command::Serve(_) => "info,refinery_core=warn",
            Command::Project(_) => "info",
            Command::Demo(_)
            | Command::Migrate(_)
            | Command::Doctor(_)
            | Command::Load(_)
            | Command::Rebuild(_)
            | Command::Check(_)
            | Command::Teams(_)
            | Command::Members(_)
            | Command::Explain(_)
            | Command::Status(_)
            | Command::Verify(_) => "warn",
        }
    }

    /// Runs the command to its end.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(args) => serve::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Project(args) => project::run(args).await,
            Command::Migrate(args) => migrate::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Load(args) => load::run(args).await,
            Command::Rebuild(args) => rebuild::run(args).await,
            Command::Check(args) => Ok(client::check::run(args).await),
            Command::Teams(args) => Ok(client::teams::run(args).await),
            Command::Members(args) => Ok(client::members::run(args).await),
            Command::Explain(args) => Ok(client::explain::run(args).await),
            Command::Status(args) => Ok(client::status::run(args).await),
            Command::Verify(args) => verify::run(args).await,
        }
    }
}
