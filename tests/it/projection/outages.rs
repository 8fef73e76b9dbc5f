//! A target that goes away, and what it must not disturb.

use super::world::{options, rows, truth};
use crate::live::served::{Served, options as server_options};
use crate::live::source::{Source, connect, server, until};
use std::time::Duration;
use teamgraph::embedded::EmbeddedPostgres;
use teamgraph::graph::HistoryLimits;
use teamgraph::project::ProjectOptions;
use teamgraph::server::ServerOptions;

async fn equal(source: &Source, target: &str) {
    let (truth, sql) = (truth(&source.sql).await, connect(target).await);
    until("the table equal", async || rows(&sql).await.as_ref() == Some(&truth)).await;
}

struct Apart {
    source: Source,
    postgres: EmbeddedPostgres,
    target: String,
}

impl Apart {
    async fn start() -> Self {
        let source = Source::start().await;
        source.populate(100, 20).await;
        let postgres = server(&[]).await;
        let target = postgres.create_database("mart").await.unwrap();
        Apart { source, postgres, target }
    }

    async fn stop(self) {
        self.source.stop().await;
        self.postgres.stop().await.unwrap();
    }
}

/// Also amid writes, and also by a crash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_away_is_caught_up_with_and_nobody_else_notices() {
    let mut apart = Apart::start().await;
    let projection = ProjectOptions { batch_rows: 30, ..options(&apart.target) };
    let served = Served::projecting(server_options(&apart.source.url, "away"), projection).await;
    served.streaming().await;
    equal(&apart.source, &apart.target).await;
    for outage in 0..2_i64 {
        let team = 102 + outage;
        let join = format!(
            "INSERT INTO teamgraph.team_membership (person, team, status)
             SELECT g, {team}, 2 FROM generate_series(2, 101) g"
        );
        apart.source.execute(&join).await;
        if outage == 0 {
            apart.postgres.halt().await.unwrap();
        } else {
            apart.postgres.crash().await.unwrap();
        }
        apart.source.execute("DELETE FROM teamgraph.team_membership WHERE person < 50").await;
        let position = apart.source.position().await;
        served.applied(position).await;
        let status = served.feed_status.get();
        assert_eq!((status.reconnects, status.copies), (0, 1));
        apart.postgres.resume().await.unwrap();
        equal(&apart.source, &apart.target).await;
    }
    served.stop().await;
    apart.stop().await;
}

/// The version at which the table stands leaves the history while the target is away: the table is
/// read through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_history_costs_a_read_of_the_table() {
    let mut apart = Apart::start().await;
    let history = HistoryLimits { versions_max: 2, ..HistoryLimits::default() };
    let server_options =
        ServerOptions { history, ..server_options(&apart.source.url, "forgetful") };
    let served = Served::projecting(server_options, options(&apart.target)).await;
    served.streaming().await;
    equal(&apart.source, &apart.target).await;
    apart.postgres.halt().await.unwrap();
    for person in 2..30 {
        let join = format!(
            "INSERT INTO teamgraph.team_membership (person, team, status) VALUES ({person}, 105, 2)"
        );
        apart.source.execute(&join).await;
    }
    served.applied(apart.source.position().await).await;
    apart.postgres.resume().await.unwrap();
    equal(&apart.source, &apart.target).await;
    served.stop().await;
    apart.stop().await;
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
