//! The recorder: hears every commit from PostgreSQL by a slot of its own.
//!
//! Owns that slot's stream, which it takes up again whenever it is lost. What it records is the
//! order of the commits and where each ends; nothing of the product takes part in it.

use crate::decoding::{self, Line};
use crate::log::Log;
use crate::wire::{Replication, Sent};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

/// The recorder's slot.
pub const SLOT: &str = "recorder";

/// Before another try: the server may be down.
const AGAIN: Duration = Duration::from_millis(50);

/// Records until it meets what it cannot read, or until its slot is gone: then no judgement is
/// possible.
pub async fn record(directory: PathBuf, database: String, log: Log) -> anyhow::Error {
    loop {
        let error = match Replication::start(&directory, &database, SLOT).await {
            Ok(replication) => follow(replication, &log).await,
            Err(error) => error,
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
        let confirmed = match replication.next().await {
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
