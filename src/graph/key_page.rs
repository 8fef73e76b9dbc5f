//! The source keys of 64 consecutive members.
//!
//! Owns their packing: integers of one key space, as most are, take two bytes each where they follow
//! closely on the page's first, and eight elsewhere. Keys are only ever added, in the members'
//! order. It must not know numbers.

use super::pages::{Page, WIDTH};
use crate::id::{Key, KeySpace, SourceKey};

/// Keys in the members' order.
#[derive(Clone, Debug)]
pub(super) enum KeyPage {
    /// All are integers of the space, the first and how far each is past it.
    Near(KeySpace, i64, Vec<u16>),
    /// All are integers of the space.
    Ints(KeySpace, Vec<i64>),
    /// Whatever they are.
    Any(Vec<SourceKey>),
}

impl Default for KeyPage {
    fn default() -> Self {
        KeyPage::Near(KeySpace::DEFAULT, 0, Vec::new())
    }
}

impl Page for KeyPage {
    fn heap_bytes(&self) -> usize {
        match self {
            KeyPage::Near(_, _, past) => size_of_val(past.as_slice()),
            KeyPage::Ints(_, keys) => size_of_val(keys.as_slice()),
            KeyPage::Any(keys) => size_of_val(keys.as_slice()),
        }
    }
}

impl KeyPage {
    pub(super) fn get(&self, slot: usize) -> Option<SourceKey> {
        let (&space, key) = match self {
            KeyPage::Near(space, first, past) => (space, *first + i64::from(*past.get(slot)?)),
            KeyPage::Ints(space, keys) => (space, *keys.get(slot)?),
            KeyPage::Any(keys) => return keys.get(slot).cloned(),
        };
        Some(SourceKey { space, key: Key::Int(key) })
    }

    /// The key, if it is an integer.
    pub(super) fn int(&self, slot: usize) -> Option<i64> {
        match self {
            KeyPage::Near(_, first, past) => Some(*first + i64::from(*past.get(slot)?)),
            KeyPage::Ints(_, keys) => keys.get(slot).copied(),
            KeyPage::Any(_) => match self.get(slot)?.key {
                Key::Int(key) => Some(key),
                Key::Uuid(_) | Key::Text(_) => None,
            },
        }
    }

    /// Adds the next member's key.
    pub(super) fn push(&mut self, key: SourceKey) {
        match (&mut *self, &key) {
            (KeyPage::Near(space, first, past), &SourceKey { space: of, key: Key::Int(key) })
                if past.is_empty() || *space == of =>
            {
                if past.is_empty() {
                    (*space, *first) = (of, key);
                }
                if let Some(is_past) = past_first(*first, key) {
                    return push(past, is_past);
                }
                let held = past.iter().map(|&past| *first + i64::from(past));
                *self = KeyPage::Ints(of, held.chain([key]).collect());
            }
            (KeyPage::Ints(space, keys), &SourceKey { space: of, key: Key::Int(key) })
                if *space == of =>
            {
                push(keys, key);
            }
            (KeyPage::Any(keys), _) => push(keys, key),
            (KeyPage::Near(..) | KeyPage::Ints(..), _) => {
                let held = (0..WIDTH).map_while(|slot| self.get(slot));
                *self = KeyPage::Any(held.chain([key]).collect());
            }
        }
    }
}

/// How far the key is past the first, if that fits.
fn past_first(first: i64, key: i64) -> Option<u16> {
    u16::try_from(key.checked_sub(first)?).ok()
}

/// Makes room for half a page, then for a whole one, so that a full page has none to spare.
fn push<T>(keys: &mut Vec<T>, key: T) {
    if keys.len() == keys.capacity() {
        let wanted = if keys.len() < WIDTH / 2 { WIDTH / 2 } else { WIDTH };
        keys.reserve_exact(wanted.saturating_sub(keys.len()));
    }
    keys.push(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_in_order_whatever_they_are() {
        let int = |space, key| SourceKey { space: KeySpace(space), key: Key::Int(key) };
        let text = SourceKey { space: KeySpace(3), key: Key::Text("a".into()) };
        let near: Vec<_> = (0..64).map(|key| int(3, key * 7 - 200)).collect();
        let far: Vec<_> = (0..64).map(|key| int(3, key * 2_000)).collect();
        let back: Vec<_> = (0..64).map(|key| int(3, -key)).collect();
        let ends = [int(3, i64::MIN), int(3, i64::MAX), int(3, i64::MIN)];
        let last = [int(3, i64::MAX - 1), int(3, i64::MAX)];
        let spaces = [int(3, 1), int(4, 1), int(3, 2)];
        let mixed = [int(3, 1), text.clone(), int(3, 2)];
        let late = [&near[..40], &[int(4, 1), text.clone()]].concat();
        for keys in [&near[..], &far, &back, &ends, &last, &spaces, &mixed, &[text], &late] {
            let mut page = KeyPage::default();
            keys.iter().for_each(|key| page.push(key.clone()));
            let back: Vec<_> = (0..WIDTH).map_while(|slot| page.get(slot)).collect();
            assert_eq!(back, keys);
            let ints = keys.iter().map(|key| match key.key {
                Key::Int(int) => Some(int),
                Key::Uuid(_) | Key::Text(_) => None,
            });
            assert!(ints.eq((0..keys.len()).map(|slot| page.int(slot))));
            assert_eq!((page.get(keys.len()), page.int(keys.len())), (None, None));
        }
    }

    #[test]
    fn integers_of_one_space_take_two_bytes_or_eight() {
        for (step, bytes) in [(1, 2), (1_040, 2), (1_041, 8), (-1, 8)] {
            let mut page = KeyPage::default();
            let space = KeySpace(9);
            (0..64).for_each(|key| page.push(SourceKey { space, key: Key::Int(key * step) }));
            assert_eq!(page.heap_bytes(), 64 * bytes, "{step}");
        }
    }
}
