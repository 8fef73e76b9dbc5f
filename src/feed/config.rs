//! What the feed is told: where the database is, and the names of publication and slot.
//!
//! Owns the validation of those and the settings of every session of ours. Never shows a password:
//! no error repeats the URL, and `tokio_postgres::Config` masks it in its own `Debug`.

use super::mapping::Mapping;
use super::sql::NAME_BYTES_MAX;
use pgwire_replication::ReplicationConfig;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};

/// How long a connection may take to be made.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long `CREATE_REPLICATION_SLOT` waits for the transactions that are open, unless told
/// otherwise. Long, because giving up early only starts the same wait anew.
const SLOT_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How often to look whether tables and publication are still the same, unless told otherwise: a
/// dozen small queries.
const WATCH_INTERVAL: Duration = Duration::from_secs(30);

/// Settings of every session of ours. The first three would kill a session that holds or reads a
/// snapshot for long; a lock must not be waited for without end; row security must be an error
/// and not a filter; and the catalogue must not be shadowed.
const SESSION_OPTIONS: &str = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 \
     -c idle_session_timeout=0 -c lock_timeout=30s -c row_security=off -c search_path=pg_catalog";

/// The walsender gives up on us after this long, and asks after half of it: so that its silence
/// means something whatever the server's own setting is. The slot's creation waits for the
/// transactions that are open, as for locks: its bound is ours ([`FeedConfig::slot_wait_max`]).
const WALSENDER_OPTIONS: &str = "-c wal_sender_timeout=30s -c lock_timeout=0";

/// How long the server may be silent before we report our position unasked. Longer than the half
/// of `wal_sender_timeout`, for a server that hears from us does not ask, and then an idle one says
/// nothing; shorter than the whole, for one that is busy forgets to ask.
const UNASKED_INTERVAL: Duration = Duration::from_secs(20);

/// How often a raised position is reported to the source: a second of WAL more is nothing to keep,
/// one message a second nothing to send.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Events that the replication driver holds for us: half a millisecond of the fastest stream. No
/// more, because it counts events, not bytes, and a row of any published table may be large.
const DRIVER_EVENTS_MAX: usize = 512;

/// A transaction as large as a large table: a version that shares little with the one before is
/// held in memory twice, as with a copy, and longer.
pub const TRANSACTION_BYTES_MAX: u64 = 1 << 30;

/// What the feed is told.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    pub(crate) database: tokio_postgres::Config,
    pub(crate) publication: String,
    pub(crate) slot: String,
    /// Start even if an abandoned slot could fill the primary's disk.
    pub allow_unbounded_wal: bool,
    /// The tables.
    pub mapping: Mapping,
    /// How long the slot's creation may wait for open transactions before it is tried anew.
    pub slot_wait_max: Duration,
    /// How often to look whether tables and publication are still those that were copied, and to
    /// leave a note in the source's log.
    pub watch_interval: Duration,
    /// The most bytes that a transaction may be sent in: a larger one is not followed but copied
    /// after.
    pub transaction_bytes_max: u64,
}

/// Something the feed was told cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL cannot be read. It is not repeated here, for it may hold a password.
    #[error(
        "the database URL cannot be read; write it as postgresql://user:password@host:5432/database \
         and percent-encode special characters of the password (`@` is %40)"
    )]
    Url,
    /// Encryption was asked for.
    #[error(
        "the database URL asks for TLS (sslmode={0}), which is not built yet; fix: use \
         sslmode=disable over a trusted network or a Unix socket"
    )]
    Tls(String),
    /// Not exactly one host.
    #[error(
        "the database URL names {0} hosts; fix: name one, the primary (a replication slot lives on \
         one server)"
    )]
    Hosts(usize),
    /// A part is missing.
    #[error("the database URL has no {0}; fix: name it")]
    Missing(&'static str),
    /// The password is not text.
    #[error("the password of the database URL is not UTF-8")]
    Password,
    /// Not a slot name.
    #[error("`{0}` cannot name a replication slot; fix: 1 to 63 of the characters a-z, 0-9 and _")]
    Slot(String),
    /// Not a publication name that the protocol can carry.
    #[error(
        "`{0}` cannot name a publication here; fix: 1 to 63 bytes without comma, space or quote"
    )]
    Publication(String),
}

