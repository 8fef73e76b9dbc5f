//! All edges at once, from all rows: the end of a copy.
//!
//! Owns the sorting of the rows' edges into the pages above and the sets below. A copy is millions
//! of edges that nobody reads before its end: to put each in its place as it arrives would make
//! every page and chunk anew for it, tens of times. What can be is done on both cores: at a copy's
//! end the source has nothing more to do, and its processor is free.

use super::adjacency::{DirectMembers, Standing, Up};
use super::chunks::ChunkedSet;
use super::digest::{self, Weight};
use super::member_words::{MEMBERS, UpEdge, place_of};
use super::pages::{at, count, number};
use super::rows::{Rows, StatedRow};
use super::state::State;
use crate::id::{MemberId, Role, TeamId};
use rayon::slice::ParallelSliceMut;

impl State {
    /// States every edge of the rows, and counts those that several rows state. Nothing was stated
    /// before.
    pub(super) fn build_edges(&mut self, rows: &mut Rows) {
        let mut edges: Vec<StatedRow> = rows.stated().collect();
        edges.par_sort_unstable();
        self.unite_repeats(&mut edges, rows);
        self.counts.memberships = count(edges.len());
        let to_itself = |row: &&StatedRow| self.numbers.team(row.member()) == Some(row.team());
        self.counts.self_memberships = count(edges.iter().filter(to_itself).count());
        // What stays is made on this thread, which is the one that will change it: an allocator
        // gives each thread memory of its own, and what is freed there serves no other.
        let teams = self.numbers.team_count();
        let (mut sorted, mut sum) = (None, Weight::default());
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| sorted = Some(by_team(&edges, teams)));
            scope.spawn(|_| sum = digest::of_edges(&self.numbers, &edges));
            build_up(&mut self.up, &edges);
        });
        self.sums.add_edges(sum);
        if let Some((begins, members)) = sorted {
            self.build_down(&begins, &members);
        }
    }

    /// Leaves each edge once, with its highest role, and counts the rows of those that had several.
    fn unite_repeats(&mut self, edges: &mut Vec<StatedRow>, rows: &mut Rows) {
        for same in edges.chunk_by(|a, b| a.edge() == b.edge()) {
            let Some((last, others @ [_, ..])) = same.split_last() else { continue };
            let admins = same.iter().filter(|edge| edge.role() == Role::Admin).count();
            let members = number(same.len() - admins);
            rows.count_repeats(last.edge(), members, number(admins));
            let ends = self.ends_weight(last.edge());
            others.iter().for_each(|row| self.sums.add_row(ends, row.role()));
        }
        // The last of the same has the highest role.
        edges.reverse();
        edges.dedup_by(|next, kept| next.edge() == kept.edge());
        edges.reverse();
    }

    fn build_down(&mut self, begins: &[usize], by_team: &[(MemberId, Role)]) {
        for (team, bounds) in begins.windows(2).enumerate() {
            let [begin, end] = *bounds else { continue };
            let members = by_team.get(begin..end).unwrap_or_default();
            if members.is_empty() {
                continue;
            }
            let direct = self.direct_members(members);
            self.down.set_all(TeamId(number(team)), direct);
        }
    }

    /// The team's sets, of its members in ascending order.
    fn direct_members(&self, members: &[(MemberId, Role)]) -> DirectMembers {
        let (mut people, mut teams, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        for &(member, _) in members {
            match self.standing(member) {
                Standing::Person => people.push(member.0),
                Standing::Absent => absent.push(member.0),
                // Who is a team has a number as one.
                Standing::Team => teams.extend(self.numbers.team(member).map(|team| team.0)),
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

fn build_up(up: &mut Up, edges: &[StatedRow]) {
    for page in edges.chunk_by(|a, b| place_of(a.member()).0 == place_of(b.member()).0) {
        let mut ends = [0; MEMBERS];
        for edge in page {
            ends.iter_mut().skip(place_of(edge.member()).1).take(1).for_each(|end| *end += 1);
        }
        let mut before = 0;
        for end in &mut ends {
            before += *end;
            *end = before;
        }
        let words: Vec<UpEdge> =
            page.iter().map(|edge| UpEdge::new(edge.team(), edge.role())).collect();
        if let Some(first) = page.first() {
            up.set_page(place_of(first.member()).0, &ends, &words);
        }
    }
}

/// Where each team's members begin, one more at the end; and the members, ascending in each team.
fn by_team(edges: &[StatedRow], teams: u32) -> (Vec<usize>, Vec<(MemberId, Role)>) {
    let mut begins = vec![0_usize; at(teams) + 1];
    for edge in edges {
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
        if let Some(member) = members.get_mut(*place) {
            *member = (edge.member(), edge.role());
        }
        *place += 1;
    }
    (begins, members)
}
