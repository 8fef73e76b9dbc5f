//! What a version holds of some consecutive members: what they are, and their direct teams.
//!
//! Owns the layout, one exact allocation of bytes, so that a member's standing and where its edges
//! stand are read together. A page is never changed where a version shares it, but made anew. It
//! must not know how pages are found.
//!
//! ```text
//! two bits a member │ how wide ends │ where each member's edges │ edges, member after member
//! absent, person,   │ and edges are │ end                       │ team << 1 | is admin,
//! team              │               │                           │ ascending
//! 4 bytes             1 byte          1, 2 or 4 bytes each        2, 3 or 4 bytes each
//! ```
//!
//! Each page has its own widths. That of ends follows from how many edges there are. That of edges
//! is what the largest needs: two bytes with 32,768 teams, three with 8 million. It grows with a
//! change and does not shrink, since that would take a look at all edges.

use super::adjacency::Standing;
use super::narrow::{Narrow, Width, first, low};
use super::pages::{at, number};
use crate::id::{MemberId, Role, TeamId};
use std::sync::Arc;

/// Members of a page: few enough that what stands before the edges fits a cache line and that a
/// page is cheap to make anew (with 32 a change takes a sixth longer), and enough that the page's
/// own cost is three bytes a member.
pub(super) const MEMBERS: usize = 16;

const STANDING_BYTES: usize = MEMBERS / 4;
/// What stands before the ends.
const FORM_BYTES: usize = STANDING_BYTES + 1;

/// The page that a member is on, and its place there.
pub(super) const fn place_of(member: MemberId) -> (u32, usize) {
    (member.0 / PAGE, at(member.0 % PAGE))
}

/// The members that are on a page.
pub(super) fn members_of(page: u32) -> impl Iterator<Item = MemberId> {
    (0..PAGE).map(move |place| MemberId(page * PAGE + place))
}

/// How many pages so many members take.
pub(super) const fn pages_of(members: u32) -> u32 {
    members.div_ceil(PAGE)
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a small constant")]
const PAGE: u32 = MEMBERS as u32;

/// A direct edge upward: a team and the role in it, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UpEdge(u32);

impl UpEdge {
    /// The edge; teams are numbered below 2^31.
    pub(super) const fn new(team: TeamId, role: Role) -> Self {
        let role = match role {
            Role::Member => 0,
            Role::Admin => 1,
        };
        UpEdge(team.0 << 1 | role)
    }

    /// The team that is joined.
    pub(super) const fn team(self) -> TeamId {
        TeamId(self.0 >> 1)
    }

    /// As what.
    pub(super) const fn role(self) -> Role {
        if self.0 & 1 == 1 { Role::Admin } else { Role::Member }
    }
}

/// A member's edges, sorted by team.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UpEdges<'a>(Narrow<'a>);

impl<'a> UpEdges<'a> {
    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = UpEdge> + Clone + 'a {
        self.0.iter_from(0).map(UpEdge)
    }

    /// The teams of the first edge and of the last.
    pub(super) fn range(self) -> Option<(TeamId, TeamId)> {
        let (first, last) = (self.0.get(0)?, self.0.get(self.len() - 1)?);
        Some((UpEdge(first).team(), UpEdge(last).team()))
    }

    /// Whether the team lies between the first edge and the last.
    pub(super) fn may_have(self, team: TeamId) -> bool {
        self.range().is_some_and(|(first, last)| (first..=last).contains(&team))
    }

    /// The role of the edge to the team, if there is one.
    pub(super) fn role(self, team: TeamId) -> Option<Role> {
        self.0.get(self.place(team).ok()?).map(|edge| UpEdge(edge).role())
    }

    fn place(self, team: TeamId) -> Result<usize, usize> {
        self.0.search(team.0, |edge| edge >> 1)
    }
}

/// A page of members. The type is the bytes alone, so that a page is one allocation behind an
/// [`Arc`].
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberWords<'a>(&'a [u8]);

