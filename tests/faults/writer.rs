//! The writers: random transactions, and a token for each that was acknowledged.
//!
//! Owns their connections and the gate that holds them back while a fault needs it. What they
//! write comes from [`crate::statements`].

use crate::statements::{Touches, transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use teamgraph::synthetic::Random;
use tokio::sync::{RwLock, watch};
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

/// What the writers may write now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    #[default]
    All,
    /// Not the table that a fault has taken out of the publication.
    Only(Touches),
    Nothing,
}

/// Between two transactions of one writer: two of them make some 150 in a second.
const REST: Duration = Duration::from_millis(8);

/// Before another try to connect.
const AGAIN: Duration = Duration::from_millis(30);

/// What all writers share.
#[derive(Clone, Default)]
pub struct Writers {
    /// Held for reading during a transaction, so that whoever closes the gate waits for those
    /// under way.
    gate: Arc<RwLock<Gate>>,
    acknowledged: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Writers {
    /// Opens or closes the gate, once no transaction is under way.
    pub async fn set(&self, gate: Gate) {
        *self.gate.write().await = gate;
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub fn finish(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    /// Writes until told to finish, on a new connection whenever one is lost.
    pub async fn write(
        self,
        url: String,
        mut random: Random,
        tokens: watch::Sender<String>,
    ) -> anyhow::Result<()> {
        while !self.done.load(Ordering::Relaxed) {
            let Ok(sql) = connect(&url).await else {
                sleep(AGAIN).await;
                continue;
            };
            while !self.done.load(Ordering::Relaxed) {
                let gate = self.gate.read().await;
                let committed = match *gate {
                    Gate::Nothing => Some(false),
                    Gate::All => write_one(&sql, &mut random, None).await?,
                    Gate::Only(touches) => write_one(&sql, &mut random, Some(touches)).await?,
                };
                match committed {
                    None => break,
                    Some(false) => {}
                    Some(true) => {
                        self.acknowledged.fetch_add(1, Ordering::Relaxed);
                        let Some(token) = token(&sql).await else { break };
                        tokens.send_replace(token);
                    }
                }
                drop(gate);
                sleep(REST).await;
            }
        }
        Ok(())
    }
}

/// Whether a commit was acknowledged; none if the connection is lost.
async fn write_one(
    sql: &Client,
    random: &mut Random,
    only: Option<Touches>,
) -> anyhow::Result<Option<bool>> {
    let (statements, commits) = transaction(random);
    let allowed = |touches| only.is_none_or(|only| only == touches);
    let statements = statements.iter().filter(|it| allowed(it.touches));
    let statements: Vec<&str> = statements.map(|it| it.sql.as_str()).collect();
    if statements.is_empty() {
        return Ok(Some(false));
    }
    let end = if commits { "COMMIT" } else { "ROLLBACK" };
    let text = format!("BEGIN; {}; {end}", statements.join("; "));
    let Err(error) = sql.batch_execute(&text).await else { return Ok(Some(commits)) };
    if let Some(error) = error.as_db_error() {
        let expected = [
            "23502", // nobody was found at that place
            "23503", // somebody is still referred to, or not there
            "23505", // it is there already
            "23514", // an owner of itself
            "40P01", // deadlock
            "42703", // a column that a fault has renamed
            "57P01", // the server shuts down
            "57P02", // the server has crashed
        ];
        let code = error.code().code();
        anyhow::ensure!(expected.contains(&code), "{text}: {error:?}");
    }
    Ok(sql.batch_execute("ROLLBACK").await.ok().map(|()| false))
}

pub async fn token(sql: &Client) -> Option<String> {
    let row = sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await.ok()?;
    row.try_get(0).ok()
}

pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    crate::start(connection);
    Ok(client)
}
