//! The RPCs of `ParticipationService`, and what all of them share.
//!
//! Owns the way from a transport request to the room that answers it and back. It must not know
//! what any question means.

use super::contact::Contact;
use super::convert;
use super::errors::Failure;
use super::freshness::{Basis, Reads};
use super::limits;
use super::paging::digest;
use super::token::{Token, client_timeout};
use crate::command::Admin;
use crate::id::Lsn;
use crate::pb;
use crate::status::{CheckpointStatus, ProjectionStatus, StatusCell};
use arc_swap::ArcSwapOption;
use pb::participation_service_server::ParticipationService;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

/// Who answers: a name for people, and a number that no other process has.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The configured name.
    pub(crate) name: String,
    /// Differs between processes even of one name, whose copies and versions are counted alike.
    pub(crate) stamp: u64,
}

impl Instance {
    /// This process under the given name.
    pub(crate) fn new(name: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let stamp = digest(format!("{name} {} {now}", std::process::id()).as_bytes());
        Instance { name, stamp }
    }
}

/// What every question needs.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Chooses the version.
    pub(crate) reads: Reads,
    /// Whether the feed is in contact.
    pub(crate) contact: Arc<Contact>,
    /// Who answers.
    pub(crate) instance: Instance,
    /// Turns for searches that take a thread.
    pub(crate) searches: Arc<Semaphore>,
    /// Who knows how the server is, beside the feed.
    pub(crate) reports: Reports,
    /// What the last answer said of its state. It swaps, since readers must not wait for readers.
    said: ArcSwapOption<Said>,
}

/// Who knows how the server is, beside the feed.
#[derive(Debug)]
pub(crate) struct Reports {
    /// The report of those who keep the graph on disk, if anybody does.
    pub(crate) checkpoint: Option<Arc<StatusCell<CheckpointStatus>>>,
    /// The report of whoever keeps a participation table, if anybody does.
    pub(crate) projection: Option<Arc<StatusCell<ProjectionStatus>>>,
    /// Who knows of the last verify, if anybody verifies.
    pub(crate) admin: Option<Arc<dyn Admin>>,
}

/// A state in words, which is the same for all answers from one published value.
#[derive(Debug)]
struct Said {
    sequence: u64,
    applied_lsn: Lsn,
    at: pb::AnsweredAt,
}

impl Answers {
    pub(crate) fn new(
        reads: Reads,
        contact: Arc<Contact>,
        instance: Instance,
        reports: Reports,
    ) -> Self {
        let searches = Arc::new(Semaphore::new(limits::SEARCHES.count()));
        let said = ArcSwapOption::empty();
        Answers { reads, contact, instance, searches, reports, said }
    }

    /// Says which state an answer stands for.
    pub(crate) fn answered_at(&self, basis: &Basis) -> pb::AnsweredAt {
        let (snapshot, applied_lsn) = (basis.snapshot(), basis.applied_lsn());
        let (copy, sequence) = (snapshot.copy(), snapshot.sequence());
        let is_same = |said: &Said| {
            (said.at.copy, said.sequence, said.applied_lsn) == (copy, sequence, applied_lsn)
        };
        let stale_for_ms = self.contact.stale_for_ms();
        if let Some(said) = self.said.load().as_deref().filter(|said| is_same(said)) {
            return pb::AnsweredAt { stale_for_ms, ..said.at.clone() };
        }
        let version = snapshot.version();
        let at = pb::AnsweredAt {
            version: Some(convert::version_to_wire(version)),
            applied_lsn: applied_lsn.to_string(),
            token: Token::text(version.history, applied_lsn),
            stale_for_ms,
            instance: self.instance.name.clone(),
            copy,
        };
        self.said.store(Some(Arc::new(Said { sequence, applied_lsn, at: at.clone() })));
        at
    }
}

/// The generated trait's implementation.
#[derive(Debug)]
pub(crate) struct Participation(pub(crate) Arc<Answers>);

type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answer<T> = Result<Response<T>, Status>;

/// The message, and how long the client gives the call.
fn open<T>(request: Request<T>) -> (T, Option<Duration>) {
    let timeout = client_timeout(request.metadata());
    (request.into_inner(), timeout)
}

fn close<T>(answer: Result<T, Failure>) -> Answer<T> {
    answer.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl ParticipationService for Participation {
    type StreamChecksStream = Chunks<pb::StreamChecksResponse>;
    type StreamMembersStream = Chunks<pb::StreamMembersResponse>;

    async fn check(&self, request: Request<pb::CheckRequest>) -> Answer<pb::CheckResponse> {
        let (request, timeout) = open(request);
        close(self.0.check(&request, timeout).await)
    }

    async fn batch_check(
        &self,
        request: Request<pb::BatchCheckRequest>,
    ) -> Answer<pb::BatchCheckResponse> {
        let (request, timeout) = open(request);
        close(self.0.batch_check(&request, timeout).await)
    }

    async fn stream_checks(
        &self,
        request: Request<Streaming<pb::StreamChecksRequest>>,
    ) -> Answer<Self::StreamChecksStream> {
        let (questions, timeout) = open(request);
        let answers = Arc::clone(&self.0).stream_checks(questions, timeout);
        Ok(Response::new(Box::pin(answers)))
    }

    async fn stream_members(
        &self,
        request: Request<pb::StreamMembersRequest>,
    ) -> Answer<Self::StreamMembersStream> {
        let (request, timeout) = open(request);
        let members = self.0.stream_members(&request, timeout).await.map_err(Status::from)?;
        Ok(Response::new(Box::pin(members.chunks())))
    }

    async fn batch_list_teams(
        &self,
        request: Request<pb::BatchListTeamsRequest>,
    ) -> Answer<pb::BatchListTeamsResponse> {
        let (request, timeout) = open(request);
        close(self.0.batch_list_teams(request, timeout).await)
    }

    async fn batch_list_members(
        &self,
        request: Request<pb::BatchListMembersRequest>,
    ) -> Answer<pb::BatchListMembersResponse> {
        let (request, timeout) = open(request);
        close(self.0.batch_list_members(request, timeout).await)
    }

    async fn count_teams(
        &self,
        request: Request<pb::CountTeamsRequest>,
    ) -> Answer<pb::CountTeamsResponse> {
        let (request, timeout) = open(request);
        close(self.0.count_teams(&request, timeout).await)
    }

    async fn count_members(
        &self,
        request: Request<pb::CountMembersRequest>,
    ) -> Answer<pb::CountMembersResponse> {
        let (request, timeout) = open(request);
        close(self.0.count_members(&request, timeout).await)
    }

    async fn list_teams(
        &self,
        request: Request<pb::ListTeamsRequest>,
    ) -> Answer<pb::ListTeamsResponse> {
        let (request, timeout) = open(request);
        close(self.0.list_teams(request, timeout).await)
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Answer<pb::ListMembersResponse> {
        let (request, timeout) = open(request);
        close(self.0.list_members(request, timeout).await)
    }

    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Answer<pb::ExplainResponse> {
        let (request, timeout) = open(request);
        close(self.0.explain(&request, timeout).await)
    }

    async fn get_members(
        &self,
        request: Request<pb::GetMembersRequest>,
    ) -> Answer<pb::GetMembersResponse> {
        let (request, timeout) = open(request);
        close(self.0.get_members(&request, timeout).await)
    }

    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Answer<pb::GetStatusResponse> {
        close(self.0.report())
    }
}
