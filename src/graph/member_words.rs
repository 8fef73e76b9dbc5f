//! What a version holds of some consecutive members: what they are, and their direct teams.
//!
//! Owns the layout, one exact allocation of words, so that a member's standing and where its edges
//! stand are read together. A page is never changed where a version shares it, but made anew. It
//! must not know how pages are found.
//!
//! ```text
//! two bits a member │ where each member's edges end, in 16 bits (*) │ edges, member after member
//! absent, person,   │                                               │ team << 1 | is admin,
//! team              │                                               │ ascending
//! ```
//!
//! (*) Enough for 65,535 edges a page; a page that has more has 32 bits for each and is recognised
//! by its length.

use super::adjacency::Standing;
use super::pages::{at, number};
use crate::id::{MemberId, Role, TeamId};
use std::sync::Arc;

/// Members of a page: few enough that what stands before the edges fits a cache line and that a
/// page is cheap to make anew (with 32 a change takes a sixth longer), and enough that the page's
/// own cost is four bytes a member.
pub(super) const MEMBERS: usize = 16;

const STANDING_WORDS: usize = MEMBERS / 16;
const NARROW_WORDS: usize = STANDING_WORDS + MEMBERS / 2;
const WIDE_WORDS: usize = STANDING_WORDS + MEMBERS;
/// The most edges of a page whose ends have sixteen bits.
const NARROW_EDGES_MAX: usize = 0xFFFF;

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

/// The most edges that are walked for one of them; in more it is looked for by halving.
const WALKED_MAX: usize = 32;

/// A member's edges, sorted by team.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UpEdges<'a>(&'a [u32]);

impl<'a> UpEdges<'a> {
    pub(super) const fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = UpEdge> + Clone + 'a {
        self.0.iter().map(|&word| UpEdge(word))
    }

    /// The teams of the first edge and of the last.
    pub(super) fn range(self) -> Option<(TeamId, TeamId)> {
        let (&first, &last) = (self.0.first()?, self.0.last()?);
        Some((UpEdge(first).team(), UpEdge(last).team()))
    }

    /// Whether the team lies between the first edge and the last.
    pub(super) fn may_have(self, team: TeamId) -> bool {
        self.range().is_some_and(|(first, last)| (first..=last).contains(&team))
    }

    /// The role of the edge to the team, if there is one.
    pub(super) fn role(self, team: TeamId) -> Option<Role> {
        let place = self.place(team).ok()?;
        self.0.get(place).map(|&word| UpEdge(word).role())
    }

    fn place(self, team: TeamId) -> Result<usize, usize> {
        // Most members have a handful: to walk them, four at a step, costs no mispredicted branch,
        // and their memory is waited for once.
        if self.0.len() <= WALKED_MAX {
            let is_before = |&word: &u32| u32::from(word >> 1 < team.0);
            let place = self.0.iter().map(is_before).fold(0, u32::wrapping_add);
            let place = at(place);
            let found = self.0.get(place).is_some_and(|&word| word >> 1 == team.0);
            return if found { Ok(place) } else { Err(place) };
        }
        self.0.binary_search_by_key(&team.0, |&word| word >> 1)
    }
}

/// A page of members. The type is the words alone, so that a page is one allocation behind an
/// [`Arc`].
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberWords<'a>(&'a [u32]);

impl<'a> MemberWords<'a> {
    /// A page as it was made here; no words at all are a page of absent members without edges.
    pub(super) const fn new(words: &'a [u32]) -> Self {
        MemberWords(words)
    }

    /// What the member is.
    pub(super) fn standing(self, slot: usize) -> Standing {
        let word = self.0.get(slot / 16).copied().unwrap_or_default();
        match word >> (2 * (slot % 16)) & 3 {
            0 => Standing::Absent,
            1 => Standing::Person,
            _ => Standing::Team,
        }
    }

