//! What the feed refuses, and how it says so.

use super::fixture::{Fixture, PUBLICATION};
use teamgraph::feed::{self, FeedConfig, FeedError};
use teamgraph::status::{FeedState, FeedStatus};

#[tokio::test]
async fn what_is_wrong_is_named_with_its_fix() {
    let mut fixture = Fixture::new("wrong", "").await;
    let reader = "DO $$ BEGIN CREATE ROLE feed_reader LOGIN;
                  EXCEPTION WHEN duplicate_object THEN NULL; END $$;
                  ALTER TABLE teamgraph.team_membership REPLICA IDENTITY NOTHING;
                  ALTER TABLE teamgraph.person ENABLE ROW LEVEL SECURITY;
                  ALTER TABLE teamgraph.person RENAME COLUMN team_owner TO boss;
                  CREATE PUBLICATION teamgraph FOR TABLE teamgraph.person (id, boss) WHERE (id > 5)
                      WITH (publish = 'insert')";
    fixture.execute(reader).await;
    let url = fixture.url.replace("user=postgres", "user=feed_reader");
    fixture.config = FeedConfig::new(&url, "teamgraph", "feed_wrong").unwrap();
    let findings = feed::examine(&fixture.config).await.unwrap();
    let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
    for expected in [
        "may not replicate",
        "leaves out some actions",
        "lacks table teamgraph.team_membership",
        "leaves out column name of table teamgraph.person",
        "filters the rows of table teamgraph.person",
        "has no column team_owner",
        "replica identity is NOTHING",
        "row-level security",
        "may not use its schema",
        "may not read column status",
    ] {
        let found = errors.iter().find(|finding| finding.text.contains(expected));
        let found = found.unwrap_or_else(|| panic!("no finding says {expected}: {errors:#?}"));
        assert!(found.fix.is_some(), "{found}");
    }
    let failed = fixture.run().await.unwrap().unwrap_err();
    assert!(matches!(failed, FeedError::Definite { .. }));
    assert!(matches!(fixture.status.get().state, FeedState::Failed { .. }));
    assert_eq!(fixture.slots().await, 0);
}

#[tokio::test]
async fn two_feeds_of_one_name_do_not_share_a_slot() {
    let fixture = Fixture::new("twice", PUBLICATION).await;
    let running = fixture.run();
    fixture.streaming().await;
    let second = fixture.another().await;
    let refused = second.run();
    let in_use = |status: &FeedStatus| match &status.state {
        FeedState::BackingOff { error, .. } => error.contains("in use by pid"),
        _ => false,
    };
    second.until("refused", in_use).await;
    second.shutdown.cancel();
    assert_eq!(refused.await.unwrap(), Ok(()));
    // The first one's slot is still there.
    assert_eq!(fixture.slots().await, 1);
    fixture.execute("DELETE FROM teamgraph.team_membership WHERE id < 10").await;
    fixture.agrees().await;
    fixture.stop(running).await;
}
