//! The graph built anew while it is served: under writers, of a graph that drifted, given up.

use super::dice::{Dice, seed};
use super::judge::compare_at_a_position;
use super::served::{Asker, Served};
use super::source::{NEVER, Source, connect, start, until};
use super::warm::begin;
use super::writer::write_at_random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::change::{Change, NamePut, RowKey};
use teamgraph::checkpoint::Store;
use teamgraph::cli::Cli;
use teamgraph::graph::{GraphLimits, PublishedCell};
use teamgraph::id::{Key, MemberKind, SourceKey};
use teamgraph::pb;
use teamgraph::resume::PersistedLsn;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

type Administrator = pb::admin_service_client::AdminServiceClient<Channel>;

async fn administrator(address: SocketAddr) -> Administrator {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Administrator::new(endpoint.connect().await.unwrap())
}

/// What a rebuild told.
struct Told {
    phases: Vec<pb::AdminPhase>,
    report: pb::RebuildReport,
}

/// Rebuilds to the end.
async fn rebuild(address: SocketAddr) -> Result<Told, tonic::Status> {
    let mut client = administrator(address).await;
    let mut events = client.rebuild(pb::RebuildRequest::default()).await?.into_inner();
    let mut phases = Vec::new();
    loop {
        let event =
            tokio::time::timeout(NEVER, events.message()).await.expect("it does not end")?;
        match event.expect("neither report nor error").event.unwrap() {
            pb::rebuild_response::Event::Progress(progress) => {
                assert!(progress.total == 0 || progress.done <= progress.total, "{progress:?}");
                phases.push(progress.phase());
            }
            pb::rebuild_response::Event::Report(report) => {
                assert!(events.message().await.unwrap().is_none(), "more than the report");
                return Ok(Told { phases, report });
            }
        }
    }
}

fn reason(status: &tonic::Status) -> String {
    status.get_details_error_info().unwrap().reason
}

fn differences(report: &pb::RebuildReport) -> BTreeMap<pb::FindingKind, u64> {
    let drift = report.drift.as_ref().unwrap_or_else(|| panic!("{}", report.drift_unknown));
    drift.differences.iter().map(|finding| (finding.kind(), finding.count)).collect()
}

