//! The slot's life: lost, idle, waiting; and the source's own word on where its log ends.

use super::fixture::{Fixture, PUBLICATION};
use super::rows::Rows;
use crate::live::source::{LOOK, NEVER, connect, lsn, start, until};
use std::time::Duration;
use teamgraph::change::FeedEvent;
use teamgraph::command::Source;
use teamgraph::feed::{PreparedReading, PrimarySource, Reading};
use teamgraph::id::Lsn;
use teamgraph::status::FeedState;

#[tokio::test]
async fn a_lost_slot_is_followed_by_a_fresh_copy() {
    let fixture = Fixture::new("lost", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    // The slot goes, and rows change that nobody will ever be told of.
    let drop = "SELECT pg_drop_replication_slot($1)";
    loop {
        fixture.cut().await;
        // The feed may be back before it is dropped: then again.
        if fixture.sql.query(drop, &[&fixture.config.slot()]).await.is_ok() {
            break;
        }
        fixture.streaming().await;
    }
    fixture.execute("DELETE FROM teamgraph.team_membership WHERE id < 100").await;
    fixture.until("copied anew", |status| status.copies == 2).await;
    fixture.streaming().await;
    fixture.agrees().await;
    // So does a table that is another one.
    fixture
        .execute(
            "BEGIN; ALTER TABLE teamgraph.team_membership RENAME TO old;
             CREATE TABLE teamgraph.team_membership (LIKE teamgraph.old INCLUDING ALL);
             ALTER PUBLICATION teamgraph DROP TABLE teamgraph.old;
             ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership;
             INSERT INTO teamgraph.team_membership (id, person, team, status) VALUES (1, 1, 3001, 2);
             COMMIT",
        )
        .await;
    fixture.until("copied anew", |status| status.copies == 3).await;
    fixture.streaming().await;
    fixture.agrees().await;
    // And changes that went by unpublished, though all looks right again at the next connection.
    fixture
        .execute(
            "ALTER PUBLICATION teamgraph DROP TABLE teamgraph.team_membership;
             DELETE FROM teamgraph.team_membership;
             ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership",
        )
        .await;
    fixture.cut().await;
    fixture.until("copied anew", |status| status.copies == 4).await;
    fixture.streaming().await;
    fixture.agrees().await;
    fixture.stop(running).await;
}

/// Log of tables that are not published must not be held back.
#[tokio::test]
async fn an_idle_stream_confirms_the_position() {
    let fixture = Fixture::new("idle", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    let fill = "INSERT INTO elsewhere SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g";
    fixture.execute(fill).await;
    fixture.agrees().await;
    let sql = "SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots
               WHERE slot_name = $2";
    let applied = fixture.applied.get().to_string();
    let mut confirmed = false;
    for _ in 0..500 {
        let row = fixture.sql.query_one(sql, &[&applied, &fixture.config.slot()]).await.unwrap();
        confirmed = row.get(0);
        if confirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(confirmed, "{applied} was not confirmed");
    assert_eq!(fixture.state.lock().unwrap().commits, 0);
    fixture.stop(running).await;
}

#[tokio::test]
async fn a_slot_waits_for_open_transactions_and_ends_with_the_feed() {
    let fixture = Fixture::new("waits", PUBLICATION).await;
    let other = connect(&fixture.url).await;
    other.batch_execute("BEGIN; INSERT INTO elsewhere VALUES (1, '')").await.unwrap();
    let running = fixture.run();
    fixture.until("creating", |status| status.state == FeedState::CreatingSlot).await;
    // Stopped while it waits: nothing is left, though the transaction is still open.
    while fixture.slots().await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fixture.stop(running).await;
    other.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn the_source_says_where_its_log_ends() {
    let fixture = Fixture::new("source", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    let source = PrimarySource::new(fixture.config.clone());
    let first = source.position().await.unwrap();
    assert_eq!(Some(first.history), fixture.status.get().history);
    fixture.execute("DELETE FROM teamgraph.team_membership WHERE id < 10").await;
    let second = source.position().await.unwrap();
    assert!(second.insert_lsn > first.insert_lsn);
    // The server ends the connection that it keeps: the next question makes another.
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
               WHERE application_name = 'teamgraph' AND datname = current_database()";
    fixture.execute(end).await;
    assert!(source.position().await.unwrap().insert_lsn >= second.insert_lsn);
    fixture.stop(running).await;
}

/// A reading shows the rows of its position, whatever comes after, and nobody feels it.
#[tokio::test]
async fn a_reading_beside_the_stream_is_of_its_position_and_leaves_nothing() {
    let fixture = Fixture::new("reading", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    let before = lsn(&fixture.sql, "SELECT pg_current_wal_insert_lsn()::text").await;
    let reading = open(&fixture).await;
    assert!(reading.consistent_point() >= before);
    fixture.execute("DELETE FROM teamgraph.team_membership WHERE id % 2 = 0").await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
    let reading = start(reading.run(sender, |_| {}));
    let mut rows = Rows::default();
    while let Some(batch) = receiver.recv().await {
        for event in batch {
            let FeedEvent::Change(change) = event else { panic!("not a change: {event:?}") };
            rows.apply(change);
        }
    }
    assert_eq!(reading.await.unwrap(), Ok(6_100));
    // Statuses 1 to 8 in turn, of which two are active.
    assert_eq!((rows.members.len(), rows.memberships.len()), (3_100, 750));
    fixture.agrees().await;
    assert_ne!(fixture.state.lock().unwrap().rows, rows);
    nothing_is_left(&fixture).await;
    // Nor does one that is dropped before it is run.
    drop(open(&fixture).await);
    nothing_is_left(&fixture).await;
    // Nor does one that nobody listens to any more.
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    drop(receiver);
    let reading = open(&fixture).await;
    assert!(reading.run(sender, |_| {}).await.is_err());
    nothing_is_left(&fixture).await;
    fixture.stop(running).await;
}

async fn open(fixture: &Fixture) -> Reading {
    PreparedReading::new(&fixture.config).await.unwrap().open().await.unwrap()
}

/// Temporary slots go as soon as the server has noticed that their connections have.
async fn nothing_is_left(fixture: &Fixture) {
    until("the slot is gone", async || {
        let sql = "SELECT FROM pg_replication_slots WHERE temporary";
        fixture.sql.query(sql, &[]).await.unwrap().is_empty()
    })
    .await;
}

/// A transaction past its bound is not followed: what follows it is copied, and it is in that.
#[tokio::test]
async fn a_transaction_that_is_too_large_is_followed_by_a_copy() {
    let mut fixture = Fixture::new("too_large", PUBLICATION).await;
    fixture.config.transaction_bytes_max = 50_000;
    let running = fixture.run();
    fixture.streaming().await;
    fixture.execute("DELETE FROM teamgraph.team_membership WHERE id < 100").await;
    fixture.agrees().await;
    assert_eq!(fixture.status.get().copies, 1);
    fixture.execute("UPDATE teamgraph.team_membership SET status = 2").await;
    fixture.until("copied anew", |status| status.copies == 2).await;
    fixture.streaming().await;
    fixture.agrees().await;
    fixture.stop(running).await;
}

/// Where nothing is written, the log goes on by our notes, and no version comes of them.
#[tokio::test]
async fn an_idle_source_is_left_notes() {
    let mut fixture = Fixture::new("notes", PUBLICATION).await;
    fixture.config.watch_interval = Duration::from_millis(100);
    let running = fixture.run();
    fixture.streaming().await;
    fixture.execute("SELECT pg_create_logical_replication_slot('spy', 'test_decoding')").await;
    let commits = fixture.state.lock().unwrap().commits;
    let notes = "SELECT lsn::text FROM pg_logical_slot_peek_changes('spy', NULL, NULL)
        WHERE data LIKE 'message: transactional: 0 prefix: teamgraph,%' LIMIT 1";
    let deadline = tokio::time::Instant::now() + NEVER;
    let note = loop {
        if let Some(row) = fixture.sql.query_opt(notes, &[]).await.unwrap() {
            break row.get::<_, &str>(0).parse::<Lsn>().unwrap();
        }
        assert!(tokio::time::Instant::now() < deadline, "no note was left");
        tokio::time::sleep(LOOK).await;
    };
    fixture.until("the note applied", |_| fixture.applied.get() > note).await;
    assert_eq!(fixture.state.lock().unwrap().commits, commits);
    fixture.execute("SELECT pg_drop_replication_slot('spy')").await;
    fixture.stop(running).await;
}
