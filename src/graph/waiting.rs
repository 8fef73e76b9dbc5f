//! Those who wait for a position to be applied.
//!
//! Owns the waiting list, ordered by position, so that a publish wakes those that it reaches and
//! nobody else: ten thousand readers that wait for tokens still to come cost a publish nothing. It
//! must not know what is published.

use crate::id::Lsn;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The waiting list. A mutex, because joining, leaving and waking are a few instructions each.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    waiters: BTreeMap<(Lsn, u64), oneshot::Sender<()>>,
    /// Tells those apart that wait for one position.
    joined: u64,
}

/// A place on the waiting list; dropping it leaves the list.
#[derive(Debug)]
pub struct Waiter<'a> {
    waiting: &'a Waiting,
    place: (Lsn, u64),
    woken: oneshot::Receiver<()>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the list.
    pub(super) fn join(&self, lsn: Lsn) -> Waiter<'_> {
        let (wake, woken) = oneshot::channel();
        let mut list = self.lock();
        list.joined += 1;
        let place = (lsn, list.joined);
        list.waiters.insert(place, wake);
        drop(list);
        Waiter { waiting: self, place, woken }
    }

    /// Wakes all that wait for the position or one before it.
    pub(super) fn wake_up_to(&self, lsn: Lsn) {
        let mut list = self.lock();
        if list.waiters.is_empty() {
            return;
        }
        let later = list.waiters.split_off(&(lsn, u64::MAX));
        let reached = std::mem::replace(&mut list.waiters, later);
        drop(list);
        wake(reached);
    }

    /// Wakes all: positions do not mean any more what they did.
    pub(super) fn wake_all(&self) {
        let all = std::mem::take(&mut self.lock().waiters);
        wake(all);
    }
}

fn wake(waiters: BTreeMap<(Lsn, u64), oneshot::Sender<()>>) {
    for waiter in waiters.into_values() {
        // One that is gone meanwhile needs no waking.
        let _gone = waiter.send(());
    }
}

impl Waiter<'_> {
    /// Completes when the position is reached, or positions changed their meaning: look again.
    pub async fn reached(&mut self) {
        // An error would mean that the sender was dropped unsent, which only leaving does.
        let _woken = (&mut self.woken).await;
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiting.lock().waiters.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_woken(waiter: &mut Waiter<'_>) -> bool {
        waiter.reached().now_or_never().is_some()
    }

    #[test]
    fn only_those_who_are_reached_are_woken() {
        let waiting = Waiting::default();
        let (mut near, mut far) = (waiting.join(Lsn(10)), waiting.join(Lsn(20)));
        let mut twin = waiting.join(Lsn(10));
        waiting.wake_up_to(Lsn(9));
        assert!(!is_woken(&mut near) && !is_woken(&mut twin) && !is_woken(&mut far));
        waiting.wake_up_to(Lsn(10));
        assert!(is_woken(&mut near) && is_woken(&mut twin) && !is_woken(&mut far));
        waiting.wake_all();
        assert!(is_woken(&mut far));
    }

    #[test]
    fn who_gives_up_leaves_the_list() {
        let waiting = Waiting::default();
        let waiters: Vec<_> = (0..3).map(|_| waiting.join(Lsn(10))).collect();
        assert_eq!(waiting.lock().waiters.len(), 3);
        drop(waiters);
        assert!(waiting.lock().waiters.is_empty());
    }
}
