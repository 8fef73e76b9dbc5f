//! A private PostgreSQL server: a child process with its data in a directory, reached through a
//! Unix socket only, stopped with us.
//!
//! Owns the server's whole life: finding the installed binaries, the account it runs as, the
//! directory, start, stop, crash (for fault tests) and the sweeping of what a killed owner left
//! behind. It must not know what the databases in it are for.
//!
//! ```text
//! TMPDIR/teamgraph-pg-RANDOM/      mode 0700, removed at stop (a given directory is kept)
//!     teamgraph.owner              locked by the process whose child the server is
//!     data/                        the cluster, whole: made as initdb-RANDOM/ and renamed
//!     .s.PGSQL.5432                the socket
//!     postgresql.log
//! ```

mod account;
mod binaries;
mod error;
mod owner;
mod postmaster;
mod server;

pub use error::EmbeddedError;
pub use server::{EmbeddedOptions, EmbeddedPostgres};
