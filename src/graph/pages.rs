//! A persistent array: cheap to clone, and a clone shares every page that is not changed since.
//!
//! Owns the structural sharing that makes versions immutable and publishing independent of size.
//! It must not know what the pages mean.
//!
//! A page holds what belongs to [`WIDTH`] consecutive numbers; above the pages stand three levels
//! of tables, each [`WIDTH`] wide. One change in a version that is shared copies one page and one
//! table of each level (about 2 KiB), whatever the array's size.
//!
//! ```text
//! top ──► level 3 ──► level 2 ──► level 1 ──► page of 64
//! ```

use std::sync::Arc;

/// Numbers a page, children a table. 64 keeps a table at 512 bytes, so that a path costs little to
/// copy, and reaches 16.7 million numbers below one entry of the top.
pub(super) const WIDTH: usize = 64;

/// What belongs to [`WIDTH`] consecutive numbers.
pub(super) trait Page: Clone + Default {
    /// Bytes that a copy of the page allocates beside itself.
    fn heap_bytes(&self) -> usize;
}

/// A `u32` as an index.
#[expect(clippy::as_conversions, reason = "every supported target has at least 32 bits to a usize")]
pub(super) const fn at(number: u32) -> usize {
    number as usize
}

/// A length as a `u32`; the graph numbers things below 2^31, so nothing is longer.
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A length or size as a `u64`.
pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[derive(Debug)]
struct Table<C>([Option<Arc<C>>; WIDTH]);

impl<C> Clone for Table<C> {
    fn clone(&self) -> Self {
        Table(self.0.clone())
    }
}

impl<C> Default for Table<C> {
    fn default() -> Self {
        Table([const { None }; WIDTH])
    }
}

impl<C> Table<C> {
    fn child(&self, page: u32, level: u32) -> Option<&C> {
        self.0.get(place(page, level))?.as_deref()
    }

    #[expect(clippy::indexing_slicing, reason = "a place is below WIDTH")]
    fn slot(&mut self, page: u32, level: u32) -> &mut Option<Arc<C>> {
        &mut self.0[place(page, level)]
    }
}

/// Which child of a table at `level` (1 is the lowest) leads to `page`.
const fn place(page: u32, level: u32) -> usize {
    at(page >> (6 * (level - 1))) % WIDTH
}

type Level1<P> = Table<P>;
type Level2<P> = Table<Level1<P>>;
type Level3<P> = Table<Level2<P>>;

/// A persistent array of pages, by page number. Absent pages cost nothing.
#[derive(Clone, Debug)]
pub(super) struct PageTree<P> {
    top: Vec<Option<Arc<Level3<P>>>>,
    copied_bytes: u64,
}

impl<P> Default for PageTree<P> {
    fn default() -> Self {
        PageTree { top: Vec::new(), copied_bytes: 0 }
    }
}

impl<P: Page> PageTree<P> {
    /// The page, if anything was ever written to it.
    pub(super) fn get(&self, page: u32) -> Option<&P> {
        let level3 = self.top.get(at(page >> 18))?.as_deref()?;
        level3.child(page, 3)?.child(page, 2)?.child(page, 1)
    }

    /// The page, to be changed. Copies what other clones of the tree still share.
    #[expect(clippy::indexing_slicing, reason = "the top is resized to hold the index")]
    pub(super) fn get_mut(&mut self, page: u32) -> &mut P {
        let top = at(page >> 18);
        if self.top.len() <= top {
            self.top.resize_with(top + 1, || None);
        }
        let copied = &mut self.copied_bytes;
        let level3 = own(&mut self.top[top], copied, |_| 0);
        let level2 = own(level3.slot(page, 3), copied, |_| 0);
        let level1 = own(level2.slot(page, 2), copied, |_| 0);
        own(level1.slot(page, 1), copied, P::heap_bytes)
    }

    /// Drops all pages. They are counted as copied, roughly: older versions hold them alone now.
    pub(super) fn clear(&mut self) {
        let levels = self.top.iter().flatten().flat_map(|level3| level3.0.iter().flatten());
        let pages = levels.flat_map(|level2| level2.0.iter().flatten()).map(|level1| {
            level1.0.iter().flatten().map(|page| size_of::<P>() + page.heap_bytes()).sum::<usize>()
        });
        self.copied_bytes += count(pages.sum());
        self.top.clear();
    }

    /// Bytes copied so far because another clone shared them: what older versions hold alone.
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }
}

/// What the slot holds, made if absent and copied if shared, to be changed.
fn own<'a, C: Clone + Default>(
    slot: &'a mut Option<Arc<C>>,
    copied: &mut u64,
    heap_bytes: impl FnOnce(&C) -> usize,
) -> &'a mut C {
    let held = slot.get_or_insert_with(Arc::default);
    if Arc::strong_count(held) > 1 {
        *copied += count(size_of::<C>() + heap_bytes(held));
    }
    Arc::make_mut(held)
}

/// A page of plain values, one a number.
#[derive(Clone, Debug)]
struct Values<T>([T; WIDTH]);

impl<T: Default> Default for Values<T> {
    fn default() -> Self {
        Values(std::array::from_fn(|_| T::default()))
    }
}

impl<T: Clone + Default> Page for Values<T> {
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A persistent array of values by number; what was never set is the type's default.
#[derive(Clone, Debug)]
pub(super) struct Pages<T>(PageTree<Values<T>>);

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages(PageTree::default())
    }
}

impl<T: Clone + Default> Pages<T> {
    /// The value; `None` if nothing near it was ever set (then it is the default).
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.0.get(page_of(number))?.0.get(slot_of(number))
    }

    /// The value, to be changed.
    #[expect(clippy::indexing_slicing, reason = "a slot is below WIDTH")]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        &mut self.0.get_mut(page_of(number)).0[slot_of(number)]
    }

    /// See [`PageTree::clear`].
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// See [`PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.0.copied_bytes()
    }
}

/// The page that a number's value is on.
pub(super) const fn page_of(number: u32) -> u32 {
    number / 64
}

/// The number's place on its page.
pub(super) const fn slot_of(number: u32) -> usize {
    at(number) % WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let mut pages = Pages::<u64>::default();
        let numbers = [0, 63, 64, 4_095, 4_096, 262_143, 262_144, 16_777_216, (1 << 31) - 1];
        for number in numbers {
            *pages.get_mut(number) = u64::from(number) + 1;
        }
        let before = pages.clone();
        assert_eq!(pages.copied_bytes(), 0, "nothing is copied while nothing is shared");
        for number in numbers {
            *pages.get_mut(number) = 7;
        }
        for number in numbers {
            assert_eq!(before.get(number), Some(&(u64::from(number) + 1)));
            assert_eq!(pages.get(number), Some(&7));
        }
        assert!(pages.copied_bytes() > 0);
        assert_eq!(pages.get(1_000_000), None);
        assert_eq!(pages.get(65), Some(&0));
    }
}
