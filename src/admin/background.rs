//! A verify again and again, for as long as the process serves.
//!
//! Owns the pauses and what is logged. It must not know how a verify is made.

use crate::command::{
    Admin, AdminError, AdminRun, DriftReport, FindingExample, NamedMember, VerifyEvent, VerifyOrder,
};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Members whose participations are compared each time: some milliseconds of work. The rows are read
/// whole, which is what it costs.
const SAMPLE: u64 = 1_000;

/// Verifies a sample, rests for so long, and so on until `stop`. Where another verify runs, it waits
/// for its next turn.
pub async fn verify_again_and_again(desk: Arc<dyn Admin>, rest: Duration, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(rest)).await.is_some() {
        let Ok(run) = desk.verify(VerifyOrder { sample: Some(SAMPLE) }) else { continue };
        match stop.run_until_cancelled(end_of(run)).await {
            None => return,
            Some(Err(AdminError::Stopping)) => {}
            Some(Err(error)) => tracing::warn!(%error, "the background verify could not tell"),
            Some(Ok(report)) => tell(&report),
        }
    }
}

async fn end_of(mut run: AdminRun<VerifyEvent>) -> Result<Box<DriftReport>, AdminError> {
    loop {
        match poll_fn(|context| run.as_mut().poll_event(context)).await {
            Some(Ok(VerifyEvent::Progress(_))) => {}
            Some(Ok(VerifyEvent::Report(report))) => return Ok(report),
            Some(Err(error)) => return Err(error),
            None => return Err(AdminError::Stopping),
        }
    }
}

fn tell(report: &DriftReport) {
    let (version, members) = (report.version, report.members_compared);
    let differences = report.differences();
    if differences == 0 {
        tracing::info!(%version, rows = report.rows, members, "verified: no difference");
        return;
    }
    tracing::error!(
        %version,
        differences,
        "the graph differs from the database: `teamgraph verify` tells where, `teamgraph rebuild` \
         mends it; please report it"
    );
    for finding in report.findings.iter().filter(|finding| finding.kind.is_difference()) {
        let example = finding.examples.first().map(in_words).unwrap_or_default();
        tracing::error!(kind = ?finding.kind, count = finding.count, example, "a difference");
    }
}

fn in_words(FindingExample { members, source, graph }: &FindingExample) -> String {
    let name = |NamedMember { key, name, .. }: &NamedMember| {
        name.as_deref().map_or_else(|| format!("key {key}"), str::to_owned)
    };
    let members: Vec<String> = members.iter().map(name).collect();
    format!("{}: {source} by its rows, {graph} in the graph", members.join(", "))
}
