//! What a transaction may be: rolled back in whole or in part, very large, a truncation, a merge.

use super::judge::compare_at_a_position;
use super::served::Served;
use super::source::Source;
use super::writer::merge;

/// Each is compared when it is done.
const CHANGES: [(&str, &str); 16] = [
    (
        "a hierarchy",
        "INSERT INTO teamgraph.team_membership (person, team, status)
        SELECT g, g - 1 - g % 3, 2 FROM generate_series(506, 551) g",
    ),
    (
        "people",
        "INSERT INTO teamgraph.team_membership (person, team, status)
        SELECT 2 + g % 500, 502 + (g + g / 500) % 50, 2 + g % 2 FROM generate_series(1, 1500) g",
    ),
    (
        "a rollback",
        "BEGIN; DELETE FROM teamgraph.team_membership;
        INSERT INTO teamgraph.person (name, display_name) VALUES ('never', ''); ROLLBACK",
    ),
    (
        "savepoints",
        "BEGIN; UPDATE teamgraph.team_membership SET status = 4 WHERE team = 510;
        SAVEPOINT a; DELETE FROM teamgraph.team_membership WHERE team < 520; SAVEPOINT b;
        UPDATE teamgraph.person SET team_owner = NULL WHERE id = 530; ROLLBACK TO b;
        INSERT INTO teamgraph.person (name, display_name) VALUES ('lost', ''); ROLLBACK TO a;
        INSERT INTO teamgraph.person (name, display_name) VALUES ('kept', ''); COMMIT",
    ),
    ("statuses", "UPDATE teamgraph.team_membership SET status = 1 + (status + id) % 8"),
    ("statuses back", "UPDATE teamgraph.team_membership SET status = 2 + id % 2"),
    ("a team made a person", "UPDATE teamgraph.person SET team_owner = NULL WHERE id = 520"),
    ("a person made a team", "UPDATE teamgraph.person SET team_owner = 1 WHERE id IN (520, 7)"),
    (
        "a ring",
        "BEGIN; INSERT INTO teamgraph.team_membership (person, team, status) VALUES
        (502, 551, 2) ON CONFLICT (person, team) DO UPDATE SET status = 2;
        INSERT INTO teamgraph.team_membership (person, team, status) VALUES (540, 540, 2); COMMIT",
    ),
    ("the ring opened", "DELETE FROM teamgraph.team_membership WHERE person = 502"),
    ("rows with other keys", "UPDATE teamgraph.team_membership SET id = -id"),
    (
        "people moved",
        "BEGIN; DELETE FROM teamgraph.team_membership WHERE team >= 530;
        UPDATE teamgraph.team_membership SET team = team + 30 WHERE person <= 501 AND team < 520;
        COMMIT",
    ),
    (
        "members deleted",
        "BEGIN; DELETE FROM teamgraph.team_membership WHERE person BETWEEN 20 AND 60;
        DELETE FROM teamgraph.person WHERE id BETWEEN 20 AND 60; COMMIT",
    ),
    ("an owner", "UPDATE teamgraph.person SET team_owner = 2 WHERE id BETWEEN 510 AND 515"),
    (
        "renames",
        "BEGIN; UPDATE teamgraph.person SET name = 'x' WHERE id = 2;
        UPDATE teamgraph.person SET name = 'person-2' WHERE id = 3;
        UPDATE teamgraph.person SET name = 'person-3' WHERE id = 2; COMMIT",
    ),
    (
        "a truncation and more",
        "BEGIN; TRUNCATE teamgraph.team_membership;
        INSERT INTO teamgraph.team_membership (person, team, status)
        SELECT 100 + g, 505 + g % 9, 2 FROM generate_series(1, 90) g; COMMIT",
    ),
];

#[tokio::test]
async fn every_kind_of_transaction_leaves_what_sql_says() {
    let source = Source::start().await;
    source.populate(500, 50).await;
    let served = Served::start(&source.url, "kinds").await;
    for (what, sql) in CHANGES {
        source.execute(sql).await;
        println!("{what}: {:?}", compare_at_a_position(&source.url, &served).await);
    }
    for (from, into) in [("101", "102"), ("102", "103"), ("103", "110")] {
        source.execute(&merge(from, into)).await;
        compare_at_a_position(&source.url, &served).await;
    }
    source.execute("TRUNCATE teamgraph.person CASCADE").await;
    let compared = compare_at_a_position(&source.url, &served).await;
    assert_eq!((compared.members, compared.participations), (0, 0));
    source
        .execute(
            "INSERT INTO teamgraph.person (id, name, display_name) VALUES (1, 'registry', '');
             INSERT INTO teamgraph.person (id, name, display_name, team_owner)
                 VALUES (502, 'again', '', 1);
             INSERT INTO teamgraph.team_membership (person, team, status) VALUES (1, 502, 3)",
        )
        .await;
    let compared = compare_at_a_position(&source.url, &served).await;
    assert_eq!((compared.members, compared.participations), (2, 1));
    assert_eq!(served.feed_status.get().copies, 1);
    served.stop().await;
    source.stop().await;
}

/// More rows than any queue or batch holds: readers see all of them or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_a_hundred_thousand_rows_is_one_version() {
    const PEOPLE: u64 = 60_000;
    let source = Source::start().await;
    source.populate(10, 3).await;
    let served = Served::start(&source.url, "big").await;
    let before = served.published.load().unwrap().snapshot.sequence();
    source
        .execute(&format!(
            "BEGIN;
             INSERT INTO teamgraph.person (id, name, display_name)
                 SELECT 1000 + g, 'many-' || g, '' FROM generate_series(1, {PEOPLE}) g;
             INSERT INTO teamgraph.team_membership (person, team, status)
                 SELECT 1000 + g, 12 + g % 3, 2 FROM generate_series(1, {PEOPLE}) g;
             INSERT INTO teamgraph.team_membership (person, team, status) VALUES (12, 13, 2);
             COMMIT"
        ))
        .await;
    compare_at_a_position(&source.url, &served).await;
    source
        .execute(
            "BEGIN; DELETE FROM teamgraph.team_membership WHERE id % 2 = 0;
             UPDATE teamgraph.team_membership SET team = 12 WHERE team = 13; COMMIT",
        )
        .await;
    let compared = compare_at_a_position(&source.url, &served).await;
    println!("{compared:?}");
    let newest = served.published.load().unwrap().snapshot.sequence();
    assert_eq!(newest - before, 2);
    let people = |sequence| served.published.recent(1, sequence).unwrap().stats().people;
    assert_eq!((before..=newest).map(people).collect::<Vec<_>>(), [11, 11 + PEOPLE, 11 + PEOPLE]);
    served.stop().await;
    source.stop().await;
}
