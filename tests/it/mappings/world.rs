//! A database with an application's tables, a server that follows it, and what SQL says of both.
//!
//! Knows mappings by their files and the application's meaning by SQL alone: the questions to the
//! database are written out for each, and share nothing with the mapping's conditions.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::feed::{FeedConfig, Mapping};
use teamgraph::graph::{GraphLimits, HistoryLimits, PublishedCell, Relation, Snapshot};
use teamgraph::id::{Key, KeySpace, Lsn, MemberKind, Role, SourceKey};
use teamgraph::server::{Server, ServerError, ServerOptions};
use teamgraph::status::{FeedStatus, StatusCell};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

/// An application.
#[derive(Clone, Copy)]
pub struct Application {
    /// Its mapping file, from the project's root.
    pub mapping: &'static str,
    /// Its tables, from the project's root.
    pub tables: &'static str,
    /// What its operator adds, where the file of the tables does not.
    pub publication: &'static str,
    /// How keys of each key space are read from text.
    pub keys: &'static [fn(&str) -> Key],
    /// Rows of (space, key as text, name, is a team).
    pub members: &'static str,
    /// Rows of (member's space and key, team's space and key, administers) for each active row.
    pub memberships: &'static str,
}

pub fn int(text: &str) -> Key {
    Key::Int(text.parse().unwrap())
}

pub fn text(text: &str) -> Key {
    Key::Text(text.into())
}

/// A text whose case means nothing.
pub fn caseless(text: &str) -> Key {
    Key::Text(text.to_lowercase().into())
}

pub fn uuid(text: &str) -> Key {
    let value = u128::from_str_radix(&text.replace('-', ""), 16).unwrap();
    Key::Uuid(value.to_be_bytes())
}

pub const LAUNCHPAD: Application = Application {
    mapping: "examples/mappings/launchpad.toml",
    tables: "examples/mappings/launchpad.sql",
    publication: "CREATE PUBLICATION teamgraph FOR TABLE person, teammembership",
    keys: &[int],
    members: "SELECT 0, id::text, name, teamowner IS NOT NULL FROM person",
    memberships: "SELECT 0, person::text, 0, team::text, status = 3 FROM teammembership
                  WHERE status = 2 OR status = 3",
};

pub const PEOPLE_AND_TEAMS: Application = Application {
    mapping: "examples/mappings/people-and-teams.toml",
    tables: "examples/mappings/people-and-teams.sql",
    publication: "",
    keys: &[int, int],
    members: "SELECT 0, id::text, login::text, false FROM directory.people
              UNION ALL SELECT 1, id::text, slug::text, true FROM directory.teams",
    memberships: "SELECT 0, person_id::text, 1, team_id::text, role <> 'member'
                  FROM directory.team_members WHERE left_at IS NULL
                  UNION ALL SELECT 1, child::text, 1, parent::text, false
                  FROM directory.team_teams WHERE suspended = false",
};

pub const UUID: Application = Application {
    mapping: "examples/mappings/uuid.toml",
    tables: "examples/mappings/uuid.sql",
    publication: "",
    keys: &[uuid],
    members: r#"SELECT 0, "Id"::text, "DisplayName", "Kind" = 'group' FROM "Identity"."Account""#,
    memberships: r#"SELECT 0, "AccountId"::text, 0, "GroupId"::text, status = 'admin' OR status = 'owner'
                    FROM "Identity"."GroupMember" WHERE "Active""#,
};

pub const ODD: Application = Application {
    mapping: "tests/it/mappings/odd.toml",
    tables: "tests/it/mappings/odd.sql",
    publication: "",
    keys: &[caseless, text],
    members: "SELECT 0, handle::text, NULL::text, false FROM people
              UNION ALL SELECT 1, code::text, title, coalesce(open, false) FROM groups",
    memberships: r#"SELECT 0, lower(person::text), 1, code::text, false FROM people_in_groups
                    UNION ALL SELECT 1, "inner"::text, 1, "outer"::text, since IS NOT NULL
                    FROM groups_in_groups
                    WHERE state = 'on' AND "inner" IS NOT NULL AND "outer" IS NOT NULL"#,
};

pub fn project_file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(project_file(path)).unwrap()
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    start(connection);
    client
}

#[expect(clippy::disallowed_methods, reason = "the tasks of a test need no name")]
pub fn start<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(future)
}

/// What an application's tables say, or a version of the graph.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name and whether it is a team.
    pub members: BTreeMap<SourceKey, (Option<String>, bool)>,
    /// Direct memberships that take effect, and whether they administer.
    pub direct: BTreeMap<(SourceKey, SourceKey), bool>,
    /// Who participates in what beside itself.
    pub participations: BTreeSet<(SourceKey, SourceKey)>,
}

/// A running world.
pub struct World {
    pub postgres: EmbeddedPostgres,
    pub application: Application,
    pub sql: Client,
    pub address: std::net::SocketAddr,
    pub feed: Arc<StatusCell<FeedStatus>>,
    published: Arc<PublishedCell>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), ServerError>>,
}

impl World {
    pub async fn start(application: Application) -> World {
        World::start_with(application, "").await
    }

