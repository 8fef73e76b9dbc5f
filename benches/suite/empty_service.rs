//! The peer of the service: the same calls, answered by handlers that do nothing.
//!
//! Its answers are those that the real service gave once, so that messages are as long.

use std::pin::Pin;
use teamgraph::pb::participation_service_server::ParticipationService;
use teamgraph::pb::{
    BatchCheckRequest, BatchCheckResponse, BatchListMembersRequest, BatchListMembersResponse,
    BatchListTeamsRequest, BatchListTeamsResponse, CheckRequest, CheckResponse,
    CountMembersRequest, CountMembersResponse, CountTeamsRequest, CountTeamsResponse,
    ExplainRequest, ExplainResponse, GetMembersRequest, GetMembersResponse, GetStatusRequest,
    GetStatusResponse, ListMembersRequest, ListMembersResponse, ListTeamsRequest,
    ListTeamsResponse, StreamChecksRequest, StreamChecksResponse, StreamMembersRequest,
    StreamMembersResponse,
};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The answers that it gives to everything.
#[derive(Clone, Debug)]
pub struct EmptyService {
    pub check: CheckResponse,
    pub batch: BatchCheckResponse,
    pub stream: StreamChecksResponse,
}

impl EmptyService {
    /// Where nothing else is asked.
    pub fn checking(check: CheckResponse) -> Self {
        let (batch, stream) = (BatchCheckResponse::default(), StreamChecksResponse::default());
        EmptyService { check, batch, stream }
    }
}

fn not_measured<T>() -> Answer<T> {
    Err(Status::unimplemented("not measured"))
}

#[tonic::async_trait]
impl ParticipationService for EmptyService {
    type StreamChecksStream = Answers<StreamChecksResponse>;
    type StreamMembersStream = Answers<StreamMembersResponse>;

    async fn check(&self, _: Request<CheckRequest>) -> Answer<CheckResponse> {
        Ok(Response::new(self.check.clone()))
    }

    async fn batch_check(&self, _: Request<BatchCheckRequest>) -> Answer<BatchCheckResponse> {
        Ok(Response::new(self.batch.clone()))
    }

    async fn stream_checks(
        &self,
        requests: Request<Streaming<StreamChecksRequest>>,
    ) -> Answer<Self::StreamChecksStream> {
        let answer = self.stream.clone();
        let answers = requests.into_inner().map(move |request| {
            request.map(|request| StreamChecksResponse { id: request.id, ..answer.clone() })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn list_teams(&self, _: Request<ListTeamsRequest>) -> Answer<ListTeamsResponse> {
        not_measured()
    }

    async fn batch_list_teams(
        &self,
        _: Request<BatchListTeamsRequest>,
    ) -> Answer<BatchListTeamsResponse> {
        not_measured()
    }

    async fn count_teams(&self, _: Request<CountTeamsRequest>) -> Answer<CountTeamsResponse> {
        not_measured()
    }

    async fn list_members(&self, _: Request<ListMembersRequest>) -> Answer<ListMembersResponse> {
        not_measured()
    }

    async fn batch_list_members(
        &self,
        _: Request<BatchListMembersRequest>,
    ) -> Answer<BatchListMembersResponse> {
        not_measured()
    }

    async fn stream_members(
        &self,
        _: Request<StreamMembersRequest>,
    ) -> Answer<Self::StreamMembersStream> {
        not_measured()
    }

    async fn count_members(&self, _: Request<CountMembersRequest>) -> Answer<CountMembersResponse> {
        not_measured()
    }

    async fn explain(&self, _: Request<ExplainRequest>) -> Answer<ExplainResponse> {
        not_measured()
    }

    async fn get_members(&self, _: Request<GetMembersRequest>) -> Answer<GetMembersResponse> {
        not_measured()
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        not_measured()
    }
}
