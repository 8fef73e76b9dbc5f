//! The source's rows at one position, read once, beside the stream and without touching it.
//!
//! Owns a temporary slot, which names the position and exports the snapshot that shows the database
//! there; it goes with its connection. (Where what is built of the rows is for a process to come,
//! it is another slot: see [`super::lasting`].) It must not know who compares the rows or builds of
//! them.
//!
//! What is read is what a copy would read: same tables, same translation, members first.

use super::check::Checked;
use super::config::FeedConfig;
use super::copy;
use super::error::FeedError;
use super::facts;
use super::outbox::Outbox;
use super::run::checked;
use super::session::{ASK_MAX, Session};
use super::slot::{self, Identity, NewSlot, SlotOrder};
use super::tables::Catalogue;
use crate::change::FeedEvent;
use crate::id::{History, Lsn};
use crate::resume::SourceFacts;
use pgwire_replication::ReplicationClient;
use std::fmt;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A reading that stands at its position. To drop it ends it, a temporary slot included.
pub struct Reading {
    opening: Opening,
    made: NewSlot,
    estimated_rows: u64,
    /// The slot stays.
    is_lasting: bool,
}

/// A reading that has no position yet.
pub(super) struct Opening {
    config: FeedConfig,
    pub(super) session: Session,
    /// The snapshot lives as long as this connection runs nothing else.
    replication: ReplicationClient,
    server_version: i32,
    catalogue: Catalogue,
    pub(super) identity: Identity,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("made", &self.made).finish_non_exhaustive()
    }
}

impl Reading {
    /// Checks the database as the feed does, and takes a position and its snapshot.
    ///
    /// Waits for transactions that are open, at most `config.slot_wait_max`.
    ///
    /// # Errors
    /// What the feed would refuse too; that no replication slot or connection is free (one of each
    /// is used beside the feed's); that the wait was too long.
    pub async fn open(config: &FeedConfig) -> Result<Self, FeedError> {
        let opening = Opening::new(config).await?;
        // No other reading of this cluster has the process, and slots have no longer names.
        let name = format!("teamgraph_reading_{}", opening.identity.pid);
        opening.create(&name, true).await
    }

    /// Of which database it is.
    pub const fn history(&self) -> History {
        self.opening.identity.history
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
        Arc::new(facts::of(&self.opening.config.mapping, &self.opening.catalogue))
    }

    /// Hands on every row, as [`FeedEvent::Change`]s alone, and returns how many there are;
    /// `report` is told how many are read so far. A dropped receiver ends it with an error.
    ///
    /// # Errors
    /// A lost connection, or a table that was rewritten just before: to be tried anew, from
    /// [`Reading::open`] on.
    pub async fn run(
        self,
        rows: mpsc::Sender<Vec<FeedEvent>>,
        mut report: impl FnMut(u64) + Send,
    ) -> Result<u64, FeedError> {
        let Reading { opening, made, is_lasting, .. } = self;
        let Opening { config, mut session, mut replication, identity, .. } = opening;
        let mut outbox = Outbox::new(rows);
        let read = copy::copy(
            &mut session,
            &made.snapshot,
            opening.server_version,
            &config.mapping,
            &opening.catalogue,
            &mut outbox,
            &mut report,
        )
        .await;
        replication.abort();
        if is_lasting && read.is_ok() {
            // So that the process that goes on from the slot finds it free.
            slot::dismiss(&mut session, config.slot(), identity.pid).await?;
        }
        session.close().await;
        read
    }
}

impl Opening {
    pub(super) async fn new(config: &FeedConfig) -> Result<Self, FeedError> {
        let mut session = Session::open(config).await?;
        let Checked { catalogue, server_version, .. } =
            checked(&mut session, config).await?.passed()?;
        let (replication, identity) = slot::connect(config, None, server_version).await?;
        let config = config.clone();
        Ok(Opening { config, session, replication, server_version, catalogue, identity })
    }

    pub(super) async fn create(
        mut self,
        name: &str,
        temporary: bool,
    ) -> Result<Reading, FeedError> {
        let estimated_rows = self.estimate().await?;
        let order = SlotOrder { name, temporary, wait_max: self.config.slot_wait_max };
        let pid = self.identity.pid;
        let made = slot::create(&mut self.session, &mut self.replication, pid, order).await?;
        Ok(Reading { opening: self, made, estimated_rows, is_lasting: !temporary })
    }

    async fn estimate(&mut self) -> Result<u64, FeedError> {
        // A table that was never analysed has -1, and a partitioned one its partitions' sum.
        const ROWS: &str = "
            SELECT coalesce(sum(greatest(reltuples, 0)), 0)::int8
            FROM pg_class WHERE oid = ANY ($1::oid[]) AND relkind <> 'p'";
        let what = "asking how many rows there are";
        let stored = copy::stored(&self.catalogue);
        let Session { client, wire } = &mut self.session;
        let row = wire.within(what, ASK_MAX, client.query_one(ROWS, &[&stored])).await?;
        let rows: i64 = row.try_get(0).map_err(|error| FeedError::of_client(what, &error))?;
        Ok(u64::try_from(rows).unwrap_or_default())
    }
}
