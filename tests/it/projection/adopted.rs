//! Tables that are there already, kept by hand so far: seen to be right or wrong, mended, or refused.

use super::world::{Rows, World, teams};
use crate::live::served::Served;
use crate::live::source::until;
use std::collections::BTreeSet;
use teamgraph::project::{Filter, ProjectError, ProjectOptions, TableNames, check, mend};

/// As Launchpad made it.
const LAUNCHPAD: &str = "
    CREATE TABLE teamparticipation (id serial PRIMARY KEY, team integer NOT NULL,
        person integer NOT NULL, UNIQUE (team, person));
    CREATE INDEX teamparticipation_person_idx ON teamparticipation (person)";

async fn narrow_rows(world: &World) -> Rows {
    let sql = "SELECT team::bigint, person::bigint FROM teamparticipation";
    let found = world.sql.query(sql, &[]).await.unwrap();
    found.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn served(world: &World) -> Served {
    let served = Served::start(&world.source.url, "adopting").await;
    served.applied(world.source.position().await).await;
    served
}

#[tokio::test]
async fn what_differs_is_shown_by_example_and_mended_and_nothing_else_is_touched() {
    let world = World::start().await;
    let (served, truth) = (served(&world).await, world.truth().await);
    world.sql.batch_execute(LAUNCHPAD).await.unwrap();
    for (team, person) in &truth {
        let sql = "INSERT INTO teamparticipation (team, person) VALUES ($1, $2)";
        let (team, person) = (i32::try_from(*team).unwrap(), i32::try_from(*person).unwrap());
        world.sql.execute(sql, &[&team, &person]).await.unwrap();
    }
    let options = world.options();
    let report = check(&served.published, &options).await.unwrap();
    assert!(!report.has_differences(), "{report:?}");
    // What Launchpad's two passes a day looked for: missing and spurious rows, at both ends too.
    let first = truth.first().unwrap();
    let sql = format!(
        "DELETE FROM teamparticipation WHERE (team, person) = {first:?} OR person = 17;
         INSERT INTO teamparticipation (team, person) VALUES (0, 3), (202, 99999), (99999, 1)"
    );
    world.sql.batch_execute(&sql).await.unwrap();
    let lost = truth.iter().filter(|pair| *pair == first || pair.1 == 17).count();
    let before = narrow_rows(&world).await;
    let report = check(&served.published, &options).await.unwrap();
    assert_eq!((report.missing, report.spurious), (u64::try_from(lost).unwrap(), 3));
    assert_eq!(report.rows_expected, u64::try_from(truth.len()).unwrap());
    assert_eq!(report.rows_found, u64::try_from(before.len()).unwrap());
    let shown = |is_missing, team: &str, person: &str| {
        report.examples.iter().any(|example| {
            (example.is_missing, &*example.team, &*example.person) == (is_missing, team, person)
        })
    };
    assert!(shown(true, "person-17 (17)", "person-17 (17)"), "{report:?}");
    assert!(shown(false, "team-202 (202)", "99999"), "{report:?}");
    assert!(shown(false, "0", "person-3 (3)"), "{report:?}");
    assert_eq!(narrow_rows(&world).await, before, "a check writes nothing");
    let progress = "SELECT to_regclass('teamgraph_projection') IS NULL";
    assert!(world.sql.query_one(progress, &[]).await.unwrap().get::<_, bool>(0));
    let kept = "SELECT array_agg(id ORDER BY id) FROM teamparticipation WHERE team = 203";
    let ids: Vec<i32> = world.sql.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(mend(&served.published, &options).await.unwrap().spurious, 3);
    assert_eq!(narrow_rows(&world).await, truth);
    let after: Vec<i32> = world.sql.query_one(kept, &[]).await.unwrap().get(0);
    assert!(ids.iter().all(|id| after.contains(id)), "rows that were right were written anew");
    let report = check(&served.published, &options).await.unwrap();
    assert!(!report.has_differences(), "{report:?}");
    served.stop().await;
    world.stop().await;
}

/// A check of a table that somebody projects compares it with the version at which it stands,
/// whatever was committed meanwhile.
#[tokio::test]
async fn a_table_that_is_behind_is_compared_with_its_own_version() {
    let world = World::start().await;
    let served = served(&world).await;
    mend(&served.published, &world.options()).await.unwrap();
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person < 100").await;
    served.applied(world.source.position().await).await;
    let report = check(&served.published, &world.options()).await.unwrap();
    assert!(!report.has_differences(), "{report:?}");
    assert!(report.version.end_lsn < served.published.load().unwrap().snapshot.version().end_lsn);
    let sql = "DELETE FROM teamparticipation WHERE person = 200 AND team <> 200";
    assert!(world.sql.execute(sql, &[]).await.unwrap() > 0);
    let report = check(&served.published, &world.options()).await.unwrap();
    assert!(report.missing > 0 && report.spurious == 0, "{report:?}");
    served.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_its_fix() {
    let world = World::start().await;
    let served = served(&world).await;
    let refused = async |table: &str| {
        world.sql.batch_execute(table).await.unwrap();
        let error = mend(&served.published, &world.options()).await.unwrap_err();
        let drop = "DROP TABLE IF EXISTS teamparticipation, teamparticipation_filling;
                    DROP VIEW IF EXISTS chosen";
        world.sql.batch_execute(drop).await.unwrap();
        error.to_string()
    };
    for (table, said) in [
        (
            "CREATE TABLE teamparticipation (team int NOT NULL, person int NOT NULL)",
            "CREATE UNIQUE INDEX CONCURRENTLY ON \"public\".\"teamparticipation\" (\"team\", \"person\")",
        ),
        (
            "CREATE TABLE teamparticipation (team int NOT NULL, person int, UNIQUE (team, person))",
            "SET NOT NULL",
        ),
        (
            "CREATE TABLE teamparticipation (team int NOT NULL, who int NOT NULL)",
            "column \"person\" of \"public\".\"teamparticipation\" does not exist",
        ),
        (
            "CREATE TABLE teamparticipation (team money, person int, UNIQUE (team, person))",
            "is of type money",
        ),
        (
            "CREATE TABLE teamparticipation (team int, person uuid, PRIMARY KEY (team, person))",
            "ALTER COLUMN \"person\" TYPE bigint",
        ),
        ("CREATE TABLE teamparticipation_filling ()", "is not ours"),
    ] {
        let error = refused(table).await;
        assert!(error.contains(said), "{table}: {error}");
    }
    world.sql.batch_execute("CREATE VIEW chosen AS SELECT 1 AS team, 2 AS person").await.unwrap();
    let table = TableNames { table: "chosen".into(), ..world.options().table };
    let view = ProjectOptions { table, ..world.options() };
    let error = mend(&served.published, &view).await.unwrap_err();
    assert!(matches!(error, ProjectError::NoTable { .. }), "{error}");
    let error = check(&served.published, &world.options()).await.unwrap_err();
    assert!(matches!(error, ProjectError::Missing { .. }), "{error}");
    served.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn two_projectors_of_one_table_do_not_work_at_once() {
    let world = World::start().await;
    let first = world.projecting(world.options()).await;
    world.equal().await;
    let error = mend(&first.published, &world.options()).await.unwrap_err();
    assert!(matches!(error, ProjectError::Held { .. }), "{error}");
    let table = TableNames { table: "another".into(), ..world.options().table };
    mend(&first.published, &ProjectOptions { table, ..world.options() }).await.unwrap();
    // Its own way is free, and when the first is gone, the second takes over.
    let second = Served::projecting(
        crate::live::served::options(&world.source.url, "second"),
        world.options(),
    )
    .await;
    second.streaming().await;
    first.stop().await;
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person < 60").await;
    world.equal().await;
    second.stop().await;
    world.stop().await;
}

/// Other filters than before: the table is read through, and follows by them.
#[tokio::test]
async fn other_filters_are_taken_up_by_reading_the_table_through() {
    let world = World::start().await;
    let (few, all_teams) = (BTreeSet::from([202, 205, 2]), teams(&world.source.sql).await);
    for (people_only, self_rows, some) in
        [(true, true, false), (true, false, false), (false, false, true), (false, true, true)]
    {
        let keys = || few.iter().map(i64::to_string).collect();
        let filter = Filter { people_only, self_rows, teams: some.then(keys) };
        let served = world.projecting(ProjectOptions { filter, ..world.options() }).await;
        for sql in [
            "UPDATE teamgraph.team_membership SET status = 3 WHERE person = 2",
            "DELETE FROM teamgraph.team_membership WHERE person IN (205, 30)",
            "INSERT INTO teamgraph.team_membership (person, team, status)
                VALUES (205, 202, 2), (30, 205, 2)",
        ] {
            world.source.execute(sql).await;
            let mut truth = world.truth().await;
            truth.retain(|(team, person)| {
                (!people_only || !all_teams.contains(person))
                    && (self_rows || team != person)
                    && (!some || few.contains(team))
            });
            until("the table as filtered", async || world.rows().await.as_ref() == Some(&truth))
                .await;
        }
        served.stop().await;
    }
    world.stop().await;
}
