//! A table in the very database that is followed.

use super::world::{World, options};
use crate::live::source::{connect, until};
use teamgraph::project::{ProjectError, ProjectOptions, mend};

#[tokio::test]
async fn the_followed_database_takes_a_table_by_consent_and_never_a_published_one() {
    let mut world = World::start().await;
    world.sql = connect(&world.source.url).await;
    let own = options(&world.source.url);
    let consenting = ProjectOptions { same_database: true, ..own.clone() };
    let served = world.projecting(consenting.clone()).await;
    world.equal().await;
    let error = mend(&served.published, &own).await.unwrap_err();
    assert!(matches!(error, ProjectError::Held { .. } | ProjectError::SameDatabase), "{error}");
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person < 150").await;
    world.equal().await;
    // What is written into the table is no change of the graph.
    let versions = served.published.load().unwrap().snapshot.sequence();
    let revision = async || {
        let sql = "SELECT revision FROM teamgraph_projection";
        world.sql.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let first = revision().await;
    until("two moves of the row", async || revision().await >= first + 2).await;
    assert_eq!(served.published.load().unwrap().snapshot.sequence(), versions);
    let published = std::sync::Arc::clone(&served.published);
    served.stop().await;
    let error = mend(&published, &own).await.unwrap_err();
    assert!(matches!(error, ProjectError::SameDatabase), "{error}");
    let publish = "ALTER PUBLICATION teamgraph ADD TABLE teamparticipation";
    world.sql.batch_execute(publish).await.unwrap();
    let error = mend(&published, &consenting).await.unwrap_err();
    assert!(error.to_string().contains("DROP TABLE \"public\".\"teamparticipation\""), "{error}");
    // A new one is found to be published before it is filled.
    world
        .sql
        .batch_execute(
            "DROP TABLE teamparticipation; DROP PUBLICATION teamgraph;
             CREATE PUBLICATION teamgraph FOR ALL TABLES",
        )
        .await
        .unwrap();
    let error = mend(&published, &consenting).await.unwrap_err();
    assert!(matches!(error, ProjectError::Published { .. }), "{error}");
    assert_eq!(world.rows().await, None);
    world.stop().await;
}
