//! The one value that readers see, and the recent past.
//!
//! Owns the swap of [`Published`] and the ring of recent versions. It must not know the clock (the
//! caller says what time it is) nor how versions are made.
//!
//! Old versions are freed here, on the writer's side: the ring holds every version until no reader
//! does, so that no reader's thread is the one to free it.

use super::pages::count;
use super::snapshot::Snapshot;
use super::waiting::{Waiter, Waiting};
use crate::id::{Lsn, Version};
use arc_swap::ArcSwapOption;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a reader answers from.
///
/// INVARIANT (watermark): every change committed before `applied_lsn` is in `snapshot`. Both are
/// published by one swap, and a reader answers from the very value that it waited for.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version.
    pub snapshot: Arc<Snapshot>,
    /// How far the source's log is applied; at least the version's end LSN.
    pub applied_lsn: Lsn,
}

/// How much of the past is kept for paging, for asking at a version, and for verifying.
#[derive(Clone, Copy, Debug)]
pub struct HistoryLimits {
    /// The most versions.
    pub versions_max: usize,
    /// The most bytes that the versions hold beside the newest, as estimated.
    pub bytes_max: u64,
    /// The longest time that a version is kept after a newer one came, in milliseconds.
    pub age_max_ms: u64,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        // A minute is long enough to page through the largest list; at 1,000 commits a second it
        // is 60,000 versions.
        HistoryLimits { versions_max: 100_000, bytes_max: 256 << 20, age_max_ms: 60_000 }
    }
}

#[derive(Debug)]
struct Kept {
    snapshot: Arc<Snapshot>,
    /// What the version holds beside the next: itself, and what was copied to make the next.
    bytes: u64,
    published_at_ms: u64,
}

#[derive(Debug, Default)]
struct Recent {
    /// By order of publishing; the last is the newest. All are of one copy.
    kept: VecDeque<Kept>,
    bytes: u64,
    /// Versions out of the ring that a reader still holds.
    leaving: Vec<Arc<Snapshot>>,
}

/// Holds the newest [`Published`] and the recent versions.
#[derive(Debug, Default)]
pub struct PublishedCell {
    newest: ArcSwapOption<Published>,
    waiting: Waiting,
    /// A mutex, because only those who page or ask for an older version take it, and everyone holds
    /// it for a push, a pop or a binary search.
    recent: Mutex<Recent>,
    limits: HistoryLimits,
}

impl PublishedCell {
    /// An empty cell.
    pub fn new(limits: HistoryLimits) -> Self {
        PublishedCell { limits, ..PublishedCell::default() }
    }

    /// The newest value; `None` before the first copy is whole.
    pub fn load(&self) -> Option<Arc<Published>> {
        self.newest.load_full()
    }

