//! Members: which there are, their kinds and names.
//!
//! Owns the comparison of both directories, and the way from the numbers of one side to those of the
//! other. What else a member's row says stands in [`super::owners`]. It must not know edges.

use super::at;
use super::compare::Sides;
use super::expected::Expected;
use super::findings::{ABSENT, Findings, example, in_graph, in_rows, kind_text};
use super::owners::compare_owner;
use crate::command::FindingKind;
use crate::graph::{Named, Snapshot};
use crate::id::MemberId;
use std::sync::Arc;

/// Which number of one side is which of the other, by key. Rows and graph both number members that
/// are only named, and these need not be the same ones.
#[derive(Debug)]
pub(super) struct Numbers {
    /// The graph's number → that of the rows, plus one; 0 for none.
    to_rows: Vec<u32>,
    /// The rows' number → that of the graph, plus one; 0 for none.
    to_graph: Vec<u32>,
}

impl Numbers {
    pub(super) fn new(expected: &Expected, seen: &Snapshot) -> Self {
        let mut to_rows = Vec::with_capacity(at(seen.number_count()));
        let mut to_graph = vec![0; expected.numbers().count()];
        for member in 0..seen.number_count() {
            let number = seen.key(MemberId(member)).and_then(|key| expected.find(&key));
            to_rows.push(number.map_or(0, |number| number + 1));
            if let Some(noted) = number.and_then(|number| to_graph.get_mut(at(number))) {
                *noted = member + 1;
            }
        }
        Numbers { to_rows, to_graph }
    }

    pub(super) fn in_rows(&self, member: MemberId) -> Option<u32> {
        self.to_rows.get(at(member.0))?.checked_sub(1)
    }

    pub(super) fn in_graph(&self, number: u32) -> Option<MemberId> {
        self.to_graph.get(at(number))?.checked_sub(1).map(MemberId)
    }
}

/// Compares the member with this number of the rows, if it has a row; `ambiguous` takes names that
/// the graph finds more than one of.
pub(super) fn compare_member(
    sides: Sides<'_>,
    number: u32,
    found: &mut Findings,
    ambiguous: &mut Vec<(Arc<str>, u32)>,
) {
    let Sides { expected, seen, numbers } = sides;
    let (Some(kind), Some(key)) = (expected.kind(number), expected.key(number)) else { return };
    let named = || [in_rows(expected, number)];
    let member = seen.find(key).filter(|&member| numbers.in_rows(member) == Some(number));
    let Some(member) = member else {
        found.note(FindingKind::MemberMissing, || example(named(), kind_text(Some(kind)), ABSENT));
        return;
    };
    let graph_kind = seen.kind(member);
    if graph_kind != Some(kind) {
        found.note(FindingKind::KindDiffers, || {
            example(named(), kind_text(Some(kind)), kind_text(graph_kind))
        });
    }
    compare_names(sides, (number, member), found, ambiguous);
    compare_owner(sides, (number, member), found);
}

fn compare_names(
    sides: Sides<'_>,
    (number, member): (u32, MemberId),
    found: &mut Findings,
    ambiguous: &mut Vec<(Arc<str>, u32)>,
) {
    let Sides { expected, seen, .. } = sides;
    let (name, in_directory) = (expected.name(number), seen.name(member));
    let wrong = if name.map(|name| &**name) != in_directory {
        in_directory.unwrap_or(ABSENT).to_owned()
    } else if let Some(name) = name {
        match seen.find_named(name) {
            Named::One(holder) if holder == member => return,
            Named::One(holder) => {
                let holder = seen.key(holder).map_or(ABSENT.to_owned(), |key| key.to_string());
                format!("the name leads to key {holder}")
            }
            Named::Unknown => "the name leads to nobody".to_owned(),
            Named::Ambiguous => {
                ambiguous.push((Arc::clone(name), number));
                return;
            }
        }
    } else {
        return;
    };
    found.note(FindingKind::NameDiffers, || {
        example([in_rows(expected, number)], name.map_or(ABSENT, |name| &**name), wrong)
    });
}

/// Of names that the graph finds more than one of, each must have more than one row.
pub(super) fn compare_ambiguous(
    expected: &Expected,
    mut ambiguous: Vec<(Arc<str>, u32)>,
    found: &mut Findings,
) {
    ambiguous.sort_unstable();
    for holders in ambiguous.chunk_by(|(one, _), (other, _)| one == other) {
        if let [(name, number)] = holders {
            found.note(FindingKind::NameDiffers, || {
                example([in_rows(expected, *number)], &**name, "the name leads to several members")
            });
        }
    }
}

/// A member of the graph must have a row.
pub(super) fn compare_existence(sides: Sides<'_>, member: MemberId, found: &mut Findings) {
    let Sides { expected, seen, numbers } = sides;
    let Some(kind) = seen.kind(member) else { return };
    let number = numbers.in_rows(member);
    if number.is_none_or(|number| expected.kind(number).is_none()) {
        found.note(FindingKind::MemberSpurious, || {
            example([in_graph(seen, member)], ABSENT, kind_text(Some(kind)))
        });
    }
}
