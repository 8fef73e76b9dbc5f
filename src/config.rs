//! What a server process is told: by flags, by environment variables, by a file.
//!
//! Owns the options' names, units, defaults and validity, once for all commands, and the file that
//! may give them. It must not know what is done with them.
//!
//! A flag wins over its environment variable (`TEAMGRAPH_` and the flag's name in capitals), which
//! wins over the file's key (the flag's name), which wins over the default.

mod file;
mod projection;
mod source;
mod values;
mod variables;

pub use file::ConfigFile;
pub use projection::{NamedTable, ProjectionOptions};
pub use source::{SourceChoice, SourceOptions};
pub use values::{DatabaseUrl, Instance, Publication};
pub use variables::with_lenient_variables;

use crate::checkpoint::CheckpointOptions;
use crate::feed::Mapping;
use crate::feed::config::TRANSACTION_BYTES_MAX;
use crate::feed::mapping::MappingError;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {path}")]
    Read {
        /// Its path.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the config file {path} is not valid TOML: {reason}")]
    Syntax {
        /// Its path.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// A key that is no option.
    #[error("unknown key `{key}` in the config file {path}: {advice}")]
    UnknownKey {
        /// Its path.
        path: String,
        /// The key.
        key: String,
        /// Which keys there are, or which one may be meant.
        advice: String,
    },
    /// A value that is not a single one.
    #[error(
        "key `{key}` in the config file {path} has a value of type {found}: write a string, a \
         number, or true or false"
    )]
    Value {
        /// Its path.
        path: String,
        /// The key.
        key: String,
        /// TOML's name of the type.
        found: &'static str,
    },
    /// An address that others can reach.
    #[error(
        "--listen {0} is not a loopback address, and there is no TLS nor any credential yet: \
         whoever reaches the port may ask everything. Listen on 127.0.0.1, or accept that with \
         --insecure"
    )]
    NotLoopback(SocketAddr),
    /// Two sources of data.
    #[error(
        "--data-dir is where a private PostgreSQL keeps its data, and --database-url names another \
         server: give one of them (a flag wins over a variable, and that over the config file)"
    )]
    TwoSources,
    /// A mapping describes the tables of a database that is there.
    #[error(
        "--mapping describes the tables of an existing database: give --database-url too (a \
         private PostgreSQL has the built-in schema)"
    )]
    MappingWithoutDatabase,
    /// A mapping file cannot be used.
    #[error("the mapping file {path}: {source}")]
    Mapping {
        /// Its path.
        path: String,
        /// Where and why.
        source: MappingError,
    },
    /// A mapping file cannot be read.
    #[error("cannot read the mapping file {path}")]
    ReadMapping {
        /// Its path.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A command that needs a database has none.
    #[error(
        "no database: give --database-url postgresql://USER@HOST/DATABASE, or set \
         TEAMGRAPH_DATABASE_URL"
    )]
    NoDatabase,
}

/// The database that a command works on.
#[derive(clap::Args, Clone, Debug)]
pub struct DatabaseOptions {
    /// The database, as postgresql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "TEAMGRAPH_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
}

impl DatabaseOptions {
    /// The URL, or an error that says how to give one.
    pub fn required(&self) -> Result<&DatabaseUrl, ConfigError> {
        self.given().ok_or(ConfigError::NoDatabase)
    }

    /// The URL, if there is one: an empty one is none.
    pub fn given(&self) -> Option<&DatabaseUrl> {
        self.database_url.as_ref().filter(|url| !url.as_str().is_empty())
    }
}

/// Which publication and slot a feed uses.
#[derive(clap::Args, Clone, Debug)]
pub struct FeedOptions {
    /// Names this server among those that follow one database; its replication slot is
    /// tg_INSTANCE
    #[arg(long, env = "TEAMGRAPH_INSTANCE", default_value = "default", value_name = "NAME")]
    pub instance: Instance,
    /// The publication to follow
    #[arg(long, env = "TEAMGRAPH_PUBLICATION", default_value = "teamgraph", value_name = "NAME")]
    pub publication: Publication,
    /// A TOML file that says which tables hold members and memberships [default: the built-in
    /// schema]
    #[arg(long, env = "TEAMGRAPH_MAPPING", value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Start although max_slot_wal_keep_size is -1, so that a server that is down for long lets
    /// the write-ahead log fill the database's disk
    #[arg(long, env = "TEAMGRAPH_ALLOW_UNBOUNDED_WAL")]
    pub allow_unbounded_wal: bool,
    /// A transaction that is sent in more bytes than this is not followed: the tables are copied
    /// afresh after it
    #[arg(
        long,
        env = "TEAMGRAPH_TRANSACTION_BYTES_MAX",
        default_value_t = TRANSACTION_BYTES_MAX,
        value_name = "BYTES"
    )]
    pub transaction_bytes_max: u64,
}

impl FeedOptions {
    /// Reads the mapping file; without one, the built-in schema is meant.
    pub fn read_mapping(&self) -> Result<Mapping, ConfigError> {
        let Some(path) = &self.mapping else { return Ok(Mapping::built_in()) };
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Err(source) => Err(ConfigError::ReadMapping { path: shown, source }),
            Ok(text) => {
                Mapping::parse(&text).map_err(|source| ConfigError::Mapping { path: shown, source })
            }
        }
    }
}

