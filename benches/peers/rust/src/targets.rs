//! The peers that are asked through a connection, and what a connection can be asked.

pub mod ldap;
pub mod redis;
pub mod spicedb;
mod spicedb_library;
mod spicedb_messages;
pub mod sql;
pub mod teamgraph;

use crate::graph_files::{Graph, Listed, Transaction};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Target {
    /// The product, over gRPC; changes go to the database that it follows.
    Teamgraph,
    /// A flattened table, kept by functions in the same transaction.
    Table,
    /// Recursive SQL over the memberships.
    Recursive,
    /// The memberships alone: what changing them costs, with no answers.
    Plain,
    /// Sets that hold the flattened closure.
    Redis,
    /// SpiceDB, in this process.
    Spicedb,
    /// A directory with nested groups.
    Ldap,
}

/// Where a target is.
#[derive(Clone, Debug)]
pub struct Place {
    pub at: String,
    pub database: String,
    pub library: PathBuf,
    pub teams: i64,
}

/// One transaction, done.
#[derive(Debug, Default)]
pub struct Applied {
    /// Rows (relationships, members of sets) written on the primary.
    pub rows: i64,
    /// What makes a read see it, where the target has such a thing.
    pub token: String,
}

pub trait Session {
    type Connection: Connection;

    async fn connect(&self) -> anyhow::Result<Self::Connection>;

    /// Puts the graph in, where the runner does not do it by SQL.
    async fn load(&self, _graph: &Graph) -> anyhow::Result<()> {
        anyhow::bail!("this target is loaded by the runner")
    }
}

pub trait Connection {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool>;

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed>;

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed>;

    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied>;

    /// A check that knows what the token stands for. Targets that are their own primary need none.
    async fn check_fresh(&mut self, member: i64, team: i64, _token: &str) -> anyhow::Result<bool> {
        self.check(member, team).await
    }

    /// A token for what is committed by now.
    async fn token(&mut self) -> anyhow::Result<String> {
        Ok(String::new())
    }
}
