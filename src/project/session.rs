//! A session in the target database.
//!
//! Owns connecting with bounds, the session's settings and the life of the connection's task. It
//! must not know what is asked.

use super::error::{ProjectError, reason};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, NoTls};

/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a server may be silent to what was sent before the connection counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A large merge takes as long as it takes, and an idle projection is no mistake; but a lock is not
/// waited for without end.
const SESSION_OPTIONS: &str = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 \
     -c idle_session_timeout=0 -c lock_timeout=30s -c client_min_messages=warning";

/// A connected session. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    /// Holds the one task that drives the connection, so that it ends with the session.
    _driver: JoinSet<()>,
}

impl Session {
    pub(super) async fn connect(target: &Config) -> Result<Self, ProjectError> {
        let mut config = target.clone();
        config.connect_timeout(CONNECT_MAX).tcp_user_timeout(SILENCE_MAX);
        config.keepalives_idle(SILENCE_MAX);
        if config.get_application_name().is_none() {
            config.application_name("teamgraph project");
        }
        let options = match config.get_options() {
            Some(given) => format!("{given} {SESSION_OPTIONS}"),
            None => SESSION_OPTIONS.to_owned(),
        };
        config.options(options);
        let refused = |reason| ProjectError::Connect { reason };
        let connected = tokio::time::timeout(CONNECT_MAX, config.connect(NoTls)).await;
        let connected = connected.map_err(|_late| refused("no answer".to_owned()))?;
        let (client, connection) = connected.map_err(|error| refused(reason(&error)))?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Whoever waits for an answer gets the error; nobody else needs it.
            let _ended = connection.await;
        });
        Ok(Session { client, _driver: driver })
    }
}