    /// Asks for the memory that a member's edges are likely in, without waiting for where they
    /// begin: the page's length tells it, as long as its members have about as many each.
    pub(super) fn ask_for_edges(self, slot: usize) {
        let edges = self.0.len().saturating_sub(NARROW_WORDS);
        let likely = NARROW_WORDS + edges * (2 * slot + 1) / (2 * MEMBERS);
        // There is no prefetch in safe code: a load whose value nobody waits for does it.
        std::hint::black_box(self.0.get(likely).copied().unwrap_or_default());
    }

    /// What a member of this page is, and its edges.
    pub(super) fn member(self, member: MemberId) -> (Standing, UpEdges<'a>) {
        let (_, slot) = place_of(member);
        (self.standing(slot), self.edges(slot))
    }

    /// The member's edges.
    pub(super) fn edges(self, slot: usize) -> UpEdges<'a> {
        let (begin, end) = self.range(slot);
        UpEdges(self.all_edges().get(begin..end).unwrap_or_default())
    }

    /// All edges of the page.
    fn all_edges(self) -> &'a [u32] {
        let header = if self.is_wide() { WIDE_WORDS } else { NARROW_WORDS };
        self.0.get(header..).unwrap_or_default()
    }

    const fn is_wide(self) -> bool {
        self.0.len() > NARROW_WORDS + NARROW_EDGES_MAX
    }

    fn range(self, slot: usize) -> (usize, usize) {
        let begin = slot.checked_sub(1).map_or(0, |before| self.end(before));
        (begin, self.end(slot))
    }

    fn end(self, slot: usize) -> usize {
        let word = if self.is_wide() { slot } else { slot / 2 };
        let word = self.0.get(STANDING_WORDS + word).copied().unwrap_or_default();
        at(if self.is_wide() { word } else { word >> (16 * (slot % 2)) & 0xFFFF })
    }

    fn ends(self) -> [u32; MEMBERS] {
        std::array::from_fn(|slot| number(self.end(slot)))
    }

    fn standings(self) -> [u32; STANDING_WORDS] {
        std::array::from_fn(|word| self.0.get(word).copied().unwrap_or_default())
    }

    /// The page with the edge stated, or with another role.
    pub(super) fn with_edge(self, slot: usize, edge: UpEdge) -> Arc<[u32]> {
        let (begin, _) = self.range(slot);
        let mut ends = self.ends();
        let (place, skipped) = match self.edges(slot).place(edge.team()) {
            Ok(place) => (place, 1),
            Err(place) => {
                ends.iter_mut().skip(slot).for_each(|end| *end += 1);
                (place, 0)
            }
        };
        let edges = self.all_edges();
        let (before, rest) = edges.split_at((begin + place).min(edges.len()));
        let after = rest.get(skipped..).unwrap_or_default();
        assemble(self.standings(), &ends, before, &[edge.0], after)
    }

    /// The page without the edge.
    pub(super) fn without_edge(self, slot: usize, team: TeamId) -> Option<Arc<[u32]>> {
        let place = self.edges(slot).place(team).ok()?;
        let mut ends = self.ends();
        ends.iter_mut().skip(slot).for_each(|end| *end -= 1);
        let edges = self.all_edges();
        let (before, rest) = edges.split_at((self.range(slot).0 + place).min(edges.len()));
        let after = rest.get(1..).unwrap_or_default();
        Some(assemble(self.standings(), &ends, before, &[], after))
    }

    /// The page with the member being that.
    pub(super) fn with_standing(self, slot: usize, standing: Standing) -> Arc<[u32]> {
        let mut standings = self.standings();
        let bits = match standing {
            Standing::Absent => 0,
            Standing::Person => 1,
            Standing::Team => 2,
        };
        if let Some(word) = standings.get_mut(slot / 16) {
            let shift = 2 * (slot % 16);
            *word = *word & !(3 << shift) | bits << shift;
        }
        assemble(standings, &self.ends(), self.all_edges(), &[], &[])
    }

    /// The page with these edges and no others: each member's, in the members' order, and where
    /// each member's end.
    pub(super) fn with_edges(self, ends: &[u32; MEMBERS], edges: &[UpEdge]) -> Arc<[u32]> {
        let edges: Vec<u32> = edges.iter().map(|edge| edge.0).collect();
        assemble(self.standings(), ends, &edges, &[], &[])
    }
}

