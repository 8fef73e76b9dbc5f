//! SpiceDB in this process: checks and writes by its library's calls, which cross no network;
//! lookups as streams over its socket.
//!
//! Its calls block, so they run on threads. Checks and lookups ask for the least latency
//! (`minimize_latency`), which is its default; what must see a write names the write's token.

use super::spicedb_library::Spicedb;
use super::spicedb_messages::{
    CheckPermissionRequest, CheckPermissionResponse, Consistency, LookupResourcesRequest,
    LookupResourcesResponse, LookupSubjectsRequest, LookupSubjectsResponse, ObjectReference,
    Relationship, RelationshipUpdate, SubjectReference, WriteRelationshipsRequest,
    WriteRelationshipsResponse, WriteSchemaRequest, ZedToken,
};
use crate::driver::pieces;
use crate::graph_files::{Graph, Listed, Transaction};
use crate::targets::{Applied, Place};
use prost::Message;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

const SCHEMA: &str = "definition person {}
definition team {
    relation member: person | team#member
}";
/// The most updates that it takes in one call, by default.
const UPDATES_MAX: usize = 1_000;
const HAS_PERMISSION: i32 = 2;
const TOUCH: i32 = 2;
const DELETE: i32 = 3;

pub struct Session {
    spicedb: Arc<Spicedb>,
    teams: i64,
}

pub struct Client {
    spicedb: Arc<Spicedb>,
    streams: Grpc<Channel>,
    teams: i64,
}

impl Session {
    /// On the memory of this process, or on the database of the place if it names one.
    pub fn new(place: &Place) -> anyhow::Result<Self> {
        let options = match place.database.as_str() {
            "" => json!({ "datastore": "memory" }),
            url => json!({ "datastore": "postgres", "datastore_uri": url }),
        };
        let spicedb = Spicedb::start(&place.library, &options)?;
        let schema = WriteSchemaRequest { schema: SCHEMA.into() };
        spicedb.call::<WriteRelationshipsResponse>("spicedb_schema_write_schema", &schema)?;
        Ok(Session { spicedb: Arc::new(spicedb), teams: place.teams })
    }
}

impl super::Session for Session {
    type Connection = Client;

    async fn connect(&self) -> anyhow::Result<Client> {
        let socket = format!("unix://{}", self.spicedb.socket());
        let channel = Endpoint::from_shared(socket)?.connect().await?;
        let streams = Grpc::new(channel).max_decoding_message_size(64 << 20);
        Ok(Client { spicedb: Arc::clone(&self.spicedb), streams, teams: self.teams })
    }

    async fn load(&self, graph: &Graph) -> anyhow::Result<()> {
        let mut client = super::Session::connect(self).await?;
        let whole = Transaction { add: graph.edges.clone(), remove: Vec::new() };
        super::Connection::apply(&mut client, &whole).await?;
        Ok(())
    }
}

fn object(object_type: &str, id: i64) -> Option<ObjectReference> {
    Some(ObjectReference { object_type: object_type.into(), object_id: id.to_string() })
}

fn listed(found: &HashSet<i64>) -> Listed {
    let mut listed = Listed::default();
    found.iter().for_each(|&key| listed.add(key));
    listed
}

fn fresh(token: &str) -> Option<Consistency> {
    Some(if token.is_empty() {
        Consistency { minimize_latency: Some(true), ..Default::default() }
    } else {
        let token = ZedToken { token: token.to_owned() };
        Consistency { at_least_as_fresh: Some(token), ..Default::default() }
    })
}

impl Client {
    /// A person as itself, a team as all who are its members.
    fn subject(&self, member: i64) -> Option<SubjectReference> {
        let is_team = member <= self.teams;
        let (object_type, relation) = if is_team { ("team", "member") } else { ("person", "") };
        let object = object(object_type, member);
        Some(SubjectReference { object, optional_relation: relation.into() })
    }

    fn update(&self, operation: i32, (member, team): (i64, i64)) -> RelationshipUpdate {
        let relationship = Relationship {
            resource: object("team", team),
            relation: "member".into(),
            subject: self.subject(member),
        };
        RelationshipUpdate { operation, relationship: Some(relationship) }
    }

    async fn call<A: Message + Default + 'static>(
        &self,
        function: &'static str,
        request: impl Message + 'static,
    ) -> anyhow::Result<A> {
        let spicedb = Arc::clone(&self.spicedb);
        tokio::task::spawn_blocking(move || spicedb.call(function, &request)).await?
    }

    async fn stream<R: Message + 'static, A: Message + Default + 'static>(
        &mut self,
        path: &'static str,
        request: R,
        mut each: impl FnMut(A) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.streams.ready().await?;
        let path = PathAndQuery::from_static(path);
        let codec = ProstCodec::<R, A>::default();
        let request = tonic::Request::new(request);
        let mut answers = self.streams.server_streaming(request, path, codec).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            each(answer)?;
        }
        Ok(())
    }
}

impl super::Connection for Client {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool> {
        self.check_fresh(member, team, "").await
    }

    async fn check_fresh(&mut self, member: i64, team: i64, token: &str) -> anyhow::Result<bool> {
        let request = CheckPermissionRequest {
            consistency: fresh(token),
            resource: object("team", team),
            permission: "member".into(),
            subject: self.subject(member),
        };
        let function = "spicedb_permissions_check_permission";
        let answer: CheckPermissionResponse = self.call(function, request).await?;
        Ok(answer.permissionship == HAS_PERMISSION)
    }

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed> {
        let request = LookupResourcesRequest {
            consistency: fresh(""),
            resource_object_type: "team".into(),
            permission: "member".into(),
            subject: self.subject(member),
        };
        // Either lookup may give the same one several times: callers must see to that.
        let mut found = HashSet::new();
        let path = "/authzed.api.v1.PermissionsService/LookupResources";
        let each = |answer: LookupResourcesResponse| {
            found.insert(answer.resource_object_id.parse()?);
            Ok(())
        };
        self.stream(path, request, each).await?;
        // It counts a team's members as in that team; nobody else lists a team as in itself.
        found.remove(&member);
        Ok(listed(&found))
    }

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed> {
        let request = LookupSubjectsRequest {
            consistency: fresh(""),
            resource: object("team", team),
            permission: "member".into(),
            subject_object_type: "person".into(),
        };
        let mut found = HashSet::new();
        let path = "/authzed.api.v1.PermissionsService/LookupSubjects";
        let each = |answer: LookupSubjectsResponse| {
            let subject = answer.subject.unwrap_or_default();
            found.insert(subject.subject_object_id.parse()?);
            Ok(())
        };
        self.stream(path, request, each).await?;
        Ok(listed(&found))
    }

    /// In pieces where it is too large for one call: then it is not one transaction any more.
    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied> {
        let mut applied = Applied::default();
        for piece in pieces(transaction, UPDATES_MAX) {
            let removed = piece.remove.iter().map(|&edge| self.update(DELETE, edge));
            let added = piece.add.iter().map(|&edge| self.update(TOUCH, edge));
            let updates: Vec<RelationshipUpdate> = removed.chain(added).collect();
            applied.rows += updates.len() as i64;
            let function = "spicedb_permissions_write_relationships";
            let request = WriteRelationshipsRequest { updates };
            let answer: WriteRelationshipsResponse = self.call(function, request).await?;
            applied.token = answer.written_at.unwrap_or_default().token;
        }
        Ok(applied)
    }
}
