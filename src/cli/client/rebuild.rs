//! The half of `teamgraph rebuild` that asks a server.
//!
//! Owns how a rebuild is asked for and followed.

use super::drift::{self, CompareArgs};
use super::failure::ClientError;
use super::json;
use super::output::{conclude, standard};
use super::verify::doing;
use crate::cli::progress::Progress;
use crate::pb;
use indicatif::HumanCount;
use pb::rebuild_response::Event;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tonic::Streaming;

/// Asks, shows the report, and returns the exit code: 0 if nothing differed, 1 if something did or
/// that could not be told, 2 if there is no new graph.
pub async fn run(args: CompareArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &CompareArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect_admin().await?;
    let events = client.rebuild(pb::RebuildRequest { sample: args.sample }).await?.into_inner();
    let mut progress = Progress::new(args.connect.json);
    let report = follow(events, &mut progress).await;
    progress.end();
    let report = report?;
    if args.connect.json {
        writeln!(out, "{}", document(&report))?;
    } else {
        write_text(&report, out)?;
    }
    Ok(report.drift.as_ref().is_some_and(drift::is_right))
}

async fn follow(
    mut events: Streaming<pb::RebuildResponse>,
    progress: &mut Progress,
) -> Result<pb::RebuildReport, ClientError> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(at)) => progress.show(doing(at.phase()), at.done, at.total),
            Some(Event::Report(report)) => return Ok(report),
            None => {}
        }
    }
    Err(ClientError::Answer("a report"))
}

fn document(report: &pb::RebuildReport) -> Value {
    json!({
        "version": report.version.as_ref().map(json::version),
        "copy": report.copy,
        "rows": report.rows,
        "took_ms": report.took_ms,
        "drift": report.drift.as_ref().map(drift::document),
        "drift_unknown": report.drift_unknown,
    })
}

fn write_text(report: &pb::RebuildReport, out: &mut impl Write) -> io::Result<()> {
    let took = Duration::from_millis(report.took_ms).as_secs_f64();
    let (rows, copy) = (HumanCount(report.rows), report.copy);
    writeln!(out, "rebuilt of {rows} rows in {took:.1} s: copy {copy} is served")?;
    match &report.drift {
        Some(drift) => {
            write!(out, "in the graph that was served before: ")?;
            drift::write_text(drift, out)
        }
        None => writeln!(out, "what differed is not known: {}", report.drift_unknown),
    }
}
