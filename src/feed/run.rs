//! The feed's life: connect, check, copy once, stream, and again when that breaks.
//!
//! Owns what is kept across connections: how far we are, which slot is ours. It must not know how
//! the steps work, nor what follows from an error.

use super::check::{self, Checked, Finding};
use super::config::FeedConfig;
use super::copy;
use super::error::FeedError;
use super::facts;
use super::lag::Lag;
use super::outbox::Outbox;
use super::retry::{Place, Retries};
use super::session::{ASK_MAX, Session};
use super::slot::{self, Identity, SlotOrder, Walsender};
use super::stream::{Parts, Stream};
use super::tables::Catalogue;
use super::translate::Translator;
use super::watch::watch;
use crate::change::FeedEvent;
use crate::id::{History, Lsn};
use crate::resume::{ResumePoint, WarmStart};
use crate::status::{AppliedLsn, FeedState, FeedStatus, StatusCell};
use pgwire_replication::ReplicationClient;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Tries in a row at a slot that someone else holds: two to three minutes, after which a process
/// that is on its way out is gone.
const SLOT_IN_USE_MAX: u32 = 16;

/// How long a copy may take to be applied and published once it is all in the queue.
const COPY_APPLIED_MAX: Duration = Duration::from_secs(600);

/// How often to look whether it is.
const COPY_APPLIED_INTERVAL: Duration = Duration::from_millis(5);

/// How long the queue may stay full before what was handed on in part can be taken back: undoing
/// it takes about as long as it took.
const ABORT_MAX: Duration = Duration::from_secs(30);

/// How long dropping the slot may take at the end.
const RETIRE_MAX: Duration = Duration::from_secs(10);

/// Runs the feed until `shutdown`, or until an error that nothing cures within this process. What
/// only an operator can cure is such an error until there has been a copy; then it is tried again.
///
/// Events leave through `events`; `applied` is what the receiver has published (see the promises
/// in [the module's description](super)). At the end the slot is dropped, whichever end it is;
/// but where the graph is kept for the next process (`warm`), a clean stop leaves the slot to that.
pub async fn run(
    config: FeedConfig,
    events: mpsc::Sender<Vec<FeedEvent>>,
    applied: Arc<AppliedLsn>,
    status: Arc<StatusCell<FeedStatus>>,
    shutdown: CancellationToken,
    warm: Option<WarmStart>,
) -> Result<(), FeedError> {
    status.update(|status| {
        status.slot.clone_from(&config.slot);
        status.publication.clone_from(&config.publication);
    });
    let mut feed = Feed {
        config: &config,
        applied: &applied,
        status: &status,
        outbox: Outbox::new(events),
        kept: warm.as_ref().and_then(|warm| warm.kept.clone()),
        warm: warm.as_ref(),
        copied: None,
        served: false,
        unapplied_copy: None,
        walsender: None,
        slot_touched: false,
        slot_in_use: 0,
        retries: Retries::default(),
    };
    let ended = tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(()),
        error = Box::pin(feed.live()) => Err(error),
    };
    if let Err(error) = &ended {
        tracing::error!(%error, "the feed has failed");
        let error = error.to_string();
        status.update(|status| status.state = FeedState::Failed { error });
    }
    let is_kept = warm.is_some() && (feed.served || feed.unapplied_copy.is_some());
    if !is_kept || ended.is_err() {
        feed.retire().await;
    }
    ended
}

/// Connects and looks at everything that the feed needs of the source.
pub async fn examine(config: &FeedConfig) -> Result<Vec<Finding>, FeedError> {
    let mut session = Session::open(config).await?;
    let checked = checked(&mut session, config).await?;
    session.close().await;
    Ok(checked.findings.list().to_vec())
}

