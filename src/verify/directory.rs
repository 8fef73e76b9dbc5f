//! Keys and their numbers: dense, in the order in which keys were first named.
//!
//! Owns a hash table of numbers alone, which finds the keys where they stand: 12 bytes a key beside
//! the key itself. It must not know what has the keys.

use super::at;
use super::expected::GatheringError;
use crate::id::SourceKey;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Numbers are packed beside a role bit.
const NUMBERS_MAX: usize = 1 << 31;

/// Slots of an empty table; always a power of two.
const SLOTS_MIN: usize = 1 << 10;

#[derive(Debug)]
pub(super) struct Directory {
    keys: Vec<SourceKey>,
    /// A number plus one; 0 for a free slot. At most half of them are taken, so that every walk
    /// ends.
    slots: Vec<u32>,
    hasher: FixedState,
}

impl Directory {
    pub(super) fn new() -> Self {
        Directory { keys: Vec::new(), slots: vec![0; SLOTS_MIN], hasher: FixedState::default() }
    }

    /// How many keys have a number.
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key with this number.
    pub(super) fn key(&self, number: u32) -> Option<&SourceKey> {
        self.keys.get(at(number))
    }

    /// The key's number, if it has one.
    pub(super) fn find(&self, key: &SourceKey) -> Option<u32> {
        self.place(key).ok()
    }

    /// The key's number, given now if it has none.
    pub(super) fn number(&mut self, key: &SourceKey) -> Result<u32, GatheringError> {
        let place = match self.place(key) {
            Ok(number) => return Ok(number),
            Err(place) => place,
        };
        if self.keys.len() >= NUMBERS_MAX {
            return Err(GatheringError::Full);
        }
        let number = u32::try_from(self.keys.len()).map_err(|_| GatheringError::Full)?;
        self.keys.push(key.clone());
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = number + 1;
        }
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        Ok(number)
    }

    /// The key's number, or the slot where it would be noted.
    fn place(&self, key: &SourceKey) -> Result<u32, usize> {
        let mut place = self.first_place(key);
        loop {
            let taken = self.slots.get(place).and_then(|slot| slot.checked_sub(1));
            match taken {
                None => return Err(place),
                Some(number) if self.key(number) == Some(key) => return Ok(number),
                Some(_) => place = (place + 1) & self.mask(),
            }
        }
    }

    fn first_place(&self, key: &SourceKey) -> usize {
        usize::try_from(self.hasher.hash_one(key)).unwrap_or(usize::MAX) & self.mask()
    }

    const fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.slots = vec![0; slots];
        for (key, number) in self.keys.iter().zip(1..) {
            let mut place = self.first_place(key);
            // Keys are distinct: the first free slot is its.
            while let Some(slot) = self.slots.get_mut(place) {
                if *slot == 0 {
                    *slot = number;
                    break;
                }
                place = (place + 1) & self.mask();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Key, KeySpace};

    #[test]
    fn keys_of_every_type_keep_their_numbers_while_the_table_grows() {
        let mut directory = Directory::new();
        let key = |of: u32| SourceKey {
            space: KeySpace(u16::try_from(of % 3).unwrap()),
            key: match of % 4 {
                0 => Key::Uuid(u128::from(of).to_be_bytes()),
                1 => Key::Text(of.to_string().into()),
                _ => Key::Int(i64::from(of)),
            },
        };
        for round in 0..2 {
            for of in 0..5_000 {
                assert_eq!(directory.number(&key(of)), Ok(of), "round {round}");
            }
        }
        assert_eq!(directory.len(), 5_000);
        for of in 0..5_000 {
            assert_eq!((directory.find(&key(of)), directory.key(of)), (Some(of), Some(&key(of))));
        }
        // The same value in another space, and one that nobody named.
        let other = SourceKey { space: KeySpace(9), ..key(2) };
        assert_eq!((directory.find(&other), directory.find(&key(5_000))), (None, None));
    }
}
