//! Direct memberships: which are stated, and as what, seen from either end.
//!
//! Owns the comparison of edges, those that count for nothing too. It must not know what follows
//! from them.

use super::compare::Sides;
use super::expected::{Edge, Expected};
use super::findings::{ABSENT, Findings, Pairs, example, in_graph, in_rows, role_text};
use crate::command::FindingKind;
use crate::id::{MemberId, Role};

/// Which of the rows' edges the graph has, from each end, and which it has beyond.
#[derive(Debug)]
pub(super) struct Memberships {
    from_member: Vec<bool>,
    from_team: Vec<bool>,
    /// The team's side takes the member for an admin; the member's side has another role.
    admin_at_team: Vec<bool>,
    other_role: Vec<bool>,
    /// By the graph's numbers.
    spurious: Pairs,
}

impl Memberships {
    pub(super) fn new(expected: &Expected) -> Self {
        let edges = expected.edges().len();
        Memberships {
            from_member: vec![false; edges],
            from_team: vec![false; edges],
            admin_at_team: vec![false; edges],
            other_role: vec![false; edges],
            spurious: Pairs::default(),
        }
    }

    /// The member's own side.
    pub(super) fn compare_up(&mut self, sides: Sides<'_>, member: MemberId) {
        let number = sides.numbers.in_rows(member);
        for (team, role) in sides.seen.stated_teams(member) {
            let Some((place, edge)) = place(sides, number, team) else {
                self.spurious.add(member.0, team.0);
                continue;
            };
            if !mark(&mut self.from_member, place) {
                self.spurious.add(member.0, team.0);
            }
            if edge.role() != role {
                mark(&mut self.other_role, place);
            }
        }
    }

    /// The team's side.
    pub(super) fn compare_down(&mut self, sides: Sides<'_>, team: MemberId) {
        let Sides { seen, numbers, .. } = sides;
        for (member, kind) in seen.stated_members(team) {
            // INVARIANT (mirror): in the set for what it is.
            let rightly = kind == seen.kind(member);
            let place = place(sides, numbers.in_rows(member), team);
            if !(rightly && place.is_some_and(|(place, _)| mark(&mut self.from_team, place))) {
                self.spurious.add(member.0, team.0);
            }
        }
        for admin in seen.stated_admins(team) {
            match place(sides, numbers.in_rows(admin), team) {
                Some((place, _)) => _ = mark(&mut self.admin_at_team, place),
                None => self.spurious.add(admin.0, team.0),
            }
        }
    }

    /// Both sides are through: says what is missing and what is beyond.
    pub(super) fn finish(self, sides: Sides<'_>, found: &mut Findings) {
        let Sides { expected, seen, .. } = sides;
        let ends = self.from_member.iter().zip(&self.from_team);
        let roles = self.admin_at_team.iter().zip(&self.other_role);
        for ((&edge, (&from_member, &from_team)), (&admin, &other)) in
            expected.edges().iter().zip(ends).zip(roles)
        {
            if from_member && from_team {
                let seen = if edge.role() == Role::Admin { Role::Member } else { Role::Admin };
                if other || admin == (seen == Role::Admin) {
                    found.note(FindingKind::RoleDiffers, || {
                        let ends = [edge.member(), edge.team()].map(|end| in_rows(expected, end));
                        example(ends, role_text(edge.role()), role_text(seen))
                    });
                }
                continue;
            }
            found.note(FindingKind::MembershipMissing, || {
                let ends = [edge.member(), edge.team()].map(|end| in_rows(expected, end));
                example(ends, role_text(edge.role()), lacking(from_member, from_team))
            });
        }
        found.note_all(FindingKind::MembershipSpurious, self.spurious, |member, team| {
            let (member, team) = (MemberId(member), MemberId(team));
            let role = seen.stated_teams(member).find(|&(of, _)| of == team);
            let said = role.map_or("only the team has it", |(_, role)| role_text(role));
            example([member, team].map(|end| in_graph(seen, end)), ABSENT, said)
        });
    }
}

/// The rows' edge from the member, by the rows' number, to the team, by the graph's, and its place.
fn place(sides: Sides<'_>, member: Option<u32>, team: MemberId) -> Option<(usize, Edge)> {
    let team = sides.numbers.in_rows(team)?;
    let (begin, edges) = sides.expected.edges_of(member?);
    let place = edges.binary_search_by_key(&team, |edge| edge.team()).ok()?;
    Some((begin + place, *edges.get(place)?))
}

/// Marks an edge as seen; whether it was not yet.
fn mark(marks: &mut [bool], place: usize) -> bool {
    marks.get_mut(place).is_some_and(|mark| !std::mem::replace(mark, true))
}

const fn lacking(from_member: bool, from_team: bool) -> &'static str {
    match (from_member, from_team) {
        (true, _) => "only the member has it",
        (false, true) => "only the team has it",
        (false, false) => ABSENT,
    }
}

/// What is odd about edges of the rows, and counts for nothing.
pub(super) fn peculiarities(expected: &Expected, found: &mut Findings) {
    for edge in expected.edges() {
        let ends = || [edge.member(), edge.team()].map(|end| in_rows(expected, end));
        if edge.member() == edge.team() {
            found.note(FindingKind::SelfMembership, || example(ends(), "", ""));
            continue;
        }
        let member_exists = expected.kind(edge.member()).is_some();
        let odd = match (member_exists, expected.kind(edge.team()).is_some()) {
            (false, false) => "neither has a row",
            (false, true) => "the member has no row",
            (true, false) => "the team has no row",
            (true, true) if expected.is_team(edge.team()) => continue,
            (true, true) => "the team is a person",
        };
        found.note(FindingKind::DanglingEnd, || example(ends(), odd, ""));
    }
}
