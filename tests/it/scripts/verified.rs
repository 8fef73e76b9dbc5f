//! The comparison of rows with a graph, against the oracle: a version and its own rows agree, and what
//! it says of a version and other rows is what the oracle says, to the number.

use super::events::Event;
use super::generate::{Script, any_changes};
use super::runner;
use crate::answers::{Answers, Named, Reach, Subject};
use crate::oracle::{NaiveGraph, NaiveVersion, Rows};
use proptest::test_runner::TestCaseError;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use teamgraph::command::{DriftReport, FindingKind};
use teamgraph::graph::{GraphLimits, GraphWriter, Snapshot};
use teamgraph::id::{History, Lsn, SourceKey};
use teamgraph::verify::{CompareOptions, Gathering, compare};

const SCRIPTS: u32 = 1_000;

/// Every version of a script, as the oracle has it and as the graph has it.
fn versions(script: &Script) -> Vec<(NaiveVersion, Arc<Snapshot>)> {
    let default = GraphLimits::default();
    let closure_pairs_max = script.closure_pairs_max.unwrap_or(default.closure_pairs_max);
    let limits = GraphLimits { closure_pairs_max };
    let mut writer = GraphWriter::new(1, History { system_id: 7, timeline: 1 }, limits);
    let mut oracle = NaiveGraph::default();
    let mut versions = Vec::new();
    for (at, event) in (1_u64..).zip(script.events()) {
        match event {
            Event::Change(change) => {
                oracle.apply(&change);
                writer.apply(change).unwrap();
            }
            Event::Commit => versions.push((oracle.commit(Lsn(at)), writer.commit(Lsn(at)))),
            Event::Abort => {
                oracle.abort();
                writer.abort();
            }
        }
    }
    versions
}

fn verified(rows: &Rows, seen: &Snapshot) -> DriftReport {
    let mut gathering = Gathering::new();
    for change in rows.as_changes() {
        gathering.apply(&change).unwrap();
    }
    let go_on = &mut |_: u64, _: u64| ControlFlow::Continue(());
    compare(&gathering.finish(), seen, CompareOptions::default(), go_on).unwrap()
}

fn counts(report: &DriftReport) -> BTreeMap<FindingKind, u64> {
    report.findings.iter().map(|it| (it.kind, it.count)).collect()
}

/// What must be found where the rows are those of the one version and the graph is the other.
fn expected(source: &NaiveVersion, graph: &NaiveVersion) -> BTreeMap<FindingKind, u64> {
    use FindingKind as Kind;
    let mut counts = BTreeMap::new();
    let mut add = |kind, count: usize| {
        if count > 0 {
            *counts.entry(kind).or_default() += u64::try_from(count).unwrap();
        }
    };
    let (rows, held) = (&source.rows.members, &graph.rows.members);
    add(Kind::MemberMissing, rows.keys().filter(|key| !held.contains_key(key)).count());
    add(Kind::MemberSpurious, held.keys().filter(|key| !rows.contains_key(key)).count());
    let both: Vec<_> =
        rows.iter().filter_map(|(key, row)| Some((key, row, held.get(key)?))).collect();
    add(Kind::KindDiffers, both.iter().filter(|(_, row, held)| row.kind != held.kind).count());
    add(Kind::OwnerDiffers, both.iter().filter(|(_, row, held)| row.owner != held.owner).count());
    add(Kind::NameDiffers, both.iter().filter(|(_, row, held)| row.name != held.name).count());
    let mut ambiguous: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, row, held) in &both {
        let name = row.name.as_deref().filter(|_| row.name == held.name);
        if let Some(name) = name.filter(|name| graph.named(name) == Named::Ambiguous) {
            *ambiguous.entry(name).or_default() += 1;
        }
    }
    add(Kind::NameDiffers, ambiguous.values().filter(|&&holders| holders == 1).count());

    let (stated, kept) = (source.rows.stated(), graph.rows.stated());
    add(Kind::MembershipMissing, stated.keys().filter(|edge| !kept.contains_key(edge)).count());
    add(Kind::MembershipSpurious, kept.keys().filter(|edge| !stated.contains_key(edge)).count());
    let other_role =
        stated.iter().filter(|(edge, role)| kept.get(edge).is_some_and(|it| it != *role));
    add(Kind::RoleDiffers, other_role.count());
    let (mut missing, mut spurious) = (0, 0);
    for (key, ..) in &both {
        let teams = |version: &NaiveVersion| -> BTreeSet<SourceKey> {
            version.teams_of(key, Reach::All, usize::MAX).into_iter().collect()
        };
        let (source, graph) = (teams(source), teams(graph));
        missing += source.difference(&graph).count();
        spurious += graph.difference(&source).count();
    }
    add(Kind::ParticipationMissing, missing);
    add(Kind::ParticipationSpurious, spurious);

    let itself = |(member, team): &&(SourceKey, SourceKey)| member == team;
    let dangles = |(member, team): &&(SourceKey, SourceKey)| {
        member != team && !(rows.contains_key(member) && source.rows.is_team(team))
    };
    add(Kind::SelfMembership, stated.keys().filter(itself).count());
    add(Kind::DanglingEnd, stated.keys().filter(dangles).count());
    add(Kind::Cycle, source.cycles(usize::MAX).len());
    counts
}

#[test]
fn every_version_is_what_its_rows_say_and_differs_from_others_as_the_oracle_does() {
    let found: RefCell<BTreeMap<FindingKind, u64>> = RefCell::default();
    runner(SCRIPTS, 0, 0)
        .run(&any_changes(true), |script| {
            let versions = versions(&script);
            let last = versions.last().map(|(last, _)| last);
            for (at, (own, graph)) in versions.iter().enumerate() {
                for source in [Some(own), last].into_iter().flatten() {
                    let report = verified(&source.rows, graph);
                    if counts(&report) != expected(source, own) {
                        let expected = expected(source, own);
                        let said = format!("version {at}: {report:?}, expected {expected:?}");
                        return Err(TestCaseError::fail(said));
                    }
                    for finding in &report.findings {
                        *found.borrow_mut().entry(finding.kind).or_default() += finding.count;
                    }
                }
                let own_report = verified(&own.rows, graph);
                if own_report.differences() > 0 {
                    return Err(TestCaseError::fail(format!("version {at}: {own_report:?}")));
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    // All kinds but the unknown status, which no graph has.
    assert_eq!(found.borrow().len(), 13, "{found:?}");
}
