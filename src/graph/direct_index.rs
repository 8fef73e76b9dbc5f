//! Integer keys to numbers, by place: what any thread may read while the one writer adds.
//!
//! Owns the levels of tables. Keys mostly come from a sequence and lie close together; then a
//! lookup is a few loads, with no hash and no lock. Keys that lie too far apart are not taken, and
//! whoever asks looks elsewhere. It must not know key spaces.
//!
//! ```text
//! key < 2^31 ──► 512 tables ──► 256 segments ──► 256 blocks of 64 keys
//! ```
//!
//! Members mostly get their numbers in the order of their keys, so a block keeps which of its keys
//! have one, as bits, and the first's number: the others' follow from how many bits are below. That
//! is half a byte a key, so that the blocks of a million keys can stay in a core's own cache, where
//! a number each would be waited for. A block whose numbers turn out not to be consecutive keeps
//! each.
//!
//! Append-only: tables, segments and lists of numbers are made once and stay, so a reader that
//! found one may go on reading it.

use super::pages::{at, count, number};
use crate::id::MemberId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const BLOCK_KEYS: usize = 64;
const SEGMENT_BLOCKS: usize = 256;
const TABLE_SEGMENTS: usize = 256;
const TABLES: usize = 512;
/// What all of it may take beside [`BYTES_PER_KEY_MAX`], so that small tables need not be dense.
const BYTES_FREE: u64 = 256 << 10;
/// They may take this much for each key that was ever offered; the general map takes 50.
const BYTES_PER_KEY_MAX: u64 = 24;

type Segment = [Block; SEGMENT_BLOCKS];
type Table = [OnceLock<Box<Segment>>; TABLE_SEGMENTS];
/// Each key's number plus one; zero for none.
type Apart = [AtomicU32; BLOCK_KEYS];

/// Key → number, for keys that lie close together.
#[derive(Debug)]
pub(super) struct DirectIndex {
    tables: Box<[OnceLock<Box<Table>>; TABLES]>,
    /// Of all below the first level; as the next, written by the one writer alone.
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

/// The numbers of 64 consecutive keys.
///
/// As long as there is no `apart`, the keys that have a number have consecutive ones in their
/// order; `keys` and `first` do not change any more once there is. A reader that sees `apart` late
/// finds what was there before: the numbers that its version knows, since the writer that gave them
/// published that version afterwards.
#[derive(Debug, Default)]
struct Block {
    /// Which keys have a number, as bits.
    keys: AtomicU64,
    /// The number of the first of them; written before the bits that it counts for.
    first: AtomicU32,
    apart: OnceLock<Box<Apart>>,
}

impl Block {
    fn get(&self, place: usize) -> Option<MemberId> {
        if let Some(apart) = self.apart.get() {
            // Of numbers past a reader's version nothing is promised, so no order is needed.
            return apart.get(place)?.load(Ordering::Relaxed).checked_sub(1).map(MemberId);
        }
        let keys = self.keys.load(Ordering::Acquire);
        let key = 1_u64 << place;
        let below = key - 1;
        // Mostly all of them have one, and few processors count bits in one step.
        let before =
            if keys & below == below { number(place) } else { (keys & below).count_ones() };
        (keys & key != 0).then(|| MemberId(self.first.load(Ordering::Relaxed) + before))
    }

    /// Gives the key its number, if that is the next one and the key is past all others.
    fn add_next(&self, place: usize, member: MemberId) -> bool {
        let (keys, key) = (self.keys.load(Ordering::Relaxed), 1 << place);
        if keys == 0 {
            self.first.store(member.0, Ordering::Relaxed);
        } else if keys >= key || self.first.load(Ordering::Relaxed) + keys.count_ones() != member.0
        {
            return false;
        }
        self.keys.store(keys | key, Ordering::Release);
        true
    }

