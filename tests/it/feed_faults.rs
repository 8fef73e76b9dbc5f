//! The feed while its database is operated on: failed over, altered, taken out of publication.
//!
//! Knows the feed and the source's tables only. What is applied here are the people's names, to be
//! compared with what SQL says of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use teamgraph::change::{Change, FeedEvent, NamePut};
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::feed::{self, FeedConfig, FeedError};
use teamgraph::id::{Key, Lsn};
use teamgraph::status::{AppliedLsn, FeedState, FeedStatus, StatusCell};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

const SCHEMA: &str = "
    CREATE SCHEMA teamgraph;
    CREATE TABLE teamgraph.person (
        id bigint PRIMARY KEY, name text NOT NULL, team_owner bigint, untold text);
    CREATE TABLE teamgraph.team_membership (
        id bigint PRIMARY KEY, person bigint NOT NULL, team bigint NOT NULL, status int NOT NULL);
    INSERT INTO teamgraph.person (id, name) SELECT g, 'person-' || g FROM generate_series(1, 50) g;";
const PUBLICATION: &str =
    "CREATE PUBLICATION teamgraph FOR TABLE teamgraph.person, teamgraph.team_membership";

type Names = Arc<Mutex<BTreeMap<i64, String>>>;

/// A server of its own, a feed on it, and one who applies.
struct Fixture {
    server: EmbeddedPostgres,
    sql: Client,
    names: Names,
    applied: Arc<AppliedLsn>,
    status: Arc<StatusCell<FeedStatus>>,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), FeedError>>,
}

#[expect(clippy::disallowed_methods, reason = "the tasks of a test need no name")]
fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(future)
}

async fn connect(server: &EmbeddedPostgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
    start(connection);
    client
}

async fn apply(mut events: mpsc::Receiver<Vec<FeedEvent>>, applied: Arc<AppliedLsn>, names: Names) {
    let mut pending = Vec::new();
    while let Some(batch) = events.recv().await {
        for event in batch {
            match event {
                FeedEvent::Resume { .. } => panic!("nothing was kept"),
                FeedEvent::CopyBegin { .. } | FeedEvent::Abort => pending.clear(),
                FeedEvent::Change(change) => pending.push(change),
                FeedEvent::Watermark { lsn } => applied.raise(lsn),
                FeedEvent::Commit { end_lsn } => {
                    name(&names, &mut pending);
                    applied.raise(end_lsn);
                }
                FeedEvent::CopyEnd { consistent_point } => {
                    names.lock().unwrap().clear();
                    name(&names, &mut pending);
                    applied.reset(consistent_point);
                }
            }
        }
    }
}

fn name(names: &Names, changes: &mut Vec<Change>) {
    let mut names = names.lock().unwrap();
    for change in changes.drain(..) {
        match change {
            Change::MemberPut { key, name: NamePut::Set(Some(name)), .. } => {
                let Key::Int(id) = key.key else { panic!("not an integer key: {key}") };
                names.insert(id, name.to_string());
            }
            Change::MembersTruncate { .. } => names.clear(),
            Change::RowsTruncate { .. } | Change::RowPut { .. } => {}
            other => panic!("not part of these tests: {other:?}"),
        }
    }
}

impl Fixture {
    async fn new(publication: &str) -> Self {
        // What the feed logs shows where a test fails; a second test of the process sets nothing.
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
        let sql = connect(&server).await;
        sql.batch_execute(SCHEMA).await.unwrap();
        sql.batch_execute(publication).await.unwrap();
        let config = FeedConfig::new(&server.url("postgres"), "teamgraph", "tg_faults").unwrap();
        let (names, applied, status) = (Names::default(), Arc::default(), Arc::default());
        let shutdown = CancellationToken::new();
        let (sender, receiver) = mpsc::channel(8);
        start(apply(receiver, Arc::clone(&applied), Arc::clone(&names)));
        let feed = feed::run(
            config,
            sender,
            Arc::clone(&applied),
            Arc::clone(&status),
            shutdown.clone(),
            None,
        );
        let running = start(feed);
        let fixture = Fixture { server, sql, names, applied, status, shutdown, running };
        fixture.until("streaming", |status| status.state == FeedState::Streaming).await;
        fixture
    }

