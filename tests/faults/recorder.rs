//! The recorder: hears every commit from PostgreSQL by a slot of its own.
//!
//! Owns that slot's stream, which it takes up again whenever it is lost. What it records is the
//! order of the commits and where each ends; nothing of the product takes part in it.

use crate::decoding::{self, Line};
use crate::log::Log;
use crate::wire::{Replication, Sent};
use anyhow::anyhow;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The recorder's slot.
pub const SLOT: &str = "recorder";

/// Before another try: the server may be down.
const AGAIN: Duration = Duration::from_millis(50);

/// A server that is killed at the wrong moment may leave a connection that nobody answers.
const BEGIN_MAX: Duration = Duration::from_secs(15);

/// The server asks after half a minute of its `wal_sender_timeout` whether we are there.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// Records until it meets what it cannot read, or until its slot is gone: then no judgement is
/// possible.
pub async fn record(directory: PathBuf, database: String, log: Log) -> anyhow::Error {
    loop {
        let began = timeout(BEGIN_MAX, Replication::start(&directory, &database, SLOT)).await;
        let error = match began {
            Ok(Ok(replication)) => follow(replication, &log).await,
            Ok(Err(error)) => error,
            Err(_) => anyhow!("the server does not answer"),
        };
        let text = format!("{error:#}");
        if text.contains("test_decoding") || text.contains("lost") || text.contains("not exist") {
            return error.context("the recorder cannot go on");
        }
        sleep(AGAIN).await;
    }
}

async fn follow(mut replication: Replication, log: &Log) -> anyhow::Error {
    let mut changes = Vec::new();
    loop {
        let Ok(sent) = timeout(SILENCE_MAX, replication.next()).await else {
            return anyhow!("the server is silent");
        };
        let confirmed = match sent {
            Err(error) => return error,
            Ok(Sent::Heard { lsn }) => {
                log.hear(lsn);
                lsn
            }
            Ok(Sent::Data { lsn, text }) => match decoding::read(&text) {
                Err(error) => return error,
                Ok(Line::Begin) => {
                    changes.clear();
                    continue;
                }
                Ok(Line::Changes(more)) => {
                    changes.extend(more);
                    continue;
                }
                Ok(Line::Commit) => {
                    log.commit(lsn, std::mem::take(&mut changes));
                    lsn
                }
            },
        };
        if let Err(error) = replication.confirm(confirmed).await {
            return error;
        }
    }
}
