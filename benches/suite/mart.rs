//! The database that holds the participation table: a private PostgreSQL beside the source's, with
//! the same settings.

use crate::database::{SETTINGS, Sql, connect};
use anyhow::Context;
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::graph::PublishedCell;
use teamgraph::project::{Filter, ProjectOptions, SourceNames, TableNames};
use tokio::time::{Instant, sleep};

/// How long the table may take to be where the graph is.
const REACHED_MAX: Duration = Duration::from_secs(600);

pub struct Mart {
    postgres: EmbeddedPostgres,
    url: String,
    pub sql: Sql,
}

impl Mart {
    /// Empty.
    pub async fn start() -> anyhow::Result<Self> {
        let settings = SETTINGS.iter().filter(|(name, _)| *name != "listen_addresses");
        let settings = settings.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let options = EmbeddedOptions { directory: None, settings };
        let postgres = EmbeddedPostgres::start(options).await?;
        let url = postgres.create_database("mart").await?;
        let sql = connect(&url).await?;
        Ok(Mart { postgres, url, sql })
    }

    /// As fast as it goes: no rate is asked for, and nothing is gathered.
    pub fn unbounded(&self) -> anyhow::Result<ProjectOptions> {
        Ok(ProjectOptions {
            target: self.url.parse()?,
            table: TableNames {
                schema: None,
                table: "teamparticipation".into(),
                team: "team".into(),
                person: "person".into(),
            },
            filter: Filter::default(),
            batch_rows: 10_000,
            rows_per_s: None,
            interval: Duration::ZERO,
            instance: "bench".into(),
            same_database: false,
            source: SourceNames { database: "none".into(), publication: "none".into() },
        })
    }

    /// Waits until the table is at what is published now.
    pub async fn reached(&self, cell: &PublishedCell) -> anyhow::Result<()> {
        let lsn = cell.load().context("nothing is published")?.applied_lsn.to_string();
        let sql = "SELECT FROM teamgraph_projection WHERE applied_lsn >= $1::text::pg_lsn";
        let sql = self.sql.client.prepare(sql).await?;
        let deadline = Instant::now() + REACHED_MAX;
        while self.sql.client.query(&sql, &[&lsn]).await?.is_empty() {
            anyhow::ensure!(Instant::now() < deadline, "the table is not at {lsn} in time");
            sleep(Duration::from_micros(500)).await;
        }
        Ok(())
    }

    /// Megabytes of log that were written.
    pub async fn log_mb(&self) -> anyhow::Result<f64> {
        let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8 / 1e6";
        Ok(self.sql.client.query_one(sql, &[]).await?.get(0))
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.sql);
        self.postgres.stop().await?;
        Ok(())
    }
}
