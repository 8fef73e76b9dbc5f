//! The comparison from beginning to end.
//!
//! Owns its order, how far it is, and what is said of it at the end. What each step looks at stands
//! in a module of its own.

use super::count;
use super::expected::Expected;
use super::findings::{Findings, example, in_rows};
use super::members::{Numbers, compare_ambiguous, compare_existence, compare_member};
use super::memberships::{Memberships, peculiarities};
use super::owners::Owned;
use super::participations::Participations;
use super::sample::{self, Dice};
use crate::command::{DriftReport, EXAMPLES_MAX, FindingKind};
use crate::graph::Snapshot;
use crate::id::MemberId;
use std::ops::ControlFlow;

/// Steps between two reports of progress: a fraction of a millisecond each, of which a team of a
/// million members takes a hundred.
const REPORT_EVERY: u64 = 1_024;

/// How to compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompareOptions {
    /// How many members to recompute the participations of; all of them where it does not say.
    pub sample: Option<u64>,
    /// Decides which those are.
    pub seed: u64,
}

/// Both sides, and which number of one is which of the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub(super) expected: &'a Expected,
    pub(super) seen: &'a Snapshot,
    pub(super) numbers: &'a Numbers,
}

/// Compares a version with what the rows say, which must be of the same position of the source.
///
/// `progress` is told how many of how many steps are done, and ends it early with
/// [`ControlFlow::Break`]: then there is no report. Where and how the rows were read is left for the
/// caller to fill in.
pub fn compare(
    expected: &Expected,
    seen: &Snapshot,
    options: CompareOptions,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Option<DriftReport> {
    let mut dice = Dice::new(options.seed);
    let sample = sample::members(expected, options.sample, &mut dice);
    let total = count(expected.numbers().count()) + u64::from(seen.number_count());
    let mut steps = Steps { done: 0, total: total + count(sample.len()), progress };
    steps.report()?;
    let numbers = Numbers::new(expected, seen);
    let sides = Sides { expected, seen, numbers: &numbers };
    let mut found = Findings::default();
    let mut ambiguous = Vec::new();
    for number in expected.numbers() {
        compare_member(sides, number, &mut found, &mut ambiguous);
        steps.step()?;
    }
    compare_ambiguous(expected, ambiguous, &mut found);
    let (mut memberships, mut owned) = (Memberships::new(expected), Owned::new(expected));
    for member in (0..seen.number_count()).map(MemberId) {
        compare_existence(sides, member, &mut found);
        memberships.compare_up(sides, member);
        memberships.compare_down(sides, member);
        owned.compare(sides, member, &mut found);
        steps.step()?;
    }
    memberships.finish(sides, &mut found);
    owned.finish(sides, &mut found);
    peculiarities(expected, &mut found);
    cycles(expected, &mut found);
    let members = expected.member_count();
    let whole = count(sample.len()) == members;
    let mut participations = Participations::new(sides, dice, whole);
    for &number in &sample {
        participations.compare(number);
        steps.step()?;
    }
    Some(DriftReport {
        version: seen.version(),
        members,
        memberships: expected.membership_count(),
        members_compared: count(sample.len()),
        participations: participations.finish(&mut found),
        whole,
        findings: found.into_list(),
        ..DriftReport::default()
    })
}

/// The cycles among the rows' teams.
fn cycles(expected: &Expected, found: &mut Findings) {
    let teams = expected.teams();
    for cycle in teams.cycles() {
        found.note(FindingKind::Cycle, || {
            let mut numbers: Vec<u32> =
                cycle.iter().filter_map(|&place| teams.number(place)).collect();
            numbers.sort_unstable_by_key(|&number| expected.key(number));
            let shown = numbers.into_iter().take(EXAMPLES_MAX);
            let named = shown.map(|number| in_rows(expected, number));
            example(named, format!("{} teams", cycle.len()), "")
        });
    }
}

/// How far it is.
struct Steps<'a> {
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>,
}

impl Steps<'_> {
    /// One step more; none if it is to end.
    fn step(&mut self) -> Option<()> {
        self.done += 1;
        if self.done.is_multiple_of(REPORT_EVERY) { self.report() } else { Some(()) }
    }

    fn report(&mut self) -> Option<()> {
        match (self.progress)(self.done, self.total) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    }
}
