//! The stream: from the replication connection's messages to events.
//!
//! Owns the order and the boundaries of what is handed on, what is confirmed to the source, and
//! the watch over a stream that stands still at either end. It must not know how a connection is
//! made, nor what rows mean.
//!
//! Three ways to do harm, and what is done against each:
//! - a consumer that stops reading can block the primary's checkpointer for as long as its socket
//!   is open: a queue that stays full ends the connection;
//! - a consumer that does not confirm keeps log, and blocks a fast shutdown of the primary:
//!   keepalives are confirmed once all before them is applied (and on disk, where the graph is kept
//!   there), and a server that asks over and over ends the connection;
//! - a peer that is dead says nothing, and a busy one neither: a silence makes what is served
//!   stale, and the server is asked on another connection whether our walsender is still there.

use super::config::FeedConfig;
use super::error::FeedError;
use super::lag::Lag;
use super::outbox::Outbox;
use super::pgoutput::Message;
use super::session::{ASK_MAX, Session};
use super::slot;
use super::translate::Translator;
use crate::change::FeedEvent;
use crate::id::Lsn;
use crate::resume::PersistedLsn;
use crate::status::{AppliedLsn, FeedState, FeedStatus, StatusCell};
use pgwire_replication::{ReplicationClient, ReplicationEvent};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// How long the queue may take no batch: applying is much faster than the stream, so the applier is
/// stuck, or works on a change of a whole table. It ends before the primary suffers.
const STREAM_FULL_MAX: Duration = Duration::from_secs(20);

/// How often to look at what is applied while something is outstanding.
const CONFIRM_INTERVAL: Duration = Duration::from_millis(2);

/// How often to look at what is on disk while less of it is than is applied.
const PERSISTED_INTERVAL: Duration = Duration::from_secs(1);

/// How long the server may be silent in good order: it asks us after 15 s, half of our session's
/// `wal_sender_timeout`, even if nothing happens at all.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How long it may take to learn whether our walsender is still there.
const PROBE_MAX: Duration = Duration::from_secs(10);

/// A server that shuts down asks for the same position over and over, up to 90,000 times a second.
const PINGS_MAX: u32 = 1_000;

/// Questions further apart than this are the ordinary ones of an idle stream.
const PINGS_APART: Duration = Duration::from_secs(1);

const PARTITION_OF: &str = "
    SELECT 1 FROM pg_partition_ancestors($1::oid::regclass) a WHERE a.relid = ANY ($2::oid[])
    LIMIT 1";

/// One stream, from its start to its end.
pub(crate) struct Stream<'a> {
    client: &'a mut ReplicationClient,
    translator: Translator<'a>,
    outbox: &'a mut Outbox,
    applied: &'a AppliedLsn,
    /// Where the graph is kept for the next process: what that needs no more.
    persisted: Option<&'a PersistedLsn>,
    status: &'a StatusCell<FeedStatus>,
    config: &'a FeedConfig,
    announced: &'a Notify,
    /// The process that serves us.
    walsender: i32,
    /// Where the source was when the stream began; none once we are there.
    behind: Option<Lsn>,
    /// Commits up to here were handed on before.
    resumed_at: Lsn,
    transaction: Transaction,
    /// Bytes of the transaction under way.
    transaction_bytes: u64,
    lag: Lag,
    pings: Pings,
    /// Events taken from the driver.
    received: u64,
    heard: Instant,
    /// When our walsender was last asked after.
    probed: Instant,
    /// Nothing has been heard for too long.
    silent: bool,
    /// Seen to be applied.
    seen: Lsn,
    confirmed: Lsn,
}

/// Whether a transaction is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// One that was handed on before.
    Skipped,
}

/// How often the server asked for one position.
#[derive(Debug)]
struct Pings {
    wal_end: Lsn,
    count: u32,
    last: Instant,
}

/// What a stream is made of.
pub(crate) struct Parts<'a> {
    pub(crate) client: &'a mut ReplicationClient,
    pub(crate) translator: Translator<'a>,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) applied: &'a AppliedLsn,
    pub(crate) persisted: Option<&'a PersistedLsn>,
    pub(crate) status: &'a StatusCell<FeedStatus>,
    pub(crate) config: &'a FeedConfig,
    /// Told whenever a mapped table's columns come.
    pub(crate) announced: &'a Notify,
    pub(crate) walsender: i32,
    pub(crate) behind: Lsn,
}