impl FeedConfig {
    /// Checks and keeps what is given, for the built-in schema. `url` is a
    /// [connection string](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING),
    /// as a URI or as `key=value` words.
    pub fn new(url: &str, publication: &str, slot: &str) -> Result<Self, ConfigError> {
        let mut database = parse_url(url)?;
        if database.get_connect_timeout().is_none() {
            database.connect_timeout(CONNECT_MAX);
        }
        if database.get_application_name().is_none() {
            database.application_name("teamgraph");
        }
        let options = match database.get_options() {
            Some(given) => format!("{given} {SESSION_OPTIONS}"),
            None => SESSION_OPTIONS.to_owned(),
        };
        database.options(options);
        if !is_slot_name(slot) {
            return Err(ConfigError::Slot(slot.into()));
        }
        if !is_publication_name(publication) {
            return Err(ConfigError::Publication(publication.into()));
        }
        Ok(FeedConfig {
            database,
            publication: publication.into(),
            slot: slot.into(),
            allow_unbounded_wal: false,
            mapping: Mapping::built_in(),
            slot_wait_max: SLOT_WAIT_MAX,
            watch_interval: WATCH_INTERVAL,
            transaction_bytes_max: TRANSACTION_BYTES_MAX,
        })
    }

    /// The slot's name.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// The publication's name.
    pub fn publication(&self) -> &str {
        &self.publication
    }

    /// The same server and role for the replication driver, which parses no URL.
    pub(crate) fn replication(&self) -> Result<ReplicationConfig, ConfigError> {
        let host = match (self.database.get_hostaddrs(), self.database.get_hosts()) {
            ([address, ..], _) => address.to_string(),
            ([], [Host::Tcp(host), ..]) => host.clone(),
            ([], [Host::Unix(path), ..]) => path.to_string_lossy().into_owned(),
            ([], []) => return Err(ConfigError::Hosts(0)),
        };
        let user = self.database.get_user().ok_or(ConfigError::Missing("user"))?;
        let password = self.database.get_password().unwrap_or_default();
        let password = str::from_utf8(password).map_err(|_| ConfigError::Password)?;
        let port = self.database.get_ports().first().copied().unwrap_or(5432);
        let options = self.database.get_options().unwrap_or(SESSION_OPTIONS);
        let database = self.database.get_dbname().unwrap_or(user);
        Ok(ReplicationConfig::new(
            host,
            user,
            password,
            database,
            self.slot.as_str(),
            self.publication.as_str(),
        )
        .with_port(port)
        .with_binary(true)
        .with_options(format!("{options} {WALSENDER_OPTIONS}"))
        .with_application_name(self.slot.as_str())
        .with_status_interval(STATUS_INTERVAL)
        .with_wakeup_interval(UNASKED_INTERVAL)
        .with_buffer_size(DRIVER_EVENTS_MAX))
    }
}

/// Reads a connection string, with the same rules for the feed as for all else that connects: one
/// server, a role by name, and no TLS.
pub fn parse_url(url: &str) -> Result<tokio_postgres::Config, ConfigError> {
    for mode in ["verify-ca", "verify-full"] {
        if url.contains(&format!("sslmode={mode}")) {
            return Err(ConfigError::Tls(mode.into()));
        }
    }
    // A password with an `@` that is not encoded would end there, and its rest pass for the host,
    // to be looked up and shown.
    if url.contains("://") && url.matches('@').count() > 1 {
        return Err(ConfigError::Url);
    }
    let database = url.parse().map_err(|_| ConfigError::Url)?;
    check_database(&database)?;
    Ok(database)
}

