//! The feed: copies the members and memberships of a PostgreSQL database once, consistently, then
//! follows its change feed, and hands both on as [`FeedEvent`](crate::change::FeedEvent)s.
//!
//! Owns everything that is PostgreSQL: connections, catalogue checks, the replication slot, `COPY`,
//! the `pgoutput` protocol, and the mapping of an application's tables to the product's words. It
//! must not know what is done with the events (the graph) nor who asks questions (the service).
//!
//! ```text
//!               +-------------- wait, longer each time <------------+
//!               v                                                   | transient, or operator
//!   start --> connect --> check --> [slot + copy] --> catch up --> stream
//!               ^           |         ^ only the first time,        | |
//!               |           |         | or when the slot, the       | | definite: recopy
//!               |           |         | history or a table is gone  | |   (at most three an hour)
//!               +-----------|---------+-----------------------------+ |
//!                           v                                         v
//!                        failed  <---- too many copies, or the applier is gone
//! ```
//!
//! What an operator must cure fails the feed only before its first copy is whole. From then on
//! something is served, so it is tried again, slowly, with the error and its fix as the state.
//!
//! [`run()`] is that whole life as one future. Each module is one step of it: [`check`] looks at
//! settings, rights and tables; `slot` creates the permanent slot with its snapshot; `copy` reads
//! the tables at that snapshot; `stream` follows the log; `translate` turns rows into changes with
//! the same code for both; `outbox` is the only way out. `retry` decides what follows from an
//! error, and `watch` looks at the tables while the stream is followed. Where the graph is kept for
//! the next process, `warm` is its start, in place of slot and copy, and `facts` what is compared.
//! `reading` reads the source once more beside the stream, for who compares or rebuilds.
//!
//! # What holds
//!
//! - INVARIANT (watermark): events leave in commit order through one bounded queue; a watermark
//!   never leaves ahead of a change before it, nor inside a transaction.
//! - A position is confirmed to the source only once it is applied ([`AppliedLsn`]), or, where the
//!   graph is kept, once it is on disk ([`PersistedLsn`]); and resumed from the last one handed on. The queue loses nothing, so nothing is sent twice.
//! - The one who applies calls [`AppliedLsn::reset`] with the consistent point when it has
//!   published a copy (`CopyEnd`), and [`AppliedLsn::raise`] at each commit and watermark. The
//!   stream starts only after the former.
//! - Every queue, batch and wait has a bound with a name.
//!
//! [`AppliedLsn`]: crate::status::AppliedLsn
//! [`PersistedLsn`]: crate::resume::PersistedLsn
//! [`AppliedLsn::reset`]: crate::status::AppliedLsn::reset
//! [`AppliedLsn::raise`]: crate::status::AppliedLsn::raise

pub mod check;
pub mod config;
mod copy;
pub mod error;
mod facts;
mod lag;
pub mod mapping;
mod outbox;
pub mod pgoutput;
mod prepared;
mod publication;
mod reading;
mod retry;
mod run;
mod session;
mod slot;
mod source;
mod sql;
mod statuses;
mod stream;
mod tables;
mod translate;
mod value;
mod warm;
mod watch;
mod wire;

pub use check::{Finding, Level};
pub use config::{ConfigError, FeedConfig, parse_url};
pub use error::{FeedError, Remedy};
pub use mapping::Mapping;
pub use prepared::{PreparedReading, ReadingSlot};
pub use reading::Reading;
pub use run::{examine, run};
pub use source::PrimarySource;
pub use statuses::{UnknownStatus, UnknownStatuses};
pub use value::Cell;
pub use wire::Malformed;
