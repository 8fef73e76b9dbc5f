//! All edges at once, from all rows: the end of a copy.
//!
//! Owns the sorting of the rows' edges into the pages above and the sets below. A copy is millions
//! of edges that nobody reads before its end: to put each in its place as it arrives would make
//! every page and chunk anew for it, tens of times.

use super::adjacency::{DirectMembers, Standing};
use super::chunks::ChunkedSet;
use super::member_words::UpEdge;
use super::pages::{WIDTH, at, count, number, page_of, slot_of};
use super::rows::{Rows, StatedRow};
use super::state::State;
use crate::id::{MemberId, Role, TeamId};

/// An edge as one number, which sorts by member, then team, then role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SortedEdge(u64);

impl SortedEdge {
    fn new(StatedRow { edge: (member, team), role }: StatedRow) -> Self {
        let is_admin = u64::from(role == Role::Admin);
        SortedEdge(u64::from(member.0) << 32 | u64::from(team.0) << 1 | is_admin)
    }

    #[expect(clippy::as_conversions, reason = "the upper half of 64 bits")]
    const fn member(self) -> MemberId {
        MemberId((self.0 >> 32) as u32)
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "the lower half of 64 bits, of which a team takes 31"
    )]
    const fn team(self) -> TeamId {
        TeamId(self.0 as u32 >> 1)
    }

    const fn role(self) -> Role {
        if self.0 & 1 == 1 { Role::Admin } else { Role::Member }
    }

    fn is_edge_of(self, other: SortedEdge) -> bool {
        self.0 >> 1 == other.0 >> 1
    }
}

impl State {
    /// States every edge of the rows, and counts those that several rows state. Nothing was stated
    /// before.
    pub(super) fn build_edges(&mut self, rows: &mut Rows) {
        let mut edges: Vec<SortedEdge> = rows.stated().map(SortedEdge::new).collect();
        edges.sort_unstable();
        unite_repeats(&mut edges, rows);
        self.counts.memberships = count(edges.len());
        let to_itself = |edge: &&SortedEdge| self.numbers.team(edge.member()) == Some(edge.team());
        self.counts.self_memberships = count(edges.iter().filter(to_itself).count());
        self.build_up(&edges);
        self.build_down(edges);
    }

    fn build_up(&mut self, edges: &[SortedEdge]) {
        for page in edges.chunk_by(|a, b| page_of(a.member().0) == page_of(b.member().0)) {
            let mut ends = [0; WIDTH];
            for edge in page {
                ends.iter_mut().skip(slot_of(edge.member().0)).take(1).for_each(|end| *end += 1);
            }
            let mut before = 0;
            for end in &mut ends {
                before += *end;
                *end = before;
            }
            let words: Vec<UpEdge> =
                page.iter().map(|edge| UpEdge::new(edge.team(), edge.role())).collect();
            if let Some(first) = page.first() {
                self.up.set_page(page_of(first.member().0), &ends, &words);
            }
        }
    }

    fn build_down(&mut self, edges: Vec<SortedEdge>) {
        let (begins, by_team) = by_team(edges, self.numbers.team_count());
        for (team, bounds) in begins.windows(2).enumerate() {
            let [begin, end] = *bounds else { continue };
            let members = by_team.get(at(begin)..at(end)).unwrap_or_default();
            if members.is_empty() {
                continue;
            }
            let direct = self.direct_members(members);
            self.down.set_all(TeamId(number(team)), direct);
        }
    }

    /// The team's sets, of its members in ascending order.
    fn direct_members(&mut self, members: &[(MemberId, Role)]) -> DirectMembers {
        let (mut people, mut teams, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        for &(member, _) in members {
            match self.standing(member) {
                Standing::Person => people.push(member.0),
                Standing::Absent => absent.push(member.0),
                Standing::Team => teams.push(self.numbers.intern_team(member).0),
            }
        }
        teams.sort_unstable();
        let admins = members.iter().filter(|(_, role)| *role == Role::Admin);
        let admins: Vec<u32> = admins.map(|(member, _)| member.0).collect();
        DirectMembers {
            people: ChunkedSet::from_sorted(&people),
            teams: ChunkedSet::from_sorted(&teams),
            absent: ChunkedSet::from_sorted(&absent),
            admins: ChunkedSet::from_sorted(&admins),
        }
    }
}

/// Leaves each edge once, with its highest role, and counts the rows of those that had several.
fn unite_repeats(edges: &mut Vec<SortedEdge>, rows: &mut Rows) {
    for same in edges.chunk_by(|a, b| a.is_edge_of(*b)) {
        if let [first, _, ..] = same {
            let admins = same.iter().filter(|edge| edge.role() == Role::Admin).count();
            let members = number(same.len() - admins);
            rows.count_repeats((first.member(), first.team()), members, number(admins));
        }
    }
    // The last of the same has the highest role.
    edges.reverse();
    edges.dedup_by(|next, kept| next.is_edge_of(*kept));
    edges.reverse();
}

/// Where each team's members begin, one more at the end; and the members, ascending in each team.
fn by_team(edges: Vec<SortedEdge>, teams: u32) -> (Vec<u32>, Vec<(MemberId, Role)>) {
    let mut begins = vec![0_u32; at(teams) + 1];
    for edge in &edges {
        begins.iter_mut().skip(at(edge.team().0) + 1).take(1).for_each(|end| *end += 1);
    }
    let mut before = 0;
    for begin in &mut begins {
        before += *begin;
        *begin = before;
    }
    let mut free = begins.clone();
    let mut members = vec![(MemberId(0), Role::Member); edges.len()];
    for edge in edges {
        let Some(place) = free.get_mut(at(edge.team().0)) else { continue };
        if let Some(member) = members.get_mut(at(*place)) {
            *member = (edge.member(), edge.role());
        }
        *place += 1;
    }
    (begins, members)
}
