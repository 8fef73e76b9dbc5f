//! Integer keys to numbers, by place: what any thread may read while the one writer adds.
//!
//! Owns the levels of tables. Keys mostly come from a sequence and lie close together; then a
//! lookup is three loads, with no hash and no lock. Keys that lie too far apart are not taken, and
//! whoever asks looks elsewhere. It must not know key spaces.
//!
//! ```text
//! key < 2^31 ──► 2,048 tables ──► 1,024 segments ──► 1,024 numbers, plus one; zero for none
//! ```
//!
//! Append-only: tables and segments are made once and stay, so a reader that found one may go on
//! reading it.

use super::pages::{at, count};
use crate::id::MemberId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const SEGMENT_KEYS: usize = 1_024;
const TABLE_SEGMENTS: usize = 1_024;
const TABLES: usize = 2_048;
/// What tables and segments may take beside [`BYTES_PER_KEY_MAX`], so that small tables need not be dense.
const BYTES_FREE: u64 = 256 << 10;
/// They may take this much for each key that was ever offered; the general map takes 50.
const BYTES_PER_KEY_MAX: u64 = 24;

type Segment = [AtomicU32; SEGMENT_KEYS];
type Table = [OnceLock<Box<Segment>>; TABLE_SEGMENTS];

/// Key → number, for keys that lie close together.
#[derive(Debug)]
pub(super) struct DirectIndex {
    tables: Box<[OnceLock<Box<Table>>; TABLES]>,
    /// Of the tables and segments below the first level; as the next, written by the one writer alone.
    bytes: AtomicU64,
    keys: AtomicU64,
}

impl Default for DirectIndex {
    fn default() -> Self {
        DirectIndex {
            tables: Box::new([const { OnceLock::new() }; TABLES]),
            bytes: AtomicU64::new(0),
            keys: AtomicU64::new(0),
        }
    }
}

/// Where a key's number is: the table, the segment in it, the place in that. `None` for a key that
/// is not below 2^31.
fn place(key: i64) -> Option<(usize, usize, usize)> {
    let key = at(u32::try_from(key).ok().filter(|&key| key >> 31 == 0)?);
    let segment = key / SEGMENT_KEYS;
    Some((segment / TABLE_SEGMENTS, segment % TABLE_SEGMENTS, key % SEGMENT_KEYS))
}

impl DirectIndex {
    /// The number that was given to the key here.
    pub(super) fn get(&self, key: i64) -> Option<MemberId> {
        let (table, segment, place) = place(key)?;
        let segment = self.tables.get(table)?.get()?.get(segment)?.get()?;
        // A number that a reader's version knows was stored before that version was published, and
        // the publishing orders the two; of others nothing is promised.
        segment.get(place)?.load(Ordering::Relaxed).checked_sub(1).map(MemberId)
    }

    /// Gives the key its number; false if the key is not taken here. Only the one writer calls it.
    pub(super) fn add(&self, key: i64, member: MemberId) -> bool {
        let Some((table, segment, place)) = place(key) else { return false };
        let keys = self.keys.fetch_add(1, Ordering::Relaxed) + 1;
        let Some(table) = self.tables.get(table) else { return false };
        let table_bytes = if table.get().is_some() { 0 } else { size_of::<Table>() };
        let held = table.get().and_then(|table| table.get(segment)?.get());
        let segment_bytes = if held.is_some() { 0 } else { size_of::<Segment>() };
        if held.is_none() {
            let bytes_max = BYTES_FREE + BYTES_PER_KEY_MAX * keys;
            let bytes = self.bytes.load(Ordering::Relaxed) + count(table_bytes + segment_bytes);
            if bytes > bytes_max {
                return false;
            }
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        let table = table.get_or_init(|| Box::new([const { OnceLock::new() }; TABLE_SEGMENTS]));
        let new_segment = || Box::new([const { AtomicU32::new(0) }; SEGMENT_KEYS]);
        let segment = table.get(segment).map(|segment| segment.get_or_init(new_segment));
        let Some(slot) = segment.and_then(|segment| segment.get(place)) else { return false };
        slot.store(member.0 + 1, Ordering::Relaxed);
        true
    }

    /// Bytes, as allocated.
    pub(super) fn bytes(&self) -> u64 {
        count(size_of_val(&*self.tables)) + self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn dense_keys_are_found_and_others_are_not() {
        let index = DirectIndex::default();
        for key in 0..100_000 {
            assert!(index.add(key, MemberId(u32::try_from(key).unwrap() + 5)));
        }
        assert_eq!(index.get(0), Some(MemberId(5)));
        assert_eq!(index.get(99_999), Some(MemberId(100_004)));
        for key in [-1, i64::MIN, i64::MAX, 100_000, 1 << 31, 1 << 32, (1 << 31) - 1] {
            assert_eq!(index.get(key), None);
        }
        assert!(index.bytes() < 500_000, "{}", index.bytes());
    }

    #[test]
    fn keys_far_apart_are_refused_before_they_cost_more_than_a_map() {
        let index = DirectIndex::default();
        let taken: Vec<bool> = (0..20_000).map(|key| index.add(key << 16, MemberId(1))).collect();
        assert!(taken.iter().filter(|&&taken| !taken).count() > 15_000);
        assert!(index.bytes() < 1_500_000, "{}", index.bytes());
        for key in [-1, i64::MIN, i64::MAX, 1 << 31] {
            assert!(!index.add(key, MemberId(1)));
        }
    }

    #[test]
    fn a_reader_sees_a_whole_number_or_none_while_the_writer_adds() {
        const KEYS: u32 = 300_000;
        let (index, done) = (DirectIndex::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0_u64;
                // What was added is seen at the latest by a look after the end.
                let mut is_last = false;
                while !is_last {
                    is_last = done.load(Ordering::Acquire);
                    for key in (0..KEYS).step_by(997) {
                        if let Some(member) = index.get(i64::from(key)) {
                            assert_eq!(member, MemberId(key * 2));
                            seen += 1;
                        }
                    }
                }
                seen
            });
            for key in 0..KEYS {
                assert!(index.add(i64::from(key), MemberId(key * 2)));
            }
            done.store(true, Ordering::Release);
            assert!(reader.join().unwrap() >= 301);
        });
    }
}