/// What readers see never goes back.
async fn watch(published: Arc<PublishedCell>, done: CancellationToken) -> u64 {
    let (mut last, mut looks) = (None, 0);
    while !done.is_cancelled() {
        let now = published.load().unwrap();
        let seen = (now.snapshot.copy(), now.snapshot.version().end_lsn, now.applied_lsn);
        if let Some((copy, version, applied)) = last {
            assert!(seen.0 >= copy && seen.1 >= version && seen.2 >= applied, "{seen:?} {last:?}");
        }
        assert!(seen.1 <= seen.2, "{seen:?}");
        (last, looks) = (Some(seen), looks + 1);
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    looks
}

/// Changes one membership again and again, and sees each change as soon as it is committed: tokens
/// stay good, whichever graph answers.
async fn read_what_was_written(url: String, mut asker: Asker, done: CancellationToken) -> u64 {
    let sql = connect(&url).await;
    let mut changes = 0;
    while !done.is_cancelled() {
        for (change, expected) in [
            (
                "INSERT INTO teamgraph.team_membership (id, person, team, status)
              SELECT -1, -1, -2, 2",
                pb::Relation::Direct,
            ),
            ("DELETE FROM teamgraph.team_membership WHERE id = -1", pb::Relation::None),
        ] {
            sql.batch_execute(change).await.unwrap();
            let token = sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await.unwrap();
            let at = pb::freshness::At::AtLeastAsFresh(token.get(0));
            let id = |id| {
                let r#ref = Some(pb::member_ref::Ref::Id(id));
                Some(pb::MemberRef { r#ref, ..pb::MemberRef::default() })
            };
            let request = pb::CheckRequest {
                member: id(-1),
                team: id(-2),
                freshness: Some(pb::Freshness { at: Some(at), max_wait_ms: Some(30_000) }),
                ..pb::CheckRequest::default()
            };
            let answer = asker.check(request).await.unwrap().into_inner();
            assert_eq!(answer.relation(), expected, "{answer:?}");
            changes += 1;
        }
    }
    changes
}

const OWN: &str = "
    INSERT INTO teamgraph.person (id, name, display_name) VALUES (-1, 'reader', '');
    INSERT INTO teamgraph.person (id, name, display_name, team_owner) VALUES (-2, 'read', '', 1)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuilds_under_writers_lose_nothing_and_nobody_sees_anything_go_back() {
    let source = Source::start().await;
    source.populate(300, 40).await;
    source.execute(OWN).await;
    let served = Served::start(&source.url, "rebuilt").await;
    let (seed, done) = (seed(), CancellationToken::new());
    let writers: Vec<_> = (1..=2)
        .map(|sequence| Dice::new(seed, sequence))
        .map(|dice| start(write_at_random(source.url.clone(), dice, false, done.clone())))
        .collect();
    let watcher = start(watch(Arc::clone(&served.published), done.clone()));
    let asker = served.asker().await;
    let reader = start(read_what_was_written(source.url.clone(), asker, done.clone()));
    let mut dice = Dice::new(seed, 3);
    for number in 1..=8 {
        tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
        let Told { phases, report } = rebuild(served.address).await.unwrap();
        assert_eq!(report.copy, 1 + number);
        assert!(phases.contains(&pb::AdminPhase::Opening), "{phases:?}");
        assert!(phases.contains(&pb::AdminPhase::Reading), "{phases:?}");
        assert_eq!(differences(&report), BTreeMap::new(), "{report:?}");
        assert!(report.rows > 340 && report.drift.as_ref().unwrap().whole, "{report:?}");
        assert_eq!(served.published.load().unwrap().snapshot.copy(), report.copy);
        if number % 3 == 0 {
            println!("{:?}", compare_at_a_position(&source.url, &served).await);
        }
    }
    done.cancel();
    for writer in writers {
        println!("{:?}", writer.await.unwrap());
    }
    println!("{} looks, {} changes", watcher.await.unwrap(), reader.await.unwrap());
    println!("{:?}", compare_at_a_position(&source.url, &served).await);
    // The stream went on all the time, and nothing is left of the readings.
    let status = served.feed_status.get();
    assert_eq!((status.copies, status.reconnects), (1, 0));
    only_the_feeds_slot_is_left(&source).await;
    served.stop().await;
    source.stop().await;
}

async fn only_the_feeds_slot_is_left(source: &Source) {
    until("only the feed's slot is left", async || source.slots().await == 1).await;
}

/// A list that began with the graph that was replaced is to be begun anew, as after a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_tokens_of_the_graph_that_was_replaced_expire() {
    let source = Source::start().await;
    source.populate(30, 1).await;
    source
        .execute(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT id, 32, 2 FROM teamgraph.person WHERE team_owner IS NULL",
        )
        .await;
    let served = Served::start(&source.url, "paged").await;
    served.applied(source.position().await).await;
    let mut asker = served.asker().await;
    let team = pb::member_ref::Ref::Id(32);
    let mut request = pb::ListMembersRequest {
        team: Some(pb::MemberRef { r#ref: Some(team), ..pb::MemberRef::default() }),
        scope: pb::ListScope::All.into(),
        page_size: 10,
        ..pb::ListMembersRequest::default()
    };
    let page = asker.list_members(request.clone()).await.unwrap().into_inner();
    request.page_token = page.next_page_token;
    assert!(!request.page_token.is_empty());
    rebuild(served.address).await.unwrap();
    let expired = asker.list_members(request).await.unwrap_err();
    assert_eq!(reason(&expired), "PAGE_TOKEN_EXPIRED");
    served.stop().await;
    source.stop().await;
}

const INTERVAL: Duration = Duration::from_secs(3_600);

/// Changes the graph that a server keeps, and not its source.
fn spoil(directory: &TempDir) {
    let persisted = Arc::<PersistedLsn>::default();
    let store = Store::new(directory.path(), "tg_warm", Arc::clone(&persisted));
    let loaded = store.load(1, GraphLimits::default()).unwrap();
    let (mut writer, header) = (loaded.writer, loaded.header);
    let image = writer.image();
    let rows: Vec<RowKey> = image.rows().map(|row| row.key).collect();
    let name = NamePut::Set(Some("somebody".into()));
    let renamed = SourceKey { key: Key::Int(2), ..SourceKey::int(2) };
    for change in [
        Change::RowDelete { row: rows[0].clone() },
        Change::RowDelete { row: rows[1].clone() },
        Change::MemberPut { key: renamed, kind: MemberKind::Person, name, owner: None },
    ] {
        writer.apply(change).unwrap();
    }
    writer.commit(header.version);
    persisted.open(1, header.applied);
    store.write(&header, &writer.image(), || Ok(())).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_that_drifted_is_told_and_put_right_also_on_disk() {
    let (source, directory) = (Source::start().await, TempDir::new().unwrap());
    source.populate(60, 10).await;
    source
        .execute(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT p.id, 62 + p.id % 10, 2 FROM teamgraph.person p WHERE p.team_owner IS NULL",
        )
        .await;
    let served = begin(&source.url, directory.path(), INTERVAL).await;
    served.streaming().await;
    served.kept_up_to(source.position().await).await;
    served.stop().await;
    spoil(&directory);
    let served = begin(&source.url, directory.path(), INTERVAL).await;
    served.streaming().await;
    served.resumed();
    let report = rebuild(served.address).await.unwrap().report;
    let found = differences(&report);
    assert_eq!(found.get(&pb::FindingKind::MembershipMissing), Some(&2), "{report:?}");
    assert_eq!(found.get(&pb::FindingKind::ParticipationMissing), Some(&2), "{report:?}");
    assert_eq!(found.get(&pb::FindingKind::NameDiffers), Some(&1), "{report:?}");
    assert_eq!(found.len(), 3, "{report:?}");
    compare_at_a_position(&source.url, &served).await;
    // At the shell it is a no the first time, and a yes when all is right.
    let mended = shell(&served).await;
    assert_eq!(mended, "ExitCode(unix_exit_status(0))");
    served.stop().await;
    let served = begin(&source.url, directory.path(), INTERVAL).await;
    served.streaming().await;
    served.resumed();
    compare_at_a_position(&source.url, &served).await;
    assert_eq!(differences(&rebuild(served.address).await.unwrap().report), BTreeMap::new());
    served.stop().await;
    spoil(&directory);
    let served = begin(&source.url, directory.path(), INTERVAL).await;
    served.streaming().await;
    assert_eq!(shell(&served).await, "ExitCode(unix_exit_status(1))");
    served.stop().await;
    assert_eq!(shell_at("127.0.0.1:1").await, "ExitCode(unix_exit_status(2))");
    source.stop().await;
}

/// The exit code of `teamgraph rebuild`.
async fn shell(served: &Served) -> String {
    shell_at(&served.address.to_string()).await
}

async fn shell_at(address: &str) -> String {
    let words = ["teamgraph", "rebuild", "--server", address].map(Into::into);
    let cli = Cli::read(&words).unwrap_or_else(|error| panic!("{error:?}"));
    format!("{:?}", Box::pin(cli.run()).await.unwrap())
}

/// A transaction that writes holds up the reading's begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_given_up_leaves_nothing_and_another_may_begin() {
    let source = Source::start().await;
    source.populate(300, 40).await;
    let served = Served::start(&source.url, "given_up").await;
    let blocker = connect(&source.url).await;
    blocker.batch_execute("BEGIN; UPDATE teamgraph.person SET display_name = 'x'").await.unwrap();
    let mut client = administrator(served.address).await;
    let rebuilding = client.rebuild(pb::RebuildRequest::default()).await.unwrap();
    let refused = rebuild(served.address).await.err().unwrap();
    assert_eq!(reason(&refused), "ALREADY_RUNNING");
    until("it waits", async || source.slots().await == 2).await;
    drop(rebuilding);
    only_the_feeds_slot_is_left(&source).await;
    blocker.batch_execute("COMMIT").await.unwrap();
    // And at any other moment.
    let mut dice = Dice::new(seed(), 1);
    for _ in 0..12 {
        let address = served.address;
        let most = Duration::from_millis(dice.below(120));
        let _given_up_or_done = tokio::time::timeout(most, rebuild(address)).await;
        until("another may begin", async || match rebuild(address).await {
            Ok(told) => differences(&told.report).is_empty(),
            Err(status) => {
                assert_eq!(reason(&status), "ALREADY_RUNNING", "{status:?}");
                false
            }
        })
        .await;
    }
    only_the_feeds_slot_is_left(&source).await;
    compare_at_a_position(&source.url, &served).await;
    assert_eq!(served.feed_status.get().copies, 1);
    served.stop().await;
    source.stop().await;
}

/// A server that stops waits for no rebuild.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_ends_its_rebuild() {
    let source = Source::start().await;
    source.populate(30, 4).await;
    let served = Served::start(&source.url, "stopped").await;
    let blocker = connect(&source.url).await;
    blocker.batch_execute("BEGIN; UPDATE teamgraph.person SET display_name = 'x'").await.unwrap();
    let rebuilding = start(rebuild(served.address));
    until("it waits", async || source.slots().await == 2).await;
    served.stop().await;
    let ended = rebuilding.await.unwrap().err().unwrap();
    assert_eq!(reason(&ended), "SHUTTING_DOWN", "{ended:?}");
    until("no slot is left", async || source.slots().await == 0).await;
    blocker.batch_execute("COMMIT").await.unwrap();
    source.stop().await;
}
