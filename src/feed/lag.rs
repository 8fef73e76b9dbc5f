//! How far what is applied is behind what was committed: transactions, and since when.
//!
//! Owns the commits that were handed on and are not applied yet. It must not know how either is
//! found out. What the source has committed and not sent is not known here; while the stream is
//! behind, the oldest commit that waits is an old one.

use crate::id::Lsn;
use crate::status::FeedStatus;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// PostgreSQL's time begins with 2000, the system's with 1970.
const POSTGRES_EPOCH: Duration = Duration::from_secs(946_684_800);

/// Commits that wait to be applied, in order: as many as the queue holds, at most.
#[derive(Debug, Default)]
pub(crate) struct Lag(VecDeque<(Lsn, SystemTime)>);

impl Lag {
    /// The transaction that ends there was handed on; it was committed so many microseconds after
    /// the beginning of 2000, by the source's clock.
    pub(crate) fn handed_on(&mut self, end_lsn: Lsn, committed_at_us: i64) {
        let after = Duration::from_micros(committed_at_us.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH + POSTGRES_EPOCH;
        let at =
            if committed_at_us < 0 { epoch.checked_sub(after) } else { epoch.checked_add(after) };
        self.0.push_back((end_lsn, at.unwrap_or(epoch)));
    }

    /// All up to there is applied.
    pub(crate) fn applied(&mut self, lsn: Lsn) {
        while self.0.front().is_some_and(|&(end_lsn, _)| end_lsn <= lsn) {
            self.0.pop_front();
        }
    }

    /// Puts the lag into the report.
    pub(crate) fn report(&self, status: &mut FeedStatus) {
        status.transactions_behind = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        status.behind_since = self.0.front().map(|&(_, at)| at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_commit_that_waits_tells_since_when() {
        let (mut lag, mut status) = (Lag::default(), FeedStatus::default());
        let mut report = |lag: &Lag| {
            lag.report(&mut status);
            (status.transactions_behind, status.behind_since)
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        lag.handed_on(Lsn(10), 5_000_000);
        lag.handed_on(Lsn(20), 7_000_000);
        assert_eq!(report(&lag), (2, Some(at(946_684_805))));
        lag.applied(Lsn(19));
        assert_eq!(report(&lag), (1, Some(at(946_684_807))));
        lag.applied(Lsn(20));
        assert_eq!(report(&lag), (0, None));
        // Clocks can be anything.
        lag.handed_on(Lsn(30), i64::MIN);
        lag.handed_on(Lsn(40), i64::MAX);
        assert_eq!(report(&lag).0, 2);
    }
}
