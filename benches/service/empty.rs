//! A server whose handlers do nothing: what the transport alone costs.
//!
//! It decodes the same requests, and sends answers of the same size, made once.

use std::pin::Pin;
use teamgraph::pb;
use teamgraph::pb::participation_service_server::ParticipationService;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Chunks<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub struct Empty;

fn answered_at() -> pb::AnsweredAt {
    pb::AnsweredAt {
        version: Some(pb::Version { system_id: 77, timeline: 1, end_lsn: 100, tick: 0 }),
        applied_lsn: "0/64".to_owned(),
        token: "1/0/64".to_owned(),
        stale_for_ms: 0,
        instance: "bench".to_owned(),
        copy: 1,
    }
}

macro_rules! unanswered {
    ($($method:ident: $request:ident => $response:ident;)+) => {
        #[tonic::async_trait]
        impl ParticipationService for Empty {
            type StreamChecksStream = Chunks<pb::StreamChecksResponse>;
            type StreamMembersStream = Chunks<pb::StreamMembersResponse>;

            async fn check(&self, request: Request<pb::CheckRequest>) -> Answer<pb::CheckResponse> {
                let _request = request.into_inner();
                Ok(Response::new(pb::CheckResponse {
                    relation: 1,
                    answered_at: Some(answered_at()),
                }))
            }

            async fn batch_check(
                &self,
                request: Request<pb::BatchCheckRequest>,
            ) -> Answer<pb::BatchCheckResponse> {
                let pairs = request.into_inner().packed_pairs.unwrap();
                let participates = vec![0; pairs.member_ids.len().div_ceil(8)];
                let results = pb::PackedResults { participates, errors: Vec::new() };
                Ok(Response::new(pb::BatchCheckResponse {
                    results: Vec::new(),
                    packed_results: Some(results),
                    answered_at: Some(answered_at()),
                }))
            }

            async fn stream_checks(
                &self,
                request: Request<Streaming<pb::StreamChecksRequest>>,
            ) -> Answer<Self::StreamChecksStream> {
                let answers = request.into_inner().map(|question| {
                    let result = Some(pb::stream_checks_response::Result::Relation(1));
                    Ok(pb::StreamChecksResponse { id: question?.id, result, answered_at: None })
                });
                Ok(Response::new(Box::pin(answers)))
            }

            async fn stream_members(
                &self,
                _request: Request<pb::StreamMembersRequest>,
            ) -> Answer<Self::StreamMembersStream> {
                Err(Status::unimplemented("nothing"))
            }

            $(async fn $method(&self, _request: Request<pb::$request>) -> Answer<pb::$response> {
                Err(Status::unimplemented("nothing"))
            })+
        }
    };
}

unanswered! {
    batch_list_teams: BatchListTeamsRequest => BatchListTeamsResponse;
    batch_list_members: BatchListMembersRequest => BatchListMembersResponse;
    count_teams: CountTeamsRequest => CountTeamsResponse;
    count_members: CountMembersRequest => CountMembersResponse;
    list_teams: ListTeamsRequest => ListTeamsResponse;
    list_members: ListMembersRequest => ListMembersResponse;
    explain: ExplainRequest => ExplainResponse;
    get_members: GetMembersRequest => GetMembersResponse;
    get_status: GetStatusRequest => GetStatusResponse;
}
