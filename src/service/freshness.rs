//! Which version answers a request, and the wait for it.
//!
//! Owns the choice of one [`Basis`] per request: the newest version, one at least as fresh as a
//! token, exactly a named one, or the one that a list began with. It must not know what is asked
//! of it. It takes no lock on the way of a request that need not wait.
//!
//! INVARIANT (watermark): a wait is ended by one `Published` value, and that same value answers; a
//! snapshot and an applied position are never read apart.

use super::contact::Contact;
use super::convert;
use super::errors::{Failure, Reason};
use super::limits;
use super::token::Token;
use crate::command::{Source, SourcePosition, SourceUnavailable};
use crate::graph::{Published, PublishedCell, Snapshot};
use crate::id::{History, Lsn};
use crate::pb;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// What is kept of the client's deadline for sending the error, so that the caller learns the
/// reason rather than a bare timeout.
const DEADLINE_MARGIN: Duration = Duration::from_millis(20);
/// When a wait asks the source whether the position exists at all: a feed in contact is through
/// nearly every wait by then, so the source is seldom asked.
const ASK_SOURCE_AFTER: Duration = Duration::from_millis(100);

/// What one request is answered from.
#[derive(Clone, Debug)]
pub(crate) enum Basis {
    /// A value that was the newest.
    Newest(Arc<Published>),
    /// An older version, which is complete up to its own end.
    Kept(Arc<Snapshot>),
}

impl Basis {
    /// The version.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        match self {
            Basis::Newest(published) => &published.snapshot,
            Basis::Kept(snapshot) => snapshot,
        }
    }

    /// The version, to be held by who outlives the request.
    pub(crate) fn shared(&self) -> Arc<Snapshot> {
        match self {
            Basis::Newest(published) => Arc::clone(&published.snapshot),
            Basis::Kept(snapshot) => Arc::clone(snapshot),
        }
    }

    /// Every change committed before this position is in the version.
    pub(crate) fn applied_lsn(&self) -> Lsn {
        match self {
            Basis::Newest(published) => published.applied_lsn,
            Basis::Kept(snapshot) => snapshot.version().end_lsn,
        }
    }
}

/// The source's position and when it was asked for; an error is kept too, so that a queue of
/// waiting requests does not ask a broken source one after the other.
type Asked = (Instant, Result<SourcePosition, SourceUnavailable>);

/// Chooses the basis of each request.
#[derive(Debug)]
pub(crate) struct Reads {
    published: Arc<PublishedCell>,
    contact: Arc<Contact>,
    source: Arc<dyn Source>,
    /// An async mutex, because it is held while the source is asked: one question at a time.
    last_asked: Mutex<Option<Asked>>,
    waiters: Semaphore,
    shutdown: CancellationToken,
}

impl Reads {
    /// Reads `published`, and asks `source` where its log ends.
    pub(crate) fn new(
        published: Arc<PublishedCell>,
        contact: Arc<Contact>,
        source: Arc<dyn Source>,
        shutdown: CancellationToken,
    ) -> Self {
        let waiters = Semaphore::new(limits::WAITERS.count());
        Reads { published, contact, source, last_asked: Mutex::new(None), waiters, shutdown }
    }

    /// The basis that the request asks for. `client_timeout` is what the client gives the call.
    pub(crate) async fn basis(
        &self,
        freshness: Option<&pb::Freshness>,
        client_timeout: Option<Duration>,
    ) -> Result<Basis, Failure> {
        let wait = bounded_wait(freshness)?;
        match freshness.and_then(|freshness| freshness.at.as_ref()) {
            None => self.current().map(Basis::Newest),
            Some(pb::freshness::At::Exactly(version)) => self.exactly(version),
            Some(pb::freshness::At::AtLeastAsFresh(text)) => {
                let token = Token::parse(text)?;
                let published = self.current()?;
                let goal = Goal::new(token, published.snapshot.version().history)?;
                if goal.is_reached(&published)? {
                    return Ok(Basis::Newest(published));
                }
                let most = client_timeout
                    .map_or(wait, |timeout| wait.min(timeout.saturating_sub(DEADLINE_MARGIN)));
                // Boxed, so that requests which need not wait do not carry the wait's state.
                Box::pin(self.wait(goal, most)).await.map(Basis::Newest)
            }
        }
    }

    /// A version that a list began with, if it is still kept.
    pub(crate) fn kept(&self, copy: u64, sequence: u64) -> Option<Basis> {
        let newest = self.published.load()?;
        if newest.snapshot.copy() == copy && newest.snapshot.sequence() == sequence {
            return Some(Basis::Newest(newest));
        }
        self.published.recent(copy, sequence).map(Basis::Kept)
    }

