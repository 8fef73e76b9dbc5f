//! Which teams is a member in, and who is in a team?
//!
//! Owns the lists and their order, which is fixed within a version: teams by number; people under
//! the first team (by number) that has them directly, by number there; last, by number, people who
//! are listed for themselves. So a page needs no memory of those before it, and costs its length.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::{Kinds, MemberCursor, MemberPage, Scope, TeamPage};
use super::chunks::ChunkedSet;
use super::once::Once;
use super::state::State;
use crate::id::{MemberId, TeamId};

impl Snapshot {
    /// Teams that the member is in, itself never included; from `from` on (`None`: from the
    /// start), at most `limit`.
    pub fn list_teams(
        &self,
        member: MemberId,
        scope: Scope,
        from: Option<TeamId>,
        limit: usize,
    ) -> TeamPage {
        let teams = match scope {
            Scope::Direct => self.direct_teams(member),
            Scope::All => self.all_teams(member),
        };
        team_page(teams, from, limit)
    }

    fn direct_teams(&self, member: MemberId) -> Vec<TeamId> {
        if self.kind(member).is_none() {
            return Vec::new();
        }
        let state = self.state();
        let own = state.numbers.team(member);
        let stated = state.up.of(member).iter().map(|edge| edge.team());
        stated.filter(|&team| Some(team) != own && state.closure.exists(team)).collect()
    }

    pub(super) fn all_teams(&self, member: MemberId) -> Vec<TeamId> {
        let state = self.state();
        if let Some(own) = self.team(member) {
            return state.closure.teams_above(own);
        }
        state.closure.teams_at_or_above(&self.direct_teams(member))
    }

    /// Members of the team, itself never included, teams before people; from `from` on (`None`:
    /// from the start), at most `limit`.
    pub fn list_members(
        &self,
        team: TeamId,
        scope: Scope,
        kinds: Kinds,
        from: Option<MemberCursor>,
        limit: usize,
    ) -> MemberPage {
        self.member_list(team, scope, kinds).page(from, limit)
    }

    /// The list of the team's members, itself never included, to be read in steps. Empty for a
    /// team that does not exist.
    pub fn member_list(&self, team: TeamId, scope: Scope, kinds: Kinds) -> MemberList<'_> {
        let state = self.state();
        let mut list = MemberList::empty(state, kinds);
        if !state.closure.exists(team) {
            return list;
        }
        match scope {
            Scope::Direct => {
                list.teams = state.down.teams_of(team).filter(|&child| child != team).collect();
                list.sources = vec![team];
            }
            Scope::All => {
                list.teams = state.closure.teams_below(state, team);
                list.sources.clone_from(&list.teams);
                let place = list.teams.partition_point(|&other| other < team);
                list.sources.insert(place, team);
            }
        }
        list
    }

    /// How many members [`Snapshot::list_members`] lists.
    pub fn count_members(&self, team: TeamId, scope: Scope, kinds: Kinds) -> u64 {
        if scope == Scope::Direct {
            return self.count_direct(team, kinds);
        }
        let mut list = self.member_list(team, scope, kinds);
        let (mut counted, mut from) = (0, None);
        loop {
            let page = list.page(from, COUNT_STEP);
            counted += super::pages::count(page.members.len());
            from = page.next;
            if from.is_none() {
                return counted;
            }
        }
    }

    fn count_direct(&self, team: TeamId, kinds: Kinds) -> u64 {
        let state = self.state();
        let direct = state.down.of(team).filter(|_| state.closure.exists(team));
        let Some(direct) = direct else { return 0 };
        let people = if kinds.people { direct.people.len() } else { 0 };
        // The team's membership in itself is stated, and counts for nothing.
        let itself =
            state.numbers.member(team).is_some_and(|own| state.up.role(own, team).is_some());
        let teams = if kinds.teams { direct.teams.len() - usize::from(itself) } else { 0 };
        super::pages::count(people + teams)
    }
}

/// Counting lists this many members at a time, so that it never holds a big team at once.
const COUNT_STEP: usize = 65_536;

/// The page of the ascending teams that begins at `from`.
pub(super) fn team_page(teams: Vec<TeamId>, from: Option<TeamId>, limit: usize) -> TeamPage {
    let begin = from.map_or(0, |from| teams.partition_point(|&team| team < from));
    let next = teams.get(begin.saturating_add(limit)).copied();
    TeamPage { teams: teams.into_iter().skip(begin).take(limit).collect(), next }
}

