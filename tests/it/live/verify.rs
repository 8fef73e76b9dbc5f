//! `verify` against a real PostgreSQL: right graphs are never called wrong, whatever happens
//! meanwhile, and wrong ones always.

use super::dice::Dice;
use super::served::{Served, options};
use super::source::{Source, connect, start, until};
use super::spoiled::Spoiled;
use super::warm;
use super::writer::write_at_random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;
use teamgraph::change::{Change, NamePut, RowId};
use teamgraph::id::{Key, Role};
use teamgraph::pb;
use teamgraph::pb::FindingKind as Kind;
use teamgraph::pb::admin_service_client::AdminServiceClient;
use teamgraph::pb::verify_response::Event;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

/// Verifies under writes, one after the other.
const VERIFIES: usize = 20;

async fn administrator(address: SocketAddr) -> AdminServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    AdminServiceClient::new(endpoint.connect().await.unwrap())
}

async fn begin(
    address: SocketAddr,
    sample: Option<u64>,
) -> Result<Streaming<pb::VerifyResponse>, Status> {
    let mut client = administrator(address).await;
    Ok(client.verify(pb::VerifyRequest { sample }).await?.into_inner())
}

async fn end(mut events: Streaming<pb::VerifyResponse>) -> Result<pb::DriftReport, Status> {
    loop {
        match events.message().await?.expect("it ends without a report").event.unwrap() {
            Event::Progress(_) => {}
            Event::Report(report) => return Ok(report),
        }
    }
}

async fn verify(address: SocketAddr, sample: Option<u64>) -> Result<pb::DriftReport, Status> {
    end(begin(address, sample).await?).await
}

fn counts(findings: &[pb::Finding]) -> BTreeMap<Kind, u64> {
    findings.iter().map(|it| (it.kind(), it.count)).collect()
}

/// Truncations and cut connections included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_graph_is_never_called_wrong_while_it_is_written_and_cut() {
    let source = Source::start().await;
    source.populate(300, 40).await;
    let served = Served::start(&source.url, "verified").await;
    let done = CancellationToken::new();
    let writers: Vec<_> = (0..3)
        .map(|seed| {
            let (url, done) = (source.url.clone(), done.clone());
            start(write_at_random(url, Dice::new(5, seed), true, done))
        })
        .collect();
    let (mut told, mut memberships) = (0, 0);
    for round in 0..VERIFIES {
        if round % 5 == 4 {
            source.cut(&served.slot).await;
        }
        let sample = (round % 2 == 1).then_some(50);
        match verify(served.address, sample).await {
            Ok(report) => {
                assert_eq!(report.differences, [], "round {round}: {report:?}");
                assert_eq!(report.whole, sample.is_none(), "{report:?}");
                told += 1;
                memberships += report.memberships;
            }
            // Truncated three times in a row just then, or out of contact: not told is not wrong.
            Err(status) => assert_eq!(status.code(), Code::Aborted, "{status:?}"),
        }
    }
    done.cancel();
    let mut committed = 0;
    for writer in writers {
        committed += writer.await.unwrap().committed;
    }
    println!("{told} of {VERIFIES} told, {memberships} memberships, {committed} transactions");
    assert!(told > VERIFIES / 2 && memberships > 0 && committed > 0);
    // At rest it is told, and nothing is left at the source.
    let report = verify(served.address, None).await.unwrap();
    assert_eq!((report.differences.len(), report.whole), (0, true), "{report:?}");
    until("the readings' slots are gone", async || source.slots().await == 1).await;
    served.stop().await;
    source.stop().await;
}

/// The keys below are those of what the graph is told wrongly.
fn spoil(change: Change) -> Option<Change> {
    match change {
        Change::RowPut { row, mut states } => match &row.key {
            // A missing row; a row that stays after its deletion or its end is below.
            RowId::Key(Key::Int(9_001)) => None,
            RowId::Key(Key::Int(9_002)) => {
                if let Some(states) = &mut states {
                    states.role = Role::Member;
                }
                Some(Change::RowPut { row, states })
            }
            RowId::Key(Key::Int(9_004)) if states.is_none() => None,
            _ => Some(Change::RowPut { row, states }),
        },
        Change::RowDelete { row } => {
            (row.key != RowId::Key(Key::Int(9_003))).then_some(Change::RowDelete { row })
        }
        Change::MemberPut { key, kind, name, owner } => match &key.key {
            Key::Int(101) => None,
            Key::Int(103) => {
                let name = NamePut::Set(Some("formerly".into()));
                Some(Change::MemberPut { key, kind, name, owner })
            }
            _ => Some(Change::MemberPut { key, kind, name, owner }),
        },
        Change::MemberDelete { key } => {
            (key.key != Key::Int(102)).then_some(Change::MemberDelete { key })
        }
        Change::MembersTruncate { .. } | Change::RowsTruncate { .. } => Some(change),
    }
}

