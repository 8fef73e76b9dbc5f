//! A target that goes away, and what it must not disturb.

use super::world::{World, options};
use crate::live::served::{Served, options as server_options};
use crate::live::source::{Source, connect};
use std::time::Duration;
use teamgraph::graph::HistoryLimits;
use teamgraph::project::ProjectOptions;
use teamgraph::server::ServerOptions;

impl World {
    /// Stops the target's server, or lets it crash.
    async fn lose_target(&mut self, crashes: bool) {
        let postgres = self.apart.as_mut().unwrap();
        if crashes {
            postgres.crash().await.unwrap();
        } else {
            postgres.halt().await.unwrap();
        }
    }

    async fn regain_target(&mut self) {
        self.apart.as_mut().unwrap().resume().await.unwrap();
        self.sql = connect(&self.target).await;
    }
}

/// Also amid writes, and also by a crash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_away_is_caught_up_with_and_nobody_else_notices() {
    let mut world = World::apart().await;
    let served = world.projecting(ProjectOptions { batch_rows: 30, ..world.options() }).await;
    world.equal().await;
    for outage in 0..2_i64 {
        let team = 216 + outage;
        let join = format!(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT g, {team}, 2 FROM generate_series(2, 101) g ON CONFLICT DO NOTHING"
        );
        world.source.execute(&join).await;
        world.lose_target(outage == 1).await;
        world.source.execute("DELETE FROM teamgraph.team_membership WHERE person < 50").await;
        let position = world.source.position().await;
        served.applied(position).await;
        let status = served.feed_status.get();
        assert_eq!((status.reconnects, status.copies), (0, 1));
        world.regain_target().await;
        world.equal().await;
    }
    served.stop().await;
    world.stop().await;
}

/// The version at which the table stands leaves the history while the target is away: the table is
/// read through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_history_costs_a_read_of_the_table() {
    let mut world = World::apart().await;
    let history = HistoryLimits { versions_max: 2, ..HistoryLimits::default() };
    let server_options =
        ServerOptions { history, ..server_options(&world.source.url, "forgetful") };
    let served = Served::projecting(server_options, world.options()).await;
    served.streaming().await;
    world.equal().await;
    world.lose_target(false).await;
    // None of them is in it.
    for person in 2..25 {
        let join = format!(
            "INSERT INTO teamgraph.team_membership (person, team, status) VALUES ({person}, 231, 2)"
        );
        world.source.execute(&join).await;
    }
    served.applied(world.source.position().await).await;
    world.regain_target().await;
    world.equal().await;
    served.stop().await;
    world.stop().await;
}

/// A target that was never there is no reason not to answer.
#[tokio::test]
async fn a_server_answers_without_its_target() {
    let source = Source::start().await;
    source.populate(10, 2).await;
    let nowhere = options("host=/nonexistent user=nobody dbname=none");
    let served = Served::projecting(server_options(&source.url, "alone"), nowhere).await;
    served.streaming().await;
    source.execute("DELETE FROM teamgraph.person WHERE id = 5").await;
    served.applied(source.position().await).await;
    assert_eq!(served.published.load().unwrap().snapshot.stats().people, 10);
    tokio::time::timeout(Duration::from_secs(60), served.stop()).await.unwrap();
    source.stop().await;
}