/// Everything `serve` can be told.
#[derive(clap::Args, Clone, Debug)]
pub struct ServeOptions {
    #[command(flatten)]
    /// What to follow; without a database, a private PostgreSQL is started.
    pub source: SourceOptions,
    /// The address and port to answer gRPC on; port 0 takes a free one
    #[arg(
        long,
        env = "TEAMGRAPH_LISTEN",
        default_value = "127.0.0.1:7420",
        value_name = "ADDRESS"
    )]
    pub listen: SocketAddr,
    /// Listen on an address that other machines can reach, without TLS or credentials
    #[arg(long, env = "TEAMGRAPH_INSECURE")]
    pub insecure: bool,
    #[command(flatten)]
    /// What to follow.
    pub feed: FeedOptions,
    /// The most pairs of teams that the closure may hold, at about 8 bytes each; beyond, questions
    /// are answered by search
    #[arg(
        long,
        env = "TEAMGRAPH_CLOSURE_PAIRS_MAX",
        default_value_t = 64_000_000,
        value_name = "PAIRS"
    )]
    pub closure_pairs_max: u64,
    /// How long old versions are kept for paging, in seconds
    #[arg(
        long,
        env = "TEAMGRAPH_HISTORY_SECONDS",
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(..=HISTORY_SECONDS_MAX)
    )]
    pub history_seconds: u64,
    /// How much memory old versions may hold beside the newest, in bytes
    #[arg(
        long,
        env = "TEAMGRAPH_HISTORY_BYTES",
        default_value_t = 256_000_000,
        value_name = "BYTES"
    )]
    pub history_bytes: u64,
    /// Keep the graph in this directory, so that the next start takes no copy [default: it is kept
    /// nowhere]
    #[arg(long, env = "TEAMGRAPH_CHECKPOINT_DIR", value_name = "DIR")]
    pub checkpoint_dir: Option<PathBuf>,
    /// How long after one checkpoint the next is written, in seconds; the database keeps its log as
    /// long
    #[arg(
        long,
        env = "TEAMGRAPH_CHECKPOINT_INTERVAL_S",
        default_value_t = 60,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=CHECKPOINT_INTERVAL_S_MAX)
    )]
    pub checkpoint_interval_s: u64,
    /// Refuse questions once the database has been out of reach for so long, in seconds, and be
    /// not ready meanwhile [default: they are answered, and say for how long]
    #[arg(long, env = "TEAMGRAPH_MAX_STALENESS_S", value_name = "SECONDS")]
    pub max_staleness_s: Option<u64>,
    /// Compare the graph with the database's rows, the participations of a sample, again and again
    /// with so long a rest, in seconds; each time both tables are read [default: only when asked]
    #[arg(
        long,
        env = "TEAMGRAPH_VERIFY_EVERY_S",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=VERIFY_EVERY_S_MAX)
    )]
    pub verify_every_s: Option<u64>,
}

/// A week: who verifies less often does not verify in the background.
const VERIFY_EVERY_S_MAX: u64 = 604_800;

/// An hour: the database would keep the log of all that time.
const CHECKPOINT_INTERVAL_S_MAX: u64 = 3_600;

/// A day: a page token that is older is a client's mistake.
const HISTORY_SECONDS_MAX: u64 = 86_400;

/// [`ServeOptions`], found valid.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where the data comes from.
    pub source: SourceChoice,
    /// Where to answer.
    pub listen: SocketAddr,
    /// What to follow.
    pub feed: FeedOptions,
    /// The closure's budget, in pairs.
    pub closure_pairs_max: u64,
    /// How long old versions are kept, in seconds.
    pub history_seconds: u64,
    /// How many bytes they may hold.
    pub history_bytes: u64,
    /// Where the graph is kept, if anywhere.
    pub checkpoint: Option<CheckpointOptions>,
    /// For how long the source may be out of reach before questions are refused, if they ever are.
    pub max_staleness: Option<Duration>,
    /// How long to rest between one verify of a sample and the next, if any is made unasked.
    pub verify_every: Option<Duration>,
}

impl ServeOptions {
    /// Checks what one option alone cannot.
    pub fn validate(self) -> Result<ServeConfig, ConfigError> {
        let source = self.source.choice()?;
        if matches!(source, SourceChoice::Private(_)) && self.feed.mapping.is_some() {
            return Err(ConfigError::MappingWithoutDatabase);
        }
        if !self.listen.ip().is_loopback() && !self.insecure {
            return Err(ConfigError::NotLoopback(self.listen));
        }
        Ok(ServeConfig {
            source,
            listen: self.listen,
            feed: self.feed,
            closure_pairs_max: self.closure_pairs_max,
            history_seconds: self.history_seconds,
            history_bytes: self.history_bytes,
            checkpoint: self.checkpoint_dir.map(|directory| CheckpointOptions {
                directory,
                interval: Duration::from_secs(self.checkpoint_interval_s),
            }),
            max_staleness: self.max_staleness_s.map(Duration::from_secs),
            verify_every: self.verify_every_s.map(Duration::from_secs),
        })
    }
}
