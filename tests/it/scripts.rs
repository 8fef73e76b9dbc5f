//! Random scripts of row changes: after every step the graph answers as the oracle does.
//!
//! Owns the property tests and their switches. Thousands of scripts run by default;
//! `TEAMGRAPH_SCRIPTS=1000000` runs that many of each kind, `TEAMGRAPH_SEED=n` other ones. A
//! failing script is shrunk and printed in the syntax of `tests/cases`.

mod difference;
pub mod events;
pub mod generate;
mod long;
mod run;
mod sizes;
mod tally;
pub mod universe;
mod verified;

use crate::answers::graph::GraphSubject;
use crate::conformance::syntax::{self, change_text};
use crate::oracle::NaiveGraph;
use crate::oracle::flaws::{Flaw, FlawedGraph};
use events::Event;
use generate::{Script, any_changes, teams_only};
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use run::run_script;
use std::cell::RefCell;
use tally::Tally;
use teamgraph::graph::GraphLimits;

/// How many scripts of each kind run if nobody says otherwise: about 20 s each on two cores.
const SCRIPTS_DEFAULT: u32 = 3_000;

/// As many as machines have cores at least; nothing here waits.
const THREADS: u32 = 2;

/// Each flaw must show itself within this many scripts.
const SCRIPTS_PER_FLAW: u32 = 400;

fn number(variable: &str) -> Option<u32> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn runner(scripts: u32, seed: u32, thread: u32) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    bytes[4..8].copy_from_slice(&thread.to_le_bytes());
    let config = Config { cases: scripts, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The name of the threads whose panics are quiet.
const SCRIPTS_THREAD: &str = "scripts";

/// A failing script fails hundreds of times while it is shrunk; only the last one is of interest.
fn quiet_scripts() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(SCRIPTS_THREAD) {
            loud(panic);
        }
    }));
}

/// Runs scripts on the graph, on all threads, and says what they covered.
fn prove(what: &str, strategy: fn() -> BoxedStrategy<Script>) -> Tally {
    let scripts = number("TEAMGRAPH_SCRIPTS").unwrap_or(SCRIPTS_DEFAULT);
    let seed = number("TEAMGRAPH_SEED").unwrap_or(0);
    let work = |thread| prove_on_one_thread(strategy, scripts.div_ceil(THREADS), seed, thread);
    quiet_scripts();
    let total = std::thread::scope(|scope| {
        let spawn = |it| {
            let thread = std::thread::Builder::new().name(SCRIPTS_THREAD.to_owned());
            thread.spawn_scoped(scope, move || work(it)).unwrap()
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let mut total = Tally::default();
        for thread in threads {
            match thread.join().expect("the thread catches what scripts do") {
                Ok(tally) => total.add(&tally),
                Err(failure) => panic!("{what}: {failure}"),
            }
        }
        total
    });
    eprintln!("{what}: {total}");
    total
}

fn prove_on_one_thread(
    strategy: fn() -> BoxedStrategy<Script>,
    scripts: u32,
    seed: u32,
    thread: u32,
) -> Result<Tally, String> {
    let tally = RefCell::new(Tally::default());
    let outcome = runner(scripts, seed, thread).run(&strategy(), |script| {
        let default = GraphLimits::default();
        let closure_pairs_max = script.closure_pairs_max.unwrap_or(default.closure_pairs_max);
        let limits = GraphLimits { closure_pairs_max };
        let new = |copy| GraphSubject::new(copy, limits, script.universe.keys());
        run_script(&script, new, &mut tally.borrow_mut()).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => Ok(tally.into_inner()),
        Err(TestError::Fail(reason, script)) => Err(format!("{reason}\n{}", script.text())),
        Err(TestError::Abort(reason)) => Err(format!("the generator gave up: {reason}")),
    }
}

#[test]
fn any_changes_agree_with_the_oracle() {
    prove("any changes", || any_changes(false)).assert_covers_everything();
}

#[test]
fn any_changes_agree_with_the_oracle_at_any_closure_budget() {
    let tally = prove("any changes, small closure budgets", || any_changes(true));
    assert!(tally.searched > 0 && tally.materialised > 0 && tally.switches > 0, "{tally}");
}

#[test]
fn team_changes_agree_with_the_oracle() {
    let tally = prove("teams only", || teams_only(false));
    assert_eq!(tally.searched, 0, "without a budget the closure is always materialised");
}

#[test]
fn team_changes_agree_with_the_oracle_at_any_closure_budget() {
    let tally = prove("teams only, small closure budgets", || teams_only(true));
    assert!(tally.searched > 0 && tally.materialised > 0 && tally.switches > 0, "{tally}");
}

#[test]
fn the_oracle_agrees_with_itself() {
    let tally = RefCell::new(Tally::default());
    for strategy in [any_changes(false), teams_only(true)] {
        let run = |script: Script| {
            run_script(&script, |_| NaiveGraph::default(), &mut tally.borrow_mut())
                .map_err(TestCaseError::fail)
        };
        runner(SCRIPTS_DEFAULT / 4, 0, 0).run(&strategy, run).unwrap();
    }
    let tally = tally.into_inner();
    eprintln!("the oracle itself: {tally}");
    tally.assert_covers_everything();
}

#[test]
fn every_flaw_is_found() {
    let unfound = |flaw: &Flaw| {
        let config =
            Config { max_shrink_iters: 0, ..runner(SCRIPTS_PER_FLAW, 0, 0).config().clone() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[0; 32]);
        let outcome = TestRunner::new_with_rng(config, rng).run(&any_changes(false), |script| {
            run_script(&script, |_| FlawedGraph::new(*flaw), &mut Tally::default())
                .map_err(TestCaseError::fail)
        });
        outcome.is_ok()
    };
    let unfound: Vec<Flaw> = Flaw::ALL.into_iter().filter(unfound).collect();
    assert_eq!(unfound, [], "flaws that no script shows");
}

#[test]
fn a_flaw_is_shrunk_to_a_short_script() {
    let outcome = runner(SCRIPTS_PER_FLAW, 0, 0).run(&any_changes(false), |script| {
        run_script(&script, |_| FlawedGraph::new(Flaw::AbortKeepsRows), &mut Tally::default())
            .map_err(TestCaseError::fail)
    });
    let Err(TestError::Fail(_, script)) = outcome else { panic!("the flaw is not found") };
    let text = script.text();
    // A row put and cut off; what it names may need to exist.
    assert!(text.lines().count() <= 12, "not shrunk:\n{text}");
}

#[test]
fn printed_scripts_read_back() {
    runner(SCRIPTS_PER_FLAW, 0, 0)
        .run(&any_changes(true), |script| {
            for event in script.events() {
                let Event::Change(change) = event else { continue };
                let line = change_text(&change);
                assert_eq!(syntax::change(&line), Ok(Some(change)), "{line}");
            }
            Ok(())
        })
        .unwrap();
}
