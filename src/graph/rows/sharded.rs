//! A hash map in small parts that an image may share.
//!
//! Owns the parting: by [linear hashing](https://en.wikipedia.org/wiki/Linear_hashing), so that the
//! map grows one part at a time, never all at once. A part that an image shares is copied before its
//! first change, and a part is small. It must not know what it maps.

use super::group::{Group, WIDE};
use super::{Map, count};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// Entries of a part, on average: copying one takes microseconds.
const PART_ENTRIES: usize = 512;
/// Below this the last part is united with the one that it came from.
const PART_ENTRIES_MIN: usize = PART_ENTRIES / 8;
/// Free room that a part may keep.
const ROOM_MIN: usize = 32;

/// Keys with values.
#[derive(Clone, Debug)]
pub(super) struct Sharded<K, V> {
    groups: Vec<Arc<Group<Map<K, V>>>>,
    parts: usize,
    len: usize,
    /// Entries that all parts together have room for.
    capacity: usize,
    /// Chooses the part; another hash than the parts' own, or each would use a part of its room.
    chooser: foldhash::fast::RandomState,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Sharded {
            groups: Vec::new(),
            parts: 0,
            len: 0,
            capacity: 0,
            chooser: foldhash::fast::RandomState::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Sharded<K, V> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of parts and their entries, of so many bytes each with what a map adds, roughly.
    pub(super) fn bytes(&self, entry: usize) -> u64 {
        count(self.groups.len() * size_of::<Group<Map<K, V>>>() + self.capacity * entry)
            + count(self.parts * size_of::<Map<K, V>>())
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        if self.len == 0 {
            return None;
        }
        self.part(self.number(key))?.get(key)
    }

    /// Sets or removes the value; returns the one before.
    pub(super) fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        match value {
            Some(value) => self.insert(key, value),
            None => self.remove(&key),
        }
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.parts == 0 {
            self.add_part(Map::default());
        }
        let number = self.number(&key);
        let old = self.change(number, |part| part.insert(key, value)).flatten();
        self.len += usize::from(old.is_none());
        if self.len > self.parts * PART_ENTRIES {
            self.split();
        }
        old
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        // What is not there copies nothing.
        self.get(key)?;
        let number = self.number(key);
        let old = self.change(number, |part| {
            let old = part.remove(key);
            give_back(part);
            old
        });
        self.len -= 1;
        if self.len == 0 {
            *self = Sharded::default();
        } else if self.parts > 1 && self.len < self.parts * PART_ENTRIES_MIN {
            self.unite();
        }
        old.flatten()
    }

    /// All entries, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let parts = self.groups.iter().flat_map(|group| group.iter());
        parts.flat_map(|(_, part)| part.iter())
    }

    /// The part that a key belongs to.
    fn number(&self, key: &K) -> usize {
        place(self.chooser.hash_one(key), self.parts)
    }

    fn part(&self, number: usize) -> Option<&Map<K, V>> {
        self.groups.get(number / WIDE)?.get(number % WIDE)
    }

    fn change<T>(&mut self, number: usize, change: impl FnOnce(&mut Map<K, V>) -> T) -> Option<T> {
        let part = Arc::make_mut(self.groups.get_mut(number / WIDE)?).get_mut(number % WIDE)?;
        let before = part.capacity();
        let done = change(part);
        self.capacity = self.capacity - before + part.capacity();
        Some(done)
    }

    fn add_part(&mut self, part: Map<K, V>) {
        if self.parts.is_multiple_of(WIDE) {
            self.groups.push(Arc::default());
        }
        self.capacity += part.capacity();
        if let Some(group) = self.groups.last_mut() {
            Arc::make_mut(group).put(self.parts % WIDE, part);
        }
        self.parts += 1;
    }

    /// Makes one part more, of what moves there from one other.
    fn split(&mut self) {
        let (from, parts) = (origin(self.parts), self.parts + 1);
        let chooser = self.chooser.clone();
        let moved: Option<Map<K, V>> = self.change(from, |part| {
            let moves = |key: &K| place(chooser.hash_one(key), parts) != from;
            let moved = part.extract_if(|key, _| moves(key)).collect();
            part.shrink_to_fit();
            moved
        });
        self.add_part(moved.unwrap_or_default());
    }

    /// Takes the last part away; its entries go back to where they came from.
    fn unite(&mut self) {
        let last = self.parts - 1;
        let taken = self.groups.last_mut().and_then(|group| {
            let group = Arc::make_mut(group);
            let taken = group.take(last % WIDE)?;
            Some((taken, group.len()))
        });
        let Some((part, left)) = taken else { return };
        if left == 0 {
            self.groups.pop();
        }
        self.parts = last;
        self.capacity -= part.capacity();
        if !part.is_empty() {
            let part = Arc::unwrap_or_clone(part);
            self.change(origin(last), |into| into.extend(part));
        }
    }
}

