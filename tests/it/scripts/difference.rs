//! The difference of two versions of a script is that of the oracle's two versions.
//!
//! Owns the comparison, forwards and backwards, of versions next to each other and further apart,
//! for each choice of kinds.

use super::events::Event;
use super::generate::{Script, any_changes, teams_only};
use super::{number, runner};
use crate::answers::{Answers, Reach, Subject};
use crate::oracle::{NaiveGraph, NaiveVersion};
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::TestCaseError;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use teamgraph::graph::{GraphLimits, GraphWriter, Kinds, Snapshot};
use teamgraph::id::{History, Lsn, MemberId, MemberKind, SourceKey};

/// How many scripts of each kind run if nobody says otherwise.
const SCRIPTS_DEFAULT: u32 = 1_500;

const KINDS: [Kinds; 3] = [
    Kinds { people: true, teams: true },
    Kinds { people: true, teams: false },
    Kinds { people: false, teams: true },
];

/// (team, member)
type Pairs = BTreeSet<(SourceKey, SourceKey)>;

type Versions = (NaiveVersion, Arc<Snapshot>);

fn is_of(version: &NaiveVersion, member: &SourceKey, kinds: Kinds) -> bool {
    match version.kind(member) {
        Some(MemberKind::Person) => kinds.people,
        Some(MemberKind::Team) => kinds.teams,
        None => false,
    }
}

fn members(version: &NaiveVersion, kinds: Kinds) -> BTreeSet<SourceKey> {
    let all = version.rows.members.keys().filter(|member| is_of(version, member, kinds));
    all.cloned().collect()
}

fn pairs(version: &NaiveVersion, kinds: Kinds) -> Pairs {
    let of = |member: SourceKey| {
        let teams = version.teams_of(&member, Reach::All, usize::MAX).into_iter();
        teams.map(move |team| (team, member.clone()))
    };
    members(version, kinds).into_iter().flat_map(of).collect()
}

fn keys(version: &Snapshot, members: &[MemberId]) -> BTreeSet<SourceKey> {
    assert!(members.is_sorted_by(|a, b| a < b), "not ascending: {members:?}");
    members.iter().map(|&member| version.key(member).unwrap()).collect()
}

fn compare(
    (expected_before, before): &Versions,
    (expected, after): &Versions,
    kinds: Kinds,
) -> Result<usize, String> {
    let (was, is) = (pairs(expected_before, kinds), pairs(expected, kinds));
    let (mut gained, mut lost) = (Pairs::new(), Pairs::new());
    let mut last = None;
    // Both know the numbers of the later one.
    let names = if before.sequence() > after.sequence() { before } else { after };
    for item in after.difference(before, kinds).ok_or("two copies")? {
        assert!(last < Some(item.team), "teams do not ascend");
        last = Some(item.team);
        let team = names.key(names.member(item.team).unwrap()).unwrap();
        gained.extend(keys(names, &item.gained).into_iter().map(|key| (team.clone(), key)));
        lost.extend(keys(names, &item.lost).into_iter().map(|key| (team.clone(), key)));
    }
    let expected_gained: Pairs = is.difference(&was).cloned().collect();
    let expected_lost: Pairs = was.difference(&is).cloned().collect();
    if (&gained, &lost) != (&expected_gained, &expected_lost) {
        return Err(format!(
            "{kinds:?}: gained {gained:?}, expected {expected_gained:?}; lost {lost:?}, expected \
             {expected_lost:?}"
        ));
    }
    let (appeared, vanished) = after.members_difference(before, kinds);
    let (was, is) = (members(expected_before, kinds), members(expected, kinds));
    let expected = (is.difference(&was).cloned().collect(), was.difference(&is).cloned().collect());
    if (keys(names, &appeared), keys(names, &vanished)) != expected {
        return Err(format!("{kinds:?}: members {appeared:?} {vanished:?}, expected {expected:?}"));
    }
    Ok(gained.len() + lost.len())
}

/// Compares the last version of the script with some before, both ways, after every commit.
fn check(script: &Script) -> Result<usize, String> {
    let default = GraphLimits::default();
    let closure_pairs_max = script.closure_pairs_max.unwrap_or(default.closure_pairs_max);
    let limits = GraphLimits { closure_pairs_max };
    let mut writer = GraphWriter::new(1, History::default(), limits);
    let mut oracle = NaiveGraph::default();
    let (mut versions, mut found) = (Vec::<Versions>::new(), 0);
    for (at, event) in (1_u64..).zip(script.events()) {
        match event {
            Event::Change(change) => {
                oracle.apply(&change);
                writer.apply(change).unwrap();
            }
            Event::Abort => {
                oracle.abort();
                writer.abort();
            }
            Event::Commit => {
                versions.push((oracle.commit(Lsn(at)), writer.commit(Lsn(at))));
                let (last, before) = versions.split_last().unwrap();
                for other in before.iter().rev().step_by(3).chain([last]) {
                    for kinds in KINDS {
                        let says = |error| format!("step {at}: {error}");
                        found += compare(other, last, kinds).map_err(says)?;
                        compare(last, other, kinds).map_err(|e| format!("back, {}", says(e)))?;
                    }
                }
            }
        }
    }
    Ok(found)
}

fn prove(strategy: &BoxedStrategy<Script>) {
    let scripts = number("TEAMGRAPH_SCRIPTS").unwrap_or(SCRIPTS_DEFAULT);
    let found = Cell::new(0);
    let run = |script: Script| {
        let pairs = check(&script)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{}", script.text())))?;
        found.set(found.get() + pairs);
        Ok(())
    };
    runner(scripts, number("TEAMGRAPH_SEED").unwrap_or(0), 0).run(strategy, run).unwrap();
    assert!(found.get() > 1_000, "hardly anything differed: {}", found.get());
}

#[test]
fn the_difference_of_versions_is_that_of_the_oracle() {
    prove(&any_changes(false));
}

#[test]
fn the_difference_is_right_at_any_closure_budget() {
    prove(&any_changes(true));
}

#[test]
fn the_difference_is_right_where_teams_alone_change() {
    prove(&teams_only(false));
}
