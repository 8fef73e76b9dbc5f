//! Tokens, exact versions, and what happens while the source is away.

use super::*;
use std::time::Duration;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

type Waiting = JoinSet<Result<pb::CheckResponse, Status>>;

/// Is carol in all? She is not, until [`World`] is told to let her in.
async fn ask(
    client: &mut Client,
    freshness: Option<pb::Freshness>,
) -> Result<pb::CheckResponse, Status> {
    let request = pb::CheckRequest { freshness, ..check(named("carol"), named("all")) };
    client.check(request).await.map(tonic::Response::into_inner)
}

/// Asks with a token that is not reached yet, and gives the request time to be waiting. (Were it
/// late, the tests would hold all the same.)
async fn waiting(world: &World, token: &'static str) -> Waiting {
    let mut client = world.client().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { ask(&mut client, at_least(token, 20_000)).await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    tasks
}

async fn answer(mut tasks: Waiting) -> Result<pb::CheckResponse, Status> {
    tasks.join_next().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_reached_token_is_answered_at_once() {
    let (mut world, mut client) = World::ready().await;
    for token in ["0/64", "0/1", "1/0/64"] {
        let answer = ask(&mut client, at_least(token, 0)).await.unwrap();
        assert_eq!(answer.answered_at.unwrap().applied_lsn, "0/64");
    }
    world.watermark(500);
    let at = ask(&mut client, at_least("0/1F4", 0)).await.unwrap().answered_at.unwrap();
    assert_eq!((at.token.as_str(), at.version.unwrap().end_lsn), ("1/0/1F4", 100));
}

#[tokio::test]
async fn a_wait_ends_with_the_version_that_reaches_the_token() {
    let (mut world, _client) = World::ready().await;
    let task = waiting(&world, "0/C8").await;
    // A version that is not far enough must not answer.
    world.publish(150);
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.join(3, 12, Role::Member);
    world.publish(200);
    let answer = answer(task).await.unwrap();
    assert_eq!(answer.relation(), pb::Relation::Direct);
    assert_eq!(answer.answered_at.unwrap().applied_lsn, "0/C8");
}

#[tokio::test]
async fn a_wait_ends_with_a_watermark_too() {
    let (mut world, _client) = World::ready().await;
    let task = waiting(&world, "1/0/C8").await;
    world.watermark(200);
    assert_eq!(answer(task).await.unwrap().relation(), pb::Relation::None);
}

#[tokio::test]
async fn a_token_not_reached_in_time_says_how_far_the_feed_is() {
    let (_world, mut client) = World::ready().await;
    let status = ask(&mut client, at_least("0/C8", 40)).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_YET_FRESH");
    assert_eq!(value(&status, "applied_lsn"), "0/64");
    assert_eq!(value(&status, "token_lsn"), "0/C8");
    assert_eq!(reason(&ask(&mut client, at_least("0/C8", 0)).await.unwrap_err()), "NOT_YET_FRESH");
}

#[tokio::test]
async fn the_wait_ends_before_the_clients_deadline() {
    let (_world, mut client) = World::ready().await;
    let freshness = at_least("0/C8", 20_000);
    let mut request = tonic::Request::new(pb::CheckRequest { freshness, ..check(id(1), id(10)) });
    request.set_timeout(Duration::from_millis(400));
    let status = client.check(request).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_YET_FRESH");
    assert!(value(&status, "waited_ms").parse::<u64>().unwrap() <= 380);
}

#[tokio::test]
async fn a_position_that_the_source_never_wrote_is_found_out() {
    let (world, mut client) = World::ready().await;
    world.source_ends_at(199);
    let status = ask(&mut client, at_least("0/C8", 20_000)).await.unwrap_err();
    assert_eq!(reason(&status), "LSN_FROM_FUTURE");
    assert_eq!(value(&status, "source_insert_lsn"), "0/C7");
    // One that it wrote is waited for.
    world.source_ends_at(200);
    let status = ask(&mut client, at_least("0/C8", 150)).await.unwrap_err();
    assert_eq!(reason(&status), "NOT_YET_FRESH");
}

#[tokio::test]
async fn tokens_of_another_history_or_none_are_refused() {
    let (_world, mut client) = World::ready().await;
    for (token, expected) in [
        ("2/0/1", "TOKEN_FROM_OTHER_HISTORY"),
        ("0/0/1", "TOKEN_FROM_OTHER_HISTORY"),
        ("yesterday", "TOKEN_MALFORMED"),
        ("", "TOKEN_MALFORMED"),
    ] {
        let status = ask(&mut client, at_least(token, 0)).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{token}");
    }
    let status = ask(&mut client, at_least("0/1", 30_001)).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), value(&status, "limit").as_str()),
        ("LIMIT_EXCEEDED", "wait_ms")
    );
}

