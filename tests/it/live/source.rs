//! A PostgreSQL with the built-in schema, for one test.
//!
//! Owns the server's start and plain connections to it. It must not know what is proved.

use std::future::Future;
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::id::Lsn;
use teamgraph::migrate::migrate;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// How long anything may take before it counts as never: far beyond what a loaded machine needs.
pub const NEVER: Duration = Duration::from_secs(150);

/// How often to look whether something has come about.
pub const LOOK: Duration = Duration::from_millis(5);

/// A server, a migrated database in it, and a session of a superuser there.
pub struct Source {
    pub postgres: EmbeddedPostgres,
    pub url: String,
    pub sql: Client,
}

impl Source {
    /// With the settings of every private server.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With other values for some settings.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let postgres = server(settings).await;
        let url = postgres.create_database("app").await.unwrap();
        migrate(&url).await.unwrap();
        let sql = connect(&url).await;
        Source { postgres, url, sql }
    }

    pub async fn execute(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// People `person-N` with keys 2 to `people` + 1, then teams `team-N`, owned by `registry`.
    pub async fn populate(&self, people: u32, teams: u32) {
        let (first_team, last_team) = (people + 2, people + 1 + teams);
        let last_person = people + 1;
        self.execute(&format!(
            "INSERT INTO teamgraph.person (name, display_name) VALUES ('registry', '');
             INSERT INTO teamgraph.person (name, display_name)
                 SELECT 'person-' || g, '' FROM generate_series(2, {last_person}) g;
             INSERT INTO teamgraph.person (name, display_name, team_owner)
                 SELECT 'team-' || g, '', 1 FROM generate_series({first_team}, {last_team}) g;"
        ))
        .await;
    }

    /// A position that no record has passed yet: everything that was committed lies before it.
    pub async fn position(&self) -> Lsn {
        lsn(&self.sql, "SELECT pg_current_wal_insert_lsn()::text").await
    }

    /// Cuts the replication connection that holds the slot, once there is one.
    pub async fn cut(&self, slot: &str) {
        let sql = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
                   WHERE slot_name = $1 AND active";
        until("a replication connection", async || {
            !self.sql.query(sql, &[&slot]).await.unwrap().is_empty()
        })
        .await;
    }

    pub async fn slots(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_replication_slots";
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub async fn stop(self) {
        drop(self.sql);
        self.postgres.stop().await.unwrap();
    }
}

/// An empty server.
pub async fn server(settings: &[(&str, &str)]) -> EmbeddedPostgres {
    // What is logged shows where a test fails; a second test of the process sets nothing.
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
    // After a crash every file would be synced, one by one, before the log is replayed.
    let sooner = [("recovery_init_sync_method", "syncfs")];
    let settings = sooner.iter().chain(settings);
    let settings = settings.map(|(name, value)| ((*name).into(), (*value).into())).collect();
    EmbeddedPostgres::start(EmbeddedOptions { directory: None, settings }).await.unwrap()
}

pub async fn connect(url: &str) -> Client {
    try_connect(url).await.unwrap()
}

pub async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    start(connection);
    Ok(client)
}

pub async fn lsn(sql: &Client, question: &str) -> Lsn {
    sql.query_one(question, &[]).await.unwrap().get::<_, &str>(0).parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the tasks of a test need no name")]
pub fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(future)
}

/// Waits until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + NEVER;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {NEVER:?}");
        tokio::time::sleep(LOOK).await;
    }
}
