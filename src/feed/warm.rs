//! The start from a graph that an earlier process kept.
//!
//! Owns the question whether that graph and our slot still meet: if so it is served and the stream
//! goes on from where it stands, and if not the feed copies afresh and says why. It must not know
//! how a graph is kept.
//!
//! They meet if the database is the one that the graph is of, its tables are read as they were, and
//! the slot has kept everything since: it is ours, its log is not lost, and nothing past the graph
//! was ever confirmed to it.

use super::error::FeedError;
use super::facts;
use super::run::{Copied, Feed};
use super::session::Session;
use super::slot::{self, Identity};
use super::tables::Catalogue;
use crate::change::FeedEvent;
use crate::id::Lsn;
use crate::resume::ResumePoint;
use std::time::Duration;

/// How long the queue may stay full before anything was ever put into it.
const QUEUE_FULL_MAX: Duration = Duration::from_secs(60);

impl Feed<'_> {
    /// Where a stream would resume, and what is to be confirmed there; none if it must copy.
    pub(super) fn resume_at(&self) -> Option<(Lsn, Lsn)> {
        if self.copied.is_none() {
            return self.kept.as_ref().map(|kept| (kept.lsn, kept.lsn));
        }
        let sent = self.outbox.sent();
        let confirmed = match self.warm {
            Some(warm) => warm.persisted.get(),
            None => self.applied.get(),
        };
        // Before a copy is applied the position is still the one of an earlier copy.
        Some((sent, confirmed.min(sent)))
    }

    /// Takes up the graph that was kept, if it may; false if there must be a copy.
    pub(super) async fn adopt(
        &mut self,
        session: &mut Session,
        identity: &Identity,
        catalogue: &Catalogue,
    ) -> Result<bool, FeedError> {
        let Some(kept) = self.kept.clone() else { return Ok(false) };
        let refused = self.refusal(session, &kept, identity, catalogue).await?;
        self.kept = None;
        if let Some(why) = refused {
            tracing::warn!(lsn = %kept.lsn, why, "the checkpoint does not fit: a fresh copy is necessary");
            self.say_of_start(format!("copied: the checkpoint does not fit: {why}"));
            return Ok(false);
        }
        self.slot_touched = true;
        self.outbox.push(FeedEvent::Resume { lsn: kept.lsn, shown_from: identity.flushed });
        self.outbox.flush(QUEUE_FULL_MAX, || {}).await?;
        self.unapplied_copy = Some(kept.lsn);
        self.copied = Some(Copied { history: identity.history, catalogue: catalogue.clone() });
        self.is_at(identity.history, kept.lsn);
        tracing::info!(lsn = %kept.lsn, "resuming from the checkpoint: no copy is necessary");
        self.say_of_start(format!("resumed at {}", kept.lsn));
        Ok(true)
    }

    /// Why the graph and the slot do not meet; none if they do.
    async fn refusal(
        &mut self,
        session: &mut Session,
        kept: &ResumePoint,
        identity: &Identity,
        catalogue: &Catalogue,
    ) -> Result<Option<String>, FeedError> {
        let refused = |why: &str| Ok(Some(why.to_owned()));
        if kept.history.system_id != identity.history.system_id {
            return refused("the database is another cluster");
        }
        if kept.history.timeline != identity.history.timeline {
            return refused("the database is on another timeline: it failed over or was restored");
        }
        if identity.flushed < kept.lsn {
            return Ok(Some(format!(
                "the database's log ends at {}, before the checkpoint: it was set back",
                identity.flushed
            )));
        }
        if let Some(why) = facts::differ(&facts::of(&self.config.mapping, catalogue), &kept.facts) {
            return refused(why);
        }
        match slot::look(session, &self.config.slot).await? {
            None => refused("the replication slot is gone"),
            Some(slot) if !slot.ours => refused("the replication slot is not one of ours"),
            Some(slot) if slot.lost => refused(
                "the replication slot was invalidated because it kept too much log; fix: raise \
                 max_slot_wal_keep_size",
            ),
            Some(slot) => {
                self.not_in_use(slot.active_pid)?;
                match slot.confirmed {
                    Some(confirmed) if confirmed <= kept.lsn => Ok(None),
                    Some(confirmed) => Ok(Some(format!(
                        "the replication slot is at {confirmed}, past the checkpoint"
                    ))),
                    None => refused("the replication slot has no position"),
                }
            }
        }
    }

    /// A fresh copy is due: nothing that was kept may be resumed any more, and nothing of what is
    /// served may be kept.
    pub(super) async fn forget_kept(&mut self) {
        self.kept = None;
        if let Some(warm) = self.warm {
            warm.persisted.close();
            warm.keeper.forget().await;
        }
    }

    fn say_of_start(&self, what: String) {
        if let Some(warm) = self.warm {
            warm.status.update(|status| status.start = what);
        }
    }
}
