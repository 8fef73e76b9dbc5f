//! Who administers which team?
//!
//! Owns the administrator relation: a member administers a team if the team's owner, or a member
//! with a direct ADMIN membership in it, is that member or something that it participates in. The
//! owner and the admin members are the team's *holders* here. It must not know how participation
//! is found.
//!
//! Only what exists counts: an owner that does not exist administers nothing until it does, and a
//! team's membership in itself is none. A team may own itself: then all who participate in it
//! administer it. So, unlike the lists of participation, these may hold the member itself.

use super::Snapshot;
use super::adjacency::Standing;
use super::answer::{Kinds, Relation, Scope, TeamPage};
use super::list::{Alone, MemberList, team_page};
use super::once::Once;
use crate::id::{MemberId, Role, TeamId};

impl Snapshot {
    /// Whether the member administers the team.
    pub fn administers(&self, member: MemberId, team: TeamId) -> bool {
        self.administration(member, team) != Relation::None
    }

    /// How the member administers the team: [`Relation::Direct`] as the owner or an admin member
    /// itself, [`Relation::Indirect`] as a participant of one. Never [`Relation::Itself`].
    pub fn administration(&self, member: MemberId, team: TeamId) -> Relation {
        if self.kind(member).is_none() || !self.state().closure.exists(team) {
            return Relation::None;
        }
        let owner = self.owner(team);
        if owner == Some(member) || self.role(member, team) == Some(Role::Admin) {
            return Relation::Direct;
        }
        let participates = |holder| self.relation(member, holder) != Relation::None;
        let owner_team = owner.and_then(|owner| self.team(owner));
        if owner_team.is_some_and(participates) || self.admin_teams(team).any(participates) {
            Relation::Indirect
        } else {
            Relation::None
        }
    }

    /// Teams that the member administers: with [`Scope::Direct`] as a holder itself, otherwise
    /// also through teams that it participates in; from `from` on (`None`: from the start), at
    /// most `limit`.
    pub fn list_administered(
        &self,
        member: MemberId,
        scope: Scope,
        from: Option<TeamId>,
        limit: usize,
    ) -> TeamPage {
        let mut teams = Vec::new();
        if self.kind(member).is_some() {
            self.extend_with_held(member, &mut teams);
            if scope == Scope::All {
                let through = self.all_teams(member);
                for via in through.into_iter().filter_map(|team| self.member(team)) {
                    self.extend_with_held(via, &mut teams);
                }
            }
        }
        teams.sort_unstable();
        teams.dedup();
        team_page(teams, from, limit)
    }

    /// The members that administer the team: its holders, and with [`Scope::All`] everyone who
    /// participates in them, each once. Empty for a team that does not exist.
    pub fn administrator_list(&self, team: TeamId, scope: Scope, kinds: Kinds) -> MemberList<'_> {
        let state = self.state();
        if !state.closure.exists(team) {
            return MemberList::empty(state, kinds);
        }
        let owner = self.owner(team);
        let owner_team = owner.and_then(|owner| self.team(owner));
        let mut teams: Vec<TeamId> = self.admin_teams(team).chain(owner_team).collect();
        let mut sources = Vec::new();
        if scope == Scope::All {
            let below: Vec<TeamId> =
                teams.iter().flat_map(|&holder| state.closure.teams_below(state, holder)).collect();
            teams.extend(below);
        }
        teams.sort_unstable();
        teams.dedup();
        if scope == Scope::All {
            sources.clone_from(&teams);
        }
        let owner = owner.filter(|&owner| state.standing(owner) == Standing::Person);
        let alone = Alone { owner, admins: state.down.of(team).map(|direct| &direct.admins) };
        MemberList { state, kinds, teams, sources, alone, once: Once::default() }
    }

    /// The team's owner, if it has one that exists.
    pub fn owner(&self, team: TeamId) -> Option<MemberId> {
        let owner = self.state().owner(self.member(team)?)?;
        self.kind(owner).map(|_| owner)
    }

    /// The teams of which the member itself is a holder, in any order, perhaps twice.
    fn extend_with_held(&self, holder: MemberId, teams: &mut Vec<TeamId>) {
        let state = self.state();
        teams.extend(state.owned.of(holder));
        let edges = state.up.of(holder).iter().filter(|edge| edge.role() == Role::Admin);
        let admin_of = edges.map(|edge| edge.team());
        teams.extend(admin_of.filter(|&team| self.role(holder, team).is_some()));
    }

    /// The admin members of the team that are teams, in any order. Walks its admins or its
    /// sub-teams, whichever are fewer.
    fn admin_teams(&self, team: TeamId) -> impl Iterator<Item = TeamId> {
        let direct = self.state().down.of(team);
        let few_teams = direct.is_some_and(|it| it.teams.len() < it.admins.len());
        let sub_teams = direct.filter(|_| few_teams).into_iter();
        let sub_teams = sub_teams.flat_map(|it| it.teams.iter_from(0)).map(TeamId);
        let admins = direct.filter(|_| !few_teams).into_iter();
        let admins = admins.flat_map(|it| it.admins.iter_from(0)).map(MemberId);
        let admins = admins.filter_map(|admin| self.team(admin));
        let is_admin = move |&holder: &TeamId| {
            let member = self.member(holder);
            member.and_then(|member| self.role(member, team)) == Some(Role::Admin)
        };
        sub_teams.chain(admins).filter(is_admin)
    }
}
