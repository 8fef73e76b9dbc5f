//! A projector that ends in the middle of a step, on either side of the connection.

use super::world::World;
use crate::live::source::{connect, until};
use teamgraph::project::ProjectOptions;
use tokio_postgres::Client;

/// What the projector's sessions are called.
const NAME: &str = "teamgraph project";

/// A place where a merge waits until it is opened.
pub struct Gate {
    holder: Client,
    watcher: Client,
}

impl Gate {
    /// Before the progress row is locked, and so before any row is touched.
    pub async fn before_the_merge(world: &World) -> Self {
        Gate::held(world, "BEGIN; SELECT FROM teamgraph_projection FOR UPDATE").await
    }

    /// Before the first row is deleted or inserted, with the progress row locked.
    pub async fn before_the_rows(world: &World) -> Self {
        Gate::held(world, "BEGIN; LOCK TABLE teamparticipation IN SHARE MODE").await
    }

    /// Within the commit, when everything is done.
    pub async fn at_commit(world: &World) -> Self {
        let trigger = "CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON teamgraph_projection
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
             WHEN (OLD.end_lsn <> NEW.end_lsn) EXECUTE FUNCTION gate()";
        Gate::triggered(world, trigger).await
    }

    /// Before the table is read through, when the row tells of it.
    pub async fn before_the_reading(world: &World) -> Self {
        let trigger = "CREATE TRIGGER gate AFTER UPDATE ON teamgraph_projection FOR EACH ROW
             WHEN (NEW.status = 'reconciling') EXECUTE FUNCTION gate()";
        Gate::triggered(world, trigger).await
    }

    async fn triggered(world: &World, trigger: &str) -> Self {
        let sql = format!(
            "CREATE OR REPLACE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock_shared(4242); RETURN NULL; END';
             DROP TRIGGER IF EXISTS gate ON teamgraph_projection;
             {trigger}"
        );
        world.sql.batch_execute(&sql).await.unwrap();
        Gate::held(world, "BEGIN; SELECT pg_advisory_xact_lock(4242)").await
    }

    async fn held(world: &World, sql: &str) -> Self {
        let holder = connect(&world.target).await;
        holder.batch_execute(sql).await.unwrap();
        Gate { holder, watcher: connect(&world.target).await }
    }

    /// Waits until the projector waits there.
    pub async fn reached(&self) {
        let sql = "SELECT FROM pg_stat_activity
                   WHERE application_name = $1 AND wait_event_type = 'Lock'";
        until("the projector at the gate", async || {
            !self.watcher.query(sql, &[&NAME]).await.unwrap().is_empty()
        })
        .await;
    }

