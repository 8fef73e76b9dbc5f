//! The half of `teamgraph verify` that asks a server.
//!
//! Owns how a comparison is asked for and followed.

use super::drift::{self, CompareArgs};
use super::failure::ClientError;
use super::output::{conclude, standard};
use crate::cli::progress::Progress;
use crate::pb;
use pb::verify_response::Event;
use std::io::Write;
use std::process::ExitCode;
use tonic::Streaming;

/// Asks, shows the answer, and returns the exit code: 0 if nothing differs, 1 if something does, 2 if
/// it could not be told.
pub async fn run(args: CompareArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &CompareArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect_admin().await?;
    let events = client.verify(pb::VerifyRequest { sample: args.sample }).await?.into_inner();
    let mut progress = Progress::new(args.connect.json);
    let report = follow(events, &mut progress).await;
    progress.end();
    let report = report?;
    if args.connect.json {
        writeln!(out, "{}", drift::document(&report))?;
    } else {
        drift::write_text(&report, out)?;
    }
    Ok(drift::is_right(&report))
}

async fn follow(
    mut events: Streaming<pb::VerifyResponse>,
    progress: &mut Progress,
) -> Result<pb::DriftReport, ClientError> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Progress(at)) => progress.show(doing(at.phase()), at.done, at.total),
            Some(Event::Report(report)) => return Ok(report),
            None => {}
        }
    }
    Err(ClientError::Answer("a report"))
}

/// What the server is doing, in words.
pub(super) const fn doing(phase: pb::AdminPhase) -> &'static str {
    match phase {
        pb::AdminPhase::Opening => "waiting for open transactions to end",
        pb::AdminPhase::Reading => "reading rows",
        pb::AdminPhase::Waiting => "waiting for the graph to be as far",
        pb::AdminPhase::Comparing => "comparing",
        pb::AdminPhase::Building => "building the graph",
        pb::AdminPhase::CatchingUp => "catching up",
        pb::AdminPhase::Unspecified => "working",
    }
}
