//! The active rows of a table whose row key is an integer.
//!
//! Owns where a row is found by its key. Keys mostly come from a sequence and lie close together:
//! those of 512 consecutive values share a segment, eight bytes each, and a row in it is found by
//! its place. Keys that lie too far apart for that go into a map. It must not know what rows state.
//!
//! A clone shares all segments: see [`super::group`].

use super::group::{Group, WIDE};
use super::sharded::Sharded;
use super::stated::StatedRow;
use super::{Map, count};
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Keys of a segment: 4 KiB.
const SEGMENT_KEYS: usize = 512;
const SEGMENT_BYTES: u64 = 4_096;
/// What segments may take beside [`BYTES_PER_ROW_MAX`], so that small tables need not be dense.
const BYTES_FREE: u64 = 64 << 10;
/// Segments may take this much for each row; the map takes 20 to 40 bytes for one.
const BYTES_PER_ROW_MAX: u64 = 32;

#[derive(Clone, Debug)]
struct Segment {
    rows: [Option<StatedRow>; SEGMENT_KEYS],
    len: usize,
}

/// Rows by integer key.
#[derive(Clone, Debug, Default)]
pub(super) struct IntRows {
    /// Segments by key / 512, those of 64 consecutive ones together.
    groups: Map<i64, Arc<Group<Segment>>>,
    segments: usize,
    /// Rows whose segment was not worth its bytes when they came. A key is in one of the two.
    sparse: Sharded<i64, StatedRow>,
    len: usize,
    /// Rows taken away since few-row segments were last looked for.
    removed: usize,
}

/// Where a key belongs: its group, its segment there, its place in that.
#[derive(Clone, Copy)]
struct Place {
    group: i64,
    segment: usize,
    row: usize,
}

fn place(key: i64) -> Place {
    // 512 and 64 are far within both types.
    let low = |bits: i64| usize::try_from(bits).unwrap_or_default();
    Place { group: key >> 15, segment: low((key >> 9) & 63), row: low(key & 511) }
}

fn key_at(Place { group, segment, row }: Place) -> i64 {
    let low = |place: usize| i64::try_from(place).unwrap_or_default();
    group << 15 | low(segment) << 9 | low(row)
}

impl IntRows {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: i64) -> Option<StatedRow> {
        let at = place(key);
        let segment = self.groups.get(&at.group).and_then(|group| group.get(at.segment));
        let held = segment.and_then(|segment| *segment.rows.get(at.row)?);
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
        if self.sparse.get(&key).is_some() {
            return self.sparse.set(key, Some(row));
        }
        let at = place(key);
        let is_dense = self.pays(1);
        let group = match self.groups.entry(at.group) {
            Entry::Occupied(held) => Arc::make_mut(held.into_mut()),
            Entry::Vacant(free) if is_dense => Arc::make_mut(free.insert(Arc::default())),
            Entry::Vacant(_) => return self.sparse.set(key, Some(row)),
        };
        if group.get(at.segment).is_none() {
            if !is_dense {
                return self.sparse.set(key, Some(row));
            }
            group.put(at.segment, Segment::default());
            self.segments += 1;
        }
        let segment = group.get_mut(at.segment)?;
        let old = segment.rows.get_mut(at.row).and_then(|held| held.replace(row));
        segment.len += usize::from(old.is_none());
        old
    }

    fn remove(&mut self, key: i64) -> Option<StatedRow> {
        let at = place(key);
        let held = self.groups.get_mut(&at.group).filter(|group| {
            let segment = group.get(at.segment);
            segment.and_then(|segment| segment.rows.get(at.row)).is_some_and(Option::is_some)
        });
        let Some(group) = held else { return self.sparse.set(key, None) };
        let group = Arc::make_mut(group);
        let segment = group.get_mut(at.segment)?;
        let old = segment.rows.get_mut(at.row).and_then(Option::take);
        segment.len -= 1;
        if segment.len == 0 {
            group.take(at.segment);
            self.segments -= 1;
            if group.len() == 0 {
                self.groups.remove(&at.group);
                give_back(&mut self.groups);
            }
        }
        self.removed += 1;
        if self.removed > self.segments && !self.pays(0) {
            self.scatter();
        }
        old
    }

    /// Whether so many more segments are worth their bytes.
    fn pays(&self, more: u64) -> bool {
        let bytes = (count(self.segments) + more) * SEGMENT_BYTES;
        bytes <= BYTES_FREE + BYTES_PER_ROW_MAX * count(self.len)
    }

    /// Moves the rows of segments that have few into the map. A look at all segments, which so many
    /// removals have paid for.
    fn scatter(&mut self) {
        self.removed = 0;
        let (sparse, segments) = (&mut self.sparse, &mut self.segments);
        self.groups.retain(|&number, group| {
            for segment in 0..WIDE {
                if group.get(segment).is_none_or(|segment| segment.len >= SEGMENT_KEYS / 16) {
                    continue;
                }
                *segments -= 1;
                let taken = Arc::make_mut(group).take(segment);
                let rows = taken.iter().flat_map(|taken| taken.rows.iter().enumerate());
                for (row, states) in rows.filter(|(_, states)| states.is_some()) {
                    sparse.set(key_at(Place { group: number, segment, row }), *states);
                }
            }
            group.len() > 0
        });
        give_back(&mut self.groups);
    }

    /// Each key with what its row states. Those of segments come in order, the others in none.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, StatedRow)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|(number, _)| **number);
        let segments = groups.into_iter().flat_map(|(&group, held)| {
            held.iter().map(move |(segment, held)| (group, segment, held))
        });
        let dense = segments.flat_map(|(group, segment, held)| {
            let rows = held.rows.iter().enumerate();
            rows.filter_map(move |(row, states)| {
                Some((key_at(Place { group, segment, row }), (*states)?))
            })
        });
        dense.chain(self.sparse.iter().map(|(key, states)| (*key, *states)))
    }

    /// Bytes, as allocated.
    pub(super) fn bytes(&self) -> u64 {
        let groups = self.groups.capacity() * 17 + self.groups.len() * size_of::<Group<Segment>>();
        count(self.segments) * SEGMENT_BYTES + count(groups) + self.sparse.bytes(17)
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
            let mut held: Vec<_> = rows.iter().collect();
            held.sort_unstable();
            prop_assert!(held.into_iter().eq(expected.clone()));
            let image = rows.clone();
            let mut then: Vec<_> = image.iter().collect();
            then.sort_unstable();
            for (key, states) in expected {
                prop_assert_eq!(rows.set(key, None), Some(states));
            }
            prop_assert_eq!((rows.len(), rows.groups.len(), rows.sparse.len()), (0, 0, 0));
            prop_assert_eq!(rows.segments, 0);
            let mut kept: Vec<_> = image.iter().collect();
            kept.sort_unstable();
            prop_assert_eq!(kept, then, "an image keeps what it saw");
        }
    }

    #[test]
    fn dense_rows_take_eight_bytes_and_give_them_back() {
        let mut rows = IntRows::default();
        for key in 0..100_000 {
            rows.set(key, Some(row(1)));
        }
        assert!(rows.sparse.len() == 0);
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