impl<'a> Stream<'a> {
    /// A stream that was started at what the outbox has sent.
    pub(crate) fn new(parts: Parts<'a>) -> Self {
        let Parts {
            client,
            translator,
            outbox,
            applied,
            persisted,
            status,
            config,
            announced,
            walsender,
            behind,
        } = parts;
        let now = Instant::now();
        let resumed_at = outbox.sent();
        Stream {
            client,
            translator,
            outbox,
            applied,
            persisted,
            status,
            config,
            announced,
            walsender,
            behind: Some(behind),
            resumed_at,
            transaction: Transaction::None,
            transaction_bytes: 0,
            lag: Lag::default(),
            pings: Pings { wal_end: Lsn(0), count: 0, last: now },
            received: 0,
            heard: now,
            probed: now,
            silent: false,
            seen: Lsn(0),
            confirmed: Lsn(0),
        }
    }

    /// Follows the stream until it breaks.
    pub(crate) async fn follow(mut self) -> Result<Infallible, FeedError> {
        // What an earlier stream counted has been applied, or was taken back.
        self.status.update(|status| self.lag.report(status));
        loop {
            self.confirm();
            let event = if self.outbox.is_empty() {
                self.wait().await?
            } else if self.client.metrics().events_forwarded() > self.received {
                Some(event_of(self.client.recv().await)?)
            } else {
                // A batch ends where nothing more is there at once: so it is small, and early,
                // when little happens, and large when much does.
                self.flush().await?;
                continue;
            };
            if let Some(event) = event {
                self.received += 1;
                self.hear();
                self.event(event)?;
                if let Some(stranger) = self.translator.stranger() {
                    self.not_a_partition(stranger).await?;
                }
            }
            if self.outbox.is_full() {
                self.flush().await?;
            }
        }
    }

    /// Waits for an event; none if it is time to look at other things.
    ///
    /// The driver's `recv` must not be given up once the stream has ended: it would lose the
    /// reason. Here the end is a matter of microseconds between two looks that are milliseconds
    /// apart, and nowhere else is it given up.
    async fn wait(&mut self) -> Result<Option<ReplicationEvent>, FeedError> {
        let silence = self.heard.max(self.probed) + SILENCE_MAX;
        let until = if self.seen < self.outbox.sent() {
            Instant::now() + CONFIRM_INTERVAL
        } else if self.confirmed < self.seen {
            silence.min(Instant::now() + PERSISTED_INTERVAL)
        } else {
            silence
        };
        tokio::select! {
            biased;
            event = self.client.recv() => return event_of(event).map(Some),
            () = sleep_until(until) => {}
        }
        if Instant::now() < silence {
            return Ok(None);
        }
        self.fall_silent();
        self.probed = Instant::now();
        tokio::select! {
            biased;
            event = self.client.recv() => event_of(event).map(Some),
            probed = probe(self.config, self.walsender) => probed.map(|()| None),
        }
    }

    /// What is served is only known to be right as of when we last heard.
    fn fall_silent(&mut self) {
        if self.silent {
            return;
        }
        self.silent = true;
        let silence = self.heard.elapsed();
        tracing::warn!(?silence, "nothing is heard of the server");
        let now = SystemTime::now();
        let since = now.checked_sub(silence).unwrap_or(now);
        self.status.update(|status| {
            status.stale_since.get_or_insert(since);
        });
    }

    fn hear(&mut self) {
        self.heard = Instant::now();
        if self.silent {
            self.silent = false;
            if self.behind.is_none() {
                self.status.update(|status| status.stale_since = None);
            }
        }
    }