#[tokio::test]
async fn a_wait_does_not_outlive_its_history() {
    let (mut world, _client) = World::ready().await;
    let task = waiting(&world, "0/C8").await;
    let promoted = History { timeline: 2, ..HISTORY };
    world.writer = GraphWriter::new(2, promoted, GraphLimits::default());
    world.publish(900);
    assert_eq!(reason(&answer(task).await.unwrap_err()), "TOKEN_FROM_OTHER_HISTORY");
}

#[tokio::test]
async fn while_the_source_is_away_tokens_fail_and_answers_say_that_they_may_be_stale() {
    let (world, mut client) = World::ready().await;
    let task = waiting(&world, "0/C8").await;
    world.lose_the_source();
    let status = answer(task).await.unwrap_err();
    assert_eq!(reason(&status), "FEED_DOWN");
    assert_eq!(value(&status, "feed_state"), "backing-off");
    assert_eq!(reason(&ask(&mut client, at_least("0/C8", 20_000)).await.unwrap_err()), "FEED_DOWN");
    // What is reached is reached, and plain questions are answered.
    for freshness in [at_least("0/64", 20_000), None] {
        let at = ask(&mut client, freshness).await.unwrap().answered_at.unwrap();
        assert!(at.stale_for_ms > 0);
    }
}

#[tokio::test]
async fn a_kept_version_answers_by_name() {
    let (mut world, mut client) = World::ready().await;
    let exactly = |version| {
        Some(pb::Freshness { at: Some(pb::freshness::At::Exactly(version)), max_wait_ms: None })
    };
    let old = ask(&mut client, None).await.unwrap().answered_at.unwrap().version.unwrap();
    world.join(3, 12, Role::Member);
    world.publish(200);
    world.watermark(300);
    let then = ask(&mut client, exactly(old)).await.unwrap();
    assert_eq!(then.relation(), pb::Relation::None);
    assert_eq!(then.answered_at.unwrap().applied_lsn, "0/64");
    let new = pb::Version { end_lsn: 200, ..old };
    let now = ask(&mut client, exactly(new)).await.unwrap();
    assert_eq!(now.relation(), pb::Relation::Direct);
    assert_eq!(now.answered_at.unwrap().applied_lsn, "0/12C");
    for (version, expected) in [
        (pb::Version { end_lsn: 150, ..old }, "VERSION_NOT_KEPT"),
        (pb::Version { end_lsn: 900, ..old }, "VERSION_NOT_KEPT"),
        (pb::Version { tick: 1, ..old }, "VERSION_NOT_KEPT"),
        (pb::Version { system_id: 1, ..old }, "TOKEN_FROM_OTHER_HISTORY"),
    ] {
        let status = ask(&mut client, exactly(version)).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{version:?}");
    }
}

