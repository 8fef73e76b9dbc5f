//! The judge over gRPC: complete lists of what a server answers, against what SQL says.

use super::judge::{Pair, Truth, same, unique};
use super::served::Asker;
use std::collections::{BTreeMap, BTreeSet};
use teamgraph::pb;

/// Small, so that lists have several pages.
const PAGE: u32 = 50;

fn named(name: &str) -> Option<pb::MemberRef> {
    let name = pb::member_ref::Ref::Name(name.to_owned());
    Some(pb::MemberRef { r#ref: Some(name), ..pb::MemberRef::default() })
}

fn names(members: Vec<pb::Member>) -> impl Iterator<Item = String> {
    members.into_iter().map(|member| member.name.unwrap())
}

/// One who asks as of a token at least.
pub struct Judge<'a> {
    pub asker: &'a mut Asker,
    pub token: String,
}

impl Judge<'_> {
    fn freshness(&self) -> Option<pb::Freshness> {
        let at = Some(pb::freshness::At::AtLeastAsFresh(self.token.clone()));
        Some(pb::Freshness { at, max_wait_ms: Some(30_000) })
    }

    /// Holds everything that the server answers to the truth.
    pub async fn judge(&mut self, truth: &Truth) {
        let members = self.members(truth).await;
        same("members", &self.token, &truth.members, &members);
        let (mut up, mut down, mut direct) = (Vec::new(), Vec::new(), Vec::new());
        for member in truth.members.keys() {
            let teams = self.teams(member).await;
            up.extend(teams.into_iter().map(|team| (member.clone(), team)));
        }
        for team in truth.teams() {
            let pair = |member: String| -> Pair { (member, team.clone()) };
            down.extend(self.below(team, pb::ListScope::All).await.into_iter().map(pair));
            direct.extend(self.below(team, pb::ListScope::Direct).await.into_iter().map(pair));
        }
        same("teams of each member", &self.token, &truth.all, &unique(up));
        same("members of each team", &self.token, &truth.all, &unique(down));
        let stated: BTreeSet<Pair> = truth.direct.keys().cloned().collect();
        same("direct memberships", &self.token, &stated, &unique(direct));
    }

    /// The members that are known, and that there are no others.
    async fn members(&mut self, truth: &Truth) -> BTreeMap<String, bool> {
        let refs = truth.members.keys().filter_map(|name| named(name)).collect();
        let request = pb::GetMembersRequest { refs, freshness: self.freshness() };
        let answer = self.asker.get_members(request).await.unwrap().into_inner();
        let known = answer.results.into_iter().filter_map(|result| match result.result {
            Some(pb::member_result::Result::Member(member)) => {
                let is_team = member.kind() == pb::MemberKind::Team;
                Some((member.name.unwrap(), is_team))
            }
            _ => None,
        });
        let known: BTreeMap<String, bool> = known.collect();
        let status = self.asker.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        let sizes = status.sizes.unwrap();
        let members = usize::try_from(sizes.people + sizes.teams);
        assert_eq!(members, Ok(truth.members.len()), "members that the server counts");
        known
    }

    async fn teams(&mut self, member: &str) -> Vec<String> {
        let mut request = pb::ListTeamsRequest {
            member: named(member),
            scope: pb::ListScope::All.into(),
            view: pb::ListView::Members.into(),
            page_size: PAGE,
            freshness: self.freshness(),
            ..pb::ListTeamsRequest::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.asker.list_teams(request.clone()).await.unwrap().into_inner();
            all.extend(names(page.members));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return all;
            }
        }
    }

    async fn below(&mut self, team: &str, scope: pb::ListScope) -> Vec<String> {
        let mut request = pb::ListMembersRequest {
            team: named(team),
            scope: scope.into(),
            view: pb::ListView::Members.into(),
            page_size: PAGE,
            freshness: self.freshness(),
            ..pb::ListMembersRequest::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.asker.list_members(request.clone()).await.unwrap().into_inner();
            all.extend(names(page.members));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return all;
            }
        }
    }
}
