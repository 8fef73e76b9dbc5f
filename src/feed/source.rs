//! Answers the questions that go down to the source: where its log ends now.
//!
//! Owns a connection of its own, kept between questions, so that a question never waits for the
//! feed. It must not know who asks.

use super::config::FeedConfig;
use super::error::FeedError;
use super::session::Session;
use crate::command::{Source, SourcePosition, SourceReply, SourceUnavailable};
use crate::id::{History, Lsn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a question may take, waiting for others' questions included: the client that is
/// behind it waits too, and a second is far beyond what a server in good health needs.
const POSITION_MAX: Duration = Duration::from_secs(2);

const POSITION: &str = "
    SELECT c.system_identifier, left(pg_walfile_name(e.lsn), 8) AS timeline, e.lsn::text AS lsn
    FROM pg_control_system() c, pg_current_wal_insert_lsn() AS e(lsn)";

/// The primary, asked on a connection of its own.
#[derive(Clone, Debug)]
pub struct PrimarySource {
    config: Arc<FeedConfig>,
    /// One question at a time: they are rare. Empty while one is under way, so that a question
    /// that is given up takes its connection with it.
    session: Arc<Mutex<Option<Session>>>,
}

impl PrimarySource {
    /// Connects at the first question.
    pub fn new(config: FeedConfig) -> Self {
        PrimarySource { config: Arc::new(config), session: Arc::default() }
    }

    async fn ask(self) -> Result<SourcePosition, FeedError> {
        let mut kept = self.session.lock().await;
        if let Some(mut session) = kept.take() {
            // The server may have closed it since: then a new one is made.
            if let Ok(position) = position(&mut session).await {
                *kept = Some(session);
                return Ok(position);
            }
        }
        let mut session = Session::open(&self.config).await?;
        let position = position(&mut session).await?;
        *kept = Some(session);
        Ok(position)
    }
}

impl Source for PrimarySource {
    fn position(&self) -> SourceReply {
        let source = self.clone();
        Box::pin(async move {
            match timeout(POSITION_MAX, source.ask()).await {
                Ok(asked) => asked.map_err(|error| SourceUnavailable(error.to_string())),
                Err(_) => {
                    Err(SourceUnavailable(format!("no answer within {} s", POSITION_MAX.as_secs())))
                }
            }
        })
    }
}

async fn position(session: &mut Session) -> Result<SourcePosition, FeedError> {
    let what = "asking where the log ends";
    let Session { client, wire } = session;
    let row = wire.within(what, POSITION_MAX, client.query_one(POSITION, &[])).await?;
    let read = || {
        let system_id: i64 = row.try_get("system_identifier")?;
        let (timeline, lsn): (&str, &str) = (row.try_get("timeline")?, row.try_get("lsn")?);
        Ok((system_id.cast_unsigned(), u32::from_str_radix(timeline, 16), lsn.parse::<Lsn>()))
    };
    let position =
        read().map_err(|error: tokio_postgres::Error| FeedError::of_client(what, &error))?;
    match position {
        (system_id, Ok(timeline), Ok(insert_lsn)) => {
            Ok(SourcePosition { history: History { system_id, timeline }, insert_lsn })
        }
        (_, timeline, lsn) => Err(FeedError::transient(format!(
            "{what}: unexpected answer (timeline {timeline:?}, position {lsn:?})"
        ))),
    }
}
