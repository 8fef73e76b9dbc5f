//! The stated direct edges, both ways: a member's teams and a team's members.
//!
//! Owns [`Up`] (member → its teams, with roles) and [`Down`] (team → its members, apart by what
//! they are). It must not know which edges are effective, nor count rows: it holds what the writer
//! tells it.
//!
//! INVARIANT (mirror): a → b is in [`Up`] if and only if a is in one set of b's [`Down`]: the one
//! for what a is now.

use super::chunks::ChunkedSet;
use super::pages::{Page, PageTree, Pages, WIDTH, at, page_of, slot_of};
use crate::id::{MemberId, Role, TeamId};
use std::sync::Arc;

/// A direct edge upward: a team and the role in it, packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UpEdge(u32);

impl UpEdge {
    const fn new(team: TeamId, role: Role) -> Self {
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

/// The edges of 64 consecutive members, packed one after the other.
#[derive(Clone, Debug)]
struct UpPage {
    /// Where each member's edges end; they begin where the previous member's end.
    ends: [u32; WIDTH],
    edges: Vec<UpEdge>,
}

impl Default for UpPage {
    fn default() -> Self {
        UpPage { ends: [0; WIDTH], edges: Vec::new() }
    }
}

impl Page for UpPage {
    fn heap_bytes(&self) -> usize {
        self.edges.capacity() * size_of::<UpEdge>()
    }
}

impl UpPage {
    fn range(&self, slot: usize) -> (usize, usize) {
        let begin = slot.checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(slot);
        (begin.map_or(0, |&begin| at(begin)), end.map_or(0, |&end| at(end)))
    }

    fn of(&self, slot: usize) -> &[UpEdge] {
        let (begin, end) = self.range(slot);
        self.edges.get(begin..end).unwrap_or_default()
    }

    fn find(&self, slot: usize, team: TeamId) -> Result<usize, usize> {
        let begin = self.range(slot).0;
        let found = self.of(slot).binary_search_by_key(&team, |edge| edge.team());
        found.map(|place| begin + place).map_err(|place| begin + place)
    }

    fn put(&mut self, slot: usize, edge: UpEdge) {
        match self.find(slot, edge.team()) {
            Ok(place) => {
                if let Some(held) = self.edges.get_mut(place) {
                    *held = edge;
                }
            }
            Err(place) => {
                if self.edges.len() == self.edges.capacity() {
                    // A little room, so that a busy page does not move at every insert, and yet
                    // not the double that `Vec` would take.
                    self.edges.reserve_exact(self.edges.len() / 8 + 4);
                }
                self.edges.insert(place, edge);
                self.ends.iter_mut().skip(slot).for_each(|end| *end += 1);
            }
        }
    }

    fn remove(&mut self, slot: usize, team: TeamId) {
        if let Ok(place) = self.find(slot, team) {
            self.edges.remove(place);
            self.ends.iter_mut().skip(slot).for_each(|end| *end -= 1);
        }
    }
}

/// A member's direct teams, sorted by team.
#[derive(Clone, Debug, Default)]
pub(super) struct Up(PageTree<UpPage>);

impl Up {
    /// The member's stated edges.
    pub(super) fn of(&self, member: MemberId) -> &[UpEdge] {
        self.0.get(page_of(member.0)).map_or(&[], |page| page.of(slot_of(member.0)))
    }

    /// The role of the stated edge, if there is one.
    pub(super) fn role(&self, member: MemberId, team: TeamId) -> Option<Role> {
        let edges = self.of(member);
        let place = edges.binary_search_by_key(&team, |edge| edge.team()).ok()?;
        edges.get(place).map(|edge| edge.role())
    }

    /// States the edge, or changes its role.
    pub(super) fn put(&mut self, member: MemberId, team: TeamId, role: Role) {
        self.0.get_mut(page_of(member.0)).put(slot_of(member.0), UpEdge::new(team, role));
    }

    /// Takes all edges away.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the edge away.
    pub(super) fn remove(&mut self, member: MemberId, team: TeamId) {
        self.0.get_mut(page_of(member.0)).remove(slot_of(member.0), team);
    }

    /// See [`PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.0.copied_bytes()
    }
}

/// What a member is in one version, for the edges that it is the lower end of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Named by a membership or an owner column, but not (or no longer) a member's row.
    #[default]
    Absent,
    /// A person.
    Person,
    /// A team.
    Team,
}

