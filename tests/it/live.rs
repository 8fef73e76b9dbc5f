//! The whole path against a real PostgreSQL: what is answered equals what recursive SQL says, at
//! one position of the log, whatever happens to connections and processes in between.
//!
//! Owns the judge, which knows the source's tables and SQL alone, and those who disturb: random
//! writers, a proxy that cuts connections, kills. Every test has a PostgreSQL of its own.
//!
//! ```text
//! writers ──► PostgreSQL ──feed──► Teamgraph ──► answers ─┐
//!                  └── snapshot at a position ──► judge ──┴─► equal
//! ```

mod asked;
mod boundary;
mod cuts;
pub mod dice;
mod digest;
mod faults;
mod freshness;
mod history;
mod judge;
mod outages;
mod process;
mod proxy;
mod rebuild;
mod rebuild_offline;
mod refusals;
pub mod served;
pub mod source;
mod spoiled;
mod transactions;
mod verify;
mod warm;
mod warm_refusals;
pub mod writer;
