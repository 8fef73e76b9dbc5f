//! `ListTeams`, `ListMembers`, `CountTeams` and `CountMembers`: one list at one version.
//!
//! Owns where a page begins and ends, and in which version it is. It must not know how the graph
//! orders a list, nor how members are written.

use super::convert::{self, Asked};
use super::errors::Failure;
use super::freshness::Basis;
use super::limits;
use super::listed::{List, Listed, START, page_size, unlistable};
use super::paging::{PageToken, Place, digest, expired};
use super::participation::Answers;
use super::refs::{Part, as_team, find_member};
use super::turns::Turns;
use crate::graph::{Scope, Snapshot};
use crate::id::{MemberId, TeamId};
use crate::pb;
use prost::Message;
use std::mem::take;
use std::time::Duration;

impl Answers {
    pub(crate) async fn list_teams(
        &self,
        mut request: pb::ListTeamsRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::ListTeamsResponse, Failure> {
        let (scope, view) = (convert::scope(request.scope)?, convert::view(request.view)?);
        let asked = convert::asked(request.relation)?;
        let size = take(&mut request.page_size);
        let size = page_size("page_size", size, limits::PAGE_MEMBERS_DEFAULT)?;
        let start = Start::new("teams", &mut request);
        let mut turns = Turns::new(client_timeout);
        let (basis, place) = self.page_start(&start, client_timeout).await?;
        let snapshot = basis.snapshot();
        let member = one_member(snapshot, request.member.as_ref())?;
        let mut list = List::teams(snapshot, asked, member, scope);
        let mut listed = Listed::new(view);
        let next = listed.fill(&mut list, place.from, size, &mut turns).await?;
        let next_page_token = self.next_token(snapshot, &start, place, next.map(Place::one))?;
        let (keys, members) = listed.into_wire();
        let answered_at = Some(self.answered_at(&basis));
        Ok(pb::ListTeamsResponse { keys, members, next_page_token, answered_at })
    }

    pub(crate) async fn list_members(
        &self,
        mut request: pb::ListMembersRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::ListMembersResponse, Failure> {
        let (scope, view) = (convert::scope(request.scope)?, convert::view(request.view)?);
        let (kinds, asked) = (convert::kinds(request.kinds)?, convert::asked(request.relation)?);
        let size = take(&mut request.page_size);
        let size = page_size("page_size", size, limits::PAGE_MEMBERS_DEFAULT)?;
        let start = Start::new("members", &mut request);
        let mut turns = Turns::new(client_timeout);
        let (basis, place) = self.page_start(&start, client_timeout).await?;
        let snapshot = basis.snapshot();
        let team = one_team(snapshot, request.team.as_ref())?;
        let mut list = List::members(snapshot, asked, team, scope, kinds);
        let mut listed = Listed::new(view);
        let next = listed.fill(&mut list, place.from, size, &mut turns).await?;
        let next_page_token = self.next_token(snapshot, &start, place, next.map(Place::one))?;
        let (keys, members) = listed.into_wire();
        let answered_at = Some(self.answered_at(&basis));
        Ok(pb::ListMembersResponse { keys, members, next_page_token, answered_at })
    }

    pub(crate) async fn count_teams(
        &self,
        request: &pb::CountTeamsRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::CountTeamsResponse, Failure> {
        let scope = convert::scope(request.scope)?;
        let asked = convert::asked(request.relation)?;
        let mut turns = Turns::new(client_timeout);
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let member = one_member(basis.snapshot(), request.member.as_ref())?;
        let mut list = List::teams(basis.snapshot(), asked, member, scope);
        let count = to_wire(list.count(&mut turns).await?)?;
        Ok(pb::CountTeamsResponse { count, answered_at: Some(self.answered_at(&basis)) })
    }

    pub(crate) async fn count_members(
        &self,
        request: &pb::CountMembersRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::CountMembersResponse, Failure> {
        let (scope, kinds) = (convert::scope(request.scope)?, convert::kinds(request.kinds)?);
        let asked = convert::asked(request.relation)?;
        let mut turns = Turns::new(client_timeout);
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let snapshot = basis.snapshot();
        let team = one_team(snapshot, request.team.as_ref())?;
        let count = match (asked, scope) {
            // Known without a look at any member.
            (Asked::Participant, Scope::Direct) => snapshot.count_members(team, scope, kinds),
            (Asked::Participant | Asked::Administrator, _) => {
                let mut list = List::members(snapshot, asked, team, scope, kinds);
                to_wire(list.count(&mut turns).await?)?
            }
        };
        Ok(pb::CountMembersResponse { count, answered_at: Some(self.answered_at(&basis)) })
    }

    /// The version that the page is of, and where it begins.
    pub(crate) async fn page_start(
        &self,
        start: &Start,
        client_timeout: Option<Duration>,
    ) -> Result<(Basis, Place), Failure> {
        if start.token.is_empty() {
            let basis = self.reads.basis(start.freshness.as_ref(), client_timeout).await?;
            return Ok((basis, Place::one(START)));
        }
        let token = PageToken::decode(&start.token, self.instance.stamp, start.request)?;
        let basis = self
            .reads
            .kept(token.copy, token.sequence)
            .ok_or_else(|| expired("the version that the list began with is no longer kept"))?;
        Ok((basis, token.place))
    }

    /// The token of the page after one that began at `began`; empty where there is none.
    pub(crate) fn next_token(
        &self,
        snapshot: &Snapshot,
        start: &Start,
        began: Place,
        next: Option<Place>,
    ) -> Result<String, Failure> {
        let Some(place) = next else { return Ok(String::new()) };
        if place == began {
            return Err(unlistable());
        }
        Ok(PageToken::after(self.instance.stamp, snapshot, start.request, place).encode())
    }
}

fn to_wire(count: usize) -> Result<u64, Failure> {
    u64::try_from(count).map_err(|_| convert::lost())
}

/// The one member that a request is about.
pub(crate) fn one_member(
    snapshot: &Snapshot,
    reference: Option<&pb::MemberRef>,
) -> Result<MemberId, Failure> {
    find_member(snapshot, reference).map_err(|fault| fault.failure(Part::Member, reference))
}

/// The one team that a request is about.
pub(crate) fn one_team(
    snapshot: &Snapshot,
    reference: Option<&pb::MemberRef>,
) -> Result<TeamId, Failure> {
    find_member(snapshot, reference)
        .and_then(|member| as_team(snapshot, member))
        .map_err(|fault| fault.failure(Part::Team, reference))
}

/// What of a request says where its page begins; the rest says which list it is of.
#[derive(Debug)]
pub(crate) struct Start {
    token: String,
    freshness: Option<pb::Freshness>,
    request: u64,
}

/// A request for a page of a list.
pub(crate) trait Paged: Message {
    /// Takes out what may differ between the pages of one list, but for the size.
    fn take_start(&mut self) -> (String, Option<pb::Freshness>);
}

macro_rules! paged {
    ($($request:ty),+) => {
        $(impl Paged for $request {
            fn take_start(&mut self) -> (String, Option<pb::Freshness>) {
                (take(&mut self.page_token), self.freshness.take())
            }
        })+
    };
}

paged!(
    pb::ListTeamsRequest,
    pb::ListMembersRequest,
    pb::BatchListTeamsRequest,
    pb::BatchListMembersRequest
);

impl Start {
    /// Of a request whose page size is taken out already. `list` tells the methods apart.
    pub(crate) fn new(list: &str, request: &mut impl Paged) -> Self {
        let (token, freshness) = request.take_start();
        let mut bytes = list.as_bytes().to_vec();
        bytes.extend(request.encode_to_vec());
        Start { token, freshness, request: digest(&bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_told_apart_by_method_and_content() {
        let digest = |list, scope, page_token: &str| {
            let page_token = page_token.to_owned();
            let mut request = pb::ListTeamsRequest { scope, page_token, ..Default::default() };
            Start::new(list, &mut request).request
        };
        assert_ne!(digest("teams", 0, ""), digest("members", 0, ""));
        assert_ne!(digest("teams", 0, ""), digest("teams", 1, ""));
        assert_eq!(digest("teams", 1, ""), digest("teams", 1, "abc"));
    }
}
