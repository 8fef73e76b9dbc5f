//! The active rows of a table whose row key is an integer.
//!
//! Owns where a row is found by its key. Keys mostly come from a sequence and lie close together:
//! those of 512 consecutive values share a segment, eight bytes each, and a row in it is found by
//! its place. Keys that lie too far apart for that go into a map. It must not know what rows state.

use super::stated::StatedRow;
use super::{Map, count};
use std::collections::hash_map::Entry;

/// Keys of a segment: 4 KiB.
const SEGMENT_KEYS: usize = 512;
const SEGMENT_BYTES: u64 = 4_096;
/// What segments may take beside [`BYTES_PER_ROW_MAX`], so that small tables need not be dense.
const BYTES_FREE: u64 = 64 << 10;
/// Segments may take this much for each row; the map takes 20 to 40 bytes for one.
const BYTES_PER_ROW_MAX: u64 = 32;

#[derive(Debug)]
struct Segment {
    rows: [Option<StatedRow>; SEGMENT_KEYS],
    len: usize,
}

/// Rows by integer key.
#[derive(Debug, Default)]
pub(super) struct IntRows {
    /// By key / 512.
    segments: Map<i64, Box<Segment>>,
    /// Rows whose segment was not worth its bytes when they came. A key is in one of the two.
    sparse: Map<i64, StatedRow>,
    len: usize,
    /// Rows taken away since few-row segments were last looked for.
    removed: usize,
}

/// The segment that a key belongs to, and its place there.
fn place(key: i64) -> (i64, usize) {
    // 512 is far within both types.
    let place = usize::try_from(key & 511).unwrap_or_default();
    (key >> 9, place)
}

fn key_at(segment: i64, place: usize) -> i64 {
    segment << 9 | i64::try_from(place).unwrap_or_default()
}

impl IntRows {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: i64) -> Option<StatedRow> {
        let (segment, place) = place(key);
        let held = self.segments.get(&segment).and_then(|segment| *segment.rows.get(place)?);
        held.or_else(|| self.sparse.get(&key).copied())
    }

    /// Sets or removes what the row states; returns what it stated.
    pub(super) fn set(&mut self, key: i64, row: Option<StatedRow>) -> Option<StatedRow> {
        let old = match row {
            Some(row) => self.put(key, row),
            None => self.remove(key),
        };
        self.len += usize::from(row.is_some());
        self.len -= usize::from(old.is_some());
        old
    }

    fn put(&mut self, key: i64, row: StatedRow) -> Option<StatedRow> {
        if let Some(held) = self.sparse.get_mut(&key) {
            return Some(std::mem::replace(held, row));
        }
        let (number, place) = place(key);
        let is_dense = self.pays(1);
        let segment = match self.segments.entry(number) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) if is_dense => free.insert(Box::default()),
            Entry::Vacant(_) => {
                self.sparse.insert(key, row);
                return None;
            }
        };
        let old = segment.rows.get_mut(place).and_then(|held| held.replace(row));
        segment.len += usize::from(old.is_none());
        old
    }

    fn remove(&mut self, key: i64) -> Option<StatedRow> {
        let (number, place) = place(key);
        let Some(segment) = self.segments.get_mut(&number) else { return self.forget(key) };
        let Some(old) = segment.rows.get_mut(place).and_then(Option::take) else {
            return self.forget(key);
        };
        segment.len -= 1;
        if segment.len == 0 {
            self.segments.remove(&number);
            give_back(&mut self.segments);
        }
        self.removed += 1;
        if self.removed > self.segments.len() && !self.pays(0) {
            self.scatter();
        }
        Some(old)
    }

    fn forget(&mut self, key: i64) -> Option<StatedRow> {
        let old = self.sparse.remove(&key);
        give_back(&mut self.sparse);
        old
    }

    /// Whether so many more segments are worth their bytes.
    fn pays(&self, more: u64) -> bool {
        let bytes = (count(self.segments.len()) + more) * SEGMENT_BYTES;
        bytes <= BYTES_FREE + BYTES_PER_ROW_MAX * count(self.len)
    }

    /// Moves the rows of segments that have few into the map. A look at all segments, which so many
    /// removals have paid for.
    fn scatter(&mut self) {
        self.removed = 0;
        let few = self.segments.extract_if(|_, segment| segment.len < SEGMENT_KEYS / 16);
        for (number, segment) in few {
            let rows = segment.rows.iter().enumerate();
            let rows = rows.filter_map(|(place, row)| row.map(|row| (key_at(number, place), row)));
            self.sparse.extend(rows);
        }
        give_back(&mut self.segments);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = i64> {
        let dense = self.segments.iter().flat_map(|(&number, segment)| {
            let places = segment.rows.iter().enumerate().filter(|(_, row)| row.is_some());
            places.map(move |(place, _)| key_at(number, place))
        });
        dense.chain(self.sparse.keys().copied())
    }

    /// What the rows state, in no order.
    pub(super) fn stated(&self) -> impl Iterator<Item = StatedRow> {
        let dense = self.segments.values().flat_map(|segment| segment.rows.iter().flatten());
        dense.chain(self.sparse.values()).copied()
    }

    /// Bytes, as allocated.
    pub(super) fn bytes(&self) -> u64 {
        let tables = count(self.segments.capacity() * 17 + self.sparse.capacity() * 17);
        count(self.segments.len()) * SEGMENT_BYTES + tables
    }
}

