//! The watch over tables and publication while a stream is followed.
//!
//! Owns when they are looked at: a table taken out of the publication would be missed by nobody in
//! the stream, and values that an `ALTER TABLE` rewrites are not in it. It must not know what is
//! done about a change.
//!
//! Each look leaves a note in the source's log, so that it moves on where nothing else is written in
//! this database.

use super::check::{self, Findings};
use super::config::FeedConfig;
use super::error::FeedError;
use super::session::{ASK_MAX, Session};
use super::tables::Catalogue;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// The rest between two looks: tables' columns are announced anew after each vacuum, too.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// Outside of any transaction: no version comes of it.
const NOTE: &str = "SELECT pg_logical_emit_message(false, 'teamgraph', '')";

/// Looks again and again, and at once when the stream has `announced` a table's columns, which it
/// does before the first row after a change of the table. Returns once something is wrong or not
/// what it was; until then `known` is kept up to date.
pub(crate) async fn watch(
    config: &FeedConfig,
    server_version: i32,
    known: &mut Catalogue,
    announced: &Notify,
) -> FeedError {
    loop {
        tokio::select! {
            () = announced.notified() => {}
            () = sleep(config.watch_interval) => {}
        }
        match look(config, server_version).await {
            Ok((findings, found)) => {
                if let Some(errors) = findings.errors_text() {
                    return FeedError::operator(errors);
                }
                if let Some(why) = found.differs(known) {
                    return FeedError::changed(why);
                }
                *known = found;
            }
            // The stream itself will tell if it matters.
            Err(error) => tracing::debug!(%error, "the catalogue could not be looked at"),
        }
        sleep(WATCH_PAUSE).await;
    }
}

async fn look(
    config: &FeedConfig,
    server_version: i32,
) -> Result<(Findings, Catalogue), FeedError> {
    let mut session = Session::open(config).await?;
    let mut findings = Findings::default();
    let Session { client, wire } = &mut session;
    let looking = check::catalogue(client, server_version, config, &mut findings);
    let found = wire.within("looking at the tables", ASK_MAX, looking).await?;
    if let Err(error) = wire.within("leaving a note", ASK_MAX, client.execute(NOTE, &[])).await {
        // It may have been taken from the role; and nothing depends on it.
        tracing::debug!(%error, "no note could be left in the source's log");
    }
    session.close().await;
    Ok((findings, found))
}
