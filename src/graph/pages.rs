//! A persistent array: cheap to clone, and a clone shares every page that is not changed since.
//!
//! Owns the structural sharing that makes versions immutable and publishing independent of size.
//! It must not know what the pages mean.
//!
//! A page holds what belongs to some consecutive numbers; above the pages stand levels of tables.
//! A change in a version that is shared copies one page and one table of each level. To copy a
//! table is to count one more owner of each of its children, and to touch memory for it that no
//! reader had warm: so the tables next to the pages, of which there are most, are narrow.
//!
//! ```text
//! root ──► level 4 (32) ──► level 3 (32) ──► level 2 (16) ──► level 1 (16) ──► page
//!          └ an array of up to 8,192 pages begins at level 3
//! ```

use std::sync::Arc;

/// Numbers of a page that packs what belongs to its numbers.
pub(super) const WIDTH: usize = 64;

/// What belongs to some consecutive numbers, to be changed in place.
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

/// What something of that size takes behind an [`Arc`]: with two counts and the allocator's own
/// word, in steps of sixteen bytes.
pub(super) fn shared_bytes(size: usize) -> u64 {
    count((size + 3 * size_of::<usize>()).next_multiple_of(16))
}

#[derive(Debug)]
struct Table<C: ?Sized, const WIDE: usize>([Option<Arc<C>>; WIDE]);

impl<C: ?Sized, const WIDE: usize> Clone for Table<C, WIDE> {
    fn clone(&self) -> Self {
        Table(self.0.clone())
    }
}

impl<C: ?Sized, const WIDE: usize> Default for Table<C, WIDE> {
    fn default() -> Self {
        Table([const { None }; WIDE])
    }
}

impl<C: ?Sized, const WIDE: usize> Table<C, WIDE> {
    fn child(&self, place: u32) -> Option<&C> {
        self.0.get(at(place) % WIDE)?.as_deref()
    }

    #[expect(clippy::indexing_slicing, reason = "a place is below the width")]
    fn slot(&mut self, place: u32) -> &mut Option<Arc<C>> {
        &mut self.0[at(place) % WIDE]
    }

    /// The places at which two tables do not hold the same child, with what each holds there;
    /// none if they are the same table.
    fn unshared<'a>(tables: Pair<'a, Self>) -> impl Iterator<Item = (u32, Pair<'a, C>)>
    where
        C: 'a,
    {
        let places = if are_same(tables) { 0 } else { number(WIDE) };
        let child =
            move |table: Option<&'a Self>, place| table.and_then(|table| table.child(place));
        let pairs = (0..places).map(move |place| {
            let (one, other) = tables;
            (place, (child(one, place), child(other, place)))
        });
        pairs.filter(|&(_, pair)| !are_same(pair))
    }
}

/// What two trees have in one place.
type Pair<'a, T> = (Option<&'a T>, Option<&'a T>);

/// Whether the two are one thing in memory, or both nothing.
fn are_same<T: ?Sized>(pair: Pair<'_, T>) -> bool {
    match pair {
        (None, None) => true,
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

type Level1<P> = Table<P, 16>;
type Level2<P> = Table<Level1<P>, 16>;
type Level3<P> = Table<Level2<P>, 32>;
type Level4<P> = Table<Level3<P>, 32>;

/// Pages below one table of a level, as a power of two.
const LEVEL1_BITS: u32 = 4;
const LEVEL2_BITS: u32 = 8;
const LEVEL3_BITS: u32 = 13;
const LEVEL4_BITS: u32 = 18;

/// The tables at the top, as many levels as there must be.
#[derive(Debug)]
enum Root<P: ?Sized> {
    Small(Arc<Level3<P>>),
    Medium(Arc<Level4<P>>),
    Large(Vec<Option<Arc<Level4<P>>>>),
}

impl<P: ?Sized> Clone for Root<P> {
    fn clone(&self) -> Self {
        match self {
            Root::Small(level3) => Root::Small(Arc::clone(level3)),
            Root::Medium(level4) => Root::Medium(Arc::clone(level4)),
            Root::Large(top) => Root::Large(top.clone()),
        }
    }
}

impl<P: ?Sized> Default for Root<P> {
    fn default() -> Self {
        Root::Small(Arc::default())
    }
}

impl<P: ?Sized> Root<P> {
    fn level3(&self, page: u32) -> Option<&Level3<P>> {
        let level4 = match self {
            Root::Small(level3) => return (page >> LEVEL3_BITS == 0).then_some(level3),
            Root::Medium(level4) => (page >> LEVEL4_BITS == 0).then_some(level4),
            Root::Large(top) => top.get(at(page >> LEVEL4_BITS))?.as_ref(),
        };
        level4?.child(page >> LEVEL3_BITS)
    }

    /// How many tables of level 3 there is room for.
    fn level3s(&self) -> u32 {
        let below_one = 1 << (LEVEL4_BITS - LEVEL3_BITS);
        match self {
            Root::Small(_) => 1,
            Root::Medium(_) => below_one,
            Root::Large(top) => number(top.len()) * below_one,
        }
    }

    /// Puts levels on top until the page has a place.
    fn grow(&mut self, page: u32) {
        if let Root::Small(level3) = self
            && page >> LEVEL3_BITS > 0
        {
            let mut level4 = Level4::default();
            *level4.slot(0) = Some(Arc::clone(level3));
            *self = Root::Medium(Arc::new(level4));
        }
        if let Root::Medium(level4) = self
            && page >> LEVEL4_BITS > 0
        {
            *self = Root::Large(vec![Some(Arc::clone(level4))]);
        }
    }

    fn level3_mut(&mut self, page: u32, copied: &mut u64) -> &mut Level3<P> {
        self.grow(page);
        let level4 = match self {
            Root::Small(level3) => return own_table(level3, copied),
            Root::Medium(level4) => own_table(level4, copied),
            Root::Large(top) => {
                let place = at(page >> LEVEL4_BITS);
                if top.len() <= place {
                    top.resize_with(place + 1, || None);
                }
                #[expect(clippy::indexing_slicing, reason = "the top was made to hold the place")]
                own_slot(&mut top[place], copied)
            }
        };
        own_slot(level4.slot(page >> LEVEL3_BITS), copied)
    }
}

/// What the table holds, to be changed; copied if shared.
fn own_table<'a, C, const WIDE: usize>(
    held: &'a mut Arc<Table<C, WIDE>>,
    copied: &mut u64,
) -> &'a mut Table<C, WIDE>
where
    C: ?Sized,
{
    if Arc::strong_count(held) > 1 {
        *copied += shared_bytes(size_of::<Table<C, WIDE>>());
    }
    Arc::make_mut(held)
}

/// The table in the slot, made if absent and copied if shared, to be changed.
fn own_slot<'a, C, const WIDE: usize>(
    slot: &'a mut Option<Arc<Table<C, WIDE>>>,
    copied: &mut u64,
) -> &'a mut Table<C, WIDE>
where
    C: ?Sized,
{
    own_table(slot.get_or_insert_with(Arc::default), copied)
}