    /// Waits for the position to be applied, or for a fresh copy.
    ///
    /// Join before the [`PublishedCell::load`] whose answer the wait follows: then nothing that is
    /// published in between is missed.
    pub fn wait_for(&self, lsn: Lsn) -> Waiter<'_> {
        self.waiting.join(lsn)
    }

    /// Publishes a value; `now_ms` is any clock that does not go back.
    pub fn store(&self, published: Published, now_ms: u64) {
        let Published { snapshot, applied_lsn } = published.clone();
        // Under the lock: whoever has seen the newest value finds its version among the recent ones.
        let mut recent = self.lock();
        let before = self.newest.swap(Some(Arc::new(published)));
        let goes_on = before.is_some_and(|before| before.snapshot.copy() == snapshot.copy());
        let freed = self.keep(&mut recent, snapshot, now_ms);
        drop(recent);
        if goes_on {
            self.waiting.wake_up_to(applied_lsn);
        } else {
            self.waiting.wake_all();
        }
        // Last, since it may take a while.
        drop(freed);
    }

    fn keep(
        &self,
        recent: &mut Recent,
        snapshot: Arc<Snapshot>,
        now_ms: u64,
    ) -> Vec<Arc<Snapshot>> {
        let is_new = recent.kept.back().is_none_or(|last| !Arc::ptr_eq(&last.snapshot, &snapshot));
        if is_new {
            if recent.kept.back().is_some_and(|last| last.snapshot.copy() != snapshot.copy()) {
                // A whole graph that shares nothing with this one is too much to keep.
                let before = recent.kept.drain(..).map(|kept| kept.snapshot);
                let before: Vec<_> = before.collect();
                recent.leaving.extend(before);
                recent.bytes = 0;
            }
            if let Some(last) = recent.kept.back_mut() {
                let before = last.snapshot.copied_bytes();
                let own = count(size_of::<Snapshot>() + size_of::<Kept>());
                last.bytes = own + snapshot.copied_bytes().saturating_sub(before);
                recent.bytes += last.bytes;
            }
            recent.kept.push_back(Kept { snapshot, bytes: 0, published_at_ms: now_ms });
        }
        recent.evict(&self.limits, now_ms)
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A recent version of the given copy, if it is still kept.
    pub fn recent(&self, copy: u64, sequence: u64) -> Option<Arc<Snapshot>> {
        let recent = self.lock();
        let sequence_of = |kept: &Kept| kept.snapshot.sequence();
        let place = recent.kept.binary_search_by_key(&sequence, sequence_of).ok()?;
        let found = recent.kept.get(place).map(|kept| Arc::clone(&kept.snapshot));
        found.filter(|snapshot| snapshot.copy() == copy)
    }

    /// A recent version by name, if it is still kept.
    pub fn recent_version(&self, version: Version) -> Option<Arc<Snapshot>> {
        self.recent_at(version.end_lsn).filter(|snapshot| snapshot.version() == version)
    }

    /// The newest version that ends at or before the position, if it and all after it are still
    /// kept: what the source looked like there, provided that all up to there is applied.
    pub fn recent_at(&self, lsn: Lsn) -> Option<Arc<Snapshot>> {
        let recent = self.lock();
        let is_before = |kept: &Kept| kept.snapshot.version().end_lsn <= lsn;
        let place = recent.kept.partition_point(is_before).checked_sub(1)?;
        recent.kept.get(place).map(|kept| Arc::clone(&kept.snapshot))
    }

    /// Gives back a version that was held for long. If nobody else reads it, this thread frees it:
    /// of a graph that was replaced whole, that would hold up the one who publishes.
    pub fn let_go(&self, version: Arc<Snapshot>) {
        let mut recent = self.lock();
        // Freed by nobody yet if it is leaving: the list holds it.
        drop(version);
        let freed = recent.take_unread();
        drop(recent);
        drop(freed);
    }

    /// How many versions are kept, and an estimate of the bytes they hold beside the newest.
    pub fn recent_size(&self) -> (u64, u64) {
        let recent = self.lock();
        (count(recent.kept.len()), recent.bytes)
    }
}

