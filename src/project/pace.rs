//! No more rows a second than was asked for.
//!
//! Owns the pauses between batches. It must not know what the rows are.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Rests between batches.
#[derive(Debug)]
pub(super) struct Pace {
    rows_per_s: Option<u64>,
    /// When the rows so far have had their time.
    spent: Instant,
}

impl Pace {
    pub(super) fn new(rows_per_s: Option<u64>) -> Self {
        Pace { rows_per_s, spent: Instant::now() }
    }

    /// Waits for the turn of so many rows.
    pub(super) async fn turn(&mut self, rows: usize) {
        sleep_until(self.next_turn(rows, Instant::now())).await;
    }

    /// At once after a rest, else when those before have had their time.
    fn next_turn(&mut self, rows: usize, now: Instant) -> Instant {
        let begin = self.spent.max(now);
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        let micros =
            self.rows_per_s.and_then(|rate| rows.saturating_mul(1_000_000).checked_div(rate));
        self.spent = begin + Duration::from_micros(micros.unwrap_or(0));
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_take_their_time_and_a_rest_is_not_saved_up() {
        let at = |begin: Instant, ms| begin + Duration::from_millis(ms);
        let mut pace = Pace::new(Some(1_000));
        let begin = pace.spent;
        assert_eq!(pace.next_turn(500, begin), begin);
        assert_eq!(pace.next_turn(500, begin), at(begin, 500));
        assert_eq!(pace.next_turn(500, at(begin, 600)), at(begin, 1_000));
        let later = at(begin, 60_000);
        assert_eq!(pace.next_turn(500, later), later);
        assert_eq!(pace.next_turn(500, later), at(later, 500));
        for mut free in [Pace::new(None), Pace::new(Some(0))] {
            assert_eq!(free.next_turn(usize::MAX, later), later);
            assert_eq!(free.next_turn(usize::MAX, later), later);
        }
    }
}
