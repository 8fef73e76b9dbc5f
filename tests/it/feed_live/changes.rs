//! Every kind of change, and changes that never rest while connections are cut.

use super::fixture::{Fixture, PUBLICATION};
use crate::live::source::{connect, start};
use std::sync::atomic::Ordering;
use std::time::Duration;
use teamgraph::status::FeedStatus;
use tokio_util::sync::CancellationToken;

// Inserts, updates of every column that matters, deletes, truncates, rollbacks, savepoints.
async fn every_change(fixture: &Fixture) {
    for change in [
        "INSERT INTO teamgraph.person (id, name, team_owner) VALUES (9001, 'new', NULL), (9002, 'crew', 9001)",
        "UPDATE teamgraph.person SET name = 'newer', display_name = repeat('x', 10) WHERE id = 9001",
        // A rename that swaps two names, in one transaction.
        "BEGIN; UPDATE teamgraph.person SET name = 'tmp' WHERE id = 1;
         UPDATE teamgraph.person SET name = 'person-1' WHERE id = 2;
         UPDATE teamgraph.person SET name = 'person-2' WHERE id = 1; COMMIT",
        "INSERT INTO teamgraph.team_membership (id, person, team, status) VALUES (9001, 9001, 9002, 2)",
        "UPDATE teamgraph.team_membership SET status = 3 WHERE id = 9001",
        "UPDATE teamgraph.team_membership SET status = 4 WHERE id = 9001",
        "UPDATE teamgraph.team_membership SET status = 2 WHERE id = 9001",
        "UPDATE teamgraph.team_membership SET date_joined = now() WHERE id = 9001",
        // Key columns: of the row, of its ends.
        "UPDATE teamgraph.team_membership SET id = 9101 WHERE id = 9001",
        "UPDATE teamgraph.team_membership SET person = 5, team = 3099 WHERE id = 9101",
        "UPDATE teamgraph.person SET id = 9003, name = 'moved' WHERE id = 9002",
        "UPDATE teamgraph.person SET team_owner = NULL WHERE id = 9003",
        "BEGIN; INSERT INTO teamgraph.person (id, name) VALUES (9500, 'never'); ROLLBACK",
        "BEGIN; INSERT INTO teamgraph.person (id, name) VALUES (9501, 'kept');
         SAVEPOINT a; DELETE FROM teamgraph.team_membership; ROLLBACK TO a;
         INSERT INTO teamgraph.person (id, name) VALUES (9502, 'kept too'); COMMIT",
        "DELETE FROM teamgraph.team_membership WHERE id % 7 = 0",
        "DELETE FROM teamgraph.person WHERE id = 9501",
        // A name stored out of line, then an update that does not touch it.
        "ALTER TABLE teamgraph.person ALTER COLUMN name SET STORAGE EXTERNAL;
         INSERT INTO teamgraph.person (id, name) VALUES (9600, repeat('long ', 500))",
        "UPDATE teamgraph.person SET display_name = 'x' WHERE id = 9600",
        // Columns come, go and move.
        "BEGIN; ALTER TABLE teamgraph.person DROP COLUMN date_created;
         ALTER TABLE teamgraph.person ADD COLUMN extra int DEFAULT 5;
         INSERT INTO teamgraph.person (id, name) VALUES (9601, 'altered'); COMMIT",
        "UPDATE teamgraph.team_membership SET id = -id",
        "BEGIN; TRUNCATE teamgraph.team_membership;
         INSERT INTO teamgraph.team_membership (id, person, team, status) VALUES (1, 1, 3001, 2); COMMIT",
        "INSERT INTO teamgraph.person (id, name) SELECT g, 'bulk-' || g FROM generate_series(20000, 40000) g",
        "TRUNCATE teamgraph.person CASCADE",
        "INSERT INTO teamgraph.person (id, name) VALUES (1, 'again')",
    ] {
        fixture.execute(change).await;
        fixture.agrees().await;
    }
}

#[tokio::test]
async fn every_change_under_identity_default() {
    let fixture = Fixture::new("default", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    every_change(&fixture).await;
    assert_eq!(fixture.status.get().copies, 1);
    fixture.stop(running).await;
}

#[tokio::test]
async fn every_change_under_identity_full() {
    let full = "ALTER TABLE teamgraph.person REPLICA IDENTITY FULL;
                ALTER TABLE teamgraph.team_membership REPLICA IDENTITY FULL;";
    let fixture = Fixture::new("full", &format!("{full}{PUBLICATION}")).await;
    let running = fixture.run();
    fixture.streaming().await;
    every_change(&fixture).await;
    assert_eq!(fixture.status.get().copies, 1);
    fixture.stop(running).await;
}

/// Writers never rest while the copy is taken and while the connection is cut, again and again,
/// also within large transactions.
#[tokio::test]
async fn copy_and_cuts_under_concurrent_writes() {
    let fixture = Fixture::new("cuts", PUBLICATION).await;
    let done = CancellationToken::new();
    let mut writers = Vec::new();
    for writer in 0..3_i64 {
        let (url, done) = (fixture.url.clone(), done.clone());
        writers.push(start(async move {
            let sql = connect(&url).await;
            let mut round = 0;
            while !done.is_cancelled() {
                let base = 100_000_000 * (writer + 1) + 2_000 * round;
                let rows = if round % 5 == 0 { 1_900 } else { 5 };
                let change = format!(
                    "BEGIN;
                     INSERT INTO teamgraph.person (id, name)
                         SELECT g, 'w' || g FROM generate_series({base}, {base} + {rows}) g;
                     INSERT INTO teamgraph.team_membership (id, person, team, status)
                         SELECT g, g, 3001, 2 + g % 3 FROM generate_series({base}, {base} + {rows}) g;
                     DELETE FROM teamgraph.team_membership WHERE id % 11 = 0 AND id BETWEEN {base} AND {base} + {rows};
                     UPDATE teamgraph.team_membership SET id = id + 50000000 WHERE id % 13 = 0 AND id BETWEEN {base} AND {base} + {rows};
                     COMMIT"
                );
                sql.batch_execute(&change).await.unwrap();
                round += 1;
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
        }));
    }
    let running = fixture.run();
    fixture.streaming().await;
    // Slow enough that a cut falls within what is handed on.
    fixture.pace.store(3, Ordering::Relaxed);
    for cut in 1..=6 {
        fixture.cut().await;
        let back = |status: &FeedStatus| status.reconnects >= cut;
        fixture.until("back", back).await;
        fixture.streaming().await;
        assert_eq!(fixture.status.get().stale_since, None);
    }
    fixture.pace.store(0, Ordering::Relaxed);
    done.cancel();
    for writer in writers {
        writer.await.unwrap();
    }
    fixture.agrees().await;
    let status = fixture.status.get();
    assert_eq!(status.copies, 1);
    println!("{} aborts, {} reconnects", fixture.state.lock().unwrap().aborts, status.reconnects);
    fixture.stop(running).await;
}