/// A page of its parts; the edges come in three, so that a change needs no copy before the copy.
fn assemble(
    standings: [u32; STANDING_WORDS],
    ends: &[u32; MEMBERS],
    before: &[u32],
    new: &[u32],
    after: &[u32],
) -> Arc<[u32]> {
    if before.len() + new.len() + after.len() > NARROW_EDGES_MAX {
        return [&standings[..], ends, before, new, after].concat().into();
    }
    let pair = |word: usize| {
        let end = |slot: usize| ends.get(slot).copied().unwrap_or_default();
        end(2 * word) | end(2 * word + 1) << 16
    };
    let pairs: [u32; MEMBERS / 2] = std::array::from_fn(pair);
    // Copied twice, but as whole slices: cheaper than once, word by word.
    [&standings[..], &pairs, before, new, after].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_words_are_a_page_of_nobody() {
        let page = MemberWords::new(&[]);
        assert_eq!((page.standing(31), page.edges(31).len()), (Standing::Absent, 0));
        assert!(page.without_edge(5, TeamId(1)).is_none());
    }

    fn edges_of(words: &[u32], slot: usize) -> Vec<(u32, Role)> {
        MemberWords::new(words).edges(slot).iter().map(|e| (e.team().0, e.role())).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((0..MEMBERS, 0..12_u32, 0..5_u8), 0..400)
        ) {
            let mut words: Arc<[u32]> = Arc::from([]);
            let mut edges: BTreeMap<(usize, u32), Role> = BTreeMap::new();
            let mut standings = [Standing::Absent; MEMBERS];
            for (slot, team, step) in steps {
                let page = MemberWords::new(&words);
                let role = if step == 0 { Role::Admin } else { Role::Member };
                words = match step {
                    0 | 1 => {
                        edges.insert((slot, team), role);
                        page.with_edge(slot, UpEdge::new(TeamId(team), role))
                    }
                    2 => {
                        let held = edges.remove(&(slot, team)).is_some();
                        let without = page.without_edge(slot, TeamId(team));
                        prop_assert_eq!(without.is_some(), held);
                        without.unwrap_or_else(|| Arc::clone(&words))
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
                for team in 0..12 {
                    let found = MemberWords::new(&words).edges(slot).role(TeamId(team));
                    prop_assert_eq!(found, edges.get(&(slot, team)).copied());
                }
                prop_assert_eq!(edges_of(&words, slot), own);
                prop_assert_eq!(MemberWords::new(&words).standing(slot), standing);
            }
        }
    }

    /// Past 65,535 edges the ends need more than sixteen bits, and below they do not again.
    #[test]
    fn a_page_of_very_many_edges_is_wide_and_becomes_narrow_again() {
        let mut ends = [0; MEMBERS];
        ends.iter_mut().skip(10).for_each(|end| *end = 65_535);
        let edges: Vec<_> = (0..65_535).map(|t| UpEdge::new(TeamId(t), Role::Member)).collect();
        let page = MemberWords::new(&[]).with_standing(10, Standing::Person);
        let page = MemberWords::new(&page).with_edges(&ends, &edges);
        let wide = MemberWords::new(&page).with_edge(11, UpEdge::new(TeamId(7), Role::Admin));
        assert!(MemberWords::new(&wide).is_wide() && !MemberWords::new(&page).is_wide());
        assert_eq!(edges_of(&wide, 11), [(7, Role::Admin)]);
        assert_eq!(edges_of(&wide, 10), edges_of(&page, 10));
        assert_eq!(MemberWords::new(&wide).standing(10), Standing::Person);
        let narrow = MemberWords::new(&wide).without_edge(10, TeamId(0)).unwrap();
        assert!(!MemberWords::new(&narrow).is_wide());
        assert_eq!(edges_of(&narrow, 10).len(), 65_534);
        assert_eq!(edges_of(&narrow, 11), [(7, Role::Admin)]);
    }
}
