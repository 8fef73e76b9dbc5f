//! Migrations on a real server.

use super::*;
use crate::embedded::{EmbeddedOptions, EmbeddedPostgres};

async fn server() -> EmbeddedPostgres {
    EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap()
}

async fn query(url: &str, sql: &str) -> String {
    let session = Session::connect(url).await.unwrap();
    session.client().query_one(sql, &[]).await.unwrap().get(0)
}

async fn refused(url: &str, sql: &str) -> String {
    let session = Session::connect(url).await.unwrap();
    let error = session.client().batch_execute(sql).await.unwrap_err();
    error.as_db_error().unwrap().to_string()
}

#[test]
fn every_file_is_embedded_once() {
    let mut found: Vec<String> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('V'))
            .collect();
    found.sort();
    let embedded: Vec<String> = VERSIONED.iter().map(|(name, _)| format!("{name}.sql")).collect();
    assert_eq!(found, embedded);
}

#[tokio::test]
async fn a_second_run_does_nothing() {
    let server = server().await;
    let url = server.create_database("app").await.unwrap();
    let first = migrate(&url).await.unwrap();
    assert_eq!(first.applied, ["V1__members_and_memberships", "V2__token"]);
    assert!(first.has_feed_role);
    let second = migrate(&url).await.unwrap();
    assert_eq!(second, Migrated { applied: vec![], has_feed_role: true });
    let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_publication_tables \
                  WHERE pubname = 'teamgraph' AND schemaname = 'teamgraph'";
    assert_eq!(query(&url, tables).await, "person team_membership");
    let actions = "SELECT (pubinsert AND pubupdate AND pubdelete AND pubtruncate)::text \
                   FROM pg_publication WHERE pubname = 'teamgraph'";
    assert_eq!(query(&url, actions).await, "true");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn runs_at_once_on_one_and_on_two_databases_do_it_once_each() {
    let server = server().await;
    let one = server.create_database("one").await.unwrap();
    let two = server.create_database("two").await.unwrap();
    let runs = tokio::join!(migrate(&one), migrate(&two), migrate(&one), migrate(&two));
    let runs = [runs.0.unwrap(), runs.1.unwrap(), runs.2.unwrap(), runs.3.unwrap()];
    assert_eq!(runs.iter().map(|run| run.applied.len()).sum::<usize>(), 2 * VERSIONED.len());
    assert!(runs.iter().all(|run| run.has_feed_role));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_printed_sql_is_all_of_it() {
    let server = server().await;
    let url = server.create_database("by_hand").await.unwrap();
    let session = Session::connect(&url).await.unwrap();
    session.client().batch_execute(&print_all().unwrap()).await.unwrap();
    let after = migrate(&url).await.unwrap();
    assert_eq!(after, Migrated { applied: vec![], has_feed_role: true });
    session.client().batch_execute(&print_role()).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_plain_owner_migrates_all_but_the_role_which_a_superuser_adds() {
    let server = server().await;
    let url = server.create_database("app").await.unwrap();
    let root = Session::connect(&url).await.unwrap();
    let setup = "CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE app TO plain;";
    root.client().batch_execute(setup).await.unwrap();
    let plain = url.replace("user=postgres", "user=plain");
    let migrated = migrate(&plain).await.unwrap();
    assert_eq!(migrated.applied.len(), VERSIONED.len());
    assert!(!migrated.has_feed_role);

    root.client().batch_execute(&print_role()).await.unwrap();
    assert!(migrate(&plain).await.unwrap().has_feed_role);
    let feed = url.replace("user=postgres", "user=teamgraph_feed");
    let zero = "SELECT count(*)::text FROM teamgraph.person, teamgraph.team_membership";
    assert_eq!(query(&feed, zero).await, "0");
    let denied = refused(&feed, "DELETE FROM teamgraph.person").await;
    assert!(denied.contains("permission denied"), "{denied}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn tokens_follow_commits_for_every_role_and_mode() {
    let server = server().await;
    let url = server.create_database("app").await.unwrap();
    migrate(&url).await.unwrap();
    let root = Session::connect(&url).await.unwrap();
    root.client().batch_execute("CREATE ROLE anybody LOGIN").await.unwrap();
    let anybody = url.replace("user=postgres", "user=anybody");
    let token = query(&anybody, "SELECT teamgraph.teamgraph_token()").await;
    let (timeline, lsn) = token.split_once('/').unwrap();
    assert_eq!(timeline, "1");
    lsn.parse::<crate::id::Lsn>().unwrap();

    for (mode, reached) in
        [("on", "pg_current_wal_flush_lsn"), ("off", "pg_current_wal_insert_lsn")]
    {
        let write = format!(
            "SET synchronous_commit = {mode}; INSERT INTO teamgraph.person (name, display_name) \
             VALUES ('p-{mode}', 'P')"
        );
        root.client().batch_execute(&write).await.unwrap();
        // The position that is sure to lie behind the commit, read before the token is made.
        let both = format!("SELECT {reached}()::text, teamgraph.teamgraph_token()");
        let row = root.client().query_one(&both, &[]).await.unwrap();
        let behind: crate::id::Lsn = row.get::<_, &str>(0).parse().unwrap();
        let token: crate::id::Lsn =
            row.get::<_, &str>(1).strip_prefix("1/").unwrap().parse().unwrap();
        assert!(token >= behind, "{mode}: {token} < {behind}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_schema_refuses_what_makes_no_sense() {
    let server = server().await;
    let url = server.create_database("app").await.unwrap();
    migrate(&url).await.unwrap();
    let person = "INSERT INTO teamgraph.person (id, name, display_name, team_owner) VALUES";
    for (values, constraint) in [
        ("(1, '', 'x', NULL)", "person_name_is_sane"),
        ("(1, ' a', 'x', NULL)", "person_name_is_sane"),
        ("(1, E'a\\nb', 'x', NULL)", "person_name_is_sane"),
        ("(1, repeat('é', 256), 'x', NULL)", "person_name_is_sane"),
        ("(1, 'a', 'x', 1)", "person_does_not_own_itself"),
        ("(1, 'a', 'x', 2)", "person_team_owner_fkey"),
        ("(1, 'a', 'x', NULL), (2, 'a', 'y', NULL)", "person_name_key"),
    ] {
        let error = refused(&url, &format!("{person} {values}")).await;
        assert!(error.contains(constraint), "{values}: {error}");
    }
    let rows = format!("{person} (1, repeat('é', 255), 'x', NULL), (2, 'team', 't', 1)");
    let root = Session::connect(&url).await.unwrap();
    root.client().batch_execute(&rows).await.unwrap();
    let row = "INSERT INTO teamgraph.team_membership (person, team, status) VALUES (1, 2, 9)";
    assert!(refused(&url, row).await.contains("team_membership_status_is_known"));
    server.stop().await.unwrap();
}