/// A persistent array of pages, by page number. Absent pages cost nothing.
#[derive(Debug)]
pub(super) struct PageTree<P: ?Sized> {
    root: Root<P>,
    copied_bytes: u64,
}

impl<P: ?Sized> Clone for PageTree<P> {
    fn clone(&self) -> Self {
        PageTree { root: self.root.clone(), copied_bytes: self.copied_bytes }
    }
}

impl<P: ?Sized> Default for PageTree<P> {
    fn default() -> Self {
        PageTree { root: Root::default(), copied_bytes: 0 }
    }
}

impl<P: ?Sized> PageTree<P> {
    /// The page, if anything was ever written to it.
    pub(super) fn get(&self, page: u32) -> Option<&P> {
        let level2 = self.root.level3(page)?.child(page >> LEVEL2_BITS)?;
        level2.child(page >> LEVEL1_BITS)?.child(page)
    }

    /// The numbers of the pages that the trees do not share, ascending. Between trees of which one
    /// grew out of the other, these are all that can differ; what they share is passed over a table
    /// at a time.
    pub(super) fn unshared(&self, other: &Self) -> Vec<u32> {
        let mut pages = Vec::new();
        for level3 in 0..self.root.level3s().max(other.root.level3s()) {
            let at3 = level3 << LEVEL3_BITS;
            let pair = (self.root.level3(at3), other.root.level3(at3));
            for (level2, pair) in Table::unshared(pair) {
                let at2 = at3 | level2 << LEVEL2_BITS;
                for (level1, pair) in Table::unshared(pair) {
                    let at1 = at2 | level1 << LEVEL1_BITS;
                    pages.extend(Table::unshared(pair).map(|(page, _)| at1 | page));
                }
            }
        }
        pages
    }

    /// Puts another page in the place of the one that was there.
    pub(super) fn set(&mut self, page: u32, new: Arc<P>) {
        let (slot, copied) = self.slot(page);
        if let Some(old) = slot.replace(new)
            && Arc::strong_count(&old) > 1
        {
            *copied += shared_bytes(size_of_val(&*old));
        }
    }

    /// Where the page is held, and where to count what is copied.
    fn slot(&mut self, page: u32) -> (&mut Option<Arc<P>>, &mut u64) {
        let copied = &mut self.copied_bytes;
        let level3 = self.root.level3_mut(page, copied);
        let level2 = own_slot(level3.slot(page >> LEVEL2_BITS), copied);
        let level1 = own_slot(level2.slot(page >> LEVEL1_BITS), copied);
        (level1.slot(page), copied)
    }

    /// Bytes copied so far because another clone shared them: what older versions hold alone.
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }
}