    /// The newest value, unless it is older than this server is to answer from.
    fn current(&self) -> Result<Arc<Published>, Failure> {
        let published = self.newest()?;
        match self.contact.too_stale() {
            None => Ok(published),
            Some((stale_for, most)) => Err(self.refused(published.applied_lsn, stale_for, most)),
        }
    }

    #[cold]
    fn refused(&self, applied_lsn: Lsn, stale_for_ms: u64, most_ms: u64) -> Failure {
        let message = format!(
            "the source has been out of reach for {stale_for_ms} ms, and this server answers for \
             {most_ms} ms only"
        );
        Failure::new(Reason::TooStale, message)
            .with("stale_for_ms", stale_for_ms)
            .with("max_staleness_ms", most_ms)
            .with("applied_lsn", applied_lsn)
            .with("feed_state", self.contact.report().state.name())
    }

    /// The newest value.
    pub(crate) fn newest(&self) -> Result<Arc<Published>, Failure> {
        self.published.load().ok_or_else(|| self.not_ready())
    }

    /// Completes when the server is told to stop.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        self.shutdown.clone().cancelled_owned()
    }

    /// How many versions are kept, and their bytes.
    pub(crate) fn kept_size(&self) -> (u64, u64) {
        self.published.recent_size()
    }

    fn exactly(&self, version: &pb::Version) -> Result<Basis, Failure> {
        let wanted = convert::version_from_wire(version);
        let newest = self.newest()?;
        let current = newest.snapshot.version();
        if current == wanted {
            return Ok(Basis::Newest(newest));
        }
        if current.history != wanted.history {
            return Err(other_history(format!("version {wanted}"), current.history));
        }
        self.published.recent_version(wanted).map(Basis::Kept).ok_or_else(|| {
            Failure::new(Reason::VersionNotKept, format!("version {wanted} is not kept"))
                .with("version", wanted)
                .with("newest_version", current)
        })
    }

    /// Waits until the newest value reaches the goal.
    async fn wait(&self, goal: Goal, most: Duration) -> Result<Arc<Published>, Failure> {
        let _waiter = self.waiters.try_acquire().map_err(|_| {
            let limits::Limit { name, value } = limits::WAITERS;
            let message = format!("{value} requests wait for freshness already");
            Failure::new(Reason::TooManyWaiters, message)
                .with("limit", name)
                .with("limit_value", value)
        })?;
        let started = Instant::now();
        let deadline = started + most;
        let mut contact = self.contact.follow();
        self.contact.look();
        let mut position = pin!(self.position(started));
        let mut asked = false;
        loop {
            // Before the load, so that a value published in between wakes us.
            let mut waiter = self.published.wait_for(goal.lsn);
            let published = self.newest()?;
            if goal.is_reached(&published)? {
                return Ok(published);
            }
            if !*contact.borrow_and_update() {
                return Err(self.feed_down(&goal, published.applied_lsn));
            }
            tokio::select! {
                biased;
                () = sleep_until(deadline) => {
                    return Err(self.not_yet_fresh(&goal, published.applied_lsn, most));
                }
                () = waiter.reached() => {}
                // The sender lives as long as `self`: this never fails.
                _ = contact.changed() => {}
                answer = &mut position, if !asked => {
                    asked = true;
                    goal.must_exist(answer)?;
                }
                () = self.shutdown.cancelled() => {
                    return Err(Failure::new(Reason::ShuttingDown, "the server is stopping"));
                }
            }
        }
    }

    /// Where the source's log ends, as of some moment after `started`.
    async fn position(&self, started: Instant) -> Result<SourcePosition, SourceUnavailable> {
        sleep_until(started + ASK_SOURCE_AFTER).await;
        let mut last = self.last_asked.lock().await;
        if let Some((asked_at, answer)) = last.as_ref()
            && *asked_at >= started
        {
            return answer.clone();
        }
        let asked_at = Instant::now();
        let answer = self.source.position().await;
        *last = Some((asked_at, answer.clone()));
        answer
    }

    fn not_ready(&self) -> Failure {
        let report = self.contact.report();
        let state = report.state.name();
        Failure::new(Reason::NotReady, format!("no copy of the source is whole yet: feed {state}"))
            .with("feed_state", state)
    }

    fn feed_down(&self, goal: &Goal, applied_lsn: Lsn) -> Failure {
        let report = self.contact.report();
        let state = report.state.name();
        let message = format!(
            "the change feed is {state}, applied up to {applied_lsn}, so {} is not reached",
            goal.lsn
        );
        Failure::new(Reason::FeedDown, message)
            .with("feed_state", state)
            .with("applied_lsn", applied_lsn)
            .with("token_lsn", goal.lsn)
            .with("stale_for_ms", self.contact.stale_for_ms())
    }

    fn not_yet_fresh(&self, goal: &Goal, applied_lsn: Lsn, waited: Duration) -> Failure {
        let waited_ms = waited.as_millis();
        let message = format!(
            "applied up to {applied_lsn} after {waited_ms} ms, which is before {}",
            goal.lsn
        );
        Failure::new(Reason::NotYetFresh, message)
            .with("applied_lsn", applied_lsn)
            .with("token_lsn", goal.lsn)
            .with("waited_ms", waited_ms)
            .with("feed_state", self.contact.report().state.name())
    }
}

