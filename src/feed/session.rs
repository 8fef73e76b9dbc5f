//! One ordinary connection to the database, for the catalogue and for `COPY`.
//!
//! Owns the connection's life. The driver splits it into a client and a future that must be polled
//! for the client to get on; here the two stay together, so that no task of its own is needed and
//! the connection ends with its owner.

use super::config::{CONNECT_MAX, FeedConfig};
use super::error::FeedError;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Connection, NoTls, Socket};

/// How long a question to the catalogue may take. Generous: it is a few rows, but the server may
/// be busy, and locks are waited for.
pub(crate) const ASK_MAX: Duration = Duration::from_secs(40);

/// How long to wait for a connection to be closed in good order.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) wire: Wire,
}

/// The part of the connection that must be polled.
pub(crate) struct Wire(Option<Pin<Box<Connection<Socket, NoTlsStream>>>>);

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Wire(open)" } else { "Wire(closed)" })
    }
}

impl Session {
    /// Connects.
    pub(crate) async fn open(config: &FeedConfig) -> Result<Self, FeedError> {
        let what = "connecting to the database";
        match timeout(CONNECT_MAX, config.database.connect(NoTls)).await {
            Err(_) => Err(too_slow(what, CONNECT_MAX)),
            Ok(Err(error)) => Err(FeedError::of_client(what, &error)),
            Ok(Ok((client, connection))) => {
                Ok(Session { client, wire: Wire(Some(Box::pin(connection))) })
            }
        }
    }

    /// Says good-bye, so that the server's log stays clean.
    pub(crate) async fn close(self) {
        let Session { client, wire } = self;
        drop(client);
        if let Some(connection) = wire.0 {
            // Closed or not: there is nothing left to do about it.
            let _ = timeout(CLOSE_MAX, connection).await;
        }
    }
}

impl Wire {
    /// Waits for `work` of the client.
    pub(crate) async fn during<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<T, FeedError>>,
    ) -> Result<T, FeedError> {
        let Some(connection) = &mut self.0 else {
            return Err(FeedError::transient(format!("{what}: the connection is closed")));
        };
        tokio::select! {
            // The connection first: it knows why it ended, the client only that it did.
            biased;
            ended = connection => {
                self.0 = None;
                Err(match ended {
                    Err(error) => FeedError::of_client(what, &error),
                    Ok(()) => FeedError::transient(format!("{what}: the connection was closed")),
                })
            }
            done = work => done,
        }
    }

    /// Waits for one answer, but no longer than `limit`.
    pub(crate) async fn within<T>(
        &mut self,
        what: &str,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, FeedError> {
        let work = async {
            match timeout(limit, work).await {
                Err(_) => Err(too_slow(what, limit)),
                Ok(done) => done.map_err(|error| FeedError::of_client(what, &error)),
            }
        };
        self.during(what, work).await
    }
}

pub(crate) fn too_slow(what: &str, limit: Duration) -> FeedError {
    FeedError::transient(format!("{what}: no answer within {} s", limit.as_secs()))
}