    /// The numbers one by one, as they are.
    fn apart(&self) -> &Apart {
        self.apart.get_or_init(|| {
            let held = |place| self.get(place).map_or(0, |member| member.0 + 1);
            Box::new(std::array::from_fn(|place| AtomicU32::new(held(place))))
        })
    }
}

/// Where a key's number is: the table, the segment in it, the block in that, the place in that.
/// `None` for a key that is not below 2^31.
fn place(key: i64) -> Option<(usize, usize, usize, usize)> {
    let key = at(u32::try_from(key).ok().filter(|&key| key >> 31 == 0)?);
    let block = key / BLOCK_KEYS;
    let segment = block / SEGMENT_BLOCKS;
    let table = segment / TABLE_SEGMENTS;
    Some((table, segment % TABLE_SEGMENTS, block % SEGMENT_BLOCKS, key % BLOCK_KEYS))
}

impl DirectIndex {
    /// The number that was given to the key here.
    pub(super) fn get(&self, key: i64) -> Option<MemberId> {
        let (table, segment, block, place) = place(key)?;
        let segment = self.tables.get(table)?.get()?.get(segment)?.get()?;
        segment.get(block)?.get(place)
    }

    /// Gives the key its number; false if the key is not taken here. Only the one writer calls it,
    /// once for a key.
    pub(super) fn add(&self, key: i64, member: MemberId) -> bool {
        let Some((table, segment, block, place)) = place(key) else { return false };
        self.keys.fetch_add(1, Ordering::Relaxed);
        let Some(table) = self.tables.get(table) else { return false };
        let table_bytes = if table.get().is_some() { 0 } else { size_of::<Table>() };
        let held = table.get().and_then(|table| table.get(segment)?.get());
        let segment_bytes = if held.is_some() { 0 } else { size_of::<Segment>() };
        if held.is_none() && !self.takes(table_bytes + segment_bytes) {
            return false;
        }
        let table = table.get_or_init(|| Box::new([const { OnceLock::new() }; TABLE_SEGMENTS]));
        let new_segment = || Box::new(std::array::from_fn(|_| Block::default()));
        let segment = table.get(segment).map(|segment| segment.get_or_init(new_segment));
        let Some(block) = segment.and_then(|segment| segment.get(block)) else { return false };
        if block.apart.get().is_none() {
            if block.add_next(place, member) {
                return true;
            }
            if !self.takes(size_of::<Apart>()) {
                return false;
            }
        }
        let Some(slot) = block.apart().get(place) else { return false };
        slot.store(member.0 + 1, Ordering::Relaxed);
        true
    }

    /// Counts so many bytes more, if they may be taken.
    fn takes(&self, more: usize) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed) + count(more);
        let may = bytes <= BYTES_FREE + BYTES_PER_KEY_MAX * self.keys.load(Ordering::Relaxed);
        if may {
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        may
    }

    /// Bytes, as allocated.
    pub(super) fn bytes(&self) -> u64 {
        count(size_of_val(&*self.tables)) + self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::collections::btree_map::Entry;
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
        assert!(index.bytes() < 100_000, "{}", index.bytes());
    }

    proptest! {
        /// Runs of keys in order, with gaps among keys and numbers, and keys that come late.
        #[test]
        fn every_key_keeps_the_number_that_it_was_given(
            runs in prop::collection::vec((0_i64..1_000, 1_i64..150, 1_i64..4, 0_u32..3), 1..20),
        ) {
            let (index, mut model) = (DirectIndex::default(), BTreeMap::new());
            let mut number = 0;
            for (from, count, step, skipped) in runs {
                number += skipped;
                for key in (from..from + count * step).step_by(usize::try_from(step).unwrap()) {
                    if let Entry::Vacant(vacant) = model.entry(key) {
                        prop_assert!(index.add(key, MemberId(number)));
                        vacant.insert(MemberId(number));
                        number += 1;
                    }
                }
                for key in 0..1_700 {
                    prop_assert_eq!(index.get(key), model.get(&key).copied());
                }
            }
        }
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

    /// Numbers in order, and such that every block's are apart.
    #[test]
    fn a_reader_sees_a_whole_number_or_none_while_the_writer_adds() {
        sees_a_whole_number_or_none(|key| key);
        sees_a_whole_number_or_none(|key| key * 2);
    }

    fn sees_a_whole_number_or_none(number: impl Fn(u32) -> u32 + Copy + Send + Sync) {
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
                            assert_eq!(member, MemberId(number(key)));
                            seen += 1;
                        }
                    }
                }
                seen
            });
            for key in 0..KEYS {
                assert!(index.add(i64::from(key), MemberId(number(key))));
            }
            done.store(true, Ordering::Release);
            assert!(reader.join().unwrap() >= 301);
        });
    }
}
