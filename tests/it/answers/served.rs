//! A server behind a real socket as a [`Subject`]: its graph is fed in process, and every question
//! is a gRPC call at exactly the version in question.
//!
//! Owns the way from questions by source key to calls and back. Where several calls can answer the
//! same (pages, batches, streams, counts), each is made and they have to agree. A key is asked for
//! as it is, so only keys of the default key space can be asked about.

mod wire;

use super::compare::WHOLE;
use super::{Answers, Listed, Named, Reach, Sizes, Standing, Subject};
use std::sync::Arc;
use teamgraph::change::Change;
use teamgraph::command::{Source, SourceReply, SourceUnavailable};
use teamgraph::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell};
use teamgraph::id::{History, Lsn, MemberKind, Role, SourceKey};
use teamgraph::pb;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::service::{ServiceParts, serve};
use teamgraph::status::{FeedState, FeedStatus, StatusCell};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt;
use wire::{kinds, page_size, reference, scope, source_key, source_keys, standing, unpack};

const HISTORY: History = History { system_id: 9, timeline: 2 };

type Client = ParticipationServiceClient<Channel>;

/// A source that nobody may ask: no question here waits.
#[derive(Debug)]
struct NoSource;

impl Source for NoSource {
    fn position(&self) -> SourceReply {
        Box::pin(std::future::ready(Err(SourceUnavailable("not in this test".into()))))
    }
}

struct Server {
    runtime: Runtime,
    client: Client,
    published: Arc<PublishedCell>,
}

impl Server {
    fn start() -> Server {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let published = Arc::new(PublishedCell::new(HistoryLimits::default()));
        let feed = FeedStatus { state: FeedState::Streaming, ..FeedStatus::default() };
        let parts = ServiceParts {
            published: Arc::clone(&published),
            feed: Arc::new(StatusCell::new(feed)),
            source: Arc::new(NoSource),
            instance: "served".to_owned(),
            checkpoint: None,
            projection: None,
            admin: None,
            max_staleness: None,
        };
        let client = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let running = serve(listener, parts, CancellationToken::new());
            runtime.spawn(async move { running.await.unwrap() });
            Client::connect(address).await.unwrap()
        });
        Server { runtime, client, published }
    }
}

/// A writer, and the server of what it commits.
pub struct ServedSubject {
    writer: GraphWriter,
    server: Arc<Server>,
}

impl ServedSubject {
    pub fn new(copy: u64, limits: GraphLimits) -> Self {
        let writer = GraphWriter::new(copy, HISTORY, limits);
        ServedSubject { writer, server: Arc::new(Server::start()) }
    }
}

impl Subject for ServedSubject {
    type Version = ServedVersion;

    fn apply(&mut self, change: &Change) {
        self.writer.apply(change.clone()).unwrap();
    }

    fn commit(&mut self, end_lsn: Lsn) -> ServedVersion {
        let snapshot = self.writer.commit(end_lsn);
        self.server.published.store(Published { snapshot, applied_lsn: end_lsn }, end_lsn.0);
        let version = pb::Version {
            system_id: HISTORY.system_id,
            timeline: HISTORY.timeline,
            end_lsn: end_lsn.0,
            tick: 0,
        };
        ServedVersion { server: Arc::clone(&self.server), version }
    }

    fn abort(&mut self) {
        self.writer.abort();
    }

    fn validate(&self) -> Result<(), String> {
        self.writer.validate()
    }
}

/// One version of a server.
pub struct ServedVersion {
    server: Arc<Server>,
    version: pb::Version,
}

/// The answer; `None` where a member or team is not there or no team, which is no error here.
fn soft<T>(answer: Result<tonic::Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) => {
            let reason = status.get_details_error_info().map(|info| info.reason);
            let soft = ["MEMBER_UNKNOWN", "TEAM_UNKNOWN", "NOT_A_TEAM"];
            assert!(reason.is_some_and(|it| soft.contains(&it.as_str())), "{status:?}");
            None
        }
    }
}

impl ServedVersion {
    fn call<T>(&self, call: impl AsyncFnOnce(Client) -> T) -> T {
        self.server.runtime.block_on(call(self.server.client.clone()))
    }

    fn freshness(&self) -> Option<pb::Freshness> {
        Some(pb::Freshness {
            at: Some(pb::freshness::At::Exactly(self.version)),
            max_wait_ms: None,
        })
    }

    fn check(&self, asked: pb::AskedRelation, member: &SourceKey, team: &SourceKey) -> Standing {
        let request = pb::CheckRequest {
            member: Some(reference(member)),
            team: Some(reference(team)),
            freshness: self.freshness(),
            lenient: false,
            relation: asked.into(),
        };
        let answer = soft(self.call(async |mut client| client.check(request).await));
        let Some(answer) = answer else { return Standing::None };
        assert_eq!(answer.answered_at.as_ref().unwrap().version, Some(self.version));
        standing(answer.relation())
    }

