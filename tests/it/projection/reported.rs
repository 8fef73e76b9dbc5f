//! What the server says of its table, and of a projection that has ended.

use super::crashes::Gate;
use super::world::World;
use crate::live::served::{Asker, options as server_options};
use crate::live::source::{NEVER, until};
use std::time::Duration;
use teamgraph::id::Lsn;
use teamgraph::pb::{GetStatusRequest, ProjectionReport};
use teamgraph::project::{Filter, ProjectOptions};
use teamgraph::server::{Server, ServerError};
use tokio_util::sync::CancellationToken;

/// Waits until the report is so, and returns it.
async fn report(
    asker: &mut Asker,
    what: &str,
    holds: impl Fn(&ProjectionReport) -> bool,
) -> ProjectionReport {
    let mut found = None;
    until(what, async || {
        let status = asker.get_status(GetStatusRequest {}).await.unwrap().into_inner();
        found = status.projection.filter(&holds);
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test]
async fn the_status_tells_what_the_table_holds_and_what_is_done_to_it() {
    let world = World::start().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let mut asker = served.asker().await;
    let following = report(&mut asker, "following", |it| it.state == "following").await;
    assert_eq!(following.table, "\"public\".\"teamparticipation\"");
    assert_eq!((following.error.as_str(), following.retry_in_ms), ("", 0));
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person = 9").await;
    let position = world.source.position().await;
    let applied =
        |it: &ProjectionReport| it.applied_lsn.parse::<Lsn>().is_ok_and(|lsn| position <= lsn);
    let moved = report(&mut asker, "the change merged", applied).await;
    assert!(moved.version.unwrap().end_lsn > following.version.unwrap().end_lsn);
    report(&mut asker, "current", |it| it.lag_ms.is_some()).await;
    // What is wrong is told with its fix, which is tried; then it is past, and still told.
    let unfit = "ALTER TABLE teamparticipation RENAME TO former;
         CREATE TABLE teamparticipation (team int NOT NULL, person int NOT NULL)";
    world.sql.batch_execute(unfit).await.unwrap();
    let fix = "CREATE UNIQUE INDEX CONCURRENTLY ON \"public\".\"teamparticipation\" (\"team\", \"person\")";
    let wrong = |it: &ProjectionReport| it.state == "backing-off" && it.error.ends_with(fix);
    let stuck = report(&mut asker, "what is wrong", wrong).await;
    assert!(stuck.retry_in_ms >= 250, "{stuck:?}");
    assert_eq!((&stuck.version, stuck.applied_lsn.as_str()), (&None, ""), "{stuck:?}");
    world.sql.batch_execute(fix).await.unwrap();
    let right = report(&mut asker, "following again", |it| it.state == "following").await;
    assert!(right.error.ends_with(fix) && right.version.is_some(), "{right:?}");
    served.stop().await;
    world.stop().await;
}

/// Each is seen while it waits for the progress row.
#[tokio::test]
async fn the_status_tells_of_a_fill_and_of_a_reading_of_the_table() {
    let world = World::apart().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    served.stop().await;
    let filter = Filter { self_rows: false, ..Filter::default() };
    let other = ProjectOptions { filter, ..world.options() };
    for (state, drop, options) in [
        ("filling", "DROP TABLE teamparticipation", world.options()),
        ("reconciling", "SELECT", other),
    ] {
        world.sql.batch_execute(drop).await.unwrap();
        let gate = Gate::before_the_merge(&world).await;
        let served = world.projecting(options).await;
        let mut asker = served.asker().await;
        let seen = report(&mut asker, state, |it| it.state == state).await;
        assert_eq!((&seen.version, seen.applied_lsn.as_str()), (&None, ""), "{seen:?}");
        gate.open().await;
        report(&mut asker, "following", |it| it.state == "following").await;
        served.stop().await;
    }
    world.stop().await;
}

/// What somebody else wrote into it is of no version, and seen while the reading waits.
#[tokio::test]
async fn a_table_that_was_changed_is_of_no_known_version_until_it_is_read_through() {
    let world = World::apart().await;
    let served = world.projecting(world.options()).await;
    world.equal().await;
    let mut asker = served.asker().await;
    report(&mut asker, "its version", |it| it.version.is_some()).await;
    let gate = Gate::before_the_reading(&world).await;
    world.sql.batch_execute("DELETE FROM teamparticipation WHERE person = 9").await.unwrap();
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person = 9").await;
    gate.reached().await;
    let seen = report(&mut asker, "reconciling", |it| it.state == "reconciling").await;
    assert_eq!((&seen.version, seen.applied_lsn.as_str()), (&None, ""), "{seen:?}");
    gate.open().await;
    world.equal().await;
    report(&mut asker, "its version again", |it| it.version.is_some()).await;
    served.stop().await;
    world.stop().await;
}

/// No clock can count it, so the thread that keeps the table ends.
fn broken(world: &World) -> ProjectOptions {
    ProjectOptions { interval: Duration::MAX, ..world.options() }
}

#[tokio::test]
async fn a_projection_that_ends_is_told_and_the_server_answers_on() {
    let world = World::start().await;
    let served = world.projecting(broken(&world)).await;
    let mut asker = served.asker().await;
    let failed = report(&mut asker, "failed", |it| it.state == "failed").await;
    assert!(failed.error.contains("the project thread failed"), "{failed:?}");
    world.source.execute("DELETE FROM teamgraph.team_membership").await;
    served.applied(world.source.position().await).await;
    report(&mut asker, "failed still", |it| it.state == "failed").await;
    let (rows, truth) = (world.rows().await.unwrap(), world.truth().await);
    assert!(rows.len() > truth.len(), "the table stands still");
    served.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_process_that_only_projects_ends_with_its_projection() {
    let world = World::start().await;
    let server = Server::quiet(server_options(&world.source.url, "alone"));
    let running = server.projecting(broken(&world)).run_until(CancellationToken::new());
    let ended = tokio::time::timeout(NEVER, running).await.unwrap().unwrap_err();
    assert!(matches!(ended, ServerError::ThreadGone { thread: "project" }), "{ended}");
    world.stop().await;
}