/// `teamgraph verify` of the server.
async fn command(address: SocketAddr, args: &'static [&'static str]) -> Output {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TEAMGRAPH_")) {
            command.env_remove(name);
        }
        command.arg("verify").args(args).arg(format!("--server={address}")).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_that_the_graph_got_wrong_is_found() {
    let source = Source::start().await;
    // People 2 to 41; teams 42 to 51.
    source.populate(40, 10).await;
    source
        .execute(
            "INSERT INTO teamgraph.person (id, name, display_name) VALUES (102, 'gone', ''), (103, 'before', '');
             INSERT INTO teamgraph.team_membership (id, person, team, status) VALUES
                 (1, 42, 43, 2), (2, 2, 42, 2), (9003, 3, 42, 2), (9004, 4, 42, 2)",
        )
        .await;
    let spoiled = Spoiled::start(&source.url, "spoiled", spoil).await;
    // The copy was spoiled too: 103 is called otherwise.
    source
        .execute(
            "INSERT INTO teamgraph.team_membership (id, person, team, status) VALUES
                 (9001, 5, 42, 2), (9002, 6, 42, 3);
             DELETE FROM teamgraph.team_membership WHERE id = 9003;
             UPDATE teamgraph.team_membership SET status = 4 WHERE id = 9004;
             INSERT INTO teamgraph.person (id, name, display_name) VALUES (101, 'new', '');
             DELETE FROM teamgraph.person WHERE id = 102",
        )
        .await;
    spoiled.applied(source.position().await).await;
    let report = verify(spoiled.address, None).await.unwrap();
    let expected = [
        (Kind::MemberMissing, 1),
        (Kind::MemberSpurious, 1),
        (Kind::NameDiffers, 1),
        (Kind::MembershipMissing, 1),
        (Kind::MembershipSpurious, 2),
        (Kind::RoleDiffers, 1),
        // In team 42 and so in 43: 5 is not; 3 and 4 are still.
        (Kind::ParticipationMissing, 2),
        (Kind::ParticipationSpurious, 4),
    ];
    assert_eq!(counts(&report.differences), BTreeMap::from(expected), "{report:?}");
    assert_eq!(report.peculiarities, []);
    // A sample of nobody's participations still finds what is wrong with memberships.
    let sampled = verify(spoiled.address, Some(1)).await.unwrap();
    assert!(counts(&sampled.differences)[&Kind::MembershipSpurious] == 2, "{sampled:?}");

    let output = command(spoiled.address, &[]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in ["13 differences at", "    person-5 in team-42: member by its rows, absent here"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    spoiled.stop().await;
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_ends_with_0_and_tells_peculiarities_and_with_2_where_it_cannot_tell() {
    let source = Source::start().await;
    source.populate(10, 5).await;
    // Teams 12 to 16: a cycle of two, one in itself, one in a person; a status that nobody knows.
    source
        .execute(
            "ALTER TABLE teamgraph.team_membership DROP CONSTRAINT team_membership_status_is_known;
             INSERT INTO teamgraph.team_membership (person, team, status) VALUES
                 (12, 13, 2), (13, 12, 3), (14, 14, 2), (15, 2, 2), (3, 12, 9), (4, 12, 0), (5, 12, 2)",
        )
        .await;
    let served = Served::start(&source.url, "command").await;
    let output = command(served.address, &["--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["same"], true, "{document}");
    assert_eq!(document["differences"].as_array().map(Vec::len), Some(0), "{document}");
    let peculiarities = document["peculiarities"].as_array().unwrap();
    let told: Vec<_> = peculiarities.iter().map(|it| (&it["kind"], &it["count"])).collect();
    for (kind, count) in
        [("cycle", 1), ("dangling-end", 1), ("self-membership", 1), ("status-unknown", 2)]
    {
        assert!(told.contains(&(&kind.into(), &count.into())), "{kind} in {document}");
    }
    assert_eq!(told.len(), 4, "{document}");
    assert_eq!(peculiarities[3]["examples"][0]["source"], "status 9");
    let status = served.asker().await.get_status(pb::GetStatusRequest {}).await.unwrap();
    let last = status.into_inner().last_verify.unwrap();
    assert_eq!((last.differences, last.whole, last.error.as_str()), (0, true, ""));

    source.stop().await;
    let output = command(served.address, &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("INCONCLUSIVE") && output.stdout.is_empty(), "{said}");
    served.stop().await;
}

/// A transaction that is open holds a verify up, as it does every new slot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_runs_at_a_time_and_ends_with_its_caller() {
    let source = Source::start().await;
    source.populate(10, 5).await;
    let served = Served::start(&source.url, "once").await;
    source.execute("BEGIN; DELETE FROM teamgraph.person WHERE id = 2").await;
    let held = begin(served.address, None).await.unwrap();
    let refused = begin(served.address, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    drop(held);
    // The place is free once the server has noticed.
    let mut next = None;
    until("a place is free", async || {
        next = begin(served.address, Some(3)).await.ok();
        next.is_some()
    })
    .await;
    source.execute("COMMIT").await;
    let report = end(next.unwrap()).await.unwrap();
    assert_eq!(report.differences, [], "{report:?}");
    assert_eq!((report.members, report.members_compared, report.whole), (15, 3, false));
    until("the readings' slots are gone", async || source.slots().await == 1).await;
    served.stop().await;
    source.stop().await;
}

/// The transaction that its slot waits for is still open when the slot is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verify_that_ends_while_its_slot_waits_leaves_no_slot() {
    let source = Source::start().await;
    source.populate(10, 5).await;
    let served = Served::start(&source.url, "waiting").await;
    let blocker = connect(&source.url).await;
    blocker.batch_execute("BEGIN; UPDATE teamgraph.person SET display_name = 'x'").await.unwrap();
    let given_up = begin(served.address, None).await.unwrap();
    until("it waits", async || source.slots().await == 2).await;
    drop(given_up);
    until("its slot is gone", async || source.slots().await == 1).await;
    // And so it is where the server stops.
    let mut stopped = None;
    until("a place is free", async || {
        stopped = begin(served.address, None).await.ok();
        stopped.is_some()
    })
    .await;
    until("the next one waits", async || source.slots().await == 2).await;
    let ended = start(end(stopped.unwrap()));
    served.stop().await;
    let ended = ended.await.unwrap().unwrap_err();
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SHUTTING_DOWN", "{ended:?}");
    until("no slot is left", async || source.slots().await == 0).await;
    blocker.batch_execute("COMMIT").await.unwrap();
    source.stop().await;
}

/// A server that keeps its graph has little else to do when it stops, and nobody waits for the verify
/// but the stop itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_has_stopped_only_once_the_slot_of_a_verify_that_nobody_reads_is_gone() {
    let (source, directory) = (Source::start().await, TempDir::new().unwrap());
    source.populate(10, 5).await;
    let never_again = Duration::from_secs(3_600);
    let served = warm::begin(&source.url, directory.path(), never_again).await;
    served.streaming().await;
    let blocker = connect(&source.url).await;
    blocker.batch_execute("BEGIN; UPDATE teamgraph.person SET display_name = 'x'").await.unwrap();
    let unread = begin(served.address, None).await.unwrap();
    until("it waits", async || source.slots().await == 2).await;
    drop(unread);
    served.stop().await;
    // The feed's own, from which the next process goes on.
    assert_eq!(source.slots().await, 1);
    blocker.batch_execute("COMMIT").await.unwrap();
    source.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_verifies_a_sample_again_and_again_if_it_is_told_to() {
    let source = Source::start().await;
    source.populate(50, 5).await;
    let options = teamgraph::server::ServerOptions {
        verify_every: Some(Duration::from_millis(50)),
        ..options(&source.url, "background")
    };
    let served = Served::begin(options).await;
    served.streaming().await;
    let mut asker = served.asker().await;
    let mut positions = std::collections::BTreeSet::new();
    until("three verifies of different versions", async || {
        source.execute("INSERT INTO teamgraph.team_membership (person, team, status)
                        VALUES (3, 52, 2) ON CONFLICT (person, team) DO UPDATE SET status = 5 - team_membership.status").await;
        let status = asker.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        if let Some(last) = status.last_verify {
            assert_eq!((last.differences, last.error.as_str()), (0, ""), "{last:?}");
            assert_eq!(last.members_compared, 56);
            positions.insert(last.version.unwrap().end_lsn);
        }
        positions.len() >= 3
    })
    .await;
    served.stop().await;
    source.stop().await;
}