/// The part, of so many, of a key with this hash.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "any bits of a hash will do"
)]
const fn place(hash: u64, parts: usize) -> usize {
    let wide = parts.next_power_of_two();
    let place = hash as usize & (wide - 1);
    if place < parts { place } else { place & (wide / 2 - 1) }
}

/// The part that a part was split from.
const fn origin(part: usize) -> usize {
    part - (part + 1).next_power_of_two() / 2
}

/// Gives memory back once a part is mostly empty.
fn give_back<K: Eq + Hash, V>(part: &mut Map<K, V>) {
    if part.capacity() > ROOM_MIN && part.len() < part.capacity() / 8 {
        part.shrink_to(part.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn sorted(map: &Sharded<u32, u32>) -> Vec<(u32, u32)> {
        let mut all: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
        all.sort_unstable();
        all
    }

    fn capacity(map: &Sharded<u32, u32>) -> usize {
        map.groups.iter().flat_map(|group| group.iter()).map(|(_, part)| part.capacity()).sum()
    }

    proptest! {
        #[test]
        fn agrees_with_a_map_and_an_image_keeps_what_it_saw(
            steps in prop::collection::vec((0_u32..5_000, prop::option::weighted(0.7, 0_u32..9)), 0..6_000),
            image_at in 0_usize..6_000,
        ) {
            let (mut map, mut expected) = (Sharded::default(), BTreeMap::new());
            let mut image = None;
            for (step, (key, value)) in steps.into_iter().enumerate() {
                if step == image_at {
                    image = Some((map.clone(), sorted(&map)));
                }
                let before = match value {
                    Some(value) => expected.insert(key, value),
                    None => expected.remove(&key),
                };
                prop_assert_eq!(map.set(key, value), before);
                prop_assert_eq!(map.get(&key), value.as_ref());
                prop_assert_eq!(map.len(), expected.len());
            }
            prop_assert_eq!(sorted(&map), expected.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(map.capacity, capacity(&map));
            for (key, value) in expected {
                prop_assert_eq!(map.set(key, None), Some(value));
            }
            prop_assert_eq!((map.len(), map.iter().count()), (0, 0));
            if let Some((image, then)) = image {
                prop_assert_eq!(sorted(&image), then);
            }
        }
    }

    #[test]
    fn parts_stay_small_and_give_their_memory_back() {
        let mut map = Sharded::default();
        for key in 0..200_000_u32 {
            map.set(key, Some(key));
        }
        let largest = map.groups.iter().flat_map(|group| group.iter()).map(|(_, part)| part.len());
        assert!(largest.max().unwrap() < 3 * PART_ENTRIES);
        assert!(map.bytes(9) < 4_000_000, "{}", map.bytes(9));
        for key in 100..200_000 {
            map.set(key, None);
        }
        assert_eq!(map.len(), 100);
        assert!(map.bytes(9) < 5_000, "{}", map.bytes(9));
        assert!((0..100).all(|key| map.get(&key) == Some(&key)));
    }
}
