//! The product, over gRPC. Changes are rows of the database that it follows.

use crate::graph_files::{Listed, Transaction};
use crate::targets::sql::{change_memberships, client};
use crate::targets::{Applied, Connection, Place};
use teamgraph::pb::freshness::At;
use teamgraph::pb::member_ref::Ref;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::pb::{
    CheckRequest, Freshness, ListKinds, ListTeamsRequest, MemberRef, Relation, StreamMembersRequest,
};
use tokio_postgres::{Client, Statement};
use tonic::transport::{Channel, Endpoint};

pub struct Session {
    place: Place,
}

/// The database, for those who change it.
struct Source {
    client: Client,
    add: Statement,
    remove: Statement,
    token: Statement,
}

pub struct Asker {
    grpc: ParticipationServiceClient<Channel>,
    source: Source,
}

impl Session {
    pub async fn new(place: Place) -> anyhow::Result<Self> {
        anyhow::ensure!(!place.at.is_empty(), "no address was given");
        Ok(Session { place })
    }
}

impl super::Session for Session {
    type Connection = Asker;

    async fn connect(&self) -> anyhow::Result<Asker> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.place.at))?;
        let grpc = ParticipationServiceClient::new(endpoint.tcp_nodelay(true).connect().await?);
        let client = client(&self.place.database).await?;
        let insert =
            "INSERT INTO teamgraph.team_membership (person, team, status) VALUES ($1, $2, 2)";
        let delete = "DELETE FROM teamgraph.team_membership WHERE person = $1 AND team = $2";
        let source = Source {
            add: client.prepare(insert).await?,
            remove: client.prepare(delete).await?,
            token: client.prepare("SELECT teamgraph.teamgraph_token()").await?,
            client,
        };
        Ok(Asker { grpc, source })
    }
}

fn by_id(id: i64) -> Option<MemberRef> {
    Some(MemberRef { kind: 0, r#ref: Some(Ref::Id(id)) })
}

impl Asker {
    async fn ask(
        &mut self,
        member: i64,
        team: i64,
        freshness: Option<Freshness>,
    ) -> anyhow::Result<bool> {
        let (member, team) = (by_id(member), by_id(team));
        let request = CheckRequest { member, team, freshness, ..Default::default() };
        Ok(self.grpc.check(request).await?.get_ref().relation() != Relation::None)
    }
}

impl Connection for Asker {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool> {
        self.ask(member, team, None).await
    }

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed> {
        let mut listed = Listed::default();
        let mut page_token = String::new();
        loop {
            let member = by_id(member);
            let request = ListTeamsRequest { member, page_token, ..Default::default() };
            let page = self.grpc.list_teams(request).await?.into_inner();
            page.keys.iter().flat_map(|keys| &keys.ids).for_each(|&id| listed.add(id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(listed);
            }
        }
    }

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed> {
        let kinds = ListKinds::People.into();
        let request = StreamMembersRequest { team: by_id(team), kinds, ..Default::default() };
        let mut chunks = self.grpc.stream_members(request).await?.into_inner();
        let mut listed = Listed::default();
        while let Some(chunk) = chunks.message().await? {
            chunk.keys.iter().flat_map(|keys| &keys.ids).for_each(|&id| listed.add(id));
        }
        Ok(listed)
    }

    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied> {
        let Source { client, add, remove, .. } = &self.source;
        let rows = change_memberships(client, add, remove, transaction).await?;
        Ok(Applied { rows, token: self.token().await? })
    }

    async fn check_fresh(&mut self, member: i64, team: i64, token: &str) -> anyhow::Result<bool> {
        let at = Some(At::AtLeastAsFresh(token.to_owned()));
        self.ask(member, team, Some(Freshness { at, max_wait_ms: Some(30_000) })).await
    }

    async fn token(&mut self) -> anyhow::Result<String> {
        Ok(self.source.client.query_one(&self.source.token, &[]).await?.get(0))
    }
}
