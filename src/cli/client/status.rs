//! `teamgraph status`.
//!
//! Owns how a server's report is shown.

use super::connect::ConnectArgs;
use super::failure::ClientError;
use super::json;
use super::member::name_text;
use super::output::{conclude, standard};
use crate::pb;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// Show how the server is: its version of the graph, how far it is behind, sizes, cycles, feed.
///
/// Exit code: 0 if the server is ready to answer, 1 if it has no copy yet, 2 for an error.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "JSON: one document with the fields of GetStatusResponse (docs/api.md).")]
pub struct StatusArgs {
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Asks, shows the answer, and returns the exit code.
pub async fn run(args: StatusArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &StatusArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect().await?;
    let call = args.connect.request(pb::GetStatusRequest {});
    let status = client.get_status(call).await?.into_inner();
    if args.connect.json {
        writeln!(out, "{}", document(&status))?;
    } else {
        write_text(&status, out)?;
    }
    Ok(status.answered_at.is_some())
}

fn document(status: &pb::GetStatusResponse) -> Value {
    let feed = status.feed.as_ref().map(|feed| {
        json!({
            "state": feed.state,
            "error": feed.error,
            "rows_copied": feed.rows_copied,
            "retry_in_ms": feed.retry_in_ms,
            "slot": feed.slot,
            "publication": feed.publication,
            "reconnects": feed.reconnects,
            "copies": feed.copies,
        })
    });
    let sizes = status.sizes.as_ref().map(|sizes| {
        json!({
            "people": sizes.people,
            "teams": sizes.teams,
            "memberships": sizes.memberships,
            "rows": sizes.rows,
            "team_edges": sizes.team_edges,
            "closure_pairs": sizes.closure_pairs,
            "closure_materialised": sizes.closure_materialised,
            "cycles": sizes.cycles,
            "teams_on_cycles": sizes.teams_on_cycles,
            "self_memberships": sizes.self_memberships,
        })
    });
    let checkpoint = status.checkpoint.as_ref().map(|checkpoint| {
        json!({
            "directory": checkpoint.directory,
            "start": checkpoint.start,
            "position": checkpoint.position,
            "age_ms": checkpoint.age_ms,
            "bytes": checkpoint.bytes,
            "took_ms": checkpoint.took_ms,
            "error": checkpoint.error,
        })
    });
    let digest = status
        .digest
        .as_ref()
        .map(|digest| json!({ "rows": digest.rows, "closure": digest.closure }));
    let cycle = |cycle: &pb::Cycle| {
        let teams: Vec<Value> = cycle.teams.iter().map(json::member).collect();
        json!({ "teams": teams, "team_count": cycle.team_count })
    };
    let kept = status.kept_versions.unwrap_or_default();
    let limits: Map<String, Value> =
        status.limits.iter().map(|limit| (limit.name.clone(), json!(limit.value))).collect();
    json!({
        "product_version": status.product_version,
        "instance": status.instance,
        "answered_at": json::answered_at(status.answered_at.as_ref()),
        "source_lsn": status.source_lsn,
        "lag_bytes": status.lag_bytes,
        "lag_transactions": status.lag_transactions,
        "lag_ms": status.lag_ms,
        "feed": feed,
        "sizes": sizes,
        "cycles": status.cycles.iter().map(cycle).collect::<Vec<_>>(),
        "kept_versions": { "versions": kept.versions, "bytes": kept.bytes },
        "limits": limits,
        "checkpoint": checkpoint,
        "digest": digest,
        "last_verify": status.last_verify.as_ref().map(last_verify),
        "projection": status.projection.as_ref().map(projection),
    })
}

fn last_verify(last: &pb::LastVerify) -> Value {
    json!({
        "age_ms": last.age_ms,
        "version": last.version.as_ref().map(json::version),
        "differences": last.differences,
        "members_compared": last.members_compared,
        "whole": last.whole,
        "error": last.error,
    })
}

fn projection(projection: &pb::ProjectionReport) -> Value {
    json!({
        "table": projection.table,
        "state": projection.state,
        "version": projection.version.as_ref().map(json::version),
        "applied_lsn": projection.applied_lsn,
        "lag_ms": projection.lag_ms,
        "retry_in_ms": projection.retry_in_ms,
        "error": projection.error,
        "error_age_ms": projection.error_age_ms,
    })
}

fn write_text(status: &pb::GetStatusResponse, out: &mut impl Write) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<12} {value}");
    line("server", format!("{} (Teamgraph {})", status.instance, status.product_version))?;
    let feed = status.feed.clone().unwrap_or_default();
    let mut state = feed.state.clone();
    if feed.state == "copying" {
        state = format!("copying, {} rows so far", feed.rows_copied);
    }
    if !feed.error.is_empty() {
        state = format!("{state}: {}", feed.error);
    }
    line("feed", state)?;
    line("slot", format!("{}, publication {}", feed.slot, feed.publication))?;
    line("resumed", format!("{} times, {} fresh copies", feed.reconnects, feed.copies))?;
    if let Some(checkpoint) = &status.checkpoint {
        for (name, said) in ["checkpoint", ""].iter().zip(checkpoint_lines(checkpoint)) {
            line(name, said)?;
        }
    }
    if let Some(last) = &status.last_verify {
        line("verified", verified(last))?;
    }
    if let Some(projection) = &status.projection {
        for (name, said) in ["table", ""].iter().zip(projection_lines(projection)) {
            line(name, said)?;
        }
    }
    let Some(at) = &status.answered_at else {
        return line("graph", "none yet: the first copy is not whole".to_owned());
    };
    let behind = format!("{} bytes behind {}", status.lag_bytes, status.source_lsn);
    let waiting = format!("{} transactions, {} ms", status.lag_transactions, status.lag_ms);
    line("applied", format!("{}, {behind}, {waiting}", at.applied_lsn))?;
    line("token", at.token.clone())?;
    if at.stale_for_ms > 0 {
        line("stale for", format!("{} ms: the database is out of reach", at.stale_for_ms))?;
    }
    let sizes = status.sizes.unwrap_or_default();
    line("members", format!("{} people, {} teams", sizes.people, sizes.teams))?;
    let (memberships, rows) = (sizes.memberships, sizes.rows);
    line("memberships", format!("{memberships}, stated by {rows} rows"))?;
    let closure = if sizes.closure_materialised {
        format!("{} pairs of {} memberships among teams", sizes.closure_pairs, sizes.team_edges)
    } else {
        "past its budget: every question is searched (right, but slower)".to_owned()
    };
    line("closure", closure)?;
    if let Some(digest) = &status.digest {
        let closure = if digest.closure.is_empty() { "none" } else { &digest.closure };
        line("digest", format!("rows {}, closure {closure}", digest.rows))?;
    }
    let kept = status.kept_versions.unwrap_or_default();
    line("kept", format!("{} versions, about {} bytes", kept.versions, kept.bytes))?;
    line("cycles", format!("{} of {} teams", sizes.cycles, sizes.teams_on_cycles))?;
    for cycle in &status.cycles {
        let mut names: Vec<String> = cycle.teams.iter().map(name_text).collect();
        if cycle.team_count > u64::try_from(names.len()).unwrap_or(u64::MAX) {
            names.push("…".to_owned());
        }
        line("", format!("{} teams: {}", cycle.team_count, names.join(", ")))?;
    }
    if sizes.self_memberships > 0 {
        line("", format!("{} memberships of a team in itself", sizes.self_memberships))?;
    }
    Ok(())
}

