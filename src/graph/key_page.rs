//! The source keys of 64 consecutive members.
//!
//! Owns their packing: integers of one key space, as most are, take eight bytes each. Keys are only
//! ever added, in the members' order. It must not know numbers.

use super::pages::{Page, WIDTH};
use crate::id::{Key, KeySpace, SourceKey};

/// Keys in the members' order.
#[derive(Clone, Debug)]
pub(super) enum KeyPage {
    /// All are integers of the space.
    Ints(KeySpace, Vec<i64>),
    /// Whatever they are.
    Any(Vec<SourceKey>),
}

impl Default for KeyPage {
    fn default() -> Self {
        KeyPage::Ints(KeySpace::DEFAULT, Vec::new())
    }
}

impl Page for KeyPage {
    fn heap_bytes(&self) -> usize {
        match self {
            KeyPage::Ints(_, keys) => size_of_val(keys.as_slice()),
            KeyPage::Any(keys) => size_of_val(keys.as_slice()),
        }
    }
}

impl KeyPage {
    pub(super) fn get(&self, slot: usize) -> Option<SourceKey> {
        match self {
            KeyPage::Ints(space, keys) => {
                let key = keys.get(slot).copied()?;
                Some(SourceKey { space: *space, key: Key::Int(key) })
            }
            KeyPage::Any(keys) => keys.get(slot).cloned(),
        }
    }

    /// Adds the next member's key.
    pub(super) fn push(&mut self, key: SourceKey) {
        match (self, key) {
            (KeyPage::Ints(space, keys), SourceKey { space: of, key: Key::Int(key) })
                if keys.is_empty() || *space == of =>
            {
                *space = of;
                make_room(keys);
                keys.push(key);
            }
            (KeyPage::Any(keys), key) => {
                make_room(keys);
                keys.push(key);
            }
            (page @ KeyPage::Ints(..), key) => {
                let held = (0..WIDTH).map_while(|slot| page.get(slot));
                *page = KeyPage::Any(held.chain([key]).collect());
            }
        }
    }
}

/// Room for half a page, then for a whole one, so that a full page has none to spare.
fn make_room<T>(keys: &mut Vec<T>) {
    if keys.len() == keys.capacity() {
        let wanted = if keys.len() < WIDTH / 2 { WIDTH / 2 } else { WIDTH };
        keys.reserve_exact(wanted.saturating_sub(keys.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_in_order_whatever_they_are() {
        let int = |space, key| SourceKey { space: KeySpace(space), key: Key::Int(key) };
        let text = SourceKey { space: KeySpace(3), key: Key::Text("a".into()) };
        let ints: Vec<_> = (0..64).map(|key| int(3, key * 7)).collect();
        let spaces = [int(3, 1), int(4, 1), int(3, 2)];
        let mixed = [int(3, 1), text.clone(), int(3, 2)];
        for keys in [&ints[..], &spaces, &mixed, &[text]] {
            let mut page = KeyPage::default();
            keys.iter().for_each(|key| page.push(key.clone()));
            let back: Vec<_> = (0..WIDTH).map_while(|slot| page.get(slot)).collect();
            assert_eq!(back, keys);
            assert_eq!(page.get(keys.len()), None);
        }
    }

    #[test]
    fn integers_of_one_space_take_eight_bytes() {
        let mut page = KeyPage::default();
        (0..64).for_each(|key| page.push(SourceKey { space: KeySpace(9), key: Key::Int(key) }));
        assert_eq!(page.heap_bytes(), 64 * 8);
    }
}