    async fn until(&self, what: &str, holds: impl Fn(&FeedStatus) -> bool) {
        for _ in 0..3_000 {
            if holds(&self.status.get()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not {what} within a minute: {:?}", self.status.get());
    }

    /// Waits until the feed says, while it goes on trying, that this is wrong.
    async fn until_it_says(&self, expected: &str) {
        let says = |status: &FeedStatus| match &status.state {
            FeedState::BackingOff { error, .. } => error.contains(expected),
            _ => false,
        };
        self.until(expected, says).await;
        assert!(self.status.get().stale_since.is_some());
    }

    async fn execute(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap();
    }

    /// Cuts the replication connection and waits until the feed streams anew.
    async fn cut(&self) {
        let before = self.status.get();
        let cut = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active";
        self.execute(cut).await;
        self.until("back", |now| {
            (now.reconnects, now.copies) != (before.reconnects, before.copies)
                && now.state == FeedState::Streaming
        })
        .await;
    }

    /// Waits until the feed has taken this many copies and streams.
    async fn copied(&self, copies: u64) {
        self.until(&format!("at copy {copies}"), |status| {
            status.copies == copies && status.state == FeedState::Streaming
        })
        .await;
        self.agrees().await;
    }

    /// Waits until all that is committed is applied, then compares.
    async fn agrees(&self) {
        let sql = "SELECT pg_current_wal_insert_lsn()::text";
        let now = self.sql.query_one(sql, &[]).await.unwrap();
        let now: Lsn = now.get::<_, &str>(0).parse().unwrap();
        self.until("applied", |_| self.applied.get() >= now).await;
        let rows = self.sql.query("SELECT id, name FROM teamgraph.person", &[]).await.unwrap();
        let names: BTreeMap<i64, String> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(*self.names.lock().unwrap(), names);
    }

    async fn stop(self) {
        self.shutdown.cancel();
        assert_eq!(self.running.await.unwrap(), Ok(()));
        self.server.stop().await.unwrap();
    }
}

/// The server that answers is a standby for a while, then the primary of another timeline.
#[tokio::test]
async fn a_failover_is_a_fresh_copy_and_not_the_end() {
    let mut fixture = Fixture::new(PUBLICATION).await;
    fixture.server.halt().await.unwrap();
    let signal = fixture.server.directory().join("data").join("standby.signal");
    std::fs::write(signal, "").unwrap();
    fixture.server.resume().await.unwrap();
    fixture.until_it_says("is a standby").await;
    fixture.sql = connect(&fixture.server).await;
    fixture.execute("SELECT pg_promote()").await;
    fixture.execute("UPDATE teamgraph.person SET name = 'promoted' WHERE id = 1").await;
    fixture.copied(2).await;
    assert_eq!(fixture.status.get().stale_since, None);
    fixture.stop().await;
}

/// What ends a feed that has nothing to serve does not end one that has.
#[tokio::test]
async fn a_publication_that_is_made_anew_is_waited_for() {
    let fixture = Fixture::new(PUBLICATION).await;
    // Another table's row announces that table's columns anew, so nobody has to wait for a look.
    fixture.execute("ALTER PUBLICATION teamgraph DROP TABLE teamgraph.team_membership").await;
    fixture.execute("UPDATE teamgraph.person SET name = 'one' WHERE id = 1").await;
    fixture.until_it_says("ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership").await;
    fixture.execute("DROP PUBLICATION teamgraph").await;
    fixture.until_it_says("fix: CREATE PUBLICATION teamgraph").await;
    fixture.execute("UPDATE teamgraph.person SET name = 'two' WHERE id = 1").await;
    fixture.execute(PUBLICATION).await;
    fixture.copied(2).await;
    fixture.stop().await;
}

/// A schema that was not published for a moment may have changed in it.
#[tokio::test]
async fn a_schema_that_left_the_publication_is_copied_anew() {
    let fixture = Fixture::new("CREATE PUBLICATION teamgraph FOR TABLES IN SCHEMA teamgraph").await;
    fixture.execute("ALTER PUBLICATION teamgraph DROP TABLES IN SCHEMA teamgraph").await;
    fixture.execute("UPDATE teamgraph.person SET name = 'unheard of' WHERE id = 1").await;
    fixture.execute("ALTER PUBLICATION teamgraph ADD TABLES IN SCHEMA teamgraph").await;
    fixture.cut().await;
    fixture.copied(2).await;
    fixture.stop().await;
}

/// Values that an ALTER TABLE rewrites are in no stream.
#[tokio::test]
async fn values_that_are_rewritten_are_copied_anew() {
    let fixture = Fixture::new(PUBLICATION).await;
    let rewrite = "ALTER TABLE teamgraph.person ALTER COLUMN name TYPE text USING upper(name)";
    fixture.execute(rewrite).await;
    // The first row after it makes the feed look.
    fixture.execute("INSERT INTO teamgraph.person (id, name) VALUES (100, 'new')").await;
    fixture.copied(2).await;
    let anew = "ALTER TABLE teamgraph.person DROP COLUMN name;
                ALTER TABLE teamgraph.person ADD COLUMN name text NOT NULL DEFAULT 'nameless'";
    fixture.execute(anew).await;
    fixture.cut().await;
    fixture.copied(3).await;
    fixture.stop().await;
}

/// Three copies within an hour, and the feed gave up: it had counted an operator's changes of the
/// tables with the losses of its slot.
#[tokio::test]
async fn a_column_may_change_its_type_however_often() {
    let fixture = Fixture::new(PUBLICATION).await;
    for copies in 2..7 {
        let becomes = if copies % 2 == 0 { "bigint" } else { "int" };
        let alter = "ALTER TABLE teamgraph.team_membership ALTER COLUMN status TYPE";
        let row = "INSERT INTO teamgraph.team_membership VALUES";
        fixture.execute(&format!("{alter} {becomes}; {row} ({copies}, 1, 2, 1)")).await;
        fixture.copied(copies).await;
    }
    fixture.stop().await;
}

/// Its rows were gone for the copy's snapshot, which was taken before: for a moment nobody was in
/// any team, at a position where all were. What an ALTER TABLE rewrites is gone in the same way,
/// and stayed gone until somebody looked.
#[tokio::test]
async fn a_table_that_is_emptied_between_snapshot_and_copy_is_copied_again() {
    let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let sql = connect(&server).await;
    let many = "INSERT INTO teamgraph.person (id, name)
        SELECT g, 'person-' || g FROM generate_series(1000, 21000) g;
        INSERT INTO teamgraph.team_membership VALUES (1, 1, 2, 2)";
    for text in [SCHEMA, many, PUBLICATION] {
        sql.batch_execute(text).await.unwrap();
    }
    let config = FeedConfig::new(&server.url("postgres"), "teamgraph", "tg_emptied").unwrap();
    let status = Arc::<StatusCell<FeedStatus>>::default();
    let (sender, mut events) = mpsc::channel(8);
    let shutdown = CancellationToken::new();
    let feed =
        feed::run(config, sender, Arc::default(), Arc::clone(&status), shutdown.clone(), None);
    let running = start(feed);
    // Nobody takes the people, so the eight batches that fit are all, and memberships come later.
    while !matches!(status.get().state, FeedState::Copying { rows } if rows >= 8_000) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sql.batch_execute("TRUNCATE teamgraph.team_membership").await.unwrap();
    let mut boundaries = Vec::new();
    while boundaries.last() != Some(&"end") {
        for event in events.recv().await.unwrap() {
            match event {
                FeedEvent::CopyBegin { .. } => boundaries.push("begin"),
                FeedEvent::Abort => boundaries.push("abort"),
                FeedEvent::CopyEnd { .. } => boundaries.push("end"),
                _ => {}
            }
        }
    }
    assert_eq!(boundaries, ["begin", "abort", "begin", "end"]);
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Ok(()));
    server.stop().await.unwrap();
}

/// What is done to a table without a change of what is mapped must not cost a copy.
#[tokio::test]
async fn ordinary_maintenance_costs_no_copy() {
    let fixture = Fixture::new(PUBLICATION).await;
    for ordinary in [
        "ALTER TABLE teamgraph.person ADD COLUMN extra int NOT NULL DEFAULT 7",
        "ALTER TABLE teamgraph.person ALTER COLUMN extra TYPE bigint",
        "ALTER TABLE teamgraph.person DROP COLUMN untold",
        "ALTER TABLE teamgraph.person ALTER COLUMN name SET STORAGE EXTERNAL",
        "CREATE INDEX ON teamgraph.person (name)",
        "ANALYZE teamgraph.person",
        "VACUUM (FREEZE) teamgraph.person",
        "VACUUM (FREEZE) pg_attribute",
        "VACUUM FULL pg_attribute",
        "TRUNCATE teamgraph.person; INSERT INTO teamgraph.person (id, name) VALUES (1, 'one')",
        "VACUUM FULL teamgraph.person",
        "CREATE TABLE teamgraph.other (id int); ALTER PUBLICATION teamgraph ADD TABLE teamgraph.other",
    ] {
        fixture.execute(ordinary).await;
        fixture.cut().await;
        assert_eq!(fixture.status.get().copies, 1, "{ordinary}");
    }
    fixture.execute("INSERT INTO teamgraph.person (id, name) VALUES (2, 'two')").await;
    fixture.copied(1).await;
    fixture.stop().await;
}

/// A server that hangs holds the connection, so only its silence tells.
#[tokio::test]
async fn a_silent_server_makes_answers_stale() {
    let fixture = Fixture::new(PUBLICATION).await;
    let sql = "SELECT active_pid::text FROM pg_replication_slots WHERE active";
    let walsender: String = fixture.sql.query_one(sql, &[]).await.unwrap().get(0);
    let signal = |signal| {
        let sent = std::process::Command::new("kill").args([signal, walsender.as_str()]).status();
        assert!(sent.unwrap().success());
    };
    assert_eq!(fixture.status.get().stale_since, None);
    signal("-STOP");
    fixture.until("stale", |status| status.stale_since.is_some()).await;
    // The probe has found the walsender in its place: the stream goes on.
    signal("-CONT");
    fixture.until("fresh", |status| status.stale_since.is_none()).await;
    assert_eq!((fixture.status.get().reconnects, fixture.status.get().copies), (0, 1));
    fixture.execute("UPDATE teamgraph.person SET name = 'one' WHERE id = 1").await;
    fixture.agrees().await;
    fixture.stop().await;
}
