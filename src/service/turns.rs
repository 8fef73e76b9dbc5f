//! Long calls give way: to other calls of their thread, to a caller who is gone, to a deadline.
//!
//! Owns how much work a call does at a stretch. A call that yields is dropped there by the
//! transport if the caller has cancelled it. It must not know what the work is.

use super::errors::{Failure, Reason};
use std::time::Duration;
use tokio::time::Instant;

/// Work between two yields. A unit is about one pair checked or one member listed, 0.1 to 1 µs:
/// other calls of the thread wait a few milliseconds.
pub(crate) const WORK_PER_TURN: usize = 4_096;
/// What is kept of the client's deadline for sending the error, so that the caller learns the
/// reason rather than a bare timeout; of a short deadline a quarter.
const DEADLINE_MARGIN: Duration = Duration::from_millis(20);

/// The work and the deadline of one call.
#[derive(Debug)]
pub(crate) struct Turns {
    deadline: Option<Instant>,
    spent: usize,
}

impl Turns {
    /// A call that begins now; `client_timeout` is what the client gives it.
    pub(crate) fn new(client_timeout: Option<Duration>) -> Self {
        let usable = |timeout: Duration| timeout - DEADLINE_MARGIN.min(timeout / 4);
        // A deadline past the end of time is none.
        let deadline =
            client_timeout.and_then(|timeout| Instant::now().checked_add(usable(timeout)));
        Turns { deadline, spent: 0 }
    }

    /// When the call must have ended.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Counts work done; gives way when it was enough for a turn.
    pub(crate) async fn spend(&mut self, work: usize) -> Result<(), Failure> {
        self.spent = self.spent.saturating_add(work);
        if self.spent < WORK_PER_TURN {
            return Ok(());
        }
        self.spent = 0;
        tokio::task::yield_now().await;
        self.check()
    }

    /// Fails if the deadline is past.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(passed()),
            Some(_) | None => Ok(()),
        }
    }

    /// Completes with the failure when the deadline passes; never without one.
    pub(crate) async fn end(deadline: Option<Instant>) -> Failure {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
        passed()
    }
}

fn passed() -> Failure {
    Failure::new(Reason::DeadlinePassed, "the call's deadline passed before the answer was whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_past_the_deadline_fails_at_the_next_turn() {
        let mut turns = Turns { deadline: Some(Instant::now()), spent: 0 };
        turns.spend(WORK_PER_TURN - 1).await.unwrap();
        assert_eq!(turns.spend(1).await.unwrap_err().reason, Reason::DeadlinePassed);
        turns.spend(WORK_PER_TURN - 1).await.unwrap();
        assert_eq!(Turns::end(turns.deadline()).await.reason, Reason::DeadlinePassed);
        assert_eq!(turns.left(), Some(Duration::ZERO));
        Turns::new(None).spend(usize::MAX).await.unwrap();
    }

    #[tokio::test]
    async fn the_margin_leaves_most_of_a_short_deadline() {
        let usable = |ms| {
            let before = Instant::now();
            let deadline = Turns::new(Some(Duration::from_millis(ms))).deadline().unwrap();
            (deadline - before, deadline - Instant::now())
        };
        let (most, least) = usable(4_000);
        let expected = Duration::from_millis(3_980);
        assert!(least <= expected && expected <= most);
        let (most, least) = usable(8);
        let expected = Duration::from_millis(6);
        assert!(least <= expected && expected <= most);
    }
}
