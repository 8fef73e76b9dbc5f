//! What differs between rows and graph: how it is asked for, and how it is shown.
//!
//! Owns the arguments, and the report's text and document. It must not know what else is done.

use super::connect::ConnectArgs;
use super::json;
use super::member::name_text;
use crate::pb;
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::io::{self, Write};

/// What is asked of a server that compares.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    /// Recompute the participations of so many members, chosen anew each time, in place of all, to say
    /// what differs. Members and memberships are compared whole all the same.
    #[arg(long, value_name = "MEMBERS", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Whether the graph is right.
pub(super) const fn is_right(report: &pb::DriftReport) -> bool {
    report.differences.is_empty()
}

/// The report as a document.
pub(super) fn document(report: &pb::DriftReport) -> Value {
    let findings =
        |findings: &[pb::Finding]| findings.iter().map(finding_document).collect::<Vec<_>>();
    json!({
        "same": is_right(report),
        "version": report.version.as_ref().map(json::version),
        "read_at": report.read_at,
        "rows": report.rows,
        "members": report.members,
        "memberships": report.memberships,
        "members_compared": report.members_compared,
        "participations": report.participations,
        "whole": report.whole,
        "differences": findings(&report.differences),
        "peculiarities": findings(&report.peculiarities),
    })
}

fn finding_document(finding: &pb::Finding) -> Value {
    let example = |example: &pb::FindingExample| {
        json!({
            "members": example.members.iter().map(json::member).collect::<Vec<_>>(),
            "source": example.source,
            "graph": example.graph,
        })
    };
    json!({
        "kind": kind_name(finding.kind()),
        "count": finding.count,
        "examples": finding.examples.iter().map(example).collect::<Vec<_>>(),
    })
}

/// The report as lines.
pub(super) fn write_text(report: &pb::DriftReport, out: &mut impl Write) -> io::Result<()> {
    let differences: u64 = report.differences.iter().map(|finding| finding.count).sum();
    let said = match differences {
        0 => "no difference".to_owned(),
        1 => "1 difference".to_owned(),
        more => format!("{} differences", HumanCount(more)),
    };
    let of = if report.whole { "all members" } else { "a sample of members" };
    writeln!(
        out,
        "{said} at {}: {} members, {} memberships, and the {} participations of {of}",
        report.read_at,
        HumanCount(report.members),
        HumanCount(report.memberships),
        HumanCount(report.participations),
    )?;
    for finding in &report.differences {
        write_finding(finding, out)?;
    }
    if !report.peculiarities.is_empty() {
        writeln!(out, "peculiarities of the database, which are served as they are:")?;
    }
    for finding in &report.peculiarities {
        write_finding(finding, out)?;
    }
    Ok(())
}

fn write_finding(finding: &pb::Finding, out: &mut impl Write) -> io::Result<()> {
    let kind = kind_name(finding.kind());
    writeln!(out, "  {}: {}", kind.replace('-', " "), HumanCount(finding.count))?;
    let edges = !matches!(finding.kind(), pb::FindingKind::Cycle);
    for example in &finding.examples {
        let names: Vec<String> = example.members.iter().map(name_text).collect();
        let names = names.join(if edges { " in " } else { ", " });
        match (example.source.as_str(), example.graph.as_str()) {
            ("", "") => writeln!(out, "    {names}")?,
            (source, "") => writeln!(out, "    {names}: {source}")?,
            (source, graph) => writeln!(out, "    {names}: {source} by its rows, {graph} here")?,
        }
    }
    if finding.count > u64::try_from(finding.examples.len()).unwrap_or(u64::MAX) {
        writeln!(out, "    …")?;
    }
    Ok(())
}

const fn kind_name(kind: pb::FindingKind) -> &'static str {
    match kind {
        pb::FindingKind::Unspecified => "unknown",
        pb::FindingKind::MemberMissing => "member-missing",
        pb::FindingKind::MemberSpurious => "member-spurious",
        pb::FindingKind::KindDiffers => "kind-differs",
        pb::FindingKind::NameDiffers => "name-differs",
        pb::FindingKind::OwnerDiffers => "owner-differs",
        pb::FindingKind::MembershipMissing => "membership-missing",
        pb::FindingKind::MembershipSpurious => "membership-spurious",
        pb::FindingKind::RoleDiffers => "role-differs",
        pb::FindingKind::ParticipationMissing => "participation-missing",
        pb::FindingKind::ParticipationSpurious => "participation-spurious",
        pb::FindingKind::Cycle => "cycle",
        pb::FindingKind::DanglingEnd => "dangling-end",
        pb::FindingKind::SelfMembership => "self-membership",
        pb::FindingKind::StatusUnknown => "status-unknown",
    }
}