impl<'a> MemberWords<'a> {
    /// A page as it was made here; no bytes at all are a page of absent members without edges.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        MemberWords(bytes)
    }

    /// What the member is.
    pub(super) fn standing(self, slot: usize) -> Standing {
        let byte = self.0.get(slot / 4).copied().unwrap_or_default();
        match byte >> (2 * (slot % 4)) & 3 {
            0 => Standing::Absent,
            1 => Standing::Person,
            _ => Standing::Team,
        }
    }

    /// What a member of this page is, and its edges.
    pub(super) fn member(self, member: MemberId) -> (Standing, UpEdges<'a>) {
        let (_, slot) = place_of(member);
        (self.standing(slot), self.edges(slot))
    }

    /// The member's edges.
    pub(super) fn edges(self, slot: usize) -> UpEdges<'a> {
        let (begin, end) = self.range(slot);
        let width = self.edge_width();
        let bytes = self.edge_bytes().get(begin * width.bytes()..end * width.bytes());
        UpEdges(Narrow::new(bytes.unwrap_or_default(), width))
    }

    /// The bytes of all edges.
    fn edge_bytes(self) -> &'a [u8] {
        self.0.get(FORM_BYTES + MEMBERS * self.end_bytes()..).unwrap_or_default()
    }

    fn all_edges(self) -> Narrow<'a> {
        Narrow::new(self.edge_bytes(), self.edge_width())
    }

    fn form(self) -> u8 {
        self.0.get(STANDING_BYTES).copied().unwrap_or_default()
    }

    /// Bytes of an end: 1, 2 or 4; 0 on a page of no bytes.
    fn end_bytes(self) -> usize {
        usize::from(self.form() & 7)
    }

    fn edge_width(self) -> Width {
        Width::from_bytes(self.form() >> 3)
    }

    fn range(self, slot: usize) -> (usize, usize) {
        let begin = slot.checked_sub(1).map_or(0, |before| self.end(before));
        (begin, self.end(slot))
    }

    fn end(self, slot: usize) -> usize {
        let end_bytes = self.end_bytes();
        let bytes = self.0.get(FORM_BYTES + slot * end_bytes..).unwrap_or_default();
        let end = match end_bytes {
            0 => None,
            1 => first::<1>(bytes),
            2 => first::<2>(bytes),
            _ => first::<4>(bytes),
        };
        at(end.unwrap_or_default())
    }

    fn ends(self) -> [u32; MEMBERS] {
        std::array::from_fn(|slot| number(self.end(slot)))
    }

    fn standings(self) -> [u8; STANDING_BYTES] {
        self.0.first_chunk().copied().unwrap_or_default()
    }

    /// The page with the edge stated, or with another role.
    pub(super) fn with_edge(self, slot: usize, edge: UpEdge) -> Arc<[u8]> {
        let width = self.edge_width().max(Width::of(edge.0));
        if width > self.edge_width() {
            return MemberWords(&self.widened(width)).with_edge(slot, edge);
        }
        let (begin, _) = self.range(slot);
        let mut ends = self.ends();
        let (place, skipped) = match self.edges(slot).place(edge.team()) {
            Ok(place) => (place, width.bytes()),
            Err(place) => {
                ends.iter_mut().skip(slot).for_each(|end| *end += 1);
                (place, 0)
            }
        };
        let (before, rest) = self.all_edges().split_at(begin + place);
        let after = rest.get(skipped..).unwrap_or_default();
        let new = edge.0.to_le_bytes();
        let new = new.get(..width.bytes()).unwrap_or_default();
        assemble(self.standings(), &ends, width, [before, new, after])
    }

    /// The page without the edge.
    pub(super) fn without_edge(self, slot: usize, team: TeamId) -> Option<Arc<[u8]>> {
        let place = self.edges(slot).place(team).ok()?;
        let mut ends = self.ends();
        ends.iter_mut().skip(slot).for_each(|end| *end -= 1);
        let (before, rest) = self.all_edges().split_at(self.range(slot).0 + place);
        let after = rest.get(self.edge_width().bytes()..).unwrap_or_default();
        Some(assemble(self.standings(), &ends, self.edge_width(), [before, &[], after]))
    }

    /// The page with the member being that.
    pub(super) fn with_standing(self, slot: usize, standing: Standing) -> Arc<[u8]> {
        let mut standings = self.standings();
        let bits = match standing {
            Standing::Absent => 0,
            Standing::Person => 1,
            Standing::Team => 2,
        };
        if let Some(byte) = standings.get_mut(slot / 4) {
            let shift = 2 * (slot % 4);
            *byte = *byte & !(3 << shift) | bits << shift;
        }
        assemble(standings, &self.ends(), self.edge_width(), [self.edge_bytes(), &[], &[]])
    }

    /// The page with these edges and no others: each member's, in the members' order, and where
    /// each member's end.
    pub(super) fn with_edges(self, ends: &[u32; MEMBERS], edges: &[UpEdge]) -> Arc<[u8]> {
        let width = edges.iter().map(|edge| Width::of(edge.0)).max().unwrap_or_default();
        self.with_edges_as(width, ends, edges.iter().copied())
    }

    /// The same page, its edges wider.
    fn widened(self, width: Width) -> Arc<[u8]> {
        let edges = (0..MEMBERS).flat_map(|slot| self.edges(slot).iter());
        self.with_edges_as(width, &self.ends(), edges)
    }

    fn with_edges_as(
        self,
        width: Width,
        ends: &[u32; MEMBERS],
        edges: impl Iterator<Item = UpEdge>,
    ) -> Arc<[u8]> {
        let mut bytes = Vec::with_capacity(edges.size_hint().0 * width.bytes());
        edges.for_each(|edge| width.push(&mut bytes, edge.0));
        assemble(self.standings(), ends, width, [&bytes, &[], &[]])
    }
}

