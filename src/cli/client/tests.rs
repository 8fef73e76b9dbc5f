//! The client commands against a real server.

use super::failure::ClientError;
use super::{CompareArgs, check, explain, members, rebuild, status, teams, verify};
use crate::command::{
    Admin, AdminError, AdminRefused, DriftReport, LastVerify, RebuildEvent, RebuildReport,
    VerifyEvent,
};
use crate::graph::HistoryLimits;
use crate::id::{History, Lsn, Role, Version};
use crate::service::tests::World;
use crate::service::tests::operator::{FakeAdmin, READING, report};
use crate::status::{ProjectionState, ProjectionStatus, StatusCell};
use clap::Parser;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// One command, as it stands among the others on the command line.
#[derive(Debug, Parser)]
enum Command {
    Check(check::CheckArgs),
    Teams(teams::TeamsArgs),
    Members(members::MembersArgs),
    Explain(explain::ExplainArgs),
    Status(status::StatusArgs),
    Verify(CompareArgs),
    Rebuild(CompareArgs),
}

/// The outcome of a command line, and what it wrote.
async fn run(world: &World, line: &str) -> (Result<bool, ClientError>, String) {
    let server = format!("--server={}", world.address);
    let words = std::iter::once("teamgraph").chain(line.split(' '));
    let command = Command::try_parse_from(words.chain([server.as_str()])).unwrap();
    let mut out = Vec::new();
    let outcome = match &command {
        Command::Check(args) => check::answer(args, &mut out).await,
        Command::Teams(args) => teams::answer(args, &mut out).await,
        Command::Members(args) => members::answer(args, &mut out).await,
        Command::Explain(args) => explain::answer(args, &mut out).await,
        Command::Status(args) => status::answer(args, &mut out).await,
        Command::Verify(args) => verify::answer(args, &mut out).await,
        Command::Rebuild(args) => rebuild::answer(args, &mut out).await,
    };
    (outcome, String::from_utf8(out).unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_command_lines_are_well_formed() {
    <Command as clap::CommandFactory>::command().debug_assert();
}

#[tokio::test]
async fn check_says_yes_or_no() {
    let (world, _client) = World::ready().await;
    for (line, yes, text) in [
        ("check alice all", true, "yes: alice is in all, through other teams\n"),
        ("check id:1 dev", true, "yes: id:1 is a direct member of dev\n"),
        ("check dev id:10", true, "yes: dev is id:10 itself\n"),
        ("check carol all", false, "no: carol is not in all\n"),
        ("check nobody all --lenient", false, "no: nobody is not in all\n"),
        ("check alice all --token 0/64", true, "yes: alice is in all, through other teams\n"),
    ] {
        let (outcome, out) = run(&world, line).await;
        assert_eq!((outcome.unwrap(), out.as_str()), (yes, text), "{line}");
    }
    let (_, out) = run(&world, "check alice all --json").await;
    let document = json(&out);
    assert_eq!(document["participates"], true);
    assert_eq!(document["relation"], "indirect");
    assert_eq!(document["answered_at"]["token"], "1/0/64");
    assert_eq!(document["answered_at"]["version"]["system_id"], "77");
}

#[tokio::test]
async fn errors_show_reason_and_fix() {
    let (world, _client) = World::ready().await;
    let error = run(&world, "check alice bob").await.0.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("error: NOT_A_TEAM: name `bob` is a person"), "{text}");
    assert!(text.contains("\nfix: Name a team"), "{text}");
    let document = error.to_json();
    assert_eq!(document["error"]["reason"], "NOT_A_TEAM");
    assert_eq!(document["error"]["metadata"]["reference"], "name `bob`");
    let error = run(&world, "teams alice --token 0/C8 --max-wait-ms 1").await.0.unwrap_err();
    assert_eq!(error.to_json()["error"]["reason"], "NOT_YET_FRESH");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // Port 1 of this machine: nobody listens there.
    let line = ["teamgraph", "check", "a", "b", "--server", "127.0.0.1:1"];
    let Command::Check(args) = Command::try_parse_from(line).unwrap() else { panic!() };
    let error = check::answer(&args, &mut Vec::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("error: SERVER_UNREACHABLE: no connection to 127.0.0.1:1"), "{text}");
    assert!(text.contains("fix: Start the server"), "{text}");
}

#[tokio::test]
async fn lists_are_written_whole() {
    let (mut world, _client) = World::ready().await;
    assert_eq!(
        run(&world, "teams alice").await.1,
        "team    10          dev\nteam    11          eng\nteam    12          all\n"
    );
    assert_eq!(run(&world, "teams alice --direct").await.1, "team    10          dev\n");
    assert_eq!(
        run(&world, "members eng --direct --kinds people").await.1,
        "person  2           bob\n"
    );
    // More than one page.
    for person in 1_000..12_000 {
        world.people(&[(person, &format!("p{person}"))]);
        world.join(person, 10, Role::Member);
    }
    world.publish(200);
    let (outcome, out) = run(&world, "members all --kinds people --json").await;
    assert!(outcome.unwrap());
    let lines: Vec<Value> = out.lines().map(json).collect();
    assert_eq!(lines.len(), 11_002);
    assert!(lines.iter().any(|line| line["name"] == "p11999" && line["kind"] == "person"));
}

#[tokio::test]
async fn explain_shows_the_path() {
    let (world, _client) = World::ready().await;
    let (outcome, out) = run(&world, "explain alice all").await;
    assert!(outcome.unwrap());
    let expected = "yes: alice is in all by 3 memberships:\n  alice → dev (admin)\n  dev → eng\n  \
                    eng → all\n";
    assert_eq!(out, expected);
    let (outcome, out) = run(&world, "explain carol all").await;
    let expected = "no: carol is not in all\n  the member has no active membership in any team; \
                    rows that are not active are not kept\n";
    assert_eq!((outcome.unwrap(), out.as_str()), (false, expected));
    let document = json(&run(&world, "explain bob dev --json").await.1);
    assert_eq!(document["why_not"], "no-chain");
    let document = json(&run(&world, "explain alice dev --json").await.1);
    assert_eq!(document["path"][0]["role"], "admin");
    assert_eq!(document["path"][1]["role"], Value::Null);
    assert_eq!(document["path"][1]["name"], "dev");
}

#[tokio::test]
async fn status_shows_the_server_with_a_graph_or_without() {
    let world = World::start(HistoryLimits::default()).await;
    let (outcome, out) = run(&world, "status").await;
    assert!(!outcome.unwrap());
    assert!(out.contains("none yet"), "{out}");
    let (world, _client) = World::ready().await;
    world.lose_the_source();
    let (outcome, out) = run(&world, "status").await;
    assert!(outcome.unwrap());
    let document = json(&run(&world, "status --json").await.1);
    let digest = &document["digest"];
    let (rows, closure) = (digest["rows"].as_str().unwrap(), digest["closure"].as_str().unwrap());
    assert_eq!((rows.len(), closure.len()), (32, 32));
    let digest = format!("rows {rows}, closure {closure}");
    for part in ["backing-off: gone", "3 people, 3 teams", "out of reach", "1/0/64", &digest] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert_eq!(document["sizes"]["memberships"], 4);
    assert_eq!(document["limits"]["batch_pairs"], 100_000);
    assert_eq!(document["feed"]["state"], "backing-off");
}

#[tokio::test]
async fn administrators_are_asked_for_by_a_flag() {
    let (mut world, _client) = World::ready().await;
    world.own(11, "eng", 12);
    world.publish(200);
    for (line, yes, text) in [
        ("check alice dev --admin", true, "yes: alice administers dev itself\n"),
        ("check bob eng --admin", true, "yes: bob administers eng, through a team\n"),
        ("check bob dev --admin", false, "no: bob does not administer dev\n"),
        ("teams alice --administered --direct", true, "team    10          dev\n"),
        ("teams alice --administered --count", true, "2\n"),
        ("members dev --administrators", true, "person  1           alice\n"),
        ("members eng --administrators --count", true, "5\n"),
        ("members eng --count --kinds people", true, "2\n"),
        ("teams alice --count --json", true, "{\"count\":3}\n"),
    ] {
        let (outcome, out) = run(&world, line).await;
        assert_eq!((outcome.unwrap(), out.as_str()), (yes, text), "{line}");
    }
    let document = json(&run(&world, "check alice dev --admin --json").await.1);
    assert_eq!((&document["administers"], &document["relation"]), (&true.into(), &"direct".into()));
}

/// A server whose next verify tells this.
async fn verifying(told: Vec<Result<VerifyEvent, AdminError>>) -> World {
    let admin = FakeAdmin { verify: Mutex::new(told), ..FakeAdmin::default() };
    World::start_with(HistoryLimits::default(), None, Some(Arc::new(admin))).await
}

#[tokio::test]
async fn verify_tells_what_differs_and_what_is_peculiar() {
    let report = || Ok(VerifyEvent::Report(Box::new(report())));
    let world = verifying(vec![Ok(VerifyEvent::Progress(READING)), report()]).await;
    let (outcome, out) = run(&world, "verify").await;
    let expected = "\
11 differences at 0/6E: 6 members, 4 memberships, and the 9 participations of all members
  membership missing: 11
    alice in 98: admin by its rows, absent here
    …
peculiarities of the database, which are served as they are:
  cycle: 1
    dev, eng: 2 teams
";
    assert_eq!((outcome.unwrap(), out.as_str()), (false, expected));
    let world = verifying(vec![report()]).await;
    let (outcome, out) = run(&world, "verify --json").await;
    assert!(!outcome.unwrap());
    let document = json(&out);
    assert_eq!((&document["same"], &document["read_at"]), (&false.into(), &"0/6E".into()));
    let difference = &document["differences"][0];
    assert_eq!(
        (&difference["kind"], &difference["count"]),
        (&"membership-missing".into(), &11.into())
    );
    assert_eq!(difference["examples"][0]["members"][0]["name"], "alice");
    assert_eq!(document["peculiarities"][0]["kind"], "cycle");
}

#[tokio::test]
async fn verify_says_yes_only_where_nothing_differs() {
    let mut right = report();
    right.findings.remove(0);
    right.whole = false;
    let world = verifying(vec![Ok(VerifyEvent::Report(Box::new(right)))]).await;
    let (outcome, out) = run(&world, "verify --sample 3").await;
    assert!(outcome.unwrap());
    let first = "no difference at 0/6E: 6 members, 4 memberships, and the 9 participations of a \
                 sample of members\n";
    assert!(out.starts_with(first), "{out}");
    let error = Err(AdminError::Inconclusive("it was not kept".into()));
    let error = run(&verifying(vec![error]).await, "verify").await.0.unwrap_err();
    assert!(error.to_string().contains("INCONCLUSIVE"), "{error}");
    assert!(error.to_string().contains("it was not kept"), "{error}");
    // A stream that ends without a word.
    let error = run(&verifying(Vec::new()).await, "verify").await.0.unwrap_err();
    assert!(error.to_string().contains("ANSWER_MALFORMED"), "{error}");
    let refused = Mutex::new(Some(AdminRefused::AlreadyRunning));
    let admin: Arc<dyn Admin> = Arc::new(FakeAdmin { refused, ..FakeAdmin::default() });
    let world = World::start_with(HistoryLimits::default(), None, Some(admin)).await;
    let error = run(&world, "verify --json").await.0.unwrap_err();
    assert_eq!(error.to_json()["error"]["reason"], "ALREADY_RUNNING");
}

#[tokio::test]
async fn status_shows_the_last_verify() {
    let admin = Arc::new(FakeAdmin::default());
    let desk: Arc<dyn Admin> = Arc::<FakeAdmin>::clone(&admin);
    let world = World::start_with(HistoryLimits::default(), None, Some(desk)).await;
    assert!(!run(&world, "status").await.1.contains("verified"));
    let of = |outcome| Some(LastVerify { ended_at: SystemTime::now(), outcome });
    *admin.last.lock().unwrap() = of(Ok(Arc::new(report())));
    assert!(run(&world, "status").await.1.contains("verified     11 differences, 0 s ago"));
    let document = json(&run(&world, "status --json").await.1);
    assert_eq!(document["last_verify"]["differences"], 11);
    *admin.last.lock().unwrap() = of(Err(AdminError::Stopping));
    assert!(run(&world, "status").await.1.contains("could not be told"));
}

#[tokio::test]
async fn status_shows_the_participation_table() {
    let cell = Arc::new(StatusCell::new(ProjectionStatus::default()));
    let world = World::start_projecting(Arc::clone(&cell)).await;
    cell.update(|status| status.table = "teamparticipation".into());
    let (_, out) = run(&world, "status").await;
    assert!(out.contains("table        teamparticipation, starting\n"), "{out}");
    let document = json(&run(&world, "status --json").await.1);
    let projection = &document["projection"];
    assert!(projection["version"].is_null() && projection["lag_ms"].is_null(), "{projection}");
    assert_eq!((&projection["applied_lsn"], &projection["error"]), (&"".into(), &"".into()));
    cell.update(|status| {
        let history = History { system_id: 77, timeline: 1 };
        status.version = Some(Version { history, end_lsn: Lsn(0x64), tick: 0 });
        status.applied_lsn = Lsn(0x70);
        status.current_at = Some(SystemTime::now());
        status.fail("no, because".into(), ProjectionState::BackingOff { retry_in_ms: 250 });
    });
    let (_, out) = run(&world, "status").await;
    let said = "table        teamparticipation, backing-off, applied 0/70, current 0 s ago\n";
    assert!(out.contains(said) && out.contains("0 s ago: no, because\n"), "{out}");
    let document = json(&run(&world, "status --json").await.1);
    let projection = &document["projection"];
    assert_eq!(projection["state"], "backing-off");
    assert_eq!(projection["version"]["end_lsn"], "0/64");
    assert_eq!((&projection["retry_in_ms"], &projection["lag_ms"].is_u64()), (&250.into(), &true));
    let (world, _client) = World::ready().await;
    assert!(json(&run(&world, "status --json").await.1)["projection"].is_null());
}

/// A server whose next rebuild finds this.
async fn rebuilding(drift: Result<DriftReport, String>) -> World {
    let version = report().version;
    let report = RebuildReport { version, copy: 3, rows: 12_345, took_ms: 2_340, drift };
    let told = [RebuildEvent::Progress(READING), RebuildEvent::Report(Box::new(report))];
    let rebuild = Mutex::new(told.map(Ok).into());
    let admin = FakeAdmin { rebuild, ..FakeAdmin::default() };
    World::start_with(HistoryLimits::default(), None, Some(Arc::new(admin))).await
}

#[tokio::test]
async fn rebuild_tells_what_differed_and_says_yes_only_where_nothing_did() {
    let (outcome, out) = run(&rebuilding(Ok(report())).await, "rebuild").await;
    let begin = "\
rebuilt of 12,345 rows in 2.3 s: copy 3 is served
in the graph that was served before: 11 differences at 0/6E: 6 members,";
    assert!(!outcome.unwrap() && out.starts_with(begin), "{out}");
    let mut right = report();
    right.findings.remove(0);
    let (outcome, out) = run(&rebuilding(Ok(right)).await, "rebuild --sample 3 --json").await;
    let document = json(&out);
    assert!(outcome.unwrap());
    assert_eq!((&document["copy"], &document["drift"]["same"]), (&3.into(), &true.into()));
    let unknown = Err("no version of it was kept".to_owned());
    let (outcome, out) = run(&rebuilding(unknown).await, "rebuild").await;
    assert!(!outcome.unwrap());
    assert!(out.ends_with("what differed is not known: no version of it was kept\n"), "{out}");
    let error = Err(AdminError::NotRebuilt("it began anew".into()));
    let admin = FakeAdmin { rebuild: Mutex::new(vec![error]), ..FakeAdmin::default() };
    let world = World::start_with(HistoryLimits::default(), None, Some(Arc::new(admin))).await;
    let error = run(&world, "rebuild").await.0.unwrap_err();
    assert!(error.to_string().contains("NOT_REBUILT"), "{error}");
}