pub(super) struct Feed<'a> {
    pub(super) config: &'a FeedConfig,
    pub(super) applied: &'a AppliedLsn,
    pub(super) status: &'a StatusCell<FeedStatus>,
    pub(super) outbox: Outbox,
    /// Who keeps the graph for the next process.
    pub(super) warm: Option<&'a WarmStart>,
    /// The graph that an earlier process left, as long as nobody has looked whether it is good.
    pub(super) kept: Option<ResumePoint>,
    /// What the copy was taken of; none before the first, or when it no longer holds.
    pub(super) copied: Option<Copied>,
    /// There is something that is served.
    served: bool,
    /// The end of a copy that may not be applied yet.
    pub(super) unapplied_copy: Option<Lsn>,
    /// The process that served, or serves, our newest replication connection.
    walsender: Option<Walsender>,
    /// There may be a slot of ours.
    pub(super) slot_touched: bool,
    /// Tries in a row that found the slot in others' hands.
    slot_in_use: u32,
    retries: Retries,
}

/// What a copy is good for.
pub(super) struct Copied {
    pub(super) history: History,
    /// The tables as they were when last looked at: others are not known.
    pub(super) catalogue: Catalogue,
}

impl Feed<'_> {
    /// Tries again and again; returns the error that ends it.
    async fn live(&mut self) -> FeedError {
        loop {
            let Err(error) = Box::pin(self.attempt()).await;
            let again = match self.retries.after(&error, self.place()) {
                Ok(again) => again,
                Err(error) => return error,
            };
            let retry_in = again.wait;
            let served = self.served;
            tracing::warn!(%error, ?retry_in, "the feed is interrupted");
            self.status.update(|status| {
                // Nobody counts any more, and what was received is applied soon or taken back.
                Lag::default().report(status);
                if served {
                    status.stale_since.get_or_insert_with(SystemTime::now);
                }
                status.state = FeedState::BackingOff {
                    error: error.to_string(),
                    retry_in_ms: u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX),
                };
            });
            if let Some(why) = again.recopy {
                tracing::warn!(error = why, "a fresh copy is necessary");
                self.copied = None;
            }
            sleep(retry_in).await;
        }
    }

    fn place(&self) -> Place {
        let status = self.status.get();
        Place {
            streaming: status.state == FeedState::Streaming,
            served: self.served,
            resume: self.copied.is_some().then(|| self.outbox.sent()),
        }
    }

    /// One connection, from its making to its end.
    async fn attempt(&mut self) -> Result<Infallible, FeedError> {
        // What the last one handed on in part must be taken back before anything else.
        self.outbox.abort(ABORT_MAX).await?;
        self.state(FeedState::Checking);
        let mut session = Session::open(self.config).await?;
        let Checked { findings, catalogue, server_version, .. } =
            checked(&mut session, self.config).await?.passed()?;
        for warning in
            findings.list().iter().filter(|finding| finding.level == check::Level::Warning)
        {
            tracing::warn!("{warning}");
        }
        if let Some(walsender) = &self.walsender {
            slot::dismiss(&mut session, walsender).await?;
        }
        let mut resume = self.resume_at();
        let (mut replication, mut identity) =
            slot::connect(self.config, resume, server_version).await?;
        if self.kept.is_some() && !self.adopt(&mut session, &identity, &catalogue).await? {
            // A connection that would resume cannot copy.
            replication.abort();
            resume = None;
            (replication, identity) = slot::connect(self.config, None, server_version).await?;
        }
        let slot = &self.config.slot;
        let (application, slot) = (slot.clone(), slot.clone());
        self.walsender = Some(Walsender { pid: identity.pid, application, slot });
        if self.copied.is_some() {
            self.may_resume(&mut session, &identity, &catalogue).await?;
        } else {
            let server = Server { identity, server_version };
            self.copy(&mut session, &mut replication, server, &catalogue).await?;
        }
        let behind = flushed(&mut session).await?;
        session.close().await;
        self.copy_applied().await?;
        slot::start(&mut replication).await?;
        self.state(FeedState::CatchingUp);
        if resume.is_some() {
            self.status.update(|status| status.reconnects += 1);
        }
        tracing::info!(lsn = %self.outbox.sent(), "streaming");
        let announced = Notify::new();
        let stream = Stream::new(Parts {
            client: &mut replication,
            translator: Translator::new(&self.config.mapping, &catalogue),
            outbox: &mut self.outbox,
            applied: self.applied,
            persisted: self.warm.map(|warm| &*warm.persisted),
            status: self.status,
            config: self.config,
            announced: &announced,
            walsender: identity.pid,
            behind,
        });
        let mut known = catalogue.clone();
        let ended = tokio::select! {
            biased;
            ended = Box::pin(stream.follow()) => ended,
            error = Box::pin(watch(self.config, server_version, &mut known, &announced)) => {
                Err(error)
            }
        };
        // At once: a socket that is open and not read can hold up the primary.
        replication.abort();
        if let Some(copied) = &mut self.copied {
            copied.catalogue = known;
        }
        ended
    }

    /// Refuses to resume where something other than the connection was lost.
    async fn may_resume(
        &mut self,
        session: &mut Session,
        identity: &Identity,
        catalogue: &Catalogue,
    ) -> Result<(), FeedError> {
        let Some(copied) = &self.copied else {
            return Ok(());
        };
        let sent = self.outbox.sent();
        if copied.history.system_id != identity.history.system_id {
            return Err(FeedError::recopy("the database is another cluster than before"));
        }
        if copied.history.timeline != identity.history.timeline {
            return Err(FeedError::recopy("the database is on another timeline: it failed over"));
        }
        if identity.flushed < sent {
            return Err(FeedError::recopy(format!(
                "the database's log ends at {}, before {sent}, where we are: it was set back",
                identity.flushed
            )));
        }
        if let Some(why) = catalogue.differs(&copied.catalogue) {
            return Err(FeedError::changed(why));
        }
        match slot::look(session, &self.config.slot).await? {
            None => Err(FeedError::recopy("the replication slot is gone")),
            Some(facts) if facts.lost => Err(FeedError::recopy(
                "the replication slot was invalidated because it kept too much log; fix: raise \
                 max_slot_wal_keep_size",
            )),
            Some(facts) => self.not_in_use(facts.active_pid),
        }
    }

    /// Makes a fresh slot and copies the tables at its snapshot.
    async fn copy(
        &mut self,
        session: &mut Session,
        replication: &mut ReplicationClient,
        server: Server,
        catalogue: &Catalogue,
    ) -> Result<(), FeedError> {
        let Server { identity, server_version } = server;
        let name = &self.config.slot;
        // The end of an earlier copy would open to keeping what this one is about to replace.
        self.copy_applied().await?;
        self.forget_kept().await;
        self.state(FeedState::CreatingSlot);
        if let Some(facts) = slot::look(session, name).await? {
            facts.must_be_ours(name)?;
            self.not_in_use(facts.active_pid)?;
            tracing::info!(slot = name, "dropping the slot that an earlier run left");
            slot::drop_slot(session, name).await?;
        }
        self.slot_touched = true;
        let wait_max = self.config.slot_wait_max;
        let order = SlotOrder { name, temporary: false, wait_max };
        let made = slot::create(session, replication, identity.pid, order).await?;
        self.slot_in_use = 0;
        tracing::info!(slot = name, consistent_point = %made.consistent_point, "slot created");
        // The log may have been set back: what was heard of before is of another one.
        self.is_at(identity.history, made.consistent_point);
        self.state(FeedState::Copying { rows: 0 });
        let facts = Arc::new(facts::of(&self.config.mapping, catalogue));
        self.outbox.push(FeedEvent::CopyBegin { history: identity.history, facts });
        let rows = copy::copy(
            session,
            &made.snapshot,
            server_version,
            &self.config.mapping,
            catalogue,
            &mut self.outbox,
            &mut |rows| self.status.update(|s| s.state = FeedState::Copying { rows }),
        )
        .await?;
        let consistent_point = made.consistent_point;
        self.outbox.push(FeedEvent::CopyEnd { consistent_point });
        self.outbox.flush(COPY_APPLIED_MAX, || {}).await?;
        tracing::info!(rows, "copied");
        self.unapplied_copy = Some(consistent_point);
        self.copied = Some(Copied { history: identity.history, catalogue: catalogue.clone() });
        self.status.update(|status| status.copies += 1);
        Ok(())
    }

    /// Reports where the stream will go on.
    pub(super) fn is_at(&self, history: History, lsn: Lsn) {
        self.status.update(|status| {
            status.history = Some(history);
            status.source_lsn = lsn;
        });
    }

    /// Waits until the copy is published. Until then the applied position is one of an earlier
    /// copy, which must not be confirmed to this slot.
    async fn copy_applied(&mut self) -> Result<(), FeedError> {
        let Some(point) = self.unapplied_copy else {
            return Ok(());
        };
        let deadline = Instant::now() + COPY_APPLIED_MAX;
        while self.applied.get() != point {
            if Instant::now() >= deadline {
                return Err(FeedError::transient(format!(
                    "the copy was not applied within {} s",
                    COPY_APPLIED_MAX.as_secs()
                )));
            }
            sleep(COPY_APPLIED_INTERVAL).await;
        }
        self.unapplied_copy = None;
        self.served = true;
        Ok(())
    }

    /// A slot that another process holds is not ours to take.
    pub(super) fn not_in_use(&mut self, active_pid: Option<i32>) -> Result<(), FeedError> {
        let Some(pid) = active_pid else {
            self.slot_in_use = 0;
            return Ok(());
        };
        let what = format!(
            "slot {} is in use by pid {pid}: another instance runs with the same --instance; fix: \
             stop it, or choose another --instance",
            self.config.slot
        );
        self.slot_in_use += 1;
        if self.slot_in_use >= SLOT_IN_USE_MAX {
            // Theirs: not to be dropped at our end.
            self.slot_touched = false;
            return Err(FeedError::operator(what));
        }
        Err(FeedError::transient(what))
    }

    fn state(&self, state: FeedState) {
        self.status.update(|status| status.state = state);
    }

    /// Drops the slot: nobody would read it any more, and it would keep log.
    async fn retire(&self) {
        let (true, Some(walsender)) = (self.slot_touched, &self.walsender) else {
            return;
        };
        let slot = &self.config.slot;
        let dropped = timeout(RETIRE_MAX, async {
            let mut session = Session::open(self.config).await?;
            slot::remove(&mut session, walsender).await?;
            session.close().await;
            Ok::<_, FeedError>(())
        })
        .await;
        let error = match dropped {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", RETIRE_MAX.as_secs()),
        };
        tracing::warn!(
            slot,
            error,
            "the slot may be left behind; drop it with SELECT pg_drop_replication_slot('{slot}')"
        );
    }
}

/// The server of a connection.
struct Server {
    identity: Identity,
    server_version: i32,
}

pub(super) async fn checked(
    session: &mut Session,
    config: &FeedConfig,
) -> Result<Checked, FeedError> {
    let Session { client, wire } = session;
    wire.within("checking the database", ASK_MAX, check::check(client, config)).await
}

/// How far the source's log is flushed.
async fn flushed(session: &mut Session) -> Result<Lsn, FeedError> {
    let what = "asking where the log ends";
    let sql = "SELECT pg_current_wal_flush_lsn()::text";
    let Session { client, wire } = session;
    let row = wire.within(what, ASK_MAX, client.query_one(sql, &[])).await?;
    let lsn: &str = row.try_get(0).map_err(|error| FeedError::of_client(what, &error))?;
    lsn.parse().map_err(|error| FeedError::transient(format!("{what}: {error}")))
}