/// A list of members of one version, to be read page by page in any steps: what is costly (which
/// teams it reaches) is found once. Steps in the list's order, from its beginning, cost least.
#[derive(Debug)]
pub struct MemberList<'a> {
    pub(super) state: &'a State,
    pub(super) kinds: Kinds,
    /// The teams that are listed, ascending.
    pub(super) teams: Vec<TeamId>,
    /// The teams whose direct people are listed, ascending.
    pub(super) sources: Vec<TeamId>,
    /// People who are listed whether or not a source has them.
    pub(super) alone: Alone<'a>,
    pub(super) once: Once,
}

/// People who are listed for themselves: an owner and admins, where those are people.
#[derive(Debug, Default)]
pub(super) struct Alone<'a> {
    pub(super) owner: Option<MemberId>,
    /// Members of whatever standing, of which the people count.
    pub(super) admins: Option<&'a ChunkedSet>,
}

impl Alone<'_> {
    /// All from `from` on, ascending, each once.
    fn iter_from(&self, from: MemberId) -> impl Iterator<Item = MemberId> {
        let mut owner = self.owner.filter(|&owner| owner >= from);
        let admins = self.admins.into_iter().flat_map(move |admins| admins.iter_from(from.0));
        let mut admins = admins.map(MemberId).peekable();
        std::iter::from_fn(move || match (owner, admins.peek()) {
            (Some(first), next) if next.is_none_or(|&admin| first <= admin) => {
                admins.next_if_eq(&first);
                owner.take()
            }
            (Some(_) | None, _) => admins.next(),
        })
    }
}

impl<'a> MemberList<'a> {
    pub(super) fn empty(state: &'a State, kinds: Kinds) -> Self {
        let (teams, sources) = (Vec::new(), Vec::new());
        let (alone, once) = (Alone::default(), Once::default());
        MemberList { state, kinds, teams, sources, alone, once }
    }

    /// The members from `from` on (`None`: from the start), at most `limit`; teams before people.
    pub fn page(&mut self, from: Option<MemberCursor>, limit: usize) -> MemberPage {
        let mut page = MemberPage { members: Vec::new(), next: None };
        let members = &mut page.members;
        let first = from.unwrap_or(MemberCursor::Teams { from: TeamId(0) });
        if self.kinds.teams
            && let MemberCursor::Teams { from } = first
        {
            page.next = self.teams(from, limit, members);
        }
        if !self.kinds.people || page.next.is_some() {
            return page;
        }
        let (under, alone) = match first {
            MemberCursor::Teams { .. } => (Some((TeamId(0), MemberId(0))), MemberId(0)),
            MemberCursor::People { team, from } => (Some((team, from)), MemberId(0)),
            MemberCursor::Alone { from } => (None, from),
        };
        page.next = under
            .and_then(|start| self.people(start, limit, members))
            .or_else(|| self.alone(alone, limit, members));
        page
    }

    fn teams(
        &self,
        from: TeamId,
        limit: usize,
        members: &mut Vec<MemberId>,
    ) -> Option<MemberCursor> {
        let begin = self.teams.partition_point(|&team| team < from);
        for &team in self.teams.get(begin..).unwrap_or_default() {
            if members.len() == limit {
                return Some(MemberCursor::Teams { from: team });
            }
            members.extend(self.state.numbers.member(team));
        }
        None
    }

    fn people(
        &mut self,
        start: (TeamId, MemberId),
        limit: usize,
        members: &mut Vec<MemberId>,
    ) -> Option<MemberCursor> {
        let (team, from) = start;
        let (state, sources, once) = (self.state, self.sources.as_slice(), &mut self.once);
        let begin = sources.partition_point(|&source| source < team);
        once.begin(start);
        for &source in sources.get(begin..).unwrap_or_default() {
            let Some(direct) = state.down.of(source) else { continue };
            let first = if source == team { from.0 } else { 0 };
            for part in direct.people.parts_from(first) {
                for person in part.map(MemberId) {
                    if !once.is_first(state, sources, (source, person)) {
                        continue;
                    }
                    if members.len() == limit {
                        once.stop((source, person));
                        return Some(MemberCursor::People { team: source, from: person });
                    }
                    once.note((source, person));
                    members.push(person);
                }
            }
        }
        None
    }

    fn alone(
        &self,
        from: MemberId,
        limit: usize,
        members: &mut Vec<MemberId>,
    ) -> Option<MemberCursor> {
        for person in self.alone.iter_from(from) {
            let listed_before =
                self.state.up.of(person).iter().any(|edge| self.is_source(edge.team()));
            if listed_before || self.state.standing(person) != Standing::Person {
                continue;
            }
            if members.len() == limit {
                return Some(MemberCursor::Alone { from: person });
            }
            members.push(person);
        }
        None
    }

    fn is_source(&self, team: TeamId) -> bool {
        self.sources.binary_search(&team).is_ok()
    }
}