/// One team's direct members, apart by standing, so that a list of one kind costs its length and
/// the closure sees teams alone.
#[derive(Clone, Debug, Default)]
pub(super) struct DirectMembers {
    /// Members that are people, as member numbers.
    pub(super) people: ChunkedSet,
    /// Members that are teams, as team numbers.
    pub(super) teams: ChunkedSet,
    /// Members that do not exist in this version, as member numbers.
    pub(super) absent: ChunkedSet,
    /// Members of whatever standing whose role is ADMIN, as member numbers.
    pub(super) admins: ChunkedSet,
}

/// Every team's direct members.
#[derive(Clone, Debug, Default)]
pub(super) struct Down {
    teams: Pages<Option<Arc<DirectMembers>>>,
    copied_bytes: u64,
}

impl Down {
    /// The team's direct members, if it ever had any.
    pub(super) fn of(&self, team: TeamId) -> Option<&DirectMembers> {
        self.teams.get(team.0)?.as_deref()
    }

    /// The team's direct members that are teams, by team.
    pub(super) fn teams_of(&self, team: TeamId) -> impl Iterator<Item = TeamId> {
        self.of(team).into_iter().flat_map(|members| members.teams.iter_from(0)).map(TeamId)
    }

    /// Takes all members out of all teams.
    pub(super) fn clear(&mut self) {
        self.teams.clear();
    }

    /// Puts a member into the team's set for its standing, or takes it out; `number` is what that
    /// set counts by.
    pub(super) fn set(&mut self, team: TeamId, standing: Standing, number: u32, stated: bool) {
        let (direct, copied) = self.of_mut(team);
        let set = match standing {
            Standing::Person => &mut direct.people,
            Standing::Team => &mut direct.teams,
            Standing::Absent => &mut direct.absent,
        };
        set.put(number, stated, copied);
    }

    /// Notes that the member is an admin of the team, or that it is not any more.
    pub(super) fn set_admin(&mut self, team: TeamId, member: MemberId, is_admin: bool) {
        let (direct, copied) = self.of_mut(team);
        direct.admins.put(member.0, is_admin, copied);
    }

    /// The team's direct members, to be changed, and where to count the bytes copied for it.
    fn of_mut(&mut self, team: TeamId) -> (&mut DirectMembers, &mut u64) {
        let held = self.teams.get_mut(team.0).get_or_insert_with(Arc::default);
        if Arc::strong_count(held) > 1 {
            let tables = [&held.people, &held.teams, &held.absent, &held.admins];
            self.copied_bytes += tables.iter().map(|set| set.table_bytes()).sum::<u64>();
        }
        (Arc::make_mut(held), &mut self.copied_bytes)
    }

    /// See [`PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.teams.copied_bytes() + self.copied_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_keeps_each_member_of_a_page_apart() {
        let mut up = Up::default();
        for member in [5, 3, 63, 64, 4] {
            for team in [9, 1, 5] {
                up.put(MemberId(member), TeamId(team), Role::Member);
            }
        }
        up.put(MemberId(4), TeamId(5), Role::Admin);
        up.remove(MemberId(3), TeamId(9));
        up.remove(MemberId(3), TeamId(2));
        let teams = |member| -> Vec<u32> {
            up.of(MemberId(member)).iter().map(|edge| edge.team().0).collect()
        };
        assert_eq!(teams(3), [1, 5]);
        assert_eq!(teams(4), [1, 5, 9]);
        assert_eq!(teams(6), [0; 0]);
        assert_eq!(teams(64), [1, 5, 9]);
        assert_eq!(up.role(MemberId(4), TeamId(5)), Some(Role::Admin));
        assert_eq!(up.role(MemberId(5), TeamId(5)), Some(Role::Member));
        assert_eq!(up.role(MemberId(5), TeamId(6)), None);
    }
}
