//! Cases as data: `tests/cases/*.txt`, each a few lines of text, run on the oracle and the graph.
//!
//! Owns the reading of those files and the list of the scenarios that they must account for.
//! `tests/cases/00-about.txt` describes the syntax and names the scenarios that do not apply.

pub mod check;
pub mod syntax;

use crate::answers::Subject;
use crate::answers::graph::GraphSubject;
use crate::answers::served::ServedSubject;
use crate::oracle::NaiveGraph;
use crate::oracle::flaws::{Flaw, FlawedGraph};
use check::{Case, check, key_spaces};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use teamgraph::graph::GraphLimits;
use teamgraph::id::{KeySpace, SourceKey};

/// Every scenario, by group and number of scenarios in it: each is a case, or is named with the
/// reason why it is none.
const SCENARIOS: [(&str, u32); 10] = [
    ("A", 4),
    ("B", 3),
    ("D", 3),
    ("G", 11),
    ("H", 7),
    ("I", 8),
    ("J", 22),
    ("L", 15),
    ("M", 7),
    ("Q", 16),
];

/// What the files hold: cases, and scenarios that are none with the reason.
struct Cases {
    cases: Vec<Case>,
    not_cases: Vec<String>,
}

fn read_cases() -> Cases {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = Cases { cases: Vec::new(), not_cases: Vec::new() };
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        read_file(&name, &std::fs::read_to_string(&file).unwrap(), &mut all);
    }
    all
}

/// Splits one file into cases. A line of a case is kept with its number; the rest must be known.
fn read_file(file: &str, text: &str, all: &mut Cases) {
    let mut open: Option<Case> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap().trim();
        let place = format!("tests/cases/{file}:{number}");
        if line.is_empty() {
            continue;
        }
        if let Some(title) = line.strip_prefix("case ") {
            all.cases.extend(open.replace(Case { title: title.to_owned(), lines: Vec::new() }));
        } else if let Some(rest) = line.strip_prefix("not-a-case ") {
            let (id, reason) = rest.split_once(": ").unwrap_or((rest, ""));
            assert!(!reason.is_empty(), "{place}: write `not-a-case ID: reason`");
            all.not_cases.push(id.to_owned());
        } else {
            let case =
                open.as_mut().unwrap_or_else(|| panic!("{place}: no `case` before `{line}`"));
            case.lines.push((place, line.to_owned()));
        }
    }
    all.cases.extend(open);
}

/// Checks all cases on one implementation and tells all failures at once.
fn check_all<S: Subject>(new: impl Fn(u64, GraphLimits, Vec<SourceKey>) -> S) {
    check_cases(&read_cases().cases, new);
}

fn check_cases<S: Subject>(cases: &[Case], new: impl Fn(u64, GraphLimits, Vec<SourceKey>) -> S) {
    let failure = |case: &Case| {
        // What panics is told with the case's title, as what fails is with its place.
        let run = AssertUnwindSafe(|| check(case, &new));
        let panicked = format!("case {}: panicked, see above", case.title);
        std::panic::catch_unwind(run).unwrap_or(Err(panicked)).err()
    };
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    eprintln!("{} cases hold", cases.len());
}

#[test]
fn cases_hold_for_the_oracle() {
    check_all(|_, _, _| NaiveGraph::default());
}

#[test]
fn cases_hold_for_the_graph() {
    check_all(GraphSubject::new);
}

#[test]
fn cases_hold_for_the_graph_without_a_closure() {
    check_all(|copy, _, keys| GraphSubject::new(copy, GraphLimits { closure_pairs_max: 0 }, keys));
}

#[test]
fn cases_hold_over_a_socket() {
    let (cases, others): (Vec<Case>, Vec<Case>) = read_cases()
        .cases
        .into_iter()
        .partition(|case| key_spaces(case).iter().all(|space| *space == KeySpace::DEFAULT));
    // A reference cannot say its key space yet.
    assert_eq!(others.len(), 2, "cases of several key spaces: {others:?}");
    check_cases(&cases, |copy, limits, _| ServedSubject::new(copy, limits));
}

#[test]
fn cases_find_flaws() {
    let cases = read_cases().cases;
    for flaw in [Flaw::ConversionIgnored, Flaw::SecondRemovalIgnored, Flaw::DanglingRowDropped] {
        let found =
            cases.iter().any(|case| check(case, &|_, _, _| FlawedGraph::new(flaw)).is_err());
        assert!(found, "no case shows {flaw:?}");
    }
}

#[test]
fn every_scenario_is_a_case_or_says_why_not() {
    let Cases { cases, not_cases } = read_cases();
    let scenarios = SCENARIOS
        .iter()
        .flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}{number}")));
    let scenarios: BTreeSet<String> = scenarios.collect();
    let ids = |title: &str| {
        let ids = title.split(':').next().unwrap().split_whitespace().map(str::to_owned);
        ids.collect::<Vec<_>>()
    };
    let in_cases: BTreeSet<String> = cases.iter().flat_map(|case| ids(&case.title)).collect();
    let not_cases: BTreeSet<String> = not_cases.into_iter().collect();
    let missing: Vec<_> =
        scenarios.iter().filter(|id| !in_cases.contains(*id) && !not_cases.contains(*id)).collect();
    assert!(missing.is_empty(), "scenarios that no file accounts for: {missing:?}");
    let unknown: Vec<_> =
        in_cases.union(&not_cases).filter(|id| !scenarios.contains(*id)).collect();
    assert!(unknown.is_empty(), "no such scenarios: {unknown:?}");
    let both: Vec<_> = in_cases.intersection(&not_cases).collect();
    assert!(both.is_empty(), "both a case and not: {both:?}");
}

#[test]
fn a_wrong_or_unknown_line_fails_with_its_place() {
    for (text, part) in [
        ("case x\ncommit\nfrobnicate a b", "cases/f.txt:3: frobnicate a b: not understood"),
        ("case x\nfrobnicate a b", "cases/f.txt:2: `frobnicate a b` is asked before anything"),
        ("case x\ncommit\nfrobnicate a = b", "cases/f.txt:3: frobnicate a = b: not understood"),
        ("case x\nteam t\ncommit\nin t: a", "cases/f.txt:4: in t: a"),
        ("case x\nteam t\nperson a\n+ t a\ncommit\npath a t = t a", "cases/f.txt:6"),
        ("case x\nteam t colour=red", "cases/f.txt:2"),
        ("case x\n+ t a status=9", "cases/f.txt:2: status `9`"),
        ("case x\nteam t\ncommit\nparticipants t = t", "cases/f.txt:4"),
        ("case x\nteam t\ncommit\nstats teams=2", "cases/f.txt:4"),
        ("case x\nteam t\ncommit", "case x: asks nothing"),
        ("case x\nteam t\nkind t = team\ncommit", "cases/f.txt:3"),
        ("case x\ncommit\ncycles = none\nteam t", "case x: its last changes are not committed"),
    ] {
        let mut all = Cases { cases: Vec::new(), not_cases: Vec::new() };
        read_file("f.txt", text, &mut all);
        let outcome = check(&all.cases[0], &|_, _, _| NaiveGraph::default());
        let error = outcome.expect_err(text);
        assert!(error.contains(part), "{error}\nlacks\n{part}");
    }
}
