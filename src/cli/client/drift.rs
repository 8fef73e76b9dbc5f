//! What differs between a graph and its source, for eyes and for programs.
//!
//! Owns the text and the JSON of a report.

use super::json;
use super::member::name_text;
use crate::pb;
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The words of a kind: `membership-missing`.
fn kind(finding: &pb::Finding) -> String {
    let name = finding.kind().as_str_name();
    name.trim_start_matches("FINDING_KIND_").to_lowercase().replace('_', "-")
}

/// One document.
pub(super) fn document(drift: &pb::DriftReport) -> Value {
    let example = |example: &pb::FindingExample| {
        let members: Vec<Value> = example.members.iter().map(json::member).collect();
        json!({ "members": members, "source": example.source, "graph": example.graph })
    };
    let finding = |finding: &pb::Finding| {
        let examples: Vec<Value> = finding.examples.iter().map(example).collect();
        json!({ "kind": kind(finding), "count": finding.count, "examples": examples })
    };
    let findings =
        |list: &[pb::Finding]| -> Vec<Value> { list.iter().map(finding).collect() };
    json!({
        "version": json::version(drift.version),
        "read_at": drift.read_at,
        "rows": drift.rows,
        "members": drift.members,
        "memberships": drift.memberships,
        "members_compared": drift.members_compared,
        "participations": drift.participations,
        "whole": drift.whole,
        "differences": findings(&drift.differences),
        "peculiarities": findings(&drift.peculiarities),
    })
}

/// What was compared, what differs, and what is odd in the source.
pub(super) fn write_text(drift: &pb::DriftReport, out: &mut impl Write) -> io::Result<()> {
    let count = |number: u64| HumanCount(number).to_string();
    let whose = if drift.whole { "all" } else { "a sample of" };
    writeln!(
        out,
        "compared at {}: {} members, {} memberships, {} participations of {whose} {} members",
        drift.read_at,
        count(drift.members),
        count(drift.memberships),
        count(drift.participations),
        count(drift.members_compared),
    )?;
    if drift.differences.is_empty() {
        writeln!(out, "nothing differs")?;
    }
    for (what, findings) in
        [("differs", &drift.differences), ("odd in the source", &drift.peculiarities)]
    {
        for finding in findings {
            writeln!(out, "{what}: {} {}", count(finding.count), kind(finding))?;
            for example in &finding.examples {
                writeln!(out, "    {}", line(example))?;
            }
        }
    }
    Ok(())
}

/// `alice, devs (source: member; graph: nothing)`
fn line(example: &pb::FindingExample) -> String {
    let names: Vec<String> = example.members.iter().map(name_text).collect();
    let said = [("source", &example.source), ("graph", &example.graph)];
    let said = said.iter().filter(|(_, said)| !said.is_empty());
    let said: Vec<String> = said.map(|(who, said)| format!("{who}: {said}")).collect();
    match said.is_empty() {
        true => names.join(", "),
        false => format!("{} ({})", names.join(", "), said.join("; ")),
    }
}
