//! Teamgraph: a team-participation engine.
//!
//! An application keeps direct memberships in PostgreSQL; Teamgraph holds the transitive graph in
//! memory, follows the change feed, and answers over gRPC. Data flows one way: feed → graph →
//! service. `docs/architecture.md` is the map.

pub mod admin;
pub mod apply;
pub mod change;
pub mod checkpoint;
pub mod cli;
pub mod command;
pub mod config;
pub mod database;
pub mod embedded;
pub mod feed;
pub mod graph;
pub mod id;
pub mod migrate;
pub mod pb;
pub mod project;
pub mod rebuild;
pub mod resume;
#[cfg(feature = "sabotage")]
mod sabotage;
pub mod server;
pub mod service;
pub mod status;
pub mod synthetic;
pub mod telemetry;
pub mod verify;