impl Default for Segment {
    fn default() -> Self {
        Segment { rows: [None; SEGMENT_KEYS], len: 0 }
    }
}

/// Gives memory back once a map is mostly empty.
pub(super) fn give_back<K: Eq + std::hash::Hash, V>(map: &mut Map<K, V>) {
    if map.capacity() > 1_024 && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{MemberId, Role, TeamId};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(member: u32) -> StatedRow {
        StatedRow::new((MemberId(member), TeamId(1)), Role::Member)
    }

    /// Dense, far apart, negative and extreme keys.
    fn key() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => 0_i64..2_000,
            3 => (0_i64..400).prop_map(|key| key * 1_000_003),
            1 => -700_i64..0,
            1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)],
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((key(), prop::option::weighted(0.6, 0_u32..9)), 0..3_000)
        ) {
            let (mut rows, mut expected) = (IntRows::default(), BTreeMap::new());
            for (key, states) in steps {
                let states = states.map(row);
                let before = match states {
                    Some(states) => expected.insert(key, states),
                    None => expected.remove(&key),
                };
                prop_assert_eq!(rows.set(key, states), before);
                prop_assert_eq!(rows.get(key), states);
                prop_assert_eq!(rows.len(), expected.len());
            }
            let mut keys: Vec<i64> = rows.keys().collect();
            keys.sort_unstable();
            prop_assert!(keys.iter().eq(expected.keys()));
            prop_assert_eq!(rows.stated().count(), expected.len());
            for (key, states) in expected {
                prop_assert_eq!(rows.set(key, None), Some(states));
            }
            prop_assert_eq!((rows.len(), rows.segments.len(), rows.sparse.len()), (0, 0, 0));
        }
    }

    #[test]
    fn dense_rows_take_eight_bytes_and_give_them_back() {
        let mut rows = IntRows::default();
        for key in 0..100_000 {
            rows.set(key, Some(row(1)));
        }
        assert!(rows.sparse.is_empty());
        assert!(rows.bytes() < 900_000, "{}", rows.bytes());
        // One row in a thousand stays: too few for segments of their own.
        for key in (0..100_000).filter(|key| key % 1_000 != 7) {
            rows.set(key, None);
        }
        assert_eq!(rows.len(), 100);
        assert!(rows.bytes() < 90_000, "{}", rows.bytes());
        assert!((0..100).all(|key| rows.get(key * 1_000 + 7).is_some()));
    }

    #[test]
    fn keys_far_apart_go_into_the_map() {
        let mut rows = IntRows::default();
        for key in 0..10_000_i64 {
            rows.set(key << 22, Some(row(1)));
        }
        assert!(rows.bytes() < 700_000, "{}", rows.bytes());
    }
}
