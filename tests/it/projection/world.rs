//! A source, a target, and what SQL says of both.
//!
//! Owns the questions. It must not know how a table is kept.

use crate::live::served::{Served, options as server_options};
use crate::live::source::{Source, connect, server, until};
use std::collections::BTreeSet;
use std::time::Duration;
use teamgraph::embedded::EmbeddedPostgres;
use teamgraph::graph::{Scope, Snapshot};
use teamgraph::id::{Key, MemberId};
use teamgraph::project::{Filter, ProjectOptions, SourceNames, TableNames};
use tokio_postgres::Client;

/// (team, person)
pub type Rows = BTreeSet<(i64, i64)>;

/// Everything by default, in small batches, at once.
pub fn options(target: &str) -> ProjectOptions {
    ProjectOptions {
        target: target.parse().unwrap(),
        table: TableNames {
            schema: None,
            table: "teamparticipation".into(),
            team: "team".into(),
            person: "person".into(),
        },
        filter: Filter::default(),
        batch_rows: 200,
        rows_per_s: None,
        interval: Duration::from_millis(5),
        instance: "test".into(),
        same_database: false,
        source: SourceNames { database: "app".into(), publication: "teamgraph".into() },
    }
}

/// A source, and another database: of the same server, or of one of its own.
pub struct World {
    pub source: Source,
    pub apart: Option<EmbeddedPostgres>,
    pub target: String,
    pub sql: Client,
}

impl World {
    pub async fn start() -> Self {
        let source = Source::start().await;
        let target = source.postgres.create_database("mart").await.unwrap();
        let sql = connect(&target).await;
        World { source, apart: None, target, sql }.filled().await
    }

    /// The target is on another server: a transaction that is left open there keeps no slot of the
    /// source waiting.
    pub async fn apart() -> Self {
        let (source, apart) = (Source::start().await, server(&[]).await);
        let target = apart.create_database("mart").await.unwrap();
        let sql = connect(&target).await;
        World { source, apart: Some(apart), target, sql }.filled().await
    }

    /// With 200 people in 30 teams, half of those below another.
    async fn filled(self) -> Self {
        self.source.populate(200, 30).await;
        self.source
            .execute(
                "INSERT INTO teamgraph.team_membership (person, team, status)
                    SELECT g, 202 + g % 30, 2 FROM generate_series(2, 201) g;
                 INSERT INTO teamgraph.team_membership (person, team, status)
                    SELECT 202 + g, 202 + (g - 1) / 3, 2 FROM generate_series(1, 15) g",
            )
            .await;
        self
    }

    pub fn options(&self) -> ProjectOptions {
        options(&self.target)
    }

    /// A server that keeps the table.
    pub async fn projecting(&self, options: ProjectOptions) -> Served {
        let served =
            Served::projecting(server_options(&self.source.url, "projecting"), options).await;
        served.streaming().await;
        served
    }

    /// What the table has; nothing without one.
    pub async fn rows(&self) -> Option<Rows> {
        rows(&self.sql).await
    }

    /// What it should have.
    pub async fn truth(&self) -> Rows {
        truth(&self.source.sql).await
    }

    /// Waits until the table is what it should be: the source is at rest.
    pub async fn equal(&self) {
        let truth = self.truth().await;
        until("the table equal", async || self.rows().await.as_ref() == Some(&truth)).await;
    }

    pub async fn stop(self) {
        drop(self.sql);
        self.source.stop().await;
        if let Some(apart) = self.apart {
            apart.stop().await.unwrap();
        }
    }
}

pub async fn rows(sql: &Client) -> Option<Rows> {
    let found = sql.query("SELECT team, person FROM teamparticipation", &[]).await;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.code().unwrap().code(), "42P01", "{error:?}");
            return None;
        }
    };
    let rows: Rows = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows.len(), found.len(), "a row is there twice");
    Some(rows)
}

/// Who participates in what, with a row of each member in itself.
pub async fn truth(source: &Client) -> Rows {
    let sql = "
        WITH RECURSIVE edge AS MATERIALIZED (
            SELECT e.person, e.team
            FROM teamgraph.team_membership e JOIN teamgraph.person t ON t.id = e.team
            WHERE e.status IN (2, 3) AND t.team_owner IS NOT NULL
        ), participation AS (
            SELECT id AS person, id AS team FROM teamgraph.person
            UNION
            SELECT p.person, edge.team FROM participation p JOIN edge ON edge.person = p.team
        )
        SELECT team, person FROM participation";
    let found = source.query(sql, &[]).await.unwrap();
    found.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The keys of all who exist and are teams.
pub async fn teams(source: &Client) -> BTreeSet<i64> {
    let sql = "SELECT id FROM teamgraph.person WHERE team_owner IS NOT NULL";
    source.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The same of a version, member by member and upward.
pub fn pairs(snapshot: &Snapshot) -> Rows {
    let key = |member: MemberId| match snapshot.key(member).unwrap().key {
        Key::Int(key) => key,
        other => panic!("{other:?}"),
    };
    let mut pairs = Rows::new();
    for member in (0..).map(MemberId).take_while(|&member| snapshot.key(member).is_some()) {
        if snapshot.kind(member).is_none() {
            continue;
        }
        let person = key(member);
        pairs.insert((person, person));
        for team in snapshot.list_teams(member, Scope::All, None, usize::MAX).teams {
            pairs.insert((key(snapshot.member(team).unwrap()), person));
        }
    }
    pairs
}