/// A position to reach within one history.
#[derive(Clone, Copy, Debug)]
struct Goal {
    history: History,
    lsn: Lsn,
}

impl Goal {
    fn new(token: Token, current: History) -> Result<Self, Failure> {
        let Token { timeline, lsn } = token;
        if timeline.is_some_and(|timeline| timeline != current.timeline) {
            return Err(other_history(format!("token {lsn}"), current)
                .with("token_timeline", timeline.unwrap_or_default()));
        }
        Ok(Goal { history: current, lsn })
    }

    /// INVARIANT (watermark): asked of the very value that will answer.
    fn is_reached(&self, published: &Published) -> Result<bool, Failure> {
        let now = published.snapshot.version().history;
        if now != self.history {
            return Err(other_history(format!("token {}", self.lsn), now));
        }
        Ok(published.applied_lsn >= self.lsn)
    }

    /// A source that cannot be asked, or that is in another history, proves nothing: the feed will
    /// find out.
    fn must_exist(&self, answer: Result<SourcePosition, SourceUnavailable>) -> Result<(), Failure> {
        match answer {
            Ok(SourcePosition { history, insert_lsn })
                if history == self.history && self.lsn > insert_lsn =>
            {
                let message = format!("the source's log ends at {insert_lsn}, before {}", self.lsn);
                Err(Failure::new(Reason::LsnFromFuture, message)
                    .with("token_lsn", self.lsn)
                    .with("source_insert_lsn", insert_lsn))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn other_history(what: String, current: History) -> Failure {
    let History { system_id, timeline } = current;
    let message = format!(
        "{what} belongs to another history than this one: system {system_id}, timeline {timeline}"
    );
    Failure::new(Reason::TokenFromOtherHistory, message)
        .with("system_id", system_id)
        .with("timeline", timeline)
}

fn bounded_wait(freshness: Option<&pb::Freshness>) -> Result<Duration, Failure> {
    match freshness.and_then(|freshness| freshness.max_wait_ms) {
        None => Ok(limits::WAIT_MS_DEFAULT.milliseconds()),
        Some(wait) if u64::from(wait) > limits::WAIT_MS.value => {
            Err(Failure::past(limits::WAIT_MS, "max_wait_ms", wait))
        }
        Some(wait) => Ok(Duration::from_millis(wait.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::SourceReply;
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::status::{FeedState, FeedStatus, StatusCell};

    #[derive(Debug)]
    struct NoSource;

    impl Source for NoSource {
        fn position(&self) -> SourceReply {
            Box::pin(std::future::ready(Err(SourceUnavailable("none".into()))))
        }
    }

    #[tokio::test]
    async fn no_more_wait_than_the_limit_allows() {
        let published = Arc::new(PublishedCell::default());
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        let snapshot = writer.commit(Lsn(100));
        published.store(Published { snapshot, applied_lsn: Lsn(100) }, 0);
        let state = FeedState::Streaming;
        let feed = StatusCell::new(FeedStatus { state, ..FeedStatus::default() });
        let contact = Arc::new(Contact::new(Arc::new(feed), None));
        let shutdown = CancellationToken::new();
        let reads = Reads::new(published, contact, Arc::new(NoSource), shutdown);
        let ask = |lsn: &str| pb::Freshness {
            at: Some(pb::freshness::At::AtLeastAsFresh(lsn.to_owned())),
            max_wait_ms: Some(1),
        };
        let others = limits::WAITERS.value - 1;
        let others = reads.waiters.acquire_many(u32::try_from(others).unwrap()).await.unwrap();
        let last = reads.basis(Some(&ask("0/C8")), None).await.unwrap_err();
        assert_eq!(last.reason, Reason::NotYetFresh);
        let one_more = reads.waiters.acquire().await.unwrap();
        let refused = reads.basis(Some(&ask("0/C8")), None).await.unwrap_err();
        assert_eq!(refused.reason, Reason::TooManyWaiters);
        // Who need not wait is not counted.
        assert!(reads.basis(Some(&ask("0/64")), None).await.is_ok());
        drop((others, one_more));
    }
}
