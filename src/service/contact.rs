//! Whether the change feed is in contact with the source, as readers need to know it.
//!
//! Owns a copy of two facts of the feed's report, refreshed every few milliseconds, so that no
//! query takes the report's lock: since when answers may be stale, and whether a wait for a token
//! makes sense. It must not know how the feed works.

use crate::status::{FeedState, FeedStatus, StatusCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// How often the report is looked at: what a waiting reader takes at most to learn of a loss.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The two facts, and where they come from.
#[derive(Debug)]
pub(crate) struct Contact {
    status: Arc<StatusCell<FeedStatus>>,
    /// Milliseconds since 1970; 0 while in contact. An atomic, because each answer reads it.
    stale_since_ms: AtomicU64,
    /// A watch channel, because waiting readers must be woken.
    in_contact: watch::Sender<bool>,
    /// For how long answers may be stale, in milliseconds; for ever if there is none.
    max_staleness_ms: Option<u64>,
}

impl Contact {
    /// Takes a first look.
    pub(crate) fn new(
        status: Arc<StatusCell<FeedStatus>>,
        max_staleness: Option<Duration>,
    ) -> Self {
        let contact = Contact {
            status,
            stale_since_ms: AtomicU64::new(0),
            in_contact: watch::Sender::new(false),
            max_staleness_ms: max_staleness.map(in_ms),
        };
        contact.look();
        contact
    }

    /// The whole report.
    pub(crate) fn report(&self) -> Arc<FeedStatus> {
        self.status.get()
    }

    /// Refreshes the facts, wakes who waits for a change of them, and returns the report.
    pub(crate) fn look(&self) -> Arc<FeedStatus> {
        let report = self.status.get();
        let since = report.stale_since.map_or(0, |since| milliseconds(since).max(1));
        self.stale_since_ms.store(since, Ordering::Relaxed);
        let now = is_in_contact(&report.state);
        self.in_contact.send_if_modified(|before| std::mem::replace(before, now) != now);
        report
    }

    /// For how long the source has been out of reach, in milliseconds; 0 while in contact.
    pub(crate) fn stale_for_ms(&self) -> u64 {
        match self.stale_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            // A loss just now is a loss: never 0.
            since => milliseconds(SystemTime::now()).saturating_sub(since).max(1),
        }
    }

    /// For how long the source has been out of reach and for how long it may be, both in
    /// milliseconds, if it has been for longer: then nothing is to be answered.
    pub(crate) fn too_stale(&self) -> Option<(u64, u64)> {
        let most = self.max_staleness_ms?;
        let stale_for = self.stale_for_ms();
        (stale_for > most).then_some((stale_for, most))
    }

    /// Follows whether the feed is in contact.
    pub(crate) fn follow(&self) -> watch::Receiver<bool> {
        self.in_contact.subscribe()
    }
}

/// Whether changes arrive, so that a position not reached yet will be.
const fn is_in_contact(state: &FeedState) -> bool {
    match state {
        FeedState::CatchingUp | FeedState::Streaming => true,
        FeedState::Starting
        | FeedState::Checking
        | FeedState::CreatingSlot
        | FeedState::Copying { .. }
        | FeedState::BackingOff { .. }
        | FeedState::Failed { .. } => false,
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    in_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_brings_the_facts_up_to_date_and_wakes_once() {
        let status = Arc::new(StatusCell::new(FeedStatus::default()));
        let contact = Contact::new(Arc::clone(&status), Some(Duration::from_secs(90)));
        let mut follow = contact.follow();
        assert!(!*follow.borrow_and_update());
        status.update(|report| report.state = FeedState::Streaming);
        contact.look();
        assert!(follow.has_changed().unwrap() && *follow.borrow_and_update());
        contact.look();
        assert!(!follow.has_changed().unwrap());
        assert_eq!(contact.stale_for_ms(), 0);

        status.update(|report| {
            report.state = FeedState::BackingOff { error: "gone".into(), retry_in_ms: 1 };
            report.stale_since = Some(SystemTime::now() - Duration::from_secs(60));
        });
        contact.look();
        assert!(!*follow.borrow_and_update());
        assert!(contact.stale_for_ms() >= 60_000);
        assert_eq!(contact.too_stale(), None);
        status.update(|report| {
            report.stale_since = Some(SystemTime::now() - Duration::from_secs(100));
        });
        contact.look();
        assert!(contact.too_stale().is_some_and(|(is, most)| is >= 100_000 && most == 90_000));
    }

    #[test]
    fn a_loss_in_this_very_millisecond_is_not_contact() {
        let status = Arc::new(StatusCell::new(FeedStatus {
            stale_since: Some(SystemTime::now() + Duration::from_secs(60)),
            ..FeedStatus::default()
        }));
        let contact = Contact::new(status, None);
        assert_eq!((contact.stale_for_ms(), contact.too_stale()), (1, None));
    }
}
