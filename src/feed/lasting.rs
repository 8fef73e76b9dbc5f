//! The reading of a process that ends before its work is used: what is built of the rows is for the
//! next, whose stream goes on from the position that was read.
//!
//! Owns the slot that this takes: the feed's own, made anew, which stays. It must not know what is
//! built, nor where it is kept.

use super::config::FeedConfig;
use super::error::FeedError;
use super::reading::{Opening, Reading};
use super::session::Session;
use super::slot;
use crate::resume::Keeper;
use std::fmt;

/// A slot that is about to be made, and a reading at its position.
pub struct Lasting {
    config: FeedConfig,
    opening: Opening,
}

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lasting").field("slot", &self.config.slot()).finish_non_exhaustive()
    }
}

/// The slot from then on.
#[derive(Clone, Debug)]
pub struct LastingSlot {
    config: FeedConfig,
    walsender: i32,
}

impl Lasting {
    /// Checks the database as the feed does, has forgotten what was kept before, and drops the slot
    /// that belongs to that.
    ///
    /// # Errors
    /// What the feed would refuse too; that a process uses the slot.
    pub async fn prepare(config: &FeedConfig, keeper: &dyn Keeper) -> Result<Self, FeedError> {
        let mut opening = Opening::new(config).await?;
        let name = config.slot();
        let found = slot::look(&mut opening.session, name).await?;
        if let Some(facts) = &found {
            facts.must_be_ours(name)?;
            if let Some(pid) = facts.active_pid {
                return Err(FeedError::operator(format!(
                    "slot {name} is in use by pid {pid}: a server of this --instance runs; fix: \
                     stop it, or rebuild it while it runs, by its address"
                )));
            }
        }
        // INVARIANT (kept): before there is a slot that it could seem to meet.
        keeper.forget().await;
        if found.is_some() {
            slot::drop_slot(&mut opening.session, name).await?;
        }
        Ok(Lasting { config: config.clone(), opening })
    }

    /// The slot, to be abandoned should anything go wrong from now on.
    pub fn slot(&self) -> LastingSlot {
        LastingSlot { config: self.config.clone(), walsender: self.opening.identity.pid }
    }

    /// Makes the slot.
    ///
    /// # Errors
    /// As of [`Reading::open`].
    pub async fn open(self) -> Result<Reading, FeedError> {
        self.opening.create(self.config.slot(), false).await
    }
}

impl LastingSlot {
    /// Drops it, if it was made, for want of anybody who could go on from it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn abandon(self) -> Result<(), FeedError> {
        let (name, mut session) = (self.config.slot(), Session::open(&self.config).await?);
        // It may wait for transactions still, and would make the slot after all.
        slot::dismiss(&mut session, name, self.walsender).await?;
        match slot::look(&mut session, name).await? {
            Some(facts) if facts.ours && facts.active_pid.is_none() => {
                slot::drop_slot(&mut session, name).await?;
            }
            // It is gone, or another's by now.
            Some(_) | None => {}
        }
        session.close().await;
        Ok(())
    }
}
