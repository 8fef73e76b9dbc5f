//! The half of `teamgraph rebuild` that asks a server.
//!
//! Owns how the rebuild's progress and its report are shown.

use super::connect::channel;
use super::drift;
use super::failure::ClientError;
use super::json;
use super::output::{conclude, standard};
use crate::cli::progress::Progress;
use crate::pb;
use indicatif::HumanCount;
use pb::admin_service_client::AdminServiceClient;
use pb::rebuild_response::Event;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// What is asked of a server.
#[derive(Clone, Debug, clap::Args)]
pub struct RebuildArgs {
    /// The server's address; the call may take as long as it takes.
    #[arg(
        long,
        env = "TEAMGRAPH_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7420"
    )]
    server: String,
    /// How many members to recompute the participations of, to say what differed [default: all]
    #[arg(long, value_name = "MEMBERS", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Write one JSON document for programs in place of text, and no progress. An error is a JSON
    /// document, too, on standard error.
    #[arg(long, env = "TEAMGRAPH_JSON")]
    json: bool,
}

impl RebuildArgs {
    /// Programs read what is written.
    pub(in crate::cli) const fn json(&self) -> bool {
        self.json
    }
}

/// Asks, shows the report, and returns the exit code: 0 if nothing differed, else 1; 2 if there is
/// no new graph.
pub async fn run(args: RebuildArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.json)
}

pub(super) async fn answer(args: &RebuildArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = AdminServiceClient::new(channel(&args.server).await?);
    let request = pb::RebuildRequest { sample: args.sample };
    let mut events = client.rebuild(request).await?.into_inner();
    let mut progress = Progress::new(args.json);
    let report = loop {
        let Some(event) = events.message().await? else {
            return Err(ClientError::Answer("the report"));
        };
        match event.event {
            Some(Event::Progress(at)) => progress.show(phase(at.phase()), at.done, at.total),
            Some(Event::Report(report)) => break report,
            None => return Err(ClientError::Answer("the event")),
        }
    };
    drop(progress);
    if args.json {
        writeln!(out, "{}", document(&report))?;
    } else {
        write_text(&report, out)?;
    }
    Ok(report.drift.is_some_and(|drift| drift.differences.is_empty()))
}

/// What the server is doing, in words.
const fn phase(phase: pb::AdminPhase) -> &'static str {
    match phase {
        pb::AdminPhase::Unspecified => "working",
        pb::AdminPhase::Opening => "waiting for open transactions to end",
        pb::AdminPhase::Reading => "reading rows",
        pb::AdminPhase::Waiting => "waiting for the graph that is served",
        pb::AdminPhase::Comparing => "comparing",
        pb::AdminPhase::Building => "building the graph",
        pb::AdminPhase::CatchingUp => "catching up",
    }
}

fn document(report: &pb::RebuildReport) -> Value {
    json!({
        "version": json::version(report.version),
        "copy": report.copy,
        "rows": report.rows,
        "took_ms": report.took_ms,
        "drift": report.drift.as_ref().map(drift::document),
        "drift_unknown": report.drift_unknown,
    })
}

fn write_text(report: &pb::RebuildReport, out: &mut impl Write) -> io::Result<()> {
    let took = Duration::from_millis(report.took_ms).as_secs_f64();
    let rows = HumanCount(report.rows);
    writeln!(out, "rebuilt of {rows} rows in {took:.1} s: copy {} is served", report.copy)?;
    match &report.drift {
        Some(drift) => drift::write_text(drift, out),
        None => writeln!(out, "what differed is not known: {}", report.drift_unknown),
    }
}
