//! A reading before it has its position, which may take long: a new slot waits for every transaction
//! that is writing.
//!
//! Owns the slot that names the position, from before it is made, so that who gives up can have it
//! gone. As a rule it is a temporary one. Where what is built of the rows is for a process to come,
//! it is the feed's own, made anew, and stays: that process's stream goes on from there. It must not
//! know how rows are read.

use super::check::Checked;
use super::config::FeedConfig;
use super::copy;
use super::error::FeedError;
use super::reading::Reading;
use super::run::checked;
use super::session::{ASK_MAX, Session};
use super::slot::{self, Identity, SlotOrder, Walsender};
use super::tables::Catalogue;
use crate::resume::Keeper;
use pgwire_replication::ReplicationClient;
use std::fmt;

/// A reading that has no position yet.
pub struct PreparedReading {
    slot: ReadingSlot,
    session: Session,
    replication: ReplicationClient,
    server_version: i32,
    catalogue: Catalogue,
    identity: Identity,
}

impl fmt::Debug for PreparedReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedReading").field("slot", &self.slot).finish_non_exhaustive()
    }
}

/// The slot of a reading, made or about to be.
#[derive(Clone, Debug)]
pub struct ReadingSlot {
    config: FeedConfig,
    is_temporary: bool,
    /// The process that makes and holds it.
    walsender: Walsender,
}

impl PreparedReading {
    /// Checks the database as the feed does. The slot will go with its connection.
    ///
    /// # Errors
    /// What the feed would refuse too; that no connection is free.
    pub async fn new(config: &FeedConfig) -> Result<Self, FeedError> {
        let mut session = Session::open(config).await?;
        let Checked { catalogue, server_version, .. } =
            checked(&mut session, config).await?.passed()?;
        let (replication, identity) = slot::connect(config, None, server_version).await?;
        let slot = ReadingSlot {
            config: config.clone(),
            is_temporary: true,
            walsender: Walsender {
                pid: identity.pid,
                application: config.slot().to_owned(),
                // No other reading of this cluster has the process, and slots have no longer names.
                slot: format!("teamgraph_reading_{}", identity.pid),
            },
        };
        Ok(PreparedReading { slot, session, replication, server_version, catalogue, identity })
    }

    /// Prepares one whose slot is the feed's own, and stays; [`PreparedReading::clear`] makes room
    /// for it.
    ///
    /// # Errors
    /// As of [`PreparedReading::new`]; that a process uses the slot.
    pub async fn lasting(config: &FeedConfig) -> Result<Self, FeedError> {
        let mut prepared = Self::new(config).await?;
        let name = config.slot();
        let found = slot::look(&mut prepared.session, name).await?;
        if let Some(facts) = &found {
            facts.must_be_ours(name)?;
            if let Some(pid) = facts.active_pid {
                return Err(FeedError::operator(format!(
                    "slot {name} is in use by pid {pid}: a server of this --instance runs; fix: \
                     stop it, or rebuild it while it runs, by its address"
                )));
            }
        }
        prepared.slot.is_temporary = false;
        name.clone_into(&mut prepared.slot.walsender.slot);
        Ok(prepared)
    }

    /// Forgets what was kept of the slot's name, and drops the slot that has it.
    ///
    /// # Errors
    /// A lost connection; the slot may be there still.
    pub async fn clear(&mut self, keeper: &dyn Keeper) -> Result<(), FeedError> {
        // INVARIANT (kept): before there is a slot that it could seem to meet.
        keeper.forget().await;
        let name = &self.slot.walsender.slot;
        if slot::look(&mut self.session, name).await?.is_some() {
            slot::drop_slot(&mut self.session, name).await?;
        }
        Ok(())
    }

    /// The slot, to be abandoned by who gives up.
    pub fn slot(&self) -> ReadingSlot {
        self.slot.clone()
    }

    /// Takes the position and its snapshot. Waits for transactions that are open, at most
    /// `config.slot_wait_max`.
    ///
    /// # Errors
    /// No replication slot is free, or the wait was too long.
    pub async fn open(mut self) -> Result<Reading, FeedError> {
        let estimated_rows = self.estimate().await?;
        let ReadingSlot { config, is_temporary, walsender } = self.slot;
        let wait_max = config.slot_wait_max;
        let order = SlotOrder { name: &walsender.slot, temporary: is_temporary, wait_max };
        let (session, replication) = (&mut self.session, &mut self.replication);
        let made = slot::create(session, replication, walsender.pid, order).await?;
        Ok(Reading {
            config,
            session: self.session,
            replication: self.replication,
            server_version: self.server_version,
            catalogue: self.catalogue,
            history: self.identity.history,
            made,
            estimated_rows,
            lasts_past: (!is_temporary).then_some(walsender),
        })
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

impl ReadingSlot {
    /// Has it gone, whether it was made or would still be: else one that waits for a transaction
    /// would be made at its end, though nobody asks for it any more.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn abandon(self) -> Result<(), FeedError> {
        let mut session = Session::open(&self.config).await?;
        slot::remove(&mut session, &self.walsender).await?;
        session.close().await;
        Ok(())
    }
}
