//! Runs one script on a subject beside the oracle and compares after every step.
//!
//! Owns what is checked when: everything after each commit; kept versions again when they have
//! aged and at the end; the newest again after an abort; at last a fresh copy of the final rows,
//! fed in another order. Digests, where there are any, are equal if and only if the rows are.

use super::events::Event;
use super::generate::Script;
use super::tally::Tally;
use super::universe::Universe;
use crate::answers::Subject;
use crate::answers::compare::{Pages, Questions, compare};
use crate::oracle::{NaiveGraph, NaiveVersion};
use std::collections::VecDeque;
use teamgraph::id::Lsn;

/// How many versions are kept and checked again after later commits.
const KEPT: usize = 3;

/// Runs the script; the first disagreement, in words.
pub fn run_script<S: Subject>(
    script: &Script,
    new: impl Fn(u64) -> S,
    tally: &mut Tally,
) -> Result<(), String> {
    let (universe, pages) = (script.universe, Pages::new(script.seed));
    let questions = universe.questions();
    let subject = new(1);
    let mut run =
        Run { subject, oracle: NaiveGraph::default(), questions, pages, kept: VecDeque::new() };
    tally.scripts += 1;
    for (at, event) in (1_u64..).zip(script.events()) {
        let step = format!("step {at}, {event:?}");
        match event {
            Event::Change(change) => {
                tally.note_change(&change, &run.oracle);
                run.oracle.apply(&change);
                run.subject.apply(&change);
            }
            Event::Commit => {
                run.commit(Lsn(at * 0x10), tally).map_err(|e| format!("{step}: {e}"))?;
            }
            Event::Abort => run.abort(tally).map_err(|e| format!("{step}: {e}"))?,
        }
    }
    let kept = std::mem::take(&mut run.kept);
    for kept in &kept {
        run.check(kept).map_err(|e| format!("a kept version at the end: {e}"))?;
    }
    let copy = recompute(&run.oracle, script.seed, universe, new(2));
    let (copied, copy) = copy.map_err(|e| format!("recomputed: {e}"))?;
    kept.back().map_or(Ok(()), |newest| compare_digests((&run.subject, newest), (&copied, &copy)))
}

struct Run<S: Subject> {
    subject: S,
    oracle: NaiveGraph,
    questions: Questions,
    pages: Pages,
    kept: VecDeque<(NaiveVersion, S::Version)>,
}

impl<S: Subject> Run<S> {
    fn commit(&mut self, end_lsn: Lsn, tally: &mut Tally) -> Result<(), String> {
        let versions = (self.oracle.commit(end_lsn), self.subject.commit(end_lsn));
        self.subject.validate()?;
        self.check(&versions)?;
        for kept in &self.kept {
            compare_digests((&self.subject, kept), (&self.subject, &versions))?;
        }
        tally.note_version(&versions.0, &versions.1);
        self.kept.push_back(versions);
        if self.kept.len() > KEPT {
            let old = self.kept.pop_front().expect("more than none are kept");
            self.check(&old).map_err(|e| format!("the version {KEPT} commits ago: {e}"))?;
        }
        Ok(())
    }

    fn abort(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.oracle.abort();
        self.subject.abort();
        tally.aborts += 1;
        self.subject.validate()?;
        let Some(newest) = self.kept.pop_back() else { return Ok(()) };
        self.check(&newest).map_err(|e| format!("the newest version: {e}"))?;
        self.kept.push_back(newest);
        Ok(())
    }

    fn check(&mut self, (expected, actual): &(NaiveVersion, S::Version)) -> Result<(), String> {
        compare(expected, actual, &self.questions, &mut self.pages)?;
        self.subject.check_foreign_ids(actual)
    }
}

/// Two versions have one digest if and only if they say the same, of whichever process each is.
fn compare_digests<S: Subject>(
    (subject, (expected, version)): (&S, &(NaiveVersion, S::Version)),
    (other_subject, (other_expected, other)): (&S, &(NaiveVersion, S::Version)),
) -> Result<(), String> {
    let digests = (subject.digest(version), other_subject.digest(other));
    let (Some(digest), Some(other)) = digests else { return Ok(()) };
    if (digest.rows == other.rows) != (expected.said() == other_expected.said()) {
        return Err(format!("the digests of the rows: {digest:?} and {other:?}"));
    }
    let (Some(sum), Some(other_sum)) = (digest.closure, other.closure) else { return Ok(()) };
    if (sum == other_sum) != (expected.closure() == other_expected.closure()) {
        return Err(format!("the digests of the closures: {digest:?} and {other:?}"));
    }
    Ok(())
}

/// Feeds the final rows to a fresh subject in another order, and compares.
fn recompute<S: Subject>(
    oracle: &NaiveGraph,
    seed: u64,
    universe: Universe,
    mut subject: S,
) -> Result<(S, (NaiveVersion, S::Version)), String> {
    let mut changes = oracle.working.as_changes();
    let mut pages = Pages::new(seed);
    for last in (1..changes.len()).rev() {
        let other = (pages.deal() * pages.deal() * pages.deal()) % (last + 1);
        changes.swap(last, other);
    }
    for change in &changes {
        subject.apply(change);
    }
    let version = subject.commit(Lsn(1));
    subject.validate()?;
    let expected = NaiveVersion::new(oracle.working.clone());
    compare(&expected, &version, &universe.questions(), &mut pages)?;
    Ok((subject, (expected, version)))
}
