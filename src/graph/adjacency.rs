//! The stated direct edges, both ways: a member's teams and a team's members.
//!
//! Owns [`Up`] (member → what it is, and its teams with roles) and [`Down`] (team → its members,
//! apart by what they are). It must not know which edges are effective, nor count rows: it holds
//! what the writer tells it.
//!
//! INVARIANT (mirror): a → b is in [`Up`] if and only if a is in one set of b's [`Down`]: the one
//! for what a is now.

use super::chunks::ChunkedSet;
use super::member_words::{MEMBERS, MemberWords, UpEdge, UpEdges, members_of, place_of};
use super::pages::{POINTERS, PageTree, Pages, count};
use crate::id::{MemberId, MemberKind, Role, TeamId};
use std::sync::Arc;

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

impl Standing {
    /// The kind of a member that exists.
    pub(super) const fn kind(self) -> Option<MemberKind> {
        match self {
            Standing::Absent => None,
            Standing::Person => Some(MemberKind::Person),
            Standing::Team => Some(MemberKind::Team),
        }
    }
}

/// What each member is, and its direct teams, sorted by team.
#[derive(Clone, Debug, Default)]
pub(super) struct Up(PageTree<[u32]>);

impl Up {
    fn page(&self, page: u32) -> MemberWords<'_> {
        MemberWords::new(self.0.get(page).unwrap_or_default())
    }

    /// What the member is.
    pub(super) fn standing(&self, member: MemberId) -> Standing {
        let (page, slot) = place_of(member);
        let page = self.page(page);
        page.ask_for_edges(slot);
        page.standing(slot)
    }

    /// What the member is, and its stated edges.
    pub(super) fn member(&self, member: MemberId) -> (Standing, UpEdges<'_>) {
        self.page(place_of(member).0).member(member)
    }

    /// The pages of the members, at most so many; others are empty.
    pub(super) fn pages<const MANY: usize>(
        &self,
        members: impl Iterator<Item = MemberId>,
    ) -> [MemberWords<'_>; MANY] {
        let mut pages = [MemberWords::new(&[]); MANY];
        for (page, member) in pages.iter_mut().zip(members) {
            *page = self.page(place_of(member).0);
        }
        pages
    }

    /// What the members are, at most so many; nobody is absent.
    pub(super) fn standings<const MANY: usize>(
        &self,
        members: &[Option<MemberId>],
    ) -> [Standing; MANY] {
        let none = MemberId(u32::MAX);
        let pages = self.pages::<MANY>(members.iter().map(|member| member.unwrap_or(none)));
        let mut standings = [Standing::Absent; MANY];
        for ((standing, &member), page) in standings.iter_mut().zip(members).zip(pages) {
            *standing = page.standing(place_of(member.unwrap_or(none)).1);
        }
        standings
    }

    /// The member's stated edges.
    pub(super) fn of(&self, member: MemberId) -> UpEdges<'_> {
        let (page, slot) = place_of(member);
        self.page(page).edges(slot)
    }

    /// The role of the stated edge, if there is one.
    pub(super) fn role(&self, member: MemberId, team: TeamId) -> Option<Role> {
        self.of(member).role(team)
    }

    /// The members that may be something else, or have other edges, in the one than in the other;
    /// ascending.
    pub(super) fn unshared(&self, other: &Self) -> impl Iterator<Item = MemberId> {
        self.0.unshared(&other.0).into_iter().flat_map(members_of)
    }

    /// The member is that from now on.
    pub(super) fn set_standing(&mut self, member: MemberId, standing: Standing) {
        let (page, slot) = place_of(member);
        self.0.set(page, self.page(page).with_standing(slot, standing));
    }

    /// States the edge, or changes its role.
    pub(super) fn put(&mut self, member: MemberId, team: TeamId, role: Role) {
        let (page, slot) = place_of(member);
        self.0.set(page, self.page(page).with_edge(slot, UpEdge::new(team, role)));
    }

    /// Takes the edge away.
    pub(super) fn remove(&mut self, member: MemberId, team: TeamId) {
        let (page, slot) = place_of(member);
        if let Some(without) = self.page(page).without_edge(slot, team) {
            self.0.set(page, without);
        }
    }

    /// The edges of a whole page are these and no others: each member's, in the members' order,
    /// and where each member's end.
    pub(super) fn set_page(&mut self, page: u32, ends: &[u32; MEMBERS], edges: &[UpEdge]) {
        self.0.set(page, self.page(page).with_edges(ends, edges));
    }

    /// See [`PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.0.copied_bytes()
    }
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

impl DirectMembers {
    fn bytes(&self) -> u64 {
        [&self.people, &self.teams, &self.absent, &self.admins].iter().map(|set| set.bytes()).sum()
    }
}

/// Every team's direct members.
#[derive(Clone, Debug, Default)]
pub(super) struct Down {
    teams: Pages<Option<Arc<DirectMembers>>, POINTERS>,
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

    /// The teams whose direct members are not the same ones in memory, ascending.
    pub(super) fn unshared(&self, other: &Self) -> impl Iterator<Item = TeamId> {
        let held = |down: &Down, team| down.of(team).map(std::ptr::from_ref);
        let teams = self.teams.unshared(&other.teams).map(TeamId);
        teams.filter(move |&team| held(self, team) != held(other, team))
    }

    /// Takes the members out of all teams below the count; they are counted as copied, since only
    /// older versions hold them now.
    pub(super) fn clear(&mut self, team_count: u32) {
        let held = (0..team_count).filter_map(|team| self.of(TeamId(team)));
        let bytes: u64 = held.map(DirectMembers::bytes).sum();
        let copied_bytes = self.copied_bytes() + bytes;
        *self = Down { copied_bytes, ..Down::default() };
    }

    /// All direct members of a team at once.
    pub(super) fn set_all(&mut self, team: TeamId, members: DirectMembers) {
        *self.teams.get_mut(team.0) = Some(Arc::new(members));
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
            self.copied_bytes += count(size_of::<DirectMembers>());
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
        up.set_standing(MemberId(4), Standing::Person);
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
        assert_eq!(up.standing(MemberId(4)), Standing::Person);
        assert_eq!(up.standing(MemberId(5)), Standing::Absent);
    }
}
