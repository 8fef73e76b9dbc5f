//! A table that is made, and then follows.

use super::world::{Rows, World, pairs, rows};
use crate::live::dice::{Dice, seed};
use crate::live::source::{connect, start, until};
use crate::live::writer::write_at_random;
use teamgraph::id::Lsn;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_table_is_made_as_launchpad_has_it_and_follows() {
    let world = World::start().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let one = async |sql: &str| world.sql.query_one(sql, &[]).await.unwrap();
    let columns =
        one("SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY ordinal_position)
         FROM information_schema.columns WHERE table_name = 'teamparticipation'");
    assert_eq!(columns.await.get::<_, &str>(0), "id bigint, team bigint, person bigint");
    let indexes = one("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes
         WHERE tablename = 'teamparticipation'");
    assert_eq!(
        indexes.await.get::<_, &str>(0),
        "teamparticipation_person_idx teamparticipation_pkey teamparticipation_team_person_key"
    );
    let left = one("SELECT count(*) FROM pg_class WHERE relname LIKE '%filling%'");
    assert_eq!(left.await.get::<_, i64>(0), 0);
    let sequence = one("SELECT pg_get_serial_sequence('teamparticipation', 'id')");
    assert_eq!(sequence.await.get::<_, &str>(0), "public.teamparticipation_id_seq");
    for sql in [
        // One person; one team with all below it under another; a cycle; its end.
        "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (2, 231, 2)",
        "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (202, 231, 2)",
        "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (231, 217, 2)",
        "DELETE FROM teamgraph.team_membership WHERE person = 202 AND team = 231",
        "UPDATE teamgraph.person SET team_owner = NULL WHERE id = 203",
        "UPDATE teamgraph.person SET team_owner = 1 WHERE id IN (203, 5)",
        "DELETE FROM teamgraph.team_membership WHERE person = 7; DELETE FROM teamgraph.person WHERE id = 7",
        "INSERT INTO teamgraph.person (id, name, display_name) VALUES (1000, 'new', '')",
        "TRUNCATE teamgraph.team_membership",
    ] {
        world.source.execute(sql).await;
        world.equal().await;
    }
    served.stop().await;
    world.stop().await;
}

/// At whatever moment one looks, the table is that of the version that its row names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_any_moment_the_table_is_that_of_its_version() {
    let world = World::start().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let (seed, done) = (seed(), CancellationToken::new());
    let writer =
        |n| write_at_random(world.source.url.clone(), Dice::new(seed, n), true, done.clone());
    let writers: Vec<_> = (0..2).map(|n| start(writer(n))).collect();
    let reader = connect(&world.target).await;
    let mut versions = std::collections::BTreeSet::new();
    until("two hundred moments of twenty versions", async || {
        let (version, found) = moment(&reader).await;
        let snapshot = served.published.recent_at(version).expect("the version is kept");
        assert_eq!(snapshot.version().end_lsn, version);
        // It takes a while, and must not hold up those who write and apply.
        let expected = tokio::task::spawn_blocking(move || pairs(&snapshot)).await.unwrap();
        assert!(found == expected, "at {version}");
        versions.insert(version);
        versions.len() >= 20
    })
    .await;
    done.cancel();
    for writer in writers {
        assert!(writer.await.unwrap().committed > 10);
    }
    world.equal().await;
    served.stop().await;
    world.stop().await;
}

/// The version and the rows, as of one moment.
async fn moment(reader: &tokio_postgres::Client) -> (Lsn, Rows) {
    reader.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let sql = "SELECT end_lsn::text FROM teamgraph_projection";
    let version = reader.query_one(sql, &[]).await.unwrap().get::<_, &str>(0).parse().unwrap();
    let found = rows(reader).await.unwrap();
    reader.batch_execute("COMMIT").await.unwrap();
    (version, found)
}

#[tokio::test]
async fn the_lag_is_shown_and_an_idle_table_stays_current() {
    let world = World::start().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let revision = async || {
        let sql = "SELECT revision FROM teamgraph_projection WHERE projected = 'teamparticipation'";
        world.sql.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let first = revision().await;
    until("two moves without a change", async || revision().await >= first + 2).await;
    let sql = "SELECT status, lag_s, applied_lsn >= end_lsn FROM teamgraph_projection_lag";
    let row = world.sql.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "following");
    assert!(row.get::<_, Option<f64>>(1).is_some_and(|lag| lag >= 0.0));
    assert!(row.get::<_, bool>(2));
    served.stop().await;
    world.stop().await;
}

/// A merge that is under way, and holds all the locks that it takes, keeps no reader waiting; and a
/// reader that goes on reading keeps no merge waiting.
#[tokio::test]
async fn readers_and_merges_do_not_wait_for_each_other() {
    let world = World::start().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let before = world.rows().await.unwrap();
    let long = connect(&world.target).await;
    long.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    assert_eq!(rows(&long).await.unwrap(), before);
    let gate = super::crashes::Gate::at_commit(&world).await;
    world
        .source
        .execute("DELETE FROM teamgraph.team_membership WHERE person BETWEEN 2 AND 90")
        .await;
    gate.reached().await;
    world.sql.batch_execute("SET lock_timeout = '1s'").await.unwrap();
    assert_eq!(world.rows().await.unwrap(), before, "what is not committed is not seen");
    gate.open().await;
    world.equal().await;
    assert_eq!(rows(&long).await.unwrap(), before, "its snapshot stays");
    served.stop().await;
    world.stop().await;
}