impl Recent {
    /// Takes out what is over the limits; returns what nobody holds any more.
    fn evict(&mut self, limits: &HistoryLimits, now_ms: u64) -> Vec<Arc<Snapshot>> {
        // The age counts from when the version ceased to be the newest.
        let is_old = |next: Option<&Kept>| {
            next.is_some_and(|next| now_ms.saturating_sub(next.published_at_ms) > limits.age_max_ms)
        };
        while self.kept.len() > 1
            && (self.kept.len() > limits.versions_max
                || self.bytes > limits.bytes_max
                || is_old(self.kept.get(1)))
        {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes = self.bytes.saturating_sub(oldest.bytes);
                self.leaving.push(oldest.snapshot);
            }
        }
        self.take_unread()
    }

    /// Those of the leaving that nobody holds any more.
    fn take_unread(&mut self) -> Vec<Arc<Snapshot>> {
        let (free, held) =
            self.leaving.drain(..).partition(|version| Arc::strong_count(version) == 1);
        self.leaving = held;
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphLimits, GraphWriter};
    use crate::id::History;

    const LIMITS: HistoryLimits =
        HistoryLimits { versions_max: 4, bytes_max: u64::MAX, age_max_ms: 1_000 };

    fn writer(copy: u64) -> GraphWriter {
        GraphWriter::new(copy, History { system_id: copy, timeline: 1 }, GraphLimits::default())
    }

    fn publish(cell: &PublishedCell, writer: &mut GraphWriter, lsn: u64, now_ms: u64) {
        let snapshot = writer.commit(Lsn(lsn));
        cell.store(Published { snapshot, applied_lsn: Lsn(lsn) }, now_ms);
    }

    #[test]
    fn the_past_is_found_by_number_name_and_position() {
        let cell = PublishedCell::new(LIMITS);
        let (mut first, mut second) = (writer(1), writer(2));
        publish(&cell, &mut first, 100, 0);
        publish(&cell, &mut first, 200, 1);
        let found = |lsn| cell.recent_at(Lsn(lsn)).map(|s| (s.copy(), s.version().end_lsn.0));
        assert_eq!((found(99), found(199), found(200)), (None, Some((1, 100)), Some((1, 200))));
        // Another system: its positions have nothing to do with those before.
        publish(&cell, &mut second, 150, 2);
        publish(&cell, &mut second, 160, 3);
        assert_eq!(found(149), None, "what was copied before is not kept");
        assert_eq!(found(159), Some((2, 150)));
        assert_eq!(found(999), Some((2, 160)));
        assert_eq!(cell.recent(2, 1).map(|s| s.version().end_lsn), Some(Lsn(150)));
        assert!(cell.recent(1, 1).is_none() && cell.recent(2, 3).is_none());
        let version = second.last().version();
        assert!(cell.recent_version(version).is_some());
        let other = Version { tick: 1, ..version };
        assert!(cell.recent_version(other).is_none());
    }

    #[test]
    fn versions_go_by_count_and_by_age_but_the_newest_stays() {
        let cell = PublishedCell::new(LIMITS);
        let mut writer = writer(1);
        for step in 1..=6 {
            publish(&cell, &mut writer, step * 10, step);
        }
        assert_eq!(cell.recent_size().0, 4);
        assert!(cell.recent(1, 2).is_none() && cell.recent(1, 3).is_some());
        // Nothing new, but time passes: only what a newer one replaced long ago goes.
        let newest = Published { snapshot: Arc::clone(writer.last()), applied_lsn: Lsn(61) };
        cell.store(newest.clone(), 1_006);
        assert_eq!(cell.recent_size().0, 2);
        cell.store(newest, 9_999);
        assert_eq!(cell.recent_size().0, 1);
        assert!(cell.recent(1, 6).is_some());
    }

    #[test]
    fn a_version_that_a_reader_holds_is_not_freed_by_the_reader() {
        let cell = PublishedCell::new(HistoryLimits { versions_max: 1, ..LIMITS });
        let mut writer = writer(1);
        publish(&cell, &mut writer, 10, 0);
        let held = cell.recent(1, 1).unwrap();
        publish(&cell, &mut writer, 20, 1);
        assert!(cell.recent(1, 1).is_none());
        assert_eq!(Arc::strong_count(&held), 2, "the cell keeps it as long as the reader does");
        let gone = Arc::downgrade(&held);
        drop(held);
        publish(&cell, &mut writer, 30, 2);
        assert_eq!(gone.strong_count(), 0);
    }

    #[test]
    fn a_version_that_is_given_back_is_freed_unless_somebody_reads_it() {
        let cell = PublishedCell::new(LIMITS);
        let (mut first, mut second) = (writer(1), writer(2));
        publish(&cell, &mut first, 10, 0);
        let (held, read) = (cell.recent(1, 1).unwrap(), cell.recent(1, 1).unwrap());
        let gone = Arc::downgrade(&held);
        // One that is not replaced stays.
        cell.let_go(cell.recent(1, 1).unwrap());
        assert!(cell.recent(1, 1).is_some());
        publish(&cell, &mut second, 20, 1);
        drop(first);
        cell.let_go(held);
        assert_eq!(gone.strong_count(), 2, "the cell keeps it as long as the reader does");
        cell.let_go(read);
        assert_eq!(gone.strong_count(), 0);
    }
}