    /// With more SQL before the server starts.
    pub async fn start_with(application: Application, more: &str) -> World {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let postgres = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
        let url = postgres.create_database("app").await.unwrap();
        let sql = connect(&url).await;
        sql.batch_execute(&read(application.tables)).await.unwrap();
        sql.batch_execute(application.publication).await.unwrap();
        sql.batch_execute(more).await.unwrap();
        let mut feed = FeedConfig::new(&url, "teamgraph", "tg_mapping").unwrap();
        feed.mapping = Mapping::parse(&read(application.mapping)).unwrap();
        feed.watch_interval = Duration::from_millis(300);
        let server = Server::start(ServerOptions {
            feed,
            listen: "127.0.0.1:0".parse().unwrap(),
            instance: "mapping".to_owned(),
            graph: GraphLimits::default(),
            history: HistoryLimits::default(),
            checkpoint: None,
            max_staleness: None,
            verify_every: None,
        });
        let server = server.await.unwrap();
        let (address, published, feed) =
            (server.local_addr(), server.published(), server.feed_status());
        let stop = CancellationToken::new();
        let running = start(server.run_until(stop.clone()));
        World { postgres, application, sql, address, feed, published, stop, running }
    }

    /// Stops the server; its slot must be gone.
    pub async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        let slots = "SELECT count(*) FROM pg_replication_slots";
        assert_eq!(self.sql.query_one(slots, &[]).await.unwrap().get::<_, i64>(0), 0);
        drop(self.sql);
        self.postgres.stop().await.unwrap();
    }

    pub async fn execute(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The version that knows all that is committed.
    pub async fn caught_up(&self) -> Arc<Snapshot> {
        let sql = "SELECT pg_current_wal_insert_lsn()::text";
        let now: Lsn =
            self.sql.query_one(sql, &[]).await.unwrap().get::<_, &str>(0).parse().unwrap();
        for _ in 0..6_000 {
            if let Some(published) = self.published.load()
                && published.applied_lsn >= now
            {
                return Arc::clone(&published.snapshot);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{now} was not reached within a minute: {:?}", self.feed.get());
    }

    fn key(&self, space: i32, key: &str) -> SourceKey {
        let space = u16::try_from(space).unwrap();
        let key = self.application.keys[usize::from(space)](key);
        SourceKey { space: KeySpace(space), key }
    }

    /// What SQL says, by a recursive query over the application's tables.
    pub async fn by_sql(&self) -> Facts {
        let mut facts = Facts::default();
        for row in self.sql.query(self.application.members, &[]).await.unwrap() {
            let key = self.key(row.get(0), row.get(1));
            assert_eq!(facts.members.insert(key, (row.get(2), row.get(3))), None);
        }
        let with = format!(
            "WITH RECURSIVE known (s, k, name, team) AS ({}), stated (ms, mk, ts, tk, admin) AS ({}),
             edge (ms, mk, ts, tk, admin) AS (
                 SELECT m.s, m.k, t.s, t.k, bool_or(e.admin)
                 FROM stated e JOIN known m ON (m.s, lower(m.k)) = (e.ms, lower(e.mk))
                      JOIN known t ON (t.s, t.k) = (e.ts, e.tk) AND t.team
                 WHERE (m.s, m.k) <> (t.s, t.k) GROUP BY 1, 2, 3, 4),
             reached (ms, mk, ts, tk) AS (
                 SELECT ms, mk, ts, tk FROM edge
                 UNION SELECT r.ms, r.mk, e.ts, e.tk
                 FROM reached r JOIN edge e ON (e.ms, e.mk) = (r.ts, r.tk)
                      JOIN known t ON (t.s, t.k) = (r.ts, r.tk) AND t.team)",
            self.application.members, self.application.memberships
        );
        let sql = format!("{with} SELECT * FROM edge");
        for row in self.sql.query(&sql, &[]).await.unwrap() {
            let edge = (self.key(row.get(0), row.get(1)), self.key(row.get(2), row.get(3)));
            facts.direct.insert(edge, row.get(4));
        }
        let sql = format!("{with} SELECT * FROM reached WHERE (ms, mk) <> (ts, tk)");
        for row in self.sql.query(&sql, &[]).await.unwrap() {
            let pair = (self.key(row.get(0), row.get(1)), self.key(row.get(2), row.get(3)));
            facts.participations.insert(pair);
        }
        facts
    }

    /// Waits until all that is committed is applied, then compares.
    pub async fn agrees(&self) -> Facts {
        let snapshot = self.caught_up().await;
        let expected = self.by_sql().await;
        let found = by_graph(&snapshot, expected.members.keys());
        assert_eq!(found, expected);
        let stats = snapshot.stats();
        let members = stats.people + stats.teams;
        assert_eq!(members, u64::try_from(expected.members.len()).unwrap(), "members beside these");
        expected
    }

    /// Compares until both agree: for what the change feed does not tell.
    pub async fn agrees_in_time(&self) {
        for _ in 0..600 {
            let snapshot = self.caught_up().await;
            let expected = self.by_sql().await;
            if by_graph(&snapshot, expected.members.keys()) == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.agrees().await;
    }
}

/// What a version says of these members.
fn by_graph<'a>(snapshot: &Snapshot, keys: impl Iterator<Item = &'a SourceKey> + Clone) -> Facts {
    let mut facts = Facts::default();
    let known = keys.filter_map(|key| Some((key, snapshot.find(key)?)));
    for (key, member) in known.clone() {
        let is_team = snapshot.kind(member) == Some(MemberKind::Team);
        let name = snapshot.name(member).map(str::to_owned);
        facts.members.insert(key.clone(), (name, is_team));
        for (team_key, team) in known.clone() {
            let Some(team) = snapshot.team(team) else { continue };
            let pair = (key.clone(), team_key.clone());
            match snapshot.relation(member, team) {
                Relation::None | Relation::Itself => continue,
                Relation::Direct => {
                    let admin = snapshot.role(member, team) == Some(Role::Admin);
                    facts.direct.insert(pair.clone(), admin);
                }
                Relation::Indirect => {}
            }
            facts.participations.insert(pair);
        }
    }
    facts
}