    /// Tells the source what is applied, and ourselves whether we have caught up.
    fn confirm(&mut self) {
        let applied = self.applied.get();
        let confirmed = confirmable(self.persisted, self.applied);
        if confirmed != self.confirmed {
            self.confirmed = confirmed;
            #[cfg(feature = "sabotage")]
            self.client.update_applied_lsn(slot::to_wire(crate::sabotage::confirmed(confirmed)));
            self.client.update_applied_lsn(slot::to_wire(confirmed));
        }
        if applied == self.seen {
            return;
        }
        self.seen = applied;
        self.lag.applied(applied);
        self.status.update(|status| self.lag.report(status));
        if self.behind.is_some_and(|behind| applied >= behind) {
            self.behind = None;
            tracing::info!(lsn = %applied, "the feed has caught up");
            self.status.update(|status| {
                status.state = FeedState::Streaming;
                status.stale_since = None;
            });
        }
    }

    async fn flush(&mut self) -> Result<(), FeedError> {
        let Stream { outbox, client, persisted, applied, .. } = self;
        // The server may ask what is applied while we wait.
        let duties = || client.update_applied_lsn(slot::to_wire(confirmable(*persisted, applied)));
        outbox.flush(STREAM_FULL_MAX, duties).await
    }

    fn event(&mut self, event: ReplicationEvent) -> Result<(), FeedError> {
        match event {
            ReplicationEvent::KeepAlive { wal_end, reply_requested, .. } => {
                self.keepalive(Lsn(wal_end.as_u64()), reply_requested)
            }
            ReplicationEvent::Begin { final_lsn, .. } => {
                self.message(Message::Begin { final_lsn: Lsn(final_lsn.as_u64()) })
            }
            ReplicationEvent::Commit { end_lsn, commit_time_micros: committed_at_us, .. } => {
                self.message(Message::Commit { end_lsn: Lsn(end_lsn.as_u64()), committed_at_us })
            }
            ReplicationEvent::XLogData { data, .. } => {
                self.take_in(data.len())?;
                let message = Message::decode(&data).map_err(|error| {
                    FeedError::recopy(format!("a message of the change feed: {error}"))
                })?;
                self.message(message)
            }
            ReplicationEvent::Message { .. } | ReplicationEvent::StoppedAt { .. } => Ok(()),
        }
    }

    /// Counts the bytes of a transaction. The one that is too large has been committed, so a copy
    /// that begins now has it.
    fn take_in(&mut self, bytes: usize) -> Result<(), FeedError> {
        let most = self.config.transaction_bytes_max;
        self.transaction_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.transaction == Transaction::Open && self.transaction_bytes > most {
            return Err(FeedError::changed(format!(
                "a transaction of more than {most} bytes: what follows it is copied afresh; fix, \
                 if it comes often: raise --transaction-bytes-max, or write in smaller ones"
            )));
        }
        Ok(())
    }

    fn message(&mut self, message: Message<'_>) -> Result<(), FeedError> {
        match (message, self.transaction) {
            (Message::Begin { final_lsn }, Transaction::None) => {
                // The position we resumed at is the end of a record, so a commit record that
                // starts before it also ends there or before.
                let seen = final_lsn < self.resumed_at;
                self.transaction = if seen { Transaction::Skipped } else { Transaction::Open };
                self.transaction_bytes = 0;
            }
            (Message::Commit { end_lsn, committed_at_us }, Transaction::Open) => {
                // INVARIANT (watermark): no commit comes after a position that was said to be
                // behind all of it.
                if end_lsn <= self.outbox.pushed() {
                    return Err(FeedError::recopy(format!(
                        "the server sent a commit at {end_lsn}, which is not after {}",
                        self.outbox.pushed()
                    )));
                }
                self.transaction = Transaction::None;
                self.outbox.push(FeedEvent::Commit { end_lsn });
                self.lag.handed_on(end_lsn, committed_at_us);
                self.heard_of(end_lsn);
            }
            (Message::Commit { .. }, Transaction::Skipped) => self.transaction = Transaction::None,
            (Message::Relation(relation), _) => {
                self.translator.relation(&relation)?;
                if self.translator.is_mapped(relation.id) {
                    self.announced.notify_one();
                }
            }
            (Message::Origin | Message::Type | Message::Logical, _) => {}
            (Message::Begin { .. }, _) | (_, Transaction::None) => {
                return Err(FeedError::recopy(
                    "the server sent a change outside of a transaction, or one transaction within \
                     another",
                ));
            }
            (_, Transaction::Skipped) => {}
            (message, Transaction::Open) => {
                self.translator.change(&message, self.outbox.changes())?;
            }
        }
        Ok(())
    }

