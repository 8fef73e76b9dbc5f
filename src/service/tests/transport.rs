//! Health, reflection, and requests that are refused before the service sees them.

use super::*;
use std::time::Duration;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

const SERVICE: &str = "teamgraph.v1.ParticipationService";
const ADMIN: &str = "teamgraph.v1.AdminService";

#[tokio::test]
async fn health_waits_for_the_copy_and_the_stream_and_then_stays() {
    let mut world = World::start(HistoryLimits::default()).await;
    let mut health = HealthClient::new(world.channel().await);
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", SERVICE, ADMIN] {
        let answer = health.check(ask(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing);
    }
    let mut watch = health.watch(ask(SERVICE)).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    world.teams(&[(1, "a")]);
    world.publish(100);
    // A copy alone is not enough: the feed is not through what happened since.
    world.feed.update(|feed| feed.state = FeedState::CatchingUp);
    let early = tokio::time::timeout(Duration::from_millis(80), watch.message()).await;
    assert!(early.is_err(), "{early:?}");
    world.stream();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    world.lose_the_source();
    let after = tokio::time::timeout(Duration::from_millis(80), watch.message()).await;
    assert!(after.is_err(), "{after:?}");
    for service in ["", SERVICE, ADMIN] {
        let answer = health.check(ask(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_ends_though_somebody_watches() {
    let (mut world, _client) = World::ready().await;
    let mut health = HealthClient::new(world.channel().await);
    let ask = HealthCheckRequest { service: SERVICE.to_owned() };
    let mut watch = health.watch(ask).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    world.shutdown.cancel();
    let last = watch.message().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap(), None);
    // Long before the time for requests under way is over.
    let ended = tokio::time::timeout(Duration::from_secs(5), world.tasks.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn reflection_knows_the_services_and_their_files() {
    let (world, _client) = World::ready().await;
    let mut reflection = ServerReflectionClient::new(world.channel().await);
    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let questions = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(format!("{SERVICE}.Check"))),
    ];
    let stream = tokio_stream::iter(questions);
    let mut answers = reflection.server_reflection_info(stream).await.unwrap().into_inner();
    let listed = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for service in [SERVICE, ADMIN, "grpc.health.v1.Health"] {
        assert!(names.contains(&service), "{service} in {names:?}");
    }
    let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(file, MessageResponse::FileDescriptorResponse(_)), "{file:?}");
}

async fn call(world: &World, method: &str, request: Vec<u8>) -> Status {
    let mut client = tonic::client::Grpc::new(world.channel().await);
    client.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/{SERVICE}/{method}")).unwrap();
    // `Vec<u8>` is a message whose field 1 is bytes: the service's own decoder is what is asked.
    let codec = ProstCodec::<Vec<u8>, ()>::default();
    client.unary(tonic::Request::new(request), path, codec).await.unwrap_err()
}

#[tokio::test]
async fn what_the_transport_refuses_has_a_reason_too() {
    let (world, _client) = World::ready().await;
    let status = call(&world, "NoSuchMethod", Vec::new()).await;
    assert_eq!(reason(&status), "METHOD_UNKNOWN");
    // Field 1 is a message, and these bytes are none.
    let status = call(&world, "Check", vec![0xFF]).await;
    assert_eq!(reason(&status), "REQUEST_UNREADABLE");
    let status = call(&world, "Check", vec![0; 17 << 20]).await;
    assert_eq!(reason(&status), "REQUEST_UNREADABLE");
}

#[tokio::test]
async fn a_long_reference_does_not_break_the_trailers() {
    let (_world, mut client) = World::ready().await;
    let status = client.check(check(named(&"é".repeat(2_000)), id(10))).await.unwrap_err();
    assert_eq!((reason(&status).as_str(), status.code()), ("MEMBER_UNKNOWN", Code::NotFound));
}
