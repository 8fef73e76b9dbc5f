//! Owners: whom each member's row names, and which teams each owner has for its own.
//!
//! Owns the comparison of owners from both ends, which the graph keeps apart. Where both ends are wrong
//! alike, it is one finding. It must not know what follows from owners.

use super::at;
use super::compare::Sides;
use super::expected::Expected;
use super::findings::{ABSENT, Findings, example, in_graph, in_rows};
use crate::command::FindingKind;
use crate::id::{MemberId, MemberKind, SourceKey};

/// The member's side: whom it names.
pub(super) fn compare_owner(
    sides: Sides<'_>,
    (number, member): (u32, MemberId),
    found: &mut Findings,
) {
    let Sides { expected, seen, numbers } = sides;
    let owner = seen.stated_owner(member);
    if expected.owner(number) != owner.and_then(|owner| numbers.in_rows(owner))
        || expected.owner(number).is_some() != owner.is_some()
    {
        found.note(FindingKind::OwnerDiffers, || {
            let graph = key_text(owner.and_then(|owner| seen.key(owner)));
            example([in_rows(expected, number)], owner_text(expected, number), graph)
        });
    }
}

/// The owners' side: which of the rows' teams their owners have.
#[derive(Debug)]
pub(super) struct Owned {
    /// By the rows' numbers.
    at_owner: Vec<bool>,
}

impl Owned {
    pub(super) fn new(expected: &Expected) -> Self {
        Owned { at_owner: vec![false; expected.numbers().count()] }
    }

    /// What this owner has.
    pub(super) fn compare(&mut self, sides: Sides<'_>, owner: MemberId, found: &mut Findings) {
        let Sides { expected, seen, numbers } = sides;
        for team in seen.stated_owned(owner) {
            let number = numbers.in_rows(team).filter(|&number| expected.is_team(number));
            let stated = number.and_then(|number| expected.owner(number));
            if let Some(number) = number
                && stated.is_some()
                && stated == numbers.in_rows(owner)
            {
                if let Some(at_owner) = self.at_owner.get_mut(at(number)) {
                    *at_owner = true;
                }
                continue;
            }
            // What the team's side says too is told of that.
            if seen.kind(team) != Some(MemberKind::Team) || seen.stated_owner(team) != Some(owner) {
                found.note(FindingKind::OwnerDiffers, || {
                    let source =
                        number.map_or(ABSENT.to_owned(), |number| owner_text(expected, number));
                    let graph = format!("{} has it", key_text(seen.key(owner)));
                    example([in_graph(seen, team)], source, graph)
                });
            }
        }
    }

    /// All owners are through: says which teams are missing at theirs, though they name them rightly.
    pub(super) fn finish(self, sides: Sides<'_>, found: &mut Findings) {
        let Sides { expected, seen, numbers } = sides;
        for (number, at_owner) in (0..).zip(self.at_owner) {
            if at_owner || !expected.is_team(number) || expected.owner(number).is_none() {
                continue;
            }
            let member = numbers.in_graph(number);
            let team = member.filter(|&it| seen.kind(it) == Some(MemberKind::Team));
            let named = team.and_then(|team| seen.stated_owner(team));
            if named.and_then(|owner| numbers.in_rows(owner)) == expected.owner(number) {
                found.note(FindingKind::OwnerDiffers, || {
                    let source = owner_text(expected, number);
                    let graph = format!("{source} has it not");
                    example([in_rows(expected, number)], source, graph)
                });
            }
        }
    }
}

/// The owner that the row names.
fn owner_text(expected: &Expected, number: u32) -> String {
    key_text(expected.owner(number).and_then(|owner| expected.key(owner).cloned()))
}

fn key_text(key: Option<SourceKey>) -> String {
    key.map_or(ABSENT.to_owned(), |key| format!("key {key}"))
}
