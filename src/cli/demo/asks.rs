//! What the tour asks of the server: a plain client of the public API, over a socket.

use crate::pb::participation_service_client::ParticipationServiceClient;
use crate::pb::{
    CheckRequest, ExplainRequest, Freshness, GetStatusRequest, GetStatusResponse, ListKinds,
    ListMembersRequest, ListScope, MemberKind, MemberRef, Relation, freshness, member_key,
    member_ref,
};
use anyhow::{Context, bail};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

/// How long the first copy may take: an organisation of millions on a slow machine.
const READY_TIMEOUT: Duration = Duration::from_secs(300);
/// How often readiness is asked for.
const READY_POLL: Duration = Duration::from_millis(20);
/// How long one call may take; a local server needs a few ms.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest page that the service gives.
const PAGE_SIZE: u32 = 100_000;
/// How long to wait for a token.
const TOKEN_WAIT_MS: u32 = 10_000;

/// A client.
#[derive(Debug)]
pub(super) struct Asks {
    client: ParticipationServiceClient<Channel>,
}

impl Asks {
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .timeout(CALL_TIMEOUT)
            .connect()
            .await
            .context("cannot connect to the server just started")?;
        Ok(Asks { client: ParticipationServiceClient::new(channel) })
    }

    /// Waits until the server has a copy of the database.
    pub(super) async fn until_ready(&mut self) -> anyhow::Result<GetStatusResponse> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let status = self.status().await?;
            let feed = status.feed.clone().unwrap_or_default();
            if status.answered_at.is_some() && feed.state == "streaming" {
                return Ok(status);
            }
            if feed.state == "failed" || Instant::now() >= deadline {
                bail!("the server is not ready, its feed is {}: {}", feed.state, feed.error);
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    pub(super) async fn status(&mut self) -> anyhow::Result<GetStatusResponse> {
        Ok(self.client.get_status(GetStatusRequest {}).await?.into_inner())
    }

    /// How a member stands to a team, as of a token if one is given.
    pub(super) async fn check(
        &mut self,
        member: &str,
        team: &str,
        token: Option<&str>,
    ) -> anyhow::Result<Relation> {
        let request = CheckRequest {
            member: Some(by_name(member)),
            team: Some(by_name(team)),
            freshness: token.map(at_least),
            ..CheckRequest::default()
        };
        Ok(self.client.check(request).await?.into_inner().relation())
    }

    /// The shortest path from a member to a team, by name.
    pub(super) async fn explain(
        &mut self,
        member: &str,
        team: &str,
    ) -> anyhow::Result<Vec<String>> {
        let request = ExplainRequest {
            member: Some(by_name(member)),
            team: Some(by_name(team)),
            ..ExplainRequest::default()
        };
        let path = self.client.explain(request).await?.into_inner().path;
        let name = |step: crate::pb::PathStep| step.member?.name;
        Ok(path.into_iter().filter_map(name).collect())
    }

    /// The keys of all people in a team, directly or not, as of a token.
    pub(super) async fn people(&mut self, team: &str, token: &str) -> anyhow::Result<HashSet<i64>> {
        let mut request = ListMembersRequest {
            team: Some(by_name(team)),
            scope: ListScope::All.into(),
            kinds: ListKinds::People.into(),
            page_size: PAGE_SIZE,
            freshness: Some(at_least(token)),
            ..ListMembersRequest::default()
        };
        let mut people = HashSet::new();
        loop {
            let page = self.client.list_members(request.clone()).await?.into_inner();
            people.extend(page.keys.unwrap_or_default().ids);
            if page.next_page_token.is_empty() {
                return Ok(people);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The name of the member with a key.
    pub(super) async fn name(&mut self, id: i64) -> anyhow::Result<String> {
        let reference = MemberRef {
            kind: MemberKind::Unspecified.into(),
            r#ref: Some(member_ref::Ref::Id(id)),
        };
        let request = crate::pb::GetMembersRequest { refs: vec![reference], freshness: None };
        let answer = self.client.get_members(request).await?.into_inner();
        let found = answer.results.into_iter().next().and_then(|result| result.result);
        match found {
            Some(crate::pb::member_result::Result::Member(member)) => {
                Ok(member.name.unwrap_or_else(|| shown(member.key)))
            }
            Some(crate::pb::member_result::Result::Error(_)) | None => Ok(id.to_string()),
        }
    }
}

fn shown(key: Option<crate::pb::MemberKey>) -> String {
    match key.and_then(|key| key.value) {
        Some(member_key::Value::Id(id)) => id.to_string(),
        Some(member_key::Value::Key(key)) => key,
        Some(member_key::Value::Uuid(_)) | None => "a member".to_owned(),
    }
}

fn by_name(name: &str) -> MemberRef {
    MemberRef {
        kind: MemberKind::Unspecified.into(),
        r#ref: Some(member_ref::Ref::Name(name.to_owned())),
    }
}

fn at_least(token: &str) -> Freshness {
    Freshness {
        at: Some(freshness::At::AtLeastAsFresh(token.to_owned())),
        max_wait_ms: Some(TOKEN_WAIT_MS),
    }
}
