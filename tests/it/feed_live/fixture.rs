//! A PostgreSQL, a database in it, a feed on that, and one who applies.

use super::rows::{Applied, Rows, apply};
use crate::live::source::{LOOK, NEVER, connect, lsn, server, start};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use teamgraph::embedded::EmbeddedPostgres;
use teamgraph::feed::{self, FeedConfig, FeedError};
use teamgraph::status::{AppliedLsn, FeedState, FeedStatus, StatusCell};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

const SCHEMA: &str = "
    CREATE SCHEMA teamgraph;
    CREATE TABLE teamgraph.person (
        id bigint PRIMARY KEY, name text NOT NULL UNIQUE, display_name text NOT NULL DEFAULT '',
        team_owner bigint REFERENCES teamgraph.person, date_created timestamptz DEFAULT now());
    CREATE TABLE teamgraph.team_membership (
        id bigint PRIMARY KEY, person bigint NOT NULL, team bigint NOT NULL, status int NOT NULL,
        date_joined timestamptz, date_expires timestamptz, date_created timestamptz DEFAULT now(),
        UNIQUE (person, team));
    CREATE TABLE elsewhere (id bigint PRIMARY KEY, filler text);
    INSERT INTO teamgraph.person (id, name) SELECT g, 'person-' || g FROM generate_series(1, 3000) g;
    INSERT INTO teamgraph.person (id, name, team_owner)
        SELECT g, 'team-' || g, 1 FROM generate_series(3001, 3100) g;
    INSERT INTO teamgraph.team_membership (id, person, team, status)
        SELECT g, 1 + g % 3000, 3001 + g % 100, 1 + g % 8 FROM generate_series(1, 3000) g;";
pub const PUBLICATION: &str =
    "CREATE PUBLICATION teamgraph FOR TABLE teamgraph.person, teamgraph.team_membership";

/// A database of its own, a feed on it, and one who applies.
pub struct Fixture {
    pub url: String,
    pub sql: Client,
    pub config: FeedConfig,
    pub applied: Arc<AppliedLsn>,
    pub status: Arc<StatusCell<FeedStatus>>,
    pub state: Arc<std::sync::Mutex<Applied>>,
    /// How long the one who applies rests before each batch, in milliseconds.
    pub pace: Arc<AtomicU64>,
    pub shutdown: CancellationToken,
    /// Ends last.
    _postgres: Option<EmbeddedPostgres>,
}

impl Fixture {
    /// With the tables, and `extra` SQL run on them.
    pub async fn new(name: &str, extra: &str) -> Self {
        let postgres = server(&[]).await;
        let name = format!("feed_{name}");
        let url = postgres.create_database(&name).await.unwrap();
        let sql = connect(&url).await;
        sql.batch_execute(SCHEMA).await.unwrap();
        sql.batch_execute(extra).await.unwrap();
        let config = FeedConfig::new(&url, "teamgraph", &name).unwrap();
        let fixture = Self::on(url, config).await;
        Fixture { _postgres: Some(postgres), ..fixture }
    }

    /// Another feed on the same database.
    pub async fn another(&self) -> Self {
        Self::on(self.url.clone(), self.config.clone()).await
    }

    async fn on(url: String, config: FeedConfig) -> Self {
        Fixture {
            sql: connect(&url).await,
            url,
            config,
            applied: Arc::default(),
            status: Arc::default(),
            state: Arc::default(),
            pace: Arc::default(),
            shutdown: CancellationToken::new(),
            _postgres: None,
        }
    }

    pub fn run(&self) -> JoinHandle<Result<(), FeedError>> {
        let (sender, receiver) = mpsc::channel(8);
        let (applied, status) = (Arc::clone(&self.applied), Arc::clone(&self.status));
        start(apply(
            receiver,
            Arc::clone(&applied),
            Arc::clone(&self.state),
            Arc::clone(&self.pace),
        ));
        let (config, shutdown) = (self.config.clone(), self.shutdown.clone());
        start(feed::run(config, sender, applied, status, shutdown, None))
    }

    pub async fn until(&self, what: &str, mut holds: impl FnMut(&FeedStatus) -> bool) {
        let deadline = Instant::now() + NEVER;
        while !holds(&self.status.get()) {
            assert!(Instant::now() < deadline, "not {what}: {:?}", self.status.get());
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn streaming(&self) {
        self.until("streaming", |status| status.state == FeedState::Streaming).await;
    }

    pub async fn execute(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap();
    }

    /// Waits until all that is committed is applied, then compares.
    pub async fn agrees(&self) {
        let now = lsn(&self.sql, "SELECT pg_current_wal_insert_lsn()::text").await;
        self.until("applied", |_| self.applied.get() >= now).await;
        let mut rows = Rows::default();
        let people = "SELECT id, name, team_owner FROM teamgraph.person";
        for row in self.sql.query(people, &[]).await.unwrap() {
            let owner: Option<i64> = row.get(2);
            rows.members.insert(row.get(0), (row.get(1), owner.is_some(), owner));
        }
        let memberships = "SELECT id, person, team, status = 3 FROM teamgraph.team_membership
                           WHERE status IN (2, 3)";
        for row in self.sql.query(memberships, &[]).await.unwrap() {
            rows.memberships.insert(row.get(0), (row.get(1), row.get(2), row.get(3)));
        }
        let found = self.state.lock().unwrap().rows.clone();
        assert_eq!(found.members.len(), rows.members.len());
        assert!(found == rows, "the rows differ from what SQL says");
    }

    /// Stops the feed; its slot must be gone.
    pub async fn stop(&self, running: JoinHandle<Result<(), FeedError>>) {
        self.shutdown.cancel();
        assert_eq!(running.await.unwrap(), Ok(()));
        assert_eq!(self.slots().await, 0);
    }

    pub async fn slots(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1";
        self.sql.query_one(sql, &[&self.config.slot()]).await.unwrap().get(0)
    }

    /// Cuts the replication connection.
    pub async fn cut(&self) {
        let sql = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
                   WHERE slot_name = $1 AND active";
        while self.sql.query(sql, &[&self.config.slot()]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
