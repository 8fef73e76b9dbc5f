//! The source's rows at one position, read once, beside the stream and without touching it.
//!
//! Owns a temporary slot, which names the position and exports the snapshot that shows the database
//! there; it goes with its connection. (How it is made, and one that stays, stand in
//! [`super::prepared`].) It must not know who compares the rows or builds of them.
//!
//! What is read is what a copy would read: same tables, same translation, members first.

use super::config::FeedConfig;
use super::copy;
use super::error::FeedError;
use super::facts;
use super::outbox::Outbox;
use super::session::Session;
use super::slot::{self, NewSlot, Walsender};
use super::statuses::{self, UnknownStatuses};
use super::tables::Catalogue;
use crate::change::FeedEvent;
use crate::id::{History, Lsn};
use crate::resume::SourceFacts;
use pgwire_replication::ReplicationClient;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A reading that stands at its position. To drop it ends it, its slot included.
pub struct Reading {
    pub(super) config: FeedConfig,
    pub(super) session: Session,
    /// The snapshot lives as long as this connection runs nothing else.
    pub(super) replication: ReplicationClient,
    pub(super) server_version: i32,
    pub(super) catalogue: Catalogue,
    pub(super) history: History,
    pub(super) made: NewSlot,
    pub(super) estimated_rows: u64,
    /// The process that holds the slot, where that stays.
    pub(super) lasts_past: Option<Walsender>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("made", &self.made).finish_non_exhaustive()
    }
}

impl Reading {
    /// Of which database it is.
    pub const fn history(&self) -> History {
        self.history
    }

    /// The position: what was committed before it is read, and nothing else.
    pub const fn consistent_point(&self) -> Lsn {
        self.made.consistent_point
    }

    /// How many rows there are, as the database estimates; 0 where it does not.
    pub const fn estimated_rows(&self) -> u64 {
        self.estimated_rows
    }

    /// How the rows are read, for who keeps what is built of them.
    pub fn facts(&self) -> Arc<SourceFacts> {
        Arc::new(facts::of(&self.config.mapping, &self.catalogue))
    }

    /// Rows of the built-in schema whose status is none that it knows; none of other tables.
    ///
    /// # Errors
    /// A lost connection: to be tried anew, from [`super::PreparedReading::new`] on.
    pub async fn unknown_statuses(&mut self) -> Result<UnknownStatuses, FeedError> {
        let (snapshot, mapping) = (&self.made.snapshot, &self.config.mapping);
        statuses::unknown(&mut self.session, snapshot, self.server_version, mapping).await
    }

    /// Hands on every row, as [`FeedEvent::Change`]s alone, and returns how many there are;
    /// `report` is told how many are read so far. A dropped receiver ends it with an error.
    ///
    /// # Errors
    /// A lost connection, or a table that was rewritten just before: to be tried anew, from
    /// [`super::PreparedReading::new`] on.
    pub async fn run(
        mut self,
        rows: mpsc::Sender<Vec<FeedEvent>>,
        mut report: impl FnMut(u64) + Send,
    ) -> Result<u64, FeedError> {
        let mut outbox = Outbox::new(rows);
        let read = copy::copy(
            &mut self.session,
            &self.made.snapshot,
            self.server_version,
            &self.config.mapping,
            &self.catalogue,
            &mut outbox,
            &mut report,
        )
        .await;
        self.replication.abort();
        if let (Ok(_), Some(walsender)) = (&read, &self.lasts_past) {
            // So that the process that goes on from the slot finds it free.
            slot::dismiss(&mut self.session, walsender).await?;
        }
        self.session.close().await;
        read
    }
}
