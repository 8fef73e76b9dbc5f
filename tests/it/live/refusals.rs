//! What is refused, each time with the fix named and nothing of the source lost.

use super::served::{Served, options};
use super::source::{LOOK, Source, server, until};
use teamgraph::feed::{self, FeedConfig};
use teamgraph::migrate::migrate;
use teamgraph::server::{Server, ServerError};

/// Starts a server that must refuse the source; what it says.
async fn refusal(url: &str) -> String {
    let served = Served::begin(options(url, "refused")).await;
    let error = served.ended().await.unwrap_err();
    assert!(matches!(error, ServerError::Feed(_)), "{error:?}");
    error.to_string()
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

/// What makes the source unfit, what is said of it, and what makes it fit again.
const UNFIT: [(&str, &[&str], &str); 5] = [
    (
        "ALTER PUBLICATION teamgraph DROP TABLE teamgraph.team_membership",
        &[
            "lacks table teamgraph.team_membership",
            "ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership",
        ],
        "ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership",
    ),
    (
        "ALTER PUBLICATION teamgraph SET (publish = 'insert, update, delete')",
        &[
            "leaves out some actions",
            "ALTER PUBLICATION teamgraph SET (publish = 'insert, update, delete, truncate')",
        ],
        "ALTER PUBLICATION teamgraph SET (publish = 'insert, update, delete, truncate')",
    ),
    (
        "ALTER TABLE teamgraph.team_membership REPLICA IDENTITY NOTHING",
        &["replica identity is NOTHING", "REPLICA IDENTITY DEFAULT"],
        "ALTER TABLE teamgraph.team_membership REPLICA IDENTITY DEFAULT",
    ),
    (
        "DROP PUBLICATION teamgraph",
        &[
            "does not exist",
            "CREATE PUBLICATION teamgraph FOR TABLE teamgraph.person, teamgraph.team_membership",
        ],
        "CREATE PUBLICATION teamgraph FOR TABLE teamgraph.person, teamgraph.team_membership",
    ),
    (
        "ALTER TABLE teamgraph.person RENAME COLUMN team_owner TO boss",
        &["has no column team_owner"],
        "ALTER TABLE teamgraph.person RENAME COLUMN boss TO team_owner",
    ),
];

#[tokio::test]
async fn a_source_that_is_unfit_is_refused_until_it_is_fit() {
    let source = Source::start().await;
    source.populate(10, 3).await;
    for (unfit, said, fit) in UNFIT {
        source.execute(unfit).await;
        says(&refusal(&source.url).await, said);
        assert_eq!(source.slots().await, 0, "a refused source keeps no log for us");
        source.execute(fit).await;
        Served::start(&source.url, "fit").await.stop().await;
    }
    source.stop().await;
}

#[tokio::test]
async fn a_role_without_its_rights_is_refused() {
    let source = Source::start().await;
    source.populate(10, 3).await;
    let as_role = |role: &str| source.url.replace("user=postgres", &format!("user={role}"));
    source
        .execute(
            "CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA teamgraph TO plain;
             GRANT SELECT ON ALL TABLES IN SCHEMA teamgraph TO plain;
             CREATE ROLE blind LOGIN REPLICATION; GRANT USAGE ON SCHEMA teamgraph TO blind;
             GRANT SELECT ON teamgraph.person TO blind",
        )
        .await;
    says(&refusal(&as_role("plain")).await, &["may not replicate", "ALTER ROLE plain REPLICATION"]);
    let blind = refusal(&as_role("blind")).await;
    says(&blind, &["may not read column", "GRANT SELECT", "teamgraph.team_membership"]);
    says(&refusal(&as_role("nobody_here")).await, &["nobody_here", "check user and password"]);
    says(&refusal(&source.url.replace("/app?", "/nowhere?")).await, &["name an existing database"]);
    assert_eq!(source.slots().await, 0);
    // The role that the migrations make has all that it needs, and no more.
    Served::start(&as_role("teamgraph_feed"), "least").await.stop().await;
    source.stop().await;
}

/// A setting that only a restart changes, what is said, and the URL's own server.
#[tokio::test]
async fn settings_that_lose_or_keep_too_much_are_refused() {
    for (setting, value, said) in [
        ("wal_level", "replica", &["wal_level: replica", "SET wal_level = logical"][..]),
        (
            "max_slot_wal_keep_size",
            "-1",
            &["max_slot_wal_keep_size", "disk is full", "--allow-unbounded-wal"],
        ),
        ("max_wal_senders", "0", &["max_wal_senders: 0", "ALTER SYSTEM SET max_wal_senders"]),
    ] {
        let postgres = server(&[(setting, value)]).await;
        let url = postgres.create_database("app").await.unwrap();
        migrate(&url).await.unwrap();
        says(&refusal(&url).await, said);
        let mut config = FeedConfig::new(&url, "teamgraph", "tg_refused").unwrap();
        config.allow_unbounded_wal = true;
        let findings = feed::examine(&config).await.unwrap();
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        assert_eq!(errors, usize::from(setting != "max_slot_wal_keep_size"), "{findings:?}");
        postgres.stop().await.unwrap();
    }
}

/// The second says who holds the slot, and the first loses nothing by it; when the first ends,
/// the second takes over.
#[tokio::test]
async fn a_slot_in_use_is_left_to_its_holder() {
    let source = Source::start().await;
    source.populate(10, 3).await;
    let first = Served::start(&source.url, "twin").await;
    let second = Served::begin(options(&source.url, "twin")).await;
    second
        .reports("refused", |status| match &status.state {
            teamgraph::status::FeedState::BackingOff { error, .. } => {
                error.contains("slot tg_twin is in use by pid") && error.contains("--instance")
            }
            _ => false,
        })
        .await;
    assert!(second.published.load().is_none());
    source.execute("DELETE FROM teamgraph.person WHERE id = 5").await;
    first.applied(source.position().await).await;
    assert_eq!(first.published.load().unwrap().snapshot.stats().people, 10);
    assert_eq!(first.feed_status.get().reconnects, 0);
    first.stop().await;
    second.streaming().await;
    assert_eq!(second.published.load().unwrap().snapshot.stats().people, 10);
    second.stop().await;
    source.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_refused_before_anything_is_made() {
    let source = Source::start().await;
    let first = Served::start(&source.url, "first").await;
    let mut taken = options(&source.url, "second");
    taken.listen = first.address;
    let error = Server::start(taken).await.unwrap_err().to_string();
    says(&error, &[&first.address.to_string(), "--listen"]);
    assert_eq!(source.slots().await, 1);
    first.stop().await;
    source.stop().await;
}

/// What goes wrong while it is followed: what was copied stays, nothing is skipped, and the fix is
/// in the report; once it is made, a fresh copy knows everything.
#[tokio::test]
async fn a_table_taken_out_of_the_publication_is_noticed_at_the_next_connection() {
    let source = Source::start().await;
    source.populate(10, 3).await;
    let served = Served::start(&source.url, "taken").await;
    source
        .execute(
            "ALTER PUBLICATION teamgraph DROP TABLE teamgraph.team_membership;
             INSERT INTO teamgraph.team_membership (person, team, status) VALUES (2, 12, 2)",
        )
        .await;
    source.cut(&served.slot).await;
    let status = &served.feed_status;
    let fix = "ALTER PUBLICATION teamgraph ADD TABLE teamgraph.team_membership";
    let says_the_fix = async || match &status.get().state {
        teamgraph::status::FeedState::BackingOff { error, .. } => error.contains(fix),
        _ => false,
    };
    until("the fix said", says_the_fix).await;
    assert!(status.get().stale_since.is_some());
    let memberships = || served.published.load().unwrap().snapshot.stats().memberships;
    assert_eq!(memberships(), 0);
    source.execute(fix).await;
    until("what was missed", async || memberships() == 1).await;
    served.stop().await;
    tokio::time::sleep(LOOK).await;
    source.stop().await;
}