impl<P: Page> PageTree<P> {
    /// The page, to be changed. Copies what other clones of the tree still share.
    pub(super) fn get_mut(&mut self, page: u32) -> &mut P {
        let (slot, copied) = self.slot(page);
        let held = slot.get_or_insert_with(Arc::default);
        if Arc::strong_count(held) > 1 {
            *copied += shared_bytes(size_of::<P>() + held.heap_bytes());
        }
        Arc::make_mut(held)
    }
}

/// A page of plain values, one a number.
#[derive(Clone, Debug)]
struct Values<T, const WIDE: usize>([T; WIDE]);

impl<T: Default, const WIDE: usize> Default for Values<T, WIDE> {
    fn default() -> Self {
        Values(std::array::from_fn(|_| T::default()))
    }
}

impl<T: Clone + Default, const WIDE: usize> Page for Values<T, WIDE> {
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A persistent array of values by number; what was never set is the type's default.
///
/// `WIDE` is how many values a page has: fewer where a value is a shared pointer, since to copy a
/// page is to touch what each of them points to.
#[derive(Clone, Debug)]
pub(super) struct Pages<T, const WIDE: usize = WIDTH>(PageTree<Values<T, WIDE>>);

/// A page's width for values that are shared pointers.
pub(super) const POINTERS: usize = 16;

impl<T, const WIDE: usize> Default for Pages<T, WIDE> {
    fn default() -> Self {
        Pages(PageTree::default())
    }
}

impl<T: Clone + Default, const WIDE: usize> Pages<T, WIDE> {
    /// The value; `None` if nothing near it was ever set (then it is the default).
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let place = at(number);
        self.0.get(page_number::<WIDE>(place))?.0.get(place % WIDE)
    }

    /// The values of a whole page; `None` if none of them was ever set.
    pub(super) fn page(&self, page: u32) -> Option<&[T]> {
        self.0.get(page).map(|values| values.0.as_slice())
    }

    /// The value, to be changed.
    #[expect(clippy::indexing_slicing, reason = "a slot is below the width")]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        let place = at(number);
        &mut self.0.get_mut(page_number::<WIDE>(place)).0[place % WIDE]
    }

    /// The numbers on the pages that both do not share, ascending: see [`PageTree::unshared`].
    pub(super) fn unshared(&self, other: &Self) -> impl Iterator<Item = u32> {
        let pages = self.0.unshared(&other.0).into_iter();
        pages.flat_map(|page| (0..number(WIDE)).map(move |place| page * number(WIDE) + place))
    }

    /// See [`PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.0.copied_bytes()
    }
}

/// The page, of so many numbers each, that holds the place of a number.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "a place is a number of 32 bits, and no page is wider than it"
)]
const fn page_number<const WIDE: usize>(place: usize) -> u32 {
    (place / WIDE) as u32
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

    fn a_clone_keeps_what_it_saw<const WIDE: usize>() {
        let mut pages = Pages::<u64, WIDE>::default();
        // Both sides of each level's edge, for pages of 16 and of 64.
        let numbers = [0, 63, 64, 4_095, 4_096, 131_071, 131_072, 524_287, 524_288, 4_194_304];
        let numbers = numbers.into_iter().chain([16_777_215, 16_777_216, (1 << 31) - 1]);
        for number in numbers.clone() {
            *pages.get_mut(number) = u64::from(number) + 1;
        }
        let before = pages.clone();
        assert_eq!(pages.copied_bytes(), 0, "nothing is copied while nothing is shared");
        for number in numbers.clone() {
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

    #[test]
    fn a_clone_keeps_what_it_saw_in_pages_of_either_width() {
        a_clone_keeps_what_it_saw::<WIDTH>();
        a_clone_keeps_what_it_saw::<POINTERS>();
    }

    /// Also where one tree has more levels than the other.
    #[test]
    fn only_pages_that_changed_are_unshared() {
        for many in [100, 10_000, 600_000] {
            let mut pages = Pages::<u64, POINTERS>::default();
            *pages.get_mut(3) = 1;
            *pages.get_mut(many) = 1;
            let before = pages.clone();
            assert_eq!(pages.0.unshared(&before.0), [0; 0]);
            *pages.get_mut(many) = 2;
            *pages.get_mut(40_000_000) = 2;
            let changed = [many / 16, 40_000_000 / 16];
            assert_eq!(pages.0.unshared(&before.0), changed);
            assert_eq!(before.0.unshared(&pages.0), changed);
            let numbers: Vec<u32> = pages.unshared(&before).collect();
            assert!(numbers.len() == 32 && numbers.contains(&many), "{numbers:?}");
        }
    }

    #[test]
    fn a_page_that_is_replaced_stays_with_the_clone() {
        let mut tree = PageTree::<[u32]>::default();
        tree.set(5, Arc::from([1, 2]));
        let before = tree.clone();
        tree.set(5, Arc::from([3]));
        tree.set(9_000, Arc::from([4]));
        assert_eq!(before.get(5), Some(&[1, 2][..]));
        assert_eq!((tree.get(5), tree.get(9_000)), (Some(&[3][..]), Some(&[4][..])));
        assert_eq!((before.get(9_000), tree.get(6)), (None, None));
    }
}
