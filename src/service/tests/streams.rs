//! `StreamMembers` and `StreamChecks`: order, versions, and how streams end.

use super::*;
use pb::Relation;
use pb::stream_checks_response::Result as Answer;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

fn members_of(team: i64) -> pb::StreamMembersRequest {
    pb::StreamMembersRequest { team: id(team), ..Default::default() }
}

/// So many members of dev that their names are ten answers, far more than is sent unread.
fn fill_with_names(world: &mut World) {
    for person in 1_000..4_750 {
        world.people(&[(person, &format!("{person}{}", "x".repeat(8_000)))]);
        world.join(person, 10, Role::Member);
    }
}

#[tokio::test]
async fn all_members_come_in_chunks_of_one_version() {
    let (mut world, mut client) = World::ready().await;
    for person in 1_000..1_100 {
        world.people(&[(person, "p")]);
        world.join(person, 10, Role::Member);
    }
    world.publish(200);
    let request = pb::StreamMembersRequest { chunk_size: 7, ..members_of(12) };
    let mut chunks = client.stream_members(request).await.unwrap().into_inner();
    let first = chunks.message().await.unwrap().unwrap();
    assert_eq!(first.answered_at.unwrap().token, "1/0/C8");
    let mut ids = first.keys.unwrap().ids;
    assert_eq!(ids.len(), 7);
    world.forget(1_050);
    world.publish(300);
    while let Some(chunk) = chunks.message().await.unwrap() {
        assert_eq!(chunk.answered_at, None);
        ids.extend(chunk.keys.unwrap().ids);
    }
    ids.sort_unstable();
    let expected: Vec<i64> = [1, 2, 10, 11].into_iter().chain(1_000..1_100).collect();
    assert_eq!(ids, expected);
    // Nobody is a list, too.
    let nobody = pb::StreamMembersRequest { scope: 1, kinds: 1, ..members_of(12) };
    let mut chunks = client.stream_members(nobody).await.unwrap().into_inner();
    let only = chunks.message().await.unwrap().unwrap();
    assert_eq!((only.keys.unwrap().ids.len(), only.answered_at.is_some()), (0, true));
    assert_eq!(chunks.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_wrong_question_fails_before_the_stream_begins() {
    let (_world, mut client) = World::ready().await;
    for (request, expected) in [
        (members_of(99), "TEAM_UNKNOWN"),
        (members_of(1), "NOT_A_TEAM"),
        (pb::StreamMembersRequest { chunk_size: 100_001, ..members_of(12) }, "LIMIT_EXCEEDED"),
        (pb::StreamMembersRequest { relation: 9, ..members_of(12) }, "VALUE_UNKNOWN"),
    ] {
        assert_eq!(reason(&client.stream_members(request).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_stream_and_frees_its_version() {
    let limits = HistoryLimits { versions_max: 1, ..HistoryLimits::default() };
    let mut world = World::start(limits).await;
    world.teams(&[(10, "dev")]);
    fill_with_names(&mut world);
    world.stream();
    world.publish(100);
    let version = Arc::downgrade(world.writer.last());
    let mut client = world.client().await;
    let request = pb::StreamMembersRequest { view: 2, ..members_of(10) };
    let mut chunks = client.stream_members(request).await.unwrap().into_inner();
    let first = chunks.message().await.unwrap().unwrap();
    assert!(first.members.len() < 500, "an answer's worth: {}", first.members.len());
    for lsn in 200..210 {
        world.publish(lsn);
    }
    assert!(version.upgrade().is_some(), "the stream goes on in its version");
    drop(chunks);
    let mut lsn = 300;
    while version.upgrade().is_some() {
        tokio::time::sleep(Duration::from_millis(2)).await;
        lsn += 1;
        world.publish(lsn);
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_deadline() {
    let (mut world, mut client) = World::ready().await;
    fill_with_names(&mut world);
    world.publish(200);
    let most = Duration::from_secs(2);
    let mut request = tonic::Request::new(pb::StreamMembersRequest { view: 2, ..members_of(10) });
    request.set_timeout(most);
    let mut chunks = client.stream_members(request).await.unwrap().into_inner();
    chunks.message().await.unwrap().unwrap();
    tokio::time::sleep(most).await;
    let status = loop {
        if let Err(status) = chunks.message().await {
            break status;
        }
    };
    assert_eq!(reason(&status), "DEADLINE_PASSED");
}

fn question(id: u64, member: &str, team: &str) -> pb::StreamChecksRequest {
    let (member, team) = (named(member), named(team));
    pb::StreamChecksRequest { id, member, team, ..Default::default() }
}

/// A stream of checks: where questions go, and where answers come from.
async fn checks(
    client: &mut Client,
) -> (mpsc::Sender<pb::StreamChecksRequest>, tonic::Streaming<pb::StreamChecksResponse>) {
    let (questions, stream) = mpsc::channel(16);
    let answers = client.stream_checks(ReceiverStream::new(stream)).await.unwrap().into_inner();
    (questions, answers)
}

async fn next(answers: &mut tonic::Streaming<pb::StreamChecksResponse>) -> (u64, Answer, bool) {
    let answer = answers.message().await.unwrap().unwrap();
    (answer.id, answer.result.unwrap(), answer.answered_at.is_some())
}

fn relation(relation: Relation) -> Answer {
    Answer::Relation(relation.into())
}

fn error(reason: &str) -> Answer {
    Answer::Error(pb::ItemError { reason: reason.to_owned() })
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_questions() {
    let (_world, mut client) = World::ready().await;
    let many = (0..5_000).map(|id| {
        let team = if id % 3 == 0 { "dev" } else { "nothing" };
        question(id, if id % 2 == 0 { "alice" } else { "bob" }, team)
    });
    let stream = client.stream_checks(tokio_stream::iter(many)).await.unwrap();
    let mut answers = stream.into_inner();
    for id in 0..5_000 {
        let expected = match (id % 2, id % 3) {
            (0, 0) => relation(Relation::Direct),
            (_, 0) => relation(Relation::None),
            _ => error("TEAM_UNKNOWN"),
        };
        // The state is said once, as it is the same throughout.
        assert_eq!(next(&mut answers).await, (id, expected, id == 0));
    }
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_wrong_with_one_question_is_its_answer() {
    let (_world, mut client) = World::ready().await;
    let (questions, mut answers) = checks(&mut client).await;
    let plain = question(1, "alice", "dev");
    let wrong = pb::StreamChecksRequest { id: 2, relation: 9, ..plain.clone() };
    let lenient = pb::StreamChecksRequest { id: 3, lenient: true, ..question(3, "x", "y") };
    let late = pb::StreamChecksRequest { id: 4, freshness: at_least("0/FFFF", 0), ..plain.clone() };
    let admin = pb::StreamChecksRequest { id: 5, relation: 2, ..plain.clone() };
    for question in [plain, wrong, lenient, late, admin] {
        questions.send(question).await.unwrap();
    }
    assert_eq!(next(&mut answers).await, (1, relation(Relation::Direct), true));
    assert_eq!(next(&mut answers).await, (2, error("VALUE_UNKNOWN"), false));
    assert_eq!(next(&mut answers).await, (3, relation(Relation::None), false));
    assert_eq!(next(&mut answers).await, (4, error("NOT_YET_FRESH"), false));
    assert_eq!(next(&mut answers).await, (5, relation(Relation::Direct), false));
}

#[tokio::test]
async fn each_question_is_answered_by_the_version_of_its_turn() {
    let (mut world, mut client) = World::ready().await;
    let (questions, mut answers) = checks(&mut client).await;
    questions.send(question(1, "carol", "all")).await.unwrap();
    assert_eq!(next(&mut answers).await, (1, relation(Relation::None), true));
    // One that waits for a change, and one behind it.
    let waits = pb::StreamChecksRequest {
        freshness: at_least("0/C8", 20_000),
        ..question(2, "carol", "all")
    };
    questions.send(waits).await.unwrap();
    questions.send(question(3, "carol", "all")).await.unwrap();
    world.join(3, 12, Role::Member);
    world.publish(200);
    assert_eq!(next(&mut answers).await, (2, relation(Relation::Direct), true));
    assert_eq!(next(&mut answers).await, (3, relation(Relation::Direct), false));
    drop(questions);
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn an_answer_leaves_before_a_question_behind_it_waits() {
    let (mut world, mut client) = World::ready().await;
    let waits = pb::StreamChecksRequest {
        freshness: at_least("0/C8", 20_000),
        ..question(2, "carol", "all")
    };
    // Both are there when the server first looks.
    let questions = tokio_stream::iter([question(1, "carol", "all"), waits]);
    let mut answers = client.stream_checks(questions).await.unwrap().into_inner();
    let first = tokio::time::timeout(Duration::from_secs(20), next(&mut answers)).await;
    assert_eq!(first.unwrap(), (1, relation(Relation::None), true));
    world.join(3, 12, Role::Member);
    world.publish(200);
    assert_eq!(next(&mut answers).await, (2, relation(Relation::Direct), true));
}

#[tokio::test]
async fn an_idle_stream_ends_when_the_server_stops() {
    let (mut world, mut client) = World::ready().await;
    let (_questions, mut answers) = checks(&mut client).await;
    world.shutdown.cancel();
    let status = answers.message().await.unwrap_err();
    assert_eq!(reason(&status), "SHUTTING_DOWN");
    let ended = tokio::time::timeout(Duration::from_secs(5), world.tasks.join_next()).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_stream_ends_with_its_deadline() {
    let (_world, mut client) = World::ready().await;
    let (_questions, stream) = mpsc::channel::<pb::StreamChecksRequest>(1);
    let mut request = tonic::Request::new(ReceiverStream::new(stream));
    request.set_timeout(Duration::from_secs(1));
    let mut answers = client.stream_checks(request).await.unwrap().into_inner();
    assert_eq!(reason(&answers.message().await.unwrap_err()), "DEADLINE_PASSED");
}
