//! What can go wrong with a private server, each with its fix.

use crate::database::DatabaseError;
use std::io;
use std::path::PathBuf;

/// A private server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Nothing installed, or too old.
    #[error(
        "no PostgreSQL server binaries found (version {minimum} or newer; looked in {looked_in}): \
         run scripts/setup, or set TEAMGRAPH_PG_BIN to the directory that holds initdb and postgres"
    )]
    NoBinaries {
        /// The oldest version that will do.
        minimum: u32,
        /// The directories that were looked at.
        looked_in: String,
    },
    /// The process is root's, and there is nobody else to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and neither `postgres` nor `nobody` is in /etc/passwd: \
         add one of them, or run teamgraph as another user"
    )]
    NoAccount,
    /// A Unix socket's path has a bound that cannot be raised.
    #[error(
        "the socket's path would have {bytes} bytes, at most {maximum} are possible: choose a \
         shorter directory (--data-dir, or TMPDIR): {}", path.display()
    )]
    SocketPathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
        /// The longest possible.
        maximum: usize,
    },
    /// Another live process has the directory.
    #[error("{} is in use by process {pid}: stop it, or choose another --data-dir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that owns it, as it is numbered in its own container.
        pid: String,
    },
    /// A directory with something else in it.
    #[error(
        "{} holds files that no private PostgreSQL put there: choose an empty or a new directory \
         with --data-dir", .0.display()
    )]
    Foreign(PathBuf),
    /// The data needs another version of PostgreSQL than those installed.
    #[error(
        "the data in {} is of PostgreSQL {version}, and no server of that version was found (looked \
         in {looked_in}): install it (Debian: postgresql-{version}), or set TEAMGRAPH_PG_BIN to the \
         directory of its binaries", path.display()
    )]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// The major version that wrote it.
        version: u32,
        /// The directories that were looked at.
        looked_in: String,
    },
    /// It ended by itself.
    #[error("the private PostgreSQL has ended by itself ({status}); the end of its log: {log}")]
    Lost {
        /// Its exit status.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A file or a process could not be handled.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: String,
        /// Why not.
        source: io::Error,
    },
    /// A program of PostgreSQL's said no.
    #[error("{program} failed ({status}): {output}")]
    Program {
        /// Which.
        program: &'static str,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// It started, but was not ready in time.
    #[error("PostgreSQL was not ready within {seconds} s; the end of its log: {log}")]
    NotReady {
        /// The bound.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// It would not stop.
    #[error("PostgreSQL (process {pid}) did not end within {seconds} s of being killed")]
    NotStopped {
        /// The process.
        pid: u32,
        /// The bound.
        seconds: u64,
    },
    /// The call makes sense only while the server runs, or only while it does not.
    #[error("the private PostgreSQL server is {0}")]
    WrongState(&'static str),
    /// A database's name would need quoting.
    #[error("`{0}` cannot name a database: use 1 to 63 of a-z, 0-9 and _, not a digit first")]
    DatabaseName(String),
    /// A statement failed.
    #[error("cannot create database {name}")]
    CreateDatabase {
        /// The database.
        name: String,
        /// Why not.
        source: tokio_postgres::Error,
    },
    /// No connection to the server.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl EmbeddedError {
    /// Wraps an I/O error with what was tried: `.map_err(EmbeddedError::io("write the file"))`.
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| EmbeddedError::Io { action: action.into(), source }
    }
}