fn check_database(database: &tokio_postgres::Config) -> Result<(), ConfigError> {
    match database.get_ssl_mode() {
        SslMode::Disable | SslMode::Prefer => {}
        _ => return Err(ConfigError::Tls("require".into())),
    }
    let hosts = database.get_hosts().len().max(database.get_hostaddrs().len());
    if hosts != 1 || database.get_ports().len() > 1 {
        return Err(ConfigError::Hosts(hosts));
    }
    if database.get_user().is_none() {
        return Err(ConfigError::Missing("user"));
    }
    match database.get_password().map(str::from_utf8) {
        Some(Err(_)) => Err(ConfigError::Password),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// The name goes unquoted into replication commands, and the server takes no others either.
fn is_slot_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// The protocol takes a list of names parted by commas.
fn is_publication_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.contains(|c: char| {
            c == ',' || c == '"' || c == '\'' || c.is_whitespace() || c.is_control()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgresql://feed:se%40cret@db.example:5433/app";

    #[test]
    fn a_url_becomes_a_configuration_of_both_drivers() {
        let config = FeedConfig::new(URL, "teamgraph", "tg_a").unwrap();
        let replication = config.replication().unwrap();
        assert_eq!(replication.host, "db.example");
        assert_eq!(replication.port, 5433);
        assert_eq!(replication.user, "feed");
        assert_eq!(replication.password, "se@cret");
        assert_eq!(replication.database, "app");
        let socket = FeedConfig::new("host=/run/pg user=feed", "teamgraph", "tg_a").unwrap();
        assert_eq!(socket.replication().unwrap().host, "/run/pg");
        assert_eq!(socket.replication().unwrap().database, "feed");
    }

    /// A server takes the last of several values.
    #[test]
    fn a_locks_bound_does_not_cut_the_slots_creation() {
        let url = format!("{URL}?options=-c%20lock_timeout%3D5s");
        let config = FeedConfig::new(&url, "teamgraph", "tg_a").unwrap();
        let options = config.replication().unwrap().options.unwrap();
        let last = options.split(' ').rfind(|word| word.starts_with("lock_timeout"));
        assert_eq!(last, Some("lock_timeout=0"), "{options}");
        let ordinary = config.database.get_options().unwrap();
        assert!(ordinary.ends_with("search_path=pg_catalog") && ordinary.contains("=30s"));
    }

    #[test]
    fn no_debug_shows_the_password() {
        let config = FeedConfig::new(URL, "teamgraph", "tg_a").unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("se@cret") && !shown.contains("se%40cret"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_fix() {
        let error = |url: &str| FeedConfig::new(url, "teamgraph", "tg_a").unwrap_err();
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("{URL}?sslmode={mode}");
            assert_eq!(error(&url), ConfigError::Tls(mode.into()));
        }
        assert!(FeedConfig::new(&format!("{URL}?sslmode=prefer"), "p", "s").is_ok());
        assert_eq!(error("postgresql://u@a,b/app"), ConfigError::Hosts(2));
        assert_eq!(error("postgresql:///app?user=u"), ConfigError::Hosts(0));
        assert_eq!(error("postgresql://a/app"), ConfigError::Missing("user"));
        assert_eq!(error("postgresql://u:pw@h/db?secret=pw"), ConfigError::Url);
        assert_eq!(error("postgresql://u:p@ssw0rd@db/app"), ConfigError::Url);
        for slot in ["", "Tg", "tg-a", "tg a", "tg\"", &"a".repeat(64)] {
            let refused = FeedConfig::new(URL, "teamgraph", slot).unwrap_err();
            assert_eq!(refused, ConfigError::Slot(slot.into()));
        }
        for publication in ["", "a,b", "a b", "a\"b", "a'b", &"a".repeat(64)] {
            let refused = FeedConfig::new(URL, publication, "tg_a").unwrap_err();
            assert_eq!(refused, ConfigError::Publication(publication.into()));
        }
    }
}
