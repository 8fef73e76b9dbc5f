//! Servers of one database, compared by their digests.

use super::served::Served;
use super::source::Source;
use teamgraph::pb;

/// The newest version and its digest.
async fn state(served: &Served) -> (pb::Version, pb::Digest) {
    let mut asker = served.asker().await;
    let status = asker.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
    (status.answered_at.unwrap().version.unwrap(), status.digest.unwrap())
}

/// One server followed what the other copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_one_database_have_one_digest_at_one_version() {
    let source = Source::start().await;
    source.populate(30, 10).await;
    let first = Served::start(&source.url, "first").await;
    source
        .execute(
            "INSERT INTO teamgraph.team_membership (person, team, status)
                 VALUES (2, 32, 2), (3, 32, 2), (32, 33, 3), (33, 34, 2);
             UPDATE teamgraph.person SET name = 'renamed' WHERE id = 4;
             DELETE FROM teamgraph.team_membership WHERE person = 3;",
        )
        .await;
    let second = Served::start(&source.url, "second").await;
    let mut seen: Vec<pb::Digest> = Vec::new();
    for change in [
        "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (3, 34, 2)",
        "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (34, 32, 2)",
        "UPDATE teamgraph.team_membership SET status = 3 WHERE person = 2",
        "UPDATE teamgraph.person SET team_owner = 3 WHERE id = 33",
        "UPDATE teamgraph.person SET team_owner = 3 WHERE id = 5",
        "DELETE FROM teamgraph.team_membership WHERE person = 33",
        "DELETE FROM teamgraph.person WHERE id = 31",
    ] {
        source.execute(change).await;
        let position = source.position().await;
        first.applied(position).await;
        second.applied(position).await;
        let (version, digest) = state(&first).await;
        assert_eq!(state(&second).await, (version, digest.clone()), "{change}");
        assert!(!seen.contains(&digest), "{change}");
        seen.push(digest);
    }
    first.stop().await;
    second.stop().await;
    source.stop().await;
}
