//! Compares every answer of one version with the oracle's: all pairs, lists, paths, names, sizes.
//!
//! Owns what "the same answers" means; it must not know who gives them. The first difference is
//! returned in words.

use super::{Answers, Listed, Reach};
use std::fmt::Debug;
use teamgraph::id::{MemberKind, SourceKey};

/// A page that holds everything: no compared list is longer.
pub const WHOLE: usize = 1_000_000;

/// More cycles than any compared graph has.
const ALL_CYCLES: usize = 1_000;

/// What is asked about: every member that a script mentions, and some it does not.
#[derive(Debug)]
pub struct Questions {
    pub keys: Vec<SourceKey>,
    pub names: Vec<String>,
}

/// Deals page sizes: small and odd, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Pages(u64);

impl Pages {
    pub fn new(seed: u64) -> Self {
        Pages(seed | 1)
    }

    /// A size from 1 to 5 (xorshift: no need of more).
    pub fn deal(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + usize::try_from(self.0 % 5).unwrap()
    }
}

fn same<T: PartialEq + Debug>(
    expected: &T,
    actual: &T,
    what: impl FnOnce() -> String,
) -> Result<(), String> {
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{}: expected {expected:?}, got {actual:?}", what()))
    }
}

/// Everything that `questions` can ask.
pub fn compare(
    expected: &impl Answers,
    actual: &impl Answers,
    questions: &Questions,
    pages: &mut Pages,
) -> Result<(), String> {
    compare_directory(expected, actual, questions)?;
    for member in &questions.keys {
        compare_lists(expected, actual, member, pages)?;
        for team in &questions.keys {
            let pair = |question| move || format!("{question} {member} {team}");
            let (e, a) = (expected.standing(member, team), actual.standing(member, team));
            same(&e, &a, pair("relation"))?;
            let (e, a) =
                (expected.administration(member, team), actual.administration(member, team));
            same(&e, &a, pair("administers"))?;
            same(&expected.role(member, team), &actual.role(member, team), pair("role"))?;
            same(&expected.path(member, team), &actual.path(member, team), pair("path"))?;
        }
    }
    compare_cycles_and_sizes(expected, actual)
}

fn compare_directory(
    expected: &impl Answers,
    actual: &impl Answers,
    questions: &Questions,
) -> Result<(), String> {
    for member in &questions.keys {
        same(&expected.kind(member), &actual.kind(member), || format!("kind {member}"))?;
        same(&expected.name(member), &actual.name(member), || format!("name {member}"))?;
    }
    for name in &questions.names {
        same(&expected.named(name), &actual.named(name), || format!("named {name}"))?;
    }
    Ok(())
}

/// The lists about one member, each of participants and of administrators.
fn compare_lists(
    expected: &impl Answers,
    actual: &impl Answers,
    of: &SourceKey,
    pages: &mut Pages,
) -> Result<(), String> {
    for reach in [Reach::Direct, Reach::All] {
        let what = || format!("teams of {of}, {reach:?}");
        let read = |page| actual.teams_of(of, reach, page);
        compare_list(&expected.teams_of(of, reach, WHOLE), read, pages, what)?;
        let what = || format!("teams administered by {of}, {reach:?}");
        let read = |page| actual.administered_by(of, reach, page);
        compare_list(&expected.administered_by(of, reach, WHOLE), read, pages, what)?;
        for listed in [Listed::People, Listed::Teams, Listed::Both] {
            let what = || format!("members of {of}, {reach:?}, {listed:?}");
            let read = |page| actual.members_of(of, reach, listed, page);
            let members = expected.members_of(of, reach, listed, WHOLE);
            let whole = compare_list(&members, read, pages, what)?;
            teams_first(expected, &whole, what)?;
            let what = || format!("administrators of {of}, {reach:?}, {listed:?}");
            let read = |page| actual.administrators_of(of, reach, listed, page);
            let members = expected.administrators_of(of, reach, listed, WHOLE);
            let whole = compare_list(&members, read, pages, what)?;
            teams_first(expected, &whole, what)?;
        }
    }
    Ok(())
}

/// The same members in any order, and the same list in pages of any size.
fn compare_list(
    expected: &[SourceKey],
    read: impl Fn(usize) -> Vec<SourceKey>,
    pages: &mut Pages,
    what: impl Fn() -> String,
) -> Result<Vec<SourceKey>, String> {
    let whole = read(WHOLE);
    same(&sorted(expected), &sorted(&whole), &what)?;
    let page = pages.deal();
    same(&whole, &read(page), || format!("{} in pages of {page}", what()))?;
    Ok(whole)
}

fn teams_first(
    expected: &impl Answers,
    list: &[SourceKey],
    what: impl Fn() -> String,
) -> Result<(), String> {
    let is_team = |key: &SourceKey| expected.kind(key) == Some(MemberKind::Team);
    same(&true, &list.is_sorted_by_key(|key| !is_team(key)), || {
        format!("{}: teams come before people in {list:?}", what())
    })
}

fn compare_cycles_and_sizes(expected: &impl Answers, actual: &impl Answers) -> Result<(), String> {
    let in_order = |cycles: Vec<Vec<SourceKey>>| {
        let mut cycles: Vec<_> = cycles.iter().map(|cycle| sorted(cycle)).collect();
        cycles.sort();
        cycles
    };
    let cycles = in_order(expected.cycles(ALL_CYCLES));
    same(&cycles, &in_order(actual.cycles(ALL_CYCLES)), || "cycles".to_owned())?;
    let one = cycles.len().min(1);
    same(&one, &actual.cycles(1).len(), || "cycles, at most 1".to_owned())?;

    let (mut sizes, found) = (expected.sizes(), actual.sizes());
    if found.closure_pairs.is_none() {
        sizes.closure_pairs = None;
    }
    same(&sizes, &found, || "stats".to_owned())
}

/// Sorted, with duplicates kept: a list must have none.
fn sorted(keys: &[SourceKey]) -> Vec<SourceKey> {
    let mut keys = keys.to_vec();
    keys.sort();
    keys
}