/// What came of the last verify.
fn verified(last: &pb::LastVerify) -> String {
    let age_s = last.age_ms / 1_000;
    match (last.error.as_str(), last.differences) {
        ("", 0) => format!("no difference, {age_s} s ago"),
        ("", differences) => format!("{differences} differences, {age_s} s ago: run verify"),
        (error, _) => format!("could not be told, {age_s} s ago: {error}"),
    }
}

/// How the participation table is, and what went wrong with it last.
fn projection_lines(projection: &pb::ProjectionReport) -> Vec<String> {
    let pb::ProjectionReport { table, state, applied_lsn, lag_ms, error, error_age_ms, .. } =
        projection;
    let mut kept = format!("{table}, {state}");
    if !applied_lsn.is_empty() {
        kept = format!("{kept}, applied {applied_lsn}");
    }
    if let Some(lag_ms) = lag_ms {
        kept = format!("{kept}, current {} s ago", lag_ms / 1_000);
    }
    let wrong = format!("{} s ago: {error}", error_age_ms / 1_000);
    [Some(kept), Some(wrong).filter(|_| !error.is_empty())].into_iter().flatten().collect()
}

/// How the graph on disk is, and what came of it at the start.
fn checkpoint_lines(checkpoint: &pb::CheckpointReport) -> Vec<String> {
    let mut kept = match checkpoint.position.as_str() {
        "" => "none yet".to_owned(),
        position => {
            let (age_s, bytes) = (checkpoint.age_ms / 1_000, checkpoint.bytes);
            format!("{position}, {age_s} s ago, {bytes} bytes in {} ms", checkpoint.took_ms)
        }
    };
    if !checkpoint.error.is_empty() {
        kept = format!("{kept}; failed: {}", checkpoint.error);
    }
    let start = Some(format!("this process {}", checkpoint.start));
    [Some(kept), start.filter(|_| !checkpoint.start.is_empty())].into_iter().flatten().collect()
}
