//! A plain connection to a PostgreSQL database, for the commands that write to it or ask it.
//!
//! Owns connecting with a bound, and the life of the connection's task. It must not know what is
//! asked, nor the replication protocol (the feed has its own connections).

use crate::feed;
use std::future::poll_fn;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket, tls::NoTlsStream};

/// How long connecting may take: far above a healthy server's few ms, below a person's patience.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL cannot be used, here as for the feed.
    #[error(transparent)]
    Url(#[from] feed::ConfigError),
    /// No connection.
    #[error("cannot connect to {target}: is PostgreSQL running there, and is the URL right?")]
    Connect {
        /// The host, port, user and database that were tried.
        target: String,
        /// Why not.
        source: tokio_postgres::Error,
    },
    /// No answer in time.
    #[error("cannot connect to {target}: no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout {
        /// The host, port, user and database that were tried.
        target: String,
    },
}

/// A connected session. Dropping it closes the connection.
#[derive(Debug)]
pub struct Session {
    client: Client,
    /// Holds the one task that drives the connection, so that it ends with the session.
    _driver: JoinSet<()>,
}

impl Session {
    /// Connects to the database at `url`, a PostgreSQL connection URL.
    pub async fn connect(url: &str) -> Result<Self, DatabaseError> {
        let mut config = feed::parse_url(url)?;
        if config.get_application_name().is_none() {
            config.application_name("teamgraph");
        }
        let target = describe(&config);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await;
        let (client, connection) = match connected {
            Err(_elapsed) => return Err(DatabaseError::Timeout { target }),
            Ok(Err(source)) => return Err(DatabaseError::Connect { target, source }),
            Ok(Ok(connected)) => connected,
        };
        let mut driver = JoinSet::new();
        driver.spawn(drive(connection));
        Ok(Session { client, _driver: driver })
    }

    /// The client, for queries.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client, for transactions.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Moves the connection's bytes until it ends, and passes on what the server remarks.
async fn drive(mut connection: Connection<Socket, NoTlsStream>) {
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if is_a_remark(notice.severity()) => {
                let hint = notice.hint().unwrap_or_default();
                tracing::warn!("PostgreSQL remarks: {}. {hint}", notice.message());
            }
            Ok(_other) => {}
            // Whoever waits for an answer gets the error; nobody else needs it.
            Err(_closed) => return,
        }
    }
}

/// Whether a notice is worth a person's attention. "... already exists, skipping" has a code of
/// its own class but the same severity, so those are asked for with client_min_messages instead.
fn is_a_remark(severity: &str) -> bool {
    matches!(severity, "NOTICE" | "WARNING")
}

/// Where a connection goes, without its password.
fn describe(config: &Config) -> String {
    let database = config.get_dbname().or_else(|| config.get_user()).unwrap_or("its default");
    format!("database {database} at {}", host(config))
}

/// A URL of the same database for the same role, to be shown: without the password.
pub fn without_password(url: &str) -> Result<String, DatabaseError> {
    let config = feed::parse_url(url)?;
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    let (user, host) = (config.get_user().unwrap_or_default(), host(&config));
    let database = config.get_dbname().unwrap_or(user);
    let [user, database, path] = [user, database, host.as_str()].map(percent_encode);
    Ok(if host.starts_with('/') {
        format!("postgresql:///{database}?host={path}&port={port}&user={user}")
    } else {
        format!("postgresql://{user}@{host}:{port}/{database}")
    })
}

/// PostgreSQL's own.
const PORT: u16 = 5432;

fn host(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = hosts.collect();
    match (hosts.as_slice(), config.get_hostaddrs()) {
        ([], [address, ..]) => address.to_string(),
        _ => hosts.join(", "),
    }
}

/// A word as a part of a URL.
pub fn percent_encode(word: &str) -> String {
    word.bytes().fold(String::with_capacity(word.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_error_shows_a_part_of_the_password() {
        for url in [
            "postgresql://u:secret@h:port/x",
            "postgresql://u:p@secret@db/app",
            "postgresql://u:p@secret?x@db/app",
            "postgresql://u:p@secret/x@db/app?sslmode=require",
            "postgresql://u:p@localhost:1/secret@db",
            "postgresql://u:secret@h/x?sslmode=require",
            "postgresql:///directory?host=/nonexistent&user=u&password=secret",
        ] {
            let error = anyhow::Error::from(Session::connect(url).await.unwrap_err());
            assert!(!format!("{error:#}").contains("secret"), "{url}: {error:#}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_used_says_what_can() {
        for (url, said) in [
            ("postgresql://u:secret@h:port/x", "write it as postgresql://user:password@host"),
            ("postgresql://u:p@secret@db/app", "`@` is %40"),
            ("postgresql://u@h/x?sslmode=require", "use sslmode=disable"),
            ("postgresql://u@h/x?sslmode=verify-full", "use sslmode=disable"),
            ("postgresql://h/x", "has no user"),
            (
                "postgresql:///directory?host=/nonexistent&user=u",
                "database directory at /nonexistent",
            ),
        ] {
            let text = Session::connect(url).await.unwrap_err().to_string();
            assert!(text.contains(said), "{url}: {text}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgresql://u:secret@h:5433/app", "postgresql://u@h:5433/app"),
            ("host=h user=u password=secret", "postgresql://u@h:5432/u"),
            (
                "postgresql:///app?host=/a%20b&user=u&password=secret",
                "postgresql:///app?host=/a%20b&port=5432&user=u",
            ),
        ] {
            assert_eq!(without_password(url).unwrap(), shown);
        }
    }
}
