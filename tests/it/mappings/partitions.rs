//! Partitioned tables, published through their root or not: what is in the change feed is exact at
//! once, and what is not heals by a fresh copy.

use super::world::{Application, World, int};

const PARTITIONED: Application = Application {
    mapping: "tests/it/mappings/partitioned.toml",
    tables: "tests/it/mappings/partitioned.sql",
    publication: "",
    keys: &[int],
    members: "SELECT 0, id::text, NULL::text, is_team FROM member",
    memberships: "SELECT 0, member::text, 0, team::text, false FROM membership WHERE active",
};

/// What is in the change feed either way.
async fn told(world: &World) {
    for sql in [
        "INSERT INTO membership SELECT g, 41 + g % 12 * 20, true FROM generate_series(3, 40) g",
        "UPDATE membership SET active = false WHERE member % 5 = 0",
        // From one partition to another, and to one on a third level.
        "UPDATE membership SET team = team + 100 WHERE member % 3 = 0 AND team < 200 AND member > 3",
        "UPDATE membership SET team = 241 WHERE member = 7",
        "DELETE FROM membership WHERE member = 8",
        "UPDATE membership SET member = 61 WHERE member = 10",
        "BEGIN; DELETE FROM membership; ROLLBACK",
        "BEGIN; TRUNCATE membership;
         INSERT INTO membership VALUES (3, 1, true), (4, 3, true), (1, 101, true); COMMIT",
    ] {
        world.execute(sql).await;
        world.agrees().await;
    }
}

#[tokio::test]
async fn published_as_partitions() {
    let publish = "CREATE PUBLICATION teamgraph FOR TABLE member, membership";
    let world = World::start_with(PARTITIONED, publish).await;
    world.agrees().await;
    told(&world).await;
    assert_eq!(world.feed.get().copies, 1);
    // Some partitions truncated: known at once that the rows are not known.
    world.execute("TRUNCATE part_0").await;
    world.agrees().await;
    assert_eq!(world.feed.get().copies, 2);
    // A new one: its first row is waited for, not missed.
    world
        .execute("CREATE TABLE part_3 PARTITION OF membership FOR VALUES FROM (300) TO (400)")
        .await;
    world.execute("INSERT INTO membership VALUES (12, 321, true)").await;
    world.agrees().await;
    world.execute("UPDATE membership SET active = false WHERE member = 12").await;
    world.agrees().await;
    untold(&world).await;
    // A table that is published and no partition changes nothing.
    let copies = world.feed.get().copies;
    world.execute("CREATE TABLE other (id int PRIMARY KEY)").await;
    world.execute("DELETE FROM membership WHERE member = 3").await;
    world.agrees().await;
    assert_eq!(world.feed.get().copies, copies);
    world.end().await;
}

#[tokio::test]
async fn published_as_their_root() {
    let publish = "CREATE PUBLICATION teamgraph FOR TABLE member, membership
                   WITH (publish_via_partition_root = true)";
    let world = World::start_with(PARTITIONED, publish).await;
    world.agrees().await;
    told(&world).await;
    world
        .execute("CREATE TABLE part_3 PARTITION OF membership FOR VALUES FROM (300) TO (400)")
        .await;
    world.execute("INSERT INTO membership VALUES (12, 321, true)").await;
    world.agrees().await;
    // Not in the change feed at all.
    world.execute("INSERT INTO membership VALUES (13, 5, true)").await;
    world.agrees().await;
    world.execute("TRUNCATE part_0").await;
    world.agrees_in_time().await;
    untold(&world).await;
    world.end().await;
}

/// Partitions that are attached, detached and dropped with rows in them.
async fn untold(world: &World) {
    for sql in [
        "CREATE TABLE part_4 (LIKE membership INCLUDING ALL);
         INSERT INTO part_4 VALUES (20, 401, true), (21, 421, true);
         ALTER TABLE membership ATTACH PARTITION part_4 FOR VALUES FROM (400) TO (500)",
        "ALTER TABLE membership DETACH PARTITION part_4",
        "ALTER TABLE membership ATTACH PARTITION part_4 FOR VALUES FROM (400) TO (500)",
        "DROP TABLE part_4",
    ] {
        world.execute(sql).await;
        world.agrees_in_time().await;
    }
}