    pub async fn open(self) {
        self.holder.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Ends the projector's sessions, as a crash of the target's processes or a cut does.
async fn kill(world: &World) {
    let sql = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = $1";
    let ended = world.sql.query(sql, &[&NAME]).await.unwrap();
    let ended: Vec<i32> = ended.iter().map(|row| row.get(0)).collect();
    assert!(!ended.is_empty(), "nobody to kill");
    until("the sessions gone", async || {
        let sql = "SELECT FROM pg_stat_activity WHERE pid = ANY ($1)";
        world.sql.query(sql, &[&ended]).await.unwrap().is_empty()
    })
    .await;
}

/// So small that every large change is staged.
fn small(world: &World) -> ProjectOptions {
    ProjectOptions { batch_rows: 20, ..world.options() }
}

const CHANGES: [&str; 4] = [
    "INSERT INTO teamgraph.team_membership (person, team, status)
        SELECT g, 231 - g % 3, 2 FROM generate_series(2, 100) g ON CONFLICT DO NOTHING",
    "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (202, 230, 2)",
    "DELETE FROM teamgraph.team_membership WHERE person BETWEEN 50 AND 150",
    "UPDATE teamgraph.team_membership SET status = 5 - status WHERE team = 205",
];

#[tokio::test]
async fn a_session_that_is_lost_at_any_step_of_a_merge_leaves_the_table_at_its_version() {
    let world = World::apart().await;
    let served = world.projecting(small(&world)).await;
    world.equal().await;
    for (step, change) in CHANGES.into_iter().enumerate().take(3) {
        let before = world.rows().await.unwrap();
        let gate = match step {
            0 => Gate::before_the_merge(&world).await,
            1 => Gate::before_the_rows(&world).await,
            _ => Gate::at_commit(&world).await,
        };
        world.source.execute(change).await;
        gate.reached().await;
        kill(&world).await;
        assert_eq!(world.rows().await.unwrap(), before, "step {step}");
        gate.open().await;
        world.equal().await;
    }
    served.stop().await;
    world.stop().await;
}

/// The projector is gone, and its transaction is committed or is not: whoever comes next finds out.
#[tokio::test]
async fn a_projector_that_ends_at_any_step_of_a_merge_is_followed_by_another() {
    let world = World::apart().await;
    let served = world.projecting(small(&world)).await;
    world.equal().await;
    served.stop().await;
    for (step, change) in CHANGES.into_iter().enumerate() {
        let served = world.projecting(small(&world)).await;
        world.equal().await;
        let gate = match step {
            0 => Gate::before_the_merge(&world).await,
            1 => Gate::before_the_rows(&world).await,
            _ => Gate::at_commit(&world).await,
        };
        world.source.execute(change).await;
        gate.reached().await;
        served.stop().await;
        // The last time the next one is there before the transaction has ended.
        let next = if step == 3 {
            let next = world.projecting(small(&world)).await;
            gate.open().await;
            next
        } else {
            gate.open().await;
            world.projecting(small(&world)).await
        };
        world.equal().await;
        next.stop().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn a_fill_that_breaks_off_is_begun_anew_and_nobody_sees_half_a_table() {
    let world = World::apart().await;
    let slow = ProjectOptions { rows_per_s: Some(400), ..small(&world) };
    let filling = "SELECT count(*) > 100 FROM teamparticipation_filling";
    let half = async || {
        let found = world.sql.query_one(filling, &[]).await;
        found.is_ok_and(|row| row.get(0))
    };
    let served = world.projecting(slow.clone()).await;
    until("half a fill", half).await;
    assert_eq!(world.rows().await, None);
    kill(&world).await;
    assert_eq!(world.rows().await, None);
    until("half a fill again", half).await;
    served.stop().await;
    assert_eq!(world.rows().await, None);
    let served = world.projecting(small(&world)).await;
    world.equal().await;
    assert!(world.sql.query_one(filling, &[]).await.is_err(), "what a crash left is gone");
    served.stop().await;
    world.stop().await;
}

/// The last step of a fill, where the table is named and the row written.
#[tokio::test]
async fn a_fill_that_breaks_off_at_its_end_leaves_no_table() {
    let world = World::apart().await;
    let served = world.projecting(small(&world)).await;
    world.equal().await;
    served.stop().await;
    world.sql.batch_execute("DROP TABLE teamparticipation").await.unwrap();
    let gate = Gate::before_the_merge(&world).await;
    let served = world.projecting(small(&world)).await;
    gate.reached().await;
    assert_eq!(world.rows().await, None);
    kill(&world).await;
    assert_eq!(world.rows().await, None);
    gate.open().await;
    world.equal().await;
    served.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn rows_that_were_staged_when_the_session_was_lost_are_staged_again() {
    let world = World::apart().await;
    let slow = ProjectOptions { rows_per_s: Some(500), batch_rows: 50, ..world.options() };
    let served = world.projecting(world.options()).await;
    world.equal().await;
    served.stop().await;
    let served = world.projecting(slow).await;
    world.equal().await;
    let before = world.rows().await.unwrap();
    world.source.execute("DELETE FROM teamgraph.team_membership").await;
    until("rows staged", async || {
        let sql = "SELECT FROM pg_class WHERE relname = 'teamgraph_staged'";
        !world.sql.query(sql, &[]).await.unwrap().is_empty()
    })
    .await;
    kill(&world).await;
    assert_eq!(world.rows().await.unwrap(), before);
    world.equal().await;
    served.stop().await;
    world.stop().await;
}

/// Somebody else writes into the table: what a merge finds is not what it expects, and the table is
/// read through.
#[tokio::test]
async fn rows_that_somebody_else_changed_are_found_by_the_next_merge_that_needs_them() {
    let world = World::apart().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    world
        .sql
        .batch_execute(
            "DELETE FROM teamparticipation WHERE person = 9 OR team = 210;
             INSERT INTO teamparticipation (team, person) VALUES (1, 2), (999, 999)",
        )
        .await
        .unwrap();
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person = 9").await;
    world.equal().await;
    served.stop().await;
    world.stop().await;
}

/// A row that is not as we write it says nothing of the table, and is no reason to stand still.
#[tokio::test]
async fn a_row_that_cannot_be_read_costs_a_read_of_the_table() {
    let world = World::start().await;
    for wrong in ["system_id = 'mine'", "timeline = -1"] {
        let served = world.projecting(world.options()).await;
        world.equal().await;
        served.stop().await;
        let sql = format!(
            "UPDATE teamgraph_projection SET {wrong};
             DELETE FROM teamparticipation WHERE person = 9"
        );
        world.sql.batch_execute(&sql).await.unwrap();
        let served = world.projecting(world.options()).await;
        world.equal().await;
        let still = format!("SELECT FROM teamgraph_projection WHERE {wrong}");
        assert!(world.sql.query(&still, &[]).await.unwrap().is_empty(), "{wrong}");
        served.stop().await;
    }
    world.stop().await;
}

/// Another table in the place of the one that was followed, or none: the row tells which it is of.
#[tokio::test]
async fn a_table_that_is_dropped_or_replaced_is_made_or_read_anew() {
    let world = World::apart().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    world.sql.batch_execute("DROP TABLE teamparticipation").await.unwrap();
    world.equal().await;
    let replace = "BEGIN; ALTER TABLE teamparticipation RENAME TO former;
         CREATE TABLE teamparticipation (person int NOT NULL, team int NOT NULL,
            PRIMARY KEY (person, team));
         INSERT INTO teamparticipation VALUES (2, 1); COMMIT";
    world.sql.batch_execute(replace).await.unwrap();
    let sql = "SELECT count(*) = (SELECT count(*) FROM former) FROM teamparticipation";
    until("the other table filled", async || {
        world.sql.query_one(sql, &[]).await.unwrap().get::<_, bool>(0)
    })
    .await;
    served.stop().await;
    let wrong = "SELECT FROM teamparticipation FULL JOIN former USING (team, person)
         WHERE teamparticipation.team IS NULL OR former.team IS NULL";
    assert_eq!(world.sql.query(wrong, &[]).await.unwrap().len(), 0);
    world.stop().await;
}
