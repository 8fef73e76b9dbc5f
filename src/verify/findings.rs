//! What was found, counted by kind, with a few examples of each.
//!
//! Owns the tally and how members are named in it. It must not know how anything is found.

use super::expected::Expected;
use crate::command::{EXAMPLES_MAX, Finding, FindingExample, FindingKind, NamedMember};
use crate::graph::Snapshot;
use crate::id::{MemberId, MemberKind, Role};
use std::collections::BTreeMap;

/// Pairs of one kind that are told apart before they are counted: 16 MB. A graph that is wrong in
/// more places is not counted to the end.
const PAIRS_MAX: usize = 2_000_000;

/// Counts by kind.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<FindingKind, (u64, Vec<FindingExample>)>);

impl Findings {
    /// One more of the kind.
    pub(super) fn note(&mut self, kind: FindingKind, example: impl FnOnce() -> FindingExample) {
        let (count, examples) = self.0.entry(kind).or_default();
        *count += 1;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example());
        }
    }

    /// All pairs of the kind, each counted once.
    pub(super) fn note_all(
        &mut self,
        kind: FindingKind,
        pairs: Pairs,
        example: impl Fn(u32, u32) -> FindingExample,
    ) {
        let Pairs(mut pairs) = pairs;
        pairs.sort_unstable();
        pairs.dedup();
        for (member, team) in pairs {
            self.note(kind, || example(member, team));
        }
    }

    /// The findings, by kind.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let all = self.0.into_iter();
        all.map(|(kind, (count, examples))| Finding { kind, count, examples }).collect()
    }
}

/// Pairs of a member and a team that may be found more than once. What one end lacks the other may
/// lack too, and it is one finding.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<(u32, u32)>);

impl Pairs {
    pub(super) fn add(&mut self, member: u32, team: u32) {
        if self.0.len() < PAIRS_MAX {
            self.0.push((member, team));
        }
    }
}

/// The member as the rows have it.
pub(super) fn in_rows(expected: &Expected, number: u32) -> Option<NamedMember> {
    let key = expected.key(number)?.clone();
    Some(NamedMember { key, name: expected.name(number).cloned(), kind: expected.kind(number) })
}

/// The member as the version has it.
pub(super) fn in_graph(seen: &Snapshot, member: MemberId) -> Option<NamedMember> {
    let (key, name) = (seen.key(member)?, seen.name(member).map(Into::into));
    Some(NamedMember { key, name, kind: seen.kind(member) })
}

/// An example, from those of its members that can be named.
pub(super) fn example(
    members: impl IntoIterator<Item = Option<NamedMember>>,
    source: impl Into<String>,
    graph: impl Into<String>,
) -> FindingExample {
    let members = members.into_iter().flatten().collect();
    FindingExample { members, source: source.into(), graph: graph.into() }
}

/// What there is nothing of.
pub(super) const ABSENT: &str = "absent";

pub(super) const fn kind_text(kind: Option<MemberKind>) -> &'static str {
    match kind {
        None => ABSENT,
        Some(MemberKind::Person) => "person",
        Some(MemberKind::Team) => "team",
    }
}

pub(super) const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Admin => "admin",
    }
}