    fn directory(&self, reference: pb::MemberRef) -> Result<pb::Member, String> {
        let request = pb::GetMembersRequest { refs: vec![reference], freshness: self.freshness() };
        let answer = self.call(async |mut client| client.get_members(request).await);
        match answer.unwrap().into_inner().results.remove(0).result.unwrap() {
            pb::member_result::Result::Member(member) => Ok(member),
            pb::member_result::Result::Error(error) => Err(error.reason),
        }
    }

    fn explain(&self, member: &SourceKey, team: &SourceKey) -> Option<pb::ExplainResponse> {
        let request = pb::ExplainRequest {
            member: Some(reference(member)),
            team: Some(reference(team)),
            freshness: self.freshness(),
        };
        let answer = soft(self.call(async |mut client| client.explain(request).await))?;
        let is_no = answer.relation() == pb::Relation::None;
        assert_eq!(is_no, answer.path.is_empty());
        assert_eq!(is_no, answer.why_not() != pb::WhyNot::Unspecified);
        Some(answer).filter(|_| !is_no)
    }

    fn teams(
        &self,
        asked: pb::AskedRelation,
        member: &SourceKey,
        reach: Reach,
        page: usize,
    ) -> Vec<SourceKey> {
        let mut request = pb::ListTeamsRequest {
            member: Some(reference(member)),
            scope: scope(reach),
            view: pb::ListView::Members.into(),
            page_size: page_size(page),
            page_token: String::new(),
            freshness: self.freshness(),
            relation: asked.into(),
        };
        let mut teams = Vec::new();
        loop {
            let call = request.clone();
            let answer = soft(self.call(async |mut client| client.list_teams(call).await));
            let Some(answer) = answer else { return Vec::new() };
            assert!(answer.members.len() <= page);
            teams.extend(source_keys(&answer.members));
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        if page == WHOLE {
            let relation = request.relation;
            self.agree_on_teams(relation, member, scope(reach), &teams);
        }
        teams
    }

    fn agree_on_teams(&self, relation: i32, member: &SourceKey, scope: i32, teams: &[SourceKey]) {
        let (member, freshness) = (reference(member), self.freshness());
        let count = pb::CountTeamsRequest {
            member: Some(member.clone()),
            scope,
            relation,
            freshness: freshness.clone(),
        };
        let count = self.call(async |mut client| client.count_teams(count).await);
        assert_eq!(usize::try_from(count.unwrap().into_inner().count), Ok(teams.len()));
        let mut request = pb::BatchListTeamsRequest {
            members: vec![member.clone(), member],
            scope,
            view: pb::ListView::Members.into(),
            relation,
            page_size: 3,
            freshness,
            ..Default::default()
        };
        let mut lists = [Vec::new(), Vec::new()];
        loop {
            let call = request.clone();
            let page = self.call(async |mut client| client.batch_list_teams(call).await);
            let page = page.unwrap().into_inner();
            unpack(page.first_list, &page.counts, &page.members, &mut lists);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert!(lists.iter().all(|list| list == teams), "{lists:?} are not {teams:?}");
    }

    fn members(
        &self,
        asked: pb::AskedRelation,
        team: &SourceKey,
        (reach, listed): (Reach, Listed),
        page: usize,
    ) -> Vec<SourceKey> {
        let mut request = pb::ListMembersRequest {
            team: Some(reference(team)),
            scope: scope(reach),
            kinds: kinds(listed),
            view: pb::ListView::Members.into(),
            page_size: page_size(page),
            page_token: String::new(),
            freshness: self.freshness(),
            relation: asked.into(),
        };
        let mut members = Vec::new();
        loop {
            let call = request.clone();
            let answer = soft(self.call(async |mut client| client.list_members(call).await));
            let Some(answer) = answer else { return Vec::new() };
            assert!(answer.members.len() <= page);
            members.extend(source_keys(&answer.members));
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        if page == WHOLE {
            self.agree_on_members(&request, &members);
        }
        members
    }

    fn agree_on_members(&self, listed: &pb::ListMembersRequest, members: &[SourceKey]) {
        let pb::ListMembersRequest { team, scope, kinds, view, relation, freshness, .. } = listed;
        let (scope, kinds, view, relation) = (*scope, *kinds, *view, *relation);
        let (team, freshness) = (team.clone(), freshness.clone());
        let count = pb::CountMembersRequest {
            team: team.clone(),
            scope,
            kinds,
            relation,
            freshness: freshness.clone(),
        };
        let count = self.call(async |mut client| client.count_members(count).await);
        assert_eq!(usize::try_from(count.unwrap().into_inner().count), Ok(members.len()));

        let (chunk_size, at) = (2, freshness.clone());
        let request = pb::StreamMembersRequest {
            team: team.clone(),
            scope,
            kinds,
            view,
            relation,
            chunk_size,
            freshness: at,
        };
        let streamed = self.call(async |mut client| {
            let mut chunks = client.stream_members(request).await.unwrap().into_inner();
            let (mut streamed, mut is_first) = (Vec::new(), true);
            while let Some(chunk) = chunks.message().await.unwrap() {
                assert_eq!(chunk.answered_at.is_some(), std::mem::take(&mut is_first));
                streamed.extend(source_keys(&chunk.members));
            }
            assert!(!is_first, "a stream without a message");
            streamed
        });
        assert_eq!(streamed, members, "streamed otherwise than listed");

        let mut request = pb::BatchListMembersRequest {
            teams: vec![team.clone().unwrap(), team.unwrap()],
            scope,
            kinds,
            view,
            relation,
            page_size: 3,
            freshness,
            ..Default::default()
        };
        let mut lists = [Vec::new(), Vec::new()];
        loop {
            let call = request.clone();
            let page = self.call(async |mut client| client.batch_list_members(call).await);
            let page = page.unwrap().into_inner();
            unpack(page.first_list, &page.counts, &page.members, &mut lists);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert!(lists.iter().all(|list| list == members), "{lists:?} are not {members:?}");
    }

    fn status(&self) -> pb::GetStatusResponse {
        let status = self.call(async |mut client| client.get_status(pb::GetStatusRequest {}).await);
        let status = status.unwrap().into_inner();
        let version = status.answered_at.as_ref().unwrap().version;
        assert_eq!(version, Some(self.version), "only the newest version has a status");
        status
    }
}

impl Answers for ServedVersion {
    fn kind(&self, member: &SourceKey) -> Option<MemberKind> {
        match self.directory(reference(member)).ok()?.kind() {
            pb::MemberKind::Unspecified => panic!("no kind in an answer"),
            pb::MemberKind::Person => Some(MemberKind::Person),
            pb::MemberKind::Team => Some(MemberKind::Team),
        }
    }

    fn name(&self, member: &SourceKey) -> Option<String> {
        self.directory(reference(member)).ok()?.name
    }

    fn named(&self, name: &str) -> Named {
        let r#ref = Some(pb::member_ref::Ref::Name(name.to_owned()));
        match self.directory(pb::MemberRef { kind: 0, r#ref }) {
            Ok(member) => Named::One(source_key(&member)),
            Err(reason) if reason == "MEMBER_UNKNOWN" => Named::Unknown,
            Err(reason) if reason == "AMBIGUOUS_MEMBER" => Named::Ambiguous,
            Err(reason) => panic!("{name}: {reason}"),
        }
    }

    fn standing(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        self.check(pb::AskedRelation::Participant, member, team)
    }

    fn role(&self, member: &SourceKey, team: &SourceKey) -> Option<Role> {
        let answer = self.explain(member, team)?;
        match answer.path.first().unwrap().role() {
            _ if answer.relation() != pb::Relation::Direct => None,
            pb::Role::Unspecified => panic!("a membership without a role"),
            pb::Role::Member => Some(Role::Member),
            pb::Role::Admin => Some(Role::Admin),
        }
    }

    fn teams_of(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        self.teams(pb::AskedRelation::Participant, member, reach, page)
    }

    fn members_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        self.members(pb::AskedRelation::Participant, team, (reach, listed), page)
    }

    fn administration(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        self.check(pb::AskedRelation::Administrator, member, team)
    }

    fn administered_by(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        self.teams(pb::AskedRelation::Administrator, member, reach, page)
    }

    fn administrators_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        self.members(pb::AskedRelation::Administrator, team, (reach, listed), page)
    }

    fn path(&self, member: &SourceKey, team: &SourceKey) -> Option<Vec<SourceKey>> {
        let answer = self.explain(member, team)?;
        Some(answer.path.iter().map(|step| source_key(step.member.as_ref().unwrap())).collect())
    }

    fn cycles(&self, limit: usize) -> Vec<Vec<SourceKey>> {
        let cycles = self.status().cycles.into_iter().take(limit);
        cycles.map(|cycle| source_keys(&cycle.teams)).collect()
    }

    fn sizes(&self) -> Sizes {
        let sizes = self.status().sizes.unwrap();
        Sizes {
            people: sizes.people,
            teams: sizes.teams,
            memberships: sizes.memberships,
            rows: sizes.rows,
            team_edges: sizes.team_edges,
            cycles: sizes.cycles,
            teams_on_cycles: sizes.teams_on_cycles,
            self_memberships: sizes.self_memberships,
            closure_pairs: sizes.closure_materialised.then_some(sizes.closure_pairs),
        }
    }
}