/// A page of its parts; the edges come in three, so that a change needs no copy before the copy.
fn assemble(
    standings: [u8; STANDING_BYTES],
    ends: &[u32; MEMBERS],
    width: Width,
    edges: [&[u8]; 3],
) -> Arc<[u8]> {
    let [before, new, after] = edges;
    // Copied twice, but as whole slices: cheaper than once, byte by byte.
    let all = |end_bytes: u8, ends: &[u8]| -> Arc<[u8]> {
        let form = [end_bytes | width.to_byte() << 3];
        [&standings[..], &form, ends, before, new, after].concat().into()
    };
    // The last end is the largest.
    match ends.last().copied().unwrap_or_default() {
        0..=0xFF => all(1, ends.map(low::<1>).as_flattened()),
        0x100..=0xFFFF => all(2, ends.map(low::<2>).as_flattened()),
        0x1_0000.. => all(4, ends.map(u32::to_le_bytes).as_flattened()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_bytes_are_a_page_of_nobody() {
        let page = MemberWords::new(&[]);
        assert_eq!((page.standing(31), page.edges(31).len()), (Standing::Absent, 0));
        assert!(page.without_edge(5, TeamId(1)).is_none());
    }

    fn own_teams(own: &[(u32, Role)]) -> impl Iterator<Item = u32> {
        own.iter().map(|&(team, _)| team)
    }

    fn edges_of(bytes: &[u8], slot: usize) -> Vec<(u32, Role)> {
        MemberWords::new(bytes).edges(slot).iter().map(|e| (e.team().0, e.role())).collect()
    }

    /// Teams on both sides of where an edge needs a byte more: few pages have the widest.
    fn team() -> impl Strategy<Value = u32> {
        let about = |team: u32| team - 2..team + 2;
        prop_oneof![40 => 0..12_u32, 8 => about(1 << 15), 1 => about(1 << 23)]
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((0..MEMBERS, team(), 0..5_u8), 0..400)
        ) {
            let mut bytes: Arc<[u8]> = Arc::from([]);
            let mut edges: BTreeMap<(usize, u32), Role> = BTreeMap::new();
            let mut standings = [Standing::Absent; MEMBERS];
            for (slot, team, step) in steps {
                let page = MemberWords::new(&bytes);
                let role = if step == 0 { Role::Admin } else { Role::Member };
                bytes = match step {
                    0 | 1 => {
                        edges.insert((slot, team), role);
                        page.with_edge(slot, UpEdge::new(TeamId(team), role))
                    }
                    2 => {
                        let held = edges.remove(&(slot, team)).is_some();
                        let without = page.without_edge(slot, TeamId(team));
                        prop_assert_eq!(without.is_some(), held);
                        without.unwrap_or_else(|| Arc::clone(&bytes))
                    }
                    _ => {
                        let all = [Standing::Absent, Standing::Person, Standing::Team];
                        standings[slot] = all[usize::try_from(team).unwrap() % 3];
                        page.with_standing(slot, standings[slot])
                    }
                };
            }
            for (slot, standing) in standings.into_iter().enumerate() {
                let own = edges.range((slot, 0)..=(slot, u32::MAX));
                let own: Vec<_> = own.map(|(&(_, team), &role)| (team, role)).collect();
                for team in (0..12).chain((1 << 15) - 2..(1 << 15) + 2).chain(own_teams(&own)) {
                    let found = MemberWords::new(&bytes).edges(slot).role(TeamId(team));
                    prop_assert_eq!(found, edges.get(&(slot, team)).copied());
                }
                prop_assert_eq!(edges_of(&bytes, slot), own);
                prop_assert_eq!(MemberWords::new(&bytes).standing(slot), standing);
            }
        }
    }

    /// Past 255 and past 65,535 edges the ends need more bytes, and below they do not again.
    #[test]
    fn ends_are_as_wide_as_there_are_many_edges() {
        for (many, below, above) in [(255_u32, 1, 2), (65_535, 2, 4)] {
            let mut ends = [0; MEMBERS];
            ends.iter_mut().skip(10).for_each(|end| *end = many);
            let edges: Vec<_> = (0..many).map(|t| UpEdge::new(TeamId(t), Role::Member)).collect();
            let page = MemberWords::new(&[]).with_standing(10, Standing::Person);
            let page = MemberWords::new(&page).with_edges(&ends, &edges);
            let wide = MemberWords::new(&page).with_edge(11, UpEdge::new(TeamId(7), Role::Admin));
            let widths = [&page, &wide].map(|page| MemberWords::new(page).end_bytes());
            assert_eq!(widths, [below, above]);
            assert_eq!(edges_of(&wide, 11), [(7, Role::Admin)]);
            assert_eq!(edges_of(&wide, 10), edges_of(&page, 10));
            assert_eq!(MemberWords::new(&wide).standing(10), Standing::Person);
            let narrow = MemberWords::new(&wide).without_edge(10, TeamId(0)).unwrap();
            assert_eq!(MemberWords::new(&narrow).end_bytes(), below);
            assert_eq!(edges_of(&narrow, 10).len() + 1, at(many));
            assert_eq!(edges_of(&narrow, 11), [(7, Role::Admin)]);
        }
    }

    #[test]
    fn edges_take_what_the_largest_of_a_page_needs() {
        let mut ends = [0; MEMBERS];
        ends.iter_mut().for_each(|end| *end = 2);
        for (team, bytes) in
            [(0x7FFF, 2), (0x8000, 3), (0x7F_FFFF, 3), (0x80_0000, 4), (0x7FFF_FFFF, 4)]
        {
            let edges = [1, team].map(|team| UpEdge::new(TeamId(team), Role::Admin));
            let page = MemberWords::new(&[]).with_edges(&ends, &edges);
            assert_eq!(page.len(), FORM_BYTES + MEMBERS + 2 * bytes, "{team}");
            assert_eq!(edges_of(&page, 0), [(1, Role::Admin), (team, Role::Admin)]);
        }
    }
}