/// Where the operator has bounded how stale an answer may be, none that is staler is given; what is
/// exact, and how the server is, can still be asked.
#[tokio::test]
async fn past_the_bound_of_staleness_questions_are_refused() {
    let most = Duration::from_secs(60);
    let mut world = World::start_refusing(HistoryLimits::default(), Some(most)).await;
    let mut client = world.client().await;
    world.people(&[(3, "carol")]);
    world.teams(&[(12, "all")]);
    world.stream();
    world.publish(100);
    let mut health = HealthClient::new(world.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    let version = ask(&mut client, None).await.unwrap().answered_at.unwrap().version.unwrap();
    let out_of_reach = |seconds| {
        world.feed.update(|feed| {
            feed.state = FeedState::BackingOff { error: "gone".into(), retry_in_ms: 1 };
            feed.stale_since = Some(SystemTime::now() - Duration::from_secs(seconds));
        });
    };
    out_of_reach(30);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(ask(&mut client, None).await.unwrap().answered_at.unwrap().stale_for_ms >= 30_000);
    out_of_reach(90);
    let told = watch.message().await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::NotServing);
    for freshness in [None, at_least("0/64", 0)] {
        assert_eq!(reason(&ask(&mut client, freshness).await.unwrap_err()), "TOO_STALE");
    }
    let exactly =
        pb::Freshness { at: Some(pb::freshness::At::Exactly(version)), max_wait_ms: None };
    assert!(ask(&mut client, Some(exactly)).await.is_ok());
    let status = client.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert!(status.lag_ms >= 90_000 && status.answered_at.unwrap().stale_for_ms >= 90_000);
    world.stream();
    world.feed.update(|feed| feed.stale_since = None);
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert!(ask(&mut client, None).await.is_ok());
}

#[tokio::test]
async fn before_the_first_copy_only_the_status_answers() {
    let mut world = World::start(HistoryLimits::default()).await;
    let mut client = world.client().await;
    world.feed.update(|feed| {
        feed.state = FeedState::Copying { rows: 7 };
        feed.source_lsn = Lsn(5);
    });
    for freshness in [None, at_least("0/64", 20_000)] {
        assert_eq!(reason(&ask(&mut client, freshness).await.unwrap_err()), "NOT_READY");
    }
    let status = client.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    let feed = status.feed.unwrap();
    assert_eq!((feed.state.as_str(), feed.rows_copied), ("copying", 7));
    assert_eq!((status.answered_at, status.sizes, status.digest), (None, None, None));
    assert_eq!((status.source_lsn.as_str(), status.lag_bytes), ("0/5", 5));

    world.teams(&[(1, "a"), (2, "b"), (3, "c")]);
    for (member, team) in [(1, 2), (2, 1), (3, 3)] {
        world.join(member, team, Role::Member);
    }
    world.publish(100);
    world.lose_the_source();
    world.feed.update(|feed| feed.source_lsn = Lsn(160));
    let status = client.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.lag_bytes, 60);
    let sizes = status.sizes.unwrap();
    assert_eq!((sizes.teams, sizes.cycles, sizes.teams_on_cycles), (3, 1, 2));
    assert_eq!(sizes.self_memberships, 1);
    let names: Vec<&str> = status.cycles[0].teams.iter().map(pb::Member::name).collect();
    assert_eq!((names, status.cycles[0].team_count), (vec!["a", "b"], 2));
    let feed = status.feed.unwrap();
    assert_eq!((feed.error.as_str(), feed.retry_in_ms), ("gone", 500));
    assert!(status.answered_at.unwrap().stale_for_ms > 0);
    assert_eq!(status.kept_versions.unwrap().versions, 1);
    let digest = status.digest.unwrap();
    let own = world.published.load().unwrap().snapshot.digest();
    assert_eq!(u128::from_str_radix(&digest.rows, 16), Ok(own.rows));
    assert_eq!(u128::from_str_radix(&digest.closure, 16).ok(), own.closure);
    assert!(own.closure.is_some_and(|closure| closure > 0));
    assert!(status.limits.iter().any(|limit| limit.name == "batch_pairs"));
}

#[tokio::test]
async fn a_server_that_stops_lets_go_of_those_who_wait() {
    let (mut world, _client) = World::ready().await;
    let task = waiting(&world, "0/C8").await;
    world.shutdown.cancel();
    assert_eq!(reason(&answer(task).await.unwrap_err()), "SHUTTING_DOWN");
    // And ends, as no request is under way.
    world.tasks.join_next().await.unwrap().unwrap();
}