    fn keepalive(&mut self, wal_end: Lsn, reply_requested: bool) -> Result<(), FeedError> {
        self.heard_of(wal_end);
        // INVARIANT (watermark): never inside a transaction.
        if self.transaction == Transaction::None && wal_end > self.outbox.pushed() {
            self.outbox.push(FeedEvent::Watermark { lsn: wal_end });
        }
        if reply_requested && self.pings.again(wal_end, self.heard) {
            return Err(FeedError::transient(format!(
                "the server asks again and again whether {wal_end} is confirmed: it is shutting \
                 down"
            )));
        }
        Ok(())
    }

    fn heard_of(&self, lsn: Lsn) {
        self.status.update(|status| {
            status.source_lsn = status.source_lsn.max(lsn);
            self.lag.report(status);
        });
    }

    /// Refuses a table that is a new partition of a mapped one: it may hold rows already.
    async fn not_a_partition(&self, stranger: u32) -> Result<(), FeedError> {
        let what = "asking about a table that is new in the change feed";
        let mut session = Session::open(self.config).await?;
        let roots = self.translator.partitioned();
        let Session { client, wire } = &mut session;
        let asked = async { client.query_opt(PARTITION_OF, &[&stranger, &roots]).await };
        let found = wire.within(what, ASK_MAX, asked).await?;
        session.close().await;
        match found {
            None => Ok(()),
            Some(_) => Err(FeedError::changed("a mapped table has a new partition")),
        }
    }
}

/// What the source need not keep for us.
fn confirmable(persisted: Option<&PersistedLsn>, applied: &AppliedLsn) -> Lsn {
    persisted.map_or_else(|| applied.get(), PersistedLsn::get)
}

/// Asks on another connection whether our walsender is still there.
async fn probe(config: &FeedConfig, walsender: i32) -> Result<(), FeedError> {
    let asked = async {
        let mut session = Session::open(config).await?;
        let facts = slot::look(&mut session, &config.slot).await?;
        session.close().await;
        Ok(facts.is_some_and(|facts| facts.active_pid == Some(walsender)))
    };
    let what = match timeout(PROBE_MAX, asked).await {
        Ok(Ok(true)) => return Ok(()),
        Ok(Ok(false)) => "the server has given up on us",
        Ok(Err(error)) => return Err(error),
        Err(_) => "the server does not answer",
    };
    let silence = SILENCE_MAX.as_secs();
    Err(FeedError::transient(format!("nothing was heard for {silence} s, and {what}")))
}

impl Pings {
    /// Counts a question; true if it is one too many.
    fn again(&mut self, wal_end: Lsn, now: Instant) -> bool {
        let same = wal_end == self.wal_end && now - self.last < PINGS_APART;
        self.count = if same { self.count.saturating_add(1) } else { 0 };
        self.wal_end = wal_end;
        self.last = now;
        self.count >= PINGS_MAX
    }
}

fn event_of(
    event: pgwire_replication::Result<Option<ReplicationEvent>>,
) -> Result<ReplicationEvent, FeedError> {
    match event {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err(FeedError::transient("the server ended the stream")),
        Err(error) => Err(FeedError::of_stream(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_storm_of_questions_about_one_position_is_too_many() {
        let mut now = Instant::now();
        let mut pings = Pings { wal_end: Lsn(0), count: 0, last: now };
        let mut ask = |lsn, apart: Duration| {
            now += apart;
            pings.again(Lsn(lsn), now)
        };
        for _ in 0..2 * PINGS_MAX {
            assert!(!ask(1, PINGS_APART));
        }
        for lsn in 0..2 * u64::from(PINGS_MAX) {
            assert!(!ask(lsn, Duration::ZERO));
        }
        let asked = (0..2 * PINGS_MAX).find(|_| ask(7, Duration::from_micros(12)));
        assert_eq!(asked, Some(PINGS_MAX));
    }
}
