//! What is done about an error of the feed: how long to wait, whether a fresh copy is necessary,
//! or whether that was the end.
//!
//! Owns the memory of earlier errors that this takes. It must not know how anything is done.

use super::error::{FeedError, Remedy};
use crate::id::Lsn;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;
use tokio::time::Instant;

/// The first wait before another try: a restarted server is back in less than a second.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// The longest wait before another try: no longer than people wait after a repair.
const RETRY_MAX: Duration = Duration::from_secs(15);

/// Fresh copies for want of a slot or the like, within [`RECOPY_WINDOW`]: a fault that comes back
/// that often is not cured by copying.
const RECOPIES_MAX: usize = 3;
const RECOPY_WINDOW: Duration = Duration::from_secs(3_600);

/// Streams in a row that may stick at one position: one that stuck for a passing reason gets past
/// it at the second try or the third, and each costs the work on the transaction there anew.
const STUCK_MAX: u32 = 3;

/// Errors so far.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// Tries since the stream was last in good order.
    tries: u32,
    /// When fresh copies became necessary.
    recopies: VecDeque<Instant>,
    /// Where the stream stuck, and how many times in a row.
    stuck: (Lsn, u32),
}

/// Where the feed was when the error came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// It had caught up.
    pub(crate) streaming: bool,
    /// There has been a copy, so there is something that is served.
    pub(crate) served: bool,
    /// Where its stream will resume; none if it will copy anyway.
    pub(crate) resume: Option<Lsn>,
}

/// The next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) wait: Duration,
    /// Why it must begin with a fresh copy.
    pub(crate) recopy: Option<String>,
}

impl Retries {
    /// What follows from an error; the error that ends the feed if nothing does.
    pub(crate) fn after(&mut self, error: &FeedError, place: Place) -> Result<Again, FeedError> {
        self.tries = if place.streaming { 0 } else { self.tries.saturating_add(1) };
        let wait = retry_in(self.tries);
        let again = Again { wait, recopy: None };
        match error {
            FeedError::Transient { .. } => Ok(again),
            FeedError::Stuck { what } => match place.resume {
                Some(at) if self.stuck_again(at) => {
                    let why = format!("{STUCK_MAX} streams did not get past {at}: {what}");
                    self.recopy(&why, wait)
                }
                _ => Ok(again),
            },
            FeedError::Definite { remedy: Remedy::Recopy, what } => self.recopy(what, wait),
            FeedError::Definite { remedy: Remedy::Follow, what } => {
                Ok(Again { wait, recopy: Some(what.clone()) })
            }
            // What is wrong may be half of an operation, a failover or a password's change, whose
            // other half is under way; and what is served is worth more than an end.
            FeedError::Definite { remedy: Remedy::Operator, .. } if place.served => {
                Ok(Again { wait: retry_in(u32::MAX), recopy: None })
            }
            FeedError::Definite { remedy: Remedy::Operator | Remedy::Restart, .. } => {
                Err(error.clone())
            }
        }
    }

    fn recopy(&mut self, why: &str, wait: Duration) -> Result<Again, FeedError> {
        let now = Instant::now();
        self.recopies.retain(|at| now - *at < RECOPY_WINDOW);
        if self.recopies.len() >= RECOPIES_MAX {
            return Err(FeedError::restart(format!(
                "{RECOPIES_MAX} fresh copies within an hour did not help: {why}; fix the cause, \
                 then restart the process"
            )));
        }
        self.recopies.push_back(now);
        Ok(Again { wait, recopy: Some(why.to_owned()) })
    }

    /// Counts a stream that stuck; true if it is one too many at one position.
    fn stuck_again(&mut self, at: Lsn) -> bool {
        let (before, times) = self.stuck;
        let times = if before == at { times + 1 } else { 1 };
        let too_many = times >= STUCK_MAX;
        self.stuck = (at, if too_many { 0 } else { times });
        too_many
    }
}

/// Twice as long each time, and at random up to half of it less, so that many processes do not
/// come back at one moment.
fn retry_in(tries: u32) -> Duration {
    let longest = RETRY_MAX.min(RETRY_MIN.saturating_mul(1 << tries.min(16)));
    // The standard hasher's keys are random: all the randomness that is needed here.
    let random = RandomState::new().build_hasher().finish() % 1_000;
    let random = u32::try_from(random).unwrap_or(0);
    longest - longest / 2 * random / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVED: Place = Place { streaming: true, served: true, resume: Some(Lsn(7)) };
    const COPYING: Place = Place { streaming: false, served: false, resume: None };

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        for tries in [0, 1, 5, 16, u32::MAX] {
            let longest = RETRY_MAX.min(RETRY_MIN * (1 << tries.min(16)));
            for _ in 0..100 {
                let wait = retry_in(tries);
                assert!(wait <= longest && wait >= longest / 2, "{tries}: {wait:?}");
            }
        }
        assert!(retry_in(0) <= RETRY_MIN);
    }

    #[test]
    fn what_an_operator_must_cure_ends_the_feed_only_while_nothing_is_served() {
        let mut retries = Retries::default();
        let error = FeedError::operator("no publication; fix: create it");
        assert_eq!(retries.after(&error, COPYING), Err(error.clone()));
        for _ in 0..10 {
            let again = retries.after(&error, SERVED).unwrap();
            assert!(again.wait >= RETRY_MAX / 2 && again.recopy.is_none(), "{again:?}");
        }
        let error = FeedError::restart("the applier is gone");
        assert_eq!(retries.after(&error, SERVED), Err(error.clone()));
    }

    #[test]
    fn a_stream_that_sticks_at_one_position_is_followed_by_a_copy() {
        let mut retries = Retries::default();
        let error = FeedError::stuck("the queue is full");
        let mut stick = |resume| {
            let again = retries.after(&error, Place { resume, ..SERVED }).unwrap();
            again.recopy.is_some()
        };
        // It gets on, however slowly.
        for lsn in 0..20 {
            assert!(!stick(Some(Lsn(lsn))) && !stick(Some(Lsn(lsn))));
        }
        for _ in 0..20 {
            assert!(!stick(None));
        }
        let fate: Vec<bool> = (0..6).map(|_| stick(Some(Lsn(99)))).collect();
        assert_eq!(fate, [false, false, true, false, false, true]);
    }

    #[test]
    fn copies_that_do_not_help_come_to_an_end() {
        let mut retries = Retries::default();
        let error = FeedError::recopy("the slot is gone");
        let changed = FeedError::changed("a table was altered");
        for _ in 0..RECOPIES_MAX {
            assert!(retries.after(&error, SERVED).unwrap().recopy.is_some());
            // Nor does what operators do to the tables count.
            assert!(retries.after(&changed, SERVED).unwrap().recopy.is_some());
        }
        let ended = retries.after(&error, SERVED).unwrap_err();
        assert!(matches!(ended, FeedError::Definite { remedy: Remedy::Restart, .. }), "{ended}");
    }
}
