//! A persistent sorted set of numbers, made for sets of up to millions that change one at a time.
//!
//! Owns the chunks and their balance; it must not know what the numbers name.
//!
//! ```text
//! up to 512 numbers      one chunk
//! more                   list of blocks ──► list of at most 32 chunks ──► at most 512 numbers
//! ```
//!
//! A chunk is one exact allocation, and a change makes it anew. The lists say where each chunk
//! begins, so that a search touches one chunk. A change copies one chunk, one block's list and the
//! list of blocks: of a set of 800,000 that is about 32 + 80 shared pointers, where one flat list
//! would be 2,400.

use super::pages::count;
use std::sync::Arc;

/// The most numbers in a chunk: 2 KiB, so that copying one stays well under a microsecond.
const CHUNK_MAX: usize = 512;
/// The most chunks in a block.
const BLOCK_MAX: usize = 32;

/// A sorted set of numbers; clones share their chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkedSet(Option<Held>);

#[derive(Clone, Debug)]
enum Held {
    One(Arc<[u32]>),
    Many(Arc<Blocks>),
}

/// Never an empty block, nor an empty chunk; ascending within and across.
#[derive(Clone, Debug, Default)]
struct Blocks {
    len: usize,
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    first: u32,
    chunks: Arc<Vec<Chunk>>,
}

#[derive(Clone, Debug)]
struct Chunk {
    first: u32,
    numbers: Arc<[u32]>,
}

impl ChunkedSet {
    pub(super) const EMPTY: Self = ChunkedSet(None);

    pub(super) fn len(&self) -> usize {
        match &self.0 {
            None => 0,
            Some(Held::One(chunk)) => chunk.len(),
            Some(Held::Many(many)) => many.len,
        }
    }

    /// The set of these numbers, which ascend.
    pub(super) fn from_sorted(numbers: &[u32]) -> Self {
        if numbers.is_empty() {
            return ChunkedSet(None);
        }
        if numbers.len() <= CHUNK_MAX {
            return ChunkedSet(Some(Held::One(Arc::from(numbers))));
        }
        let chunks: Vec<Chunk> =
            numbers.chunks(CHUNK_MAX).filter_map(|part| Chunk::new(Arc::from(part))).collect();
        let blocks = chunks.chunks(BLOCK_MAX).filter_map(|part| Block::new(part.to_vec()));
        let blocks = Blocks { len: numbers.len(), blocks: blocks.collect() };
        ChunkedSet(Some(Held::Many(Arc::new(blocks))))
    }

    /// Adds the number; false if it was there. `copied` counts the bytes of what is made anew
    /// because another clone shares it.
    pub(super) fn insert(&mut self, number: u32, copied: &mut u64) -> bool {
        match &mut self.0 {
            None => {
                self.0 = Some(Held::One(Arc::from([number])));
                true
            }
            Some(Held::Many(many)) => own(many, Blocks::bytes, copied).insert(number, copied),
            Some(Held::One(chunk)) => {
                let Err(place) = chunk.binary_search(&number) else { return false };
                let longer = with(chunk, place, number);
                count_shared(chunk, copied);
                if longer.len() > CHUNK_MAX {
                    *self = ChunkedSet::from_sorted(&longer);
                } else {
                    *chunk = longer;
                }
                true
            }
        }
    }

    /// Takes the number away; false if it was not there. `copied` as for [`ChunkedSet::insert`].
    pub(super) fn remove(&mut self, number: u32, copied: &mut u64) -> bool {
        match &mut self.0 {
            None => false,
            Some(Held::One(chunk)) => {
                let Ok(place) = chunk.binary_search(&number) else { return false };
                count_shared(chunk, copied);
                if chunk.len() == 1 {
                    self.0 = None;
                } else {
                    *chunk = without(chunk, place);
                }
                true
            }
            Some(Held::Many(many)) => {
                let many = own(many, Blocks::bytes, copied);
                let removed = many.remove(number, copied);
                if many.len <= CHUNK_MAX / 2 {
                    let all: Vec<u32> = many.parts_from(0).flatten().copied().collect();
                    *self = ChunkedSet::from_sorted(&all);
                }
                removed
            }
        }
    }

    /// Adds the number, or takes it away; `copied` as for [`ChunkedSet::insert`].
    pub(super) fn put(&mut self, number: u32, is_in: bool, copied: &mut u64) {
        if is_in {
            self.insert(number, copied);
        } else {
            self.remove(number, copied);
        }
    }

    /// The numbers from `from` on, ascending.
    pub(super) fn iter_from(&self, from: u32) -> impl Iterator<Item = u32> {
        self.parts_from(from).flatten().copied()
    }

    /// The numbers from `from` on as they lie in memory, stretch after stretch, ascending: what
    /// reads very many does not ask of each number where the next one is.
    pub(super) fn parts_from(&self, from: u32) -> impl Iterator<Item = &[u32]> {
        let (one, many) = match &self.0 {
            None => (None, None),
            Some(Held::One(chunk)) => (Some(tail(chunk, from)), None),
            Some(Held::Many(many)) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flat_map(move |many| many.parts_from(from)))
    }

    /// What this set alone has, and what the other alone has, each ascending. Chunks that they
    /// share are passed over.
    pub(super) fn difference(&self, other: &Self) -> (Vec<u32>, Vec<u32>) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut others = other.chunks().into_iter().peekable();
        for chunk in self.chunks() {
            while let Some(before) = others.next_if(|other| other.first() < chunk.first()) {
                theirs.extend_from_slice(before);
            }
            // Chunks ascend, so that the two places of a shared one come by at one time.
            if others.next_if(|other| std::ptr::eq(*other, chunk)).is_none() {
                ours.extend_from_slice(chunk);
            }
        }
        theirs.extend(others.flatten());
        (only_in(&ours, &theirs), only_in(&theirs, &ours))
    }

    fn chunks(&self) -> Vec<&[u32]> {
        match &self.0 {
            None => Vec::new(),
            Some(Held::One(chunk)) => vec![chunk],
            Some(Held::Many(many)) => {
                let chunks = many.blocks.iter().flat_map(|block| block.chunks.iter());
                chunks.map(|chunk| &*chunk.numbers).collect()
            }
        }
    }

    /// Bytes of all its numbers, roughly.
    pub(super) fn bytes(&self) -> u64 {
        count(self.len() * size_of::<u32>())
    }
}

/// What the one ascending list has and the other has not.
pub(super) fn only_in<T: Ord + Copy>(one: &[T], other: &[T]) -> Vec<T> {
    let mut other = other.iter().peekable();
    let is_only = |item: &&T| {
        while other.next_if(|held| held < item).is_some() {}
        other.peek() != Some(item)
    };
    one.iter().filter(is_only).copied().collect()
}

impl Chunk {
    /// `None` for no numbers: there are no empty chunks.
    fn new(numbers: Arc<[u32]>) -> Option<Self> {
        numbers.first().copied().map(|first| Chunk { first, numbers })
    }

    fn of(numbers: &[u32]) -> Option<Self> {
        Chunk::new(Arc::from(numbers))
    }
}

impl Block {
    /// `None` for no chunks: there are no empty blocks.
    fn new(chunks: Vec<Chunk>) -> Option<Self> {
        let first = chunks.first()?.first;
        Some(Block { first, chunks: Arc::new(chunks) })
    }

    /// Puts `chunks` in the place of the `gone` ones from `place` on; false if none is left.
    fn splice(
        &mut self,
        place: usize,
        gone: usize,
        chunks: impl IntoIterator<Item = Chunk>,
        copied: &mut u64,
    ) -> bool {
        let held = own(&mut self.chunks, |chunks| size_of_val(chunks.as_slice()), copied);
        held.splice(place..place + gone, chunks);
        if let Some(chunk) = held.first() {
            self.first = chunk.first;
        }
        !held.is_empty()
    }
}

impl Blocks {
    fn bytes(&self) -> usize {
        size_of_val(self.blocks.as_slice())
    }

    /// The block and the chunk in which the number is, or would be.
    fn find(&self, number: u32) -> Option<(usize, usize, &Chunk)> {
        let block = self.blocks.partition_point(|block| block.first <= number).saturating_sub(1);
        let chunks = &self.blocks.get(block)?.chunks;
        let place = chunks.partition_point(|chunk| chunk.first <= number).saturating_sub(1);
        Some((block, place, chunks.get(place)?))
    }

    fn insert(&mut self, number: u32, copied: &mut u64) -> bool {
        let Some((block_at, place, chunk)) = self.find(number) else { return false };
        let Err(at) = chunk.numbers.binary_search(&number) else { return false };
        let longer = with(&chunk.numbers, at, number);
        count_shared(&chunk.numbers, copied);
        let parts = if longer.len() <= CHUNK_MAX {
            [Chunk::new(longer), None]
        } else if at == CHUNK_MAX {
            // Ascending input fills chunks to the brim.
            [Chunk::of(longer.get(..at).unwrap_or_default()), Chunk::of(&[number])]
        } else {
            let (lower, upper) = longer.split_at(longer.len() / 2);
            [Chunk::of(lower), Chunk::of(upper)]
        };
        self.len += 1;
        let Some(block) = self.blocks.get_mut(block_at) else { return false };
        block.splice(place, 1, parts.into_iter().flatten(), copied);
        if block.chunks.len() > BLOCK_MAX {
            let held = own(&mut block.chunks, |_| 0, copied);
            let upper = Block::new(held.split_off(BLOCK_MAX / 2));
            self.blocks.splice(block_at + 1..block_at + 1, upper);
        }
        true
    }

    fn remove(&mut self, number: u32, copied: &mut u64) -> bool {
        let Some((block_at, place, chunk)) = self.find(number) else { return false };
        let Ok(at) = chunk.numbers.binary_search(&number) else { return false };
        let shorter = without(&chunk.numbers, at);
        count_shared(&chunk.numbers, copied);
        self.len -= 1;
        let Some(block) = self.blocks.get_mut(block_at) else { return true };
        // A chunk that became small joins its neighbour, so that memory is given back.
        let next = block.chunks.get(place + 1).map(|chunk| Arc::clone(&chunk.numbers));
        let joined = next.filter(|next| next.len() + shorter.len() <= CHUNK_MAX / 2);
        let (gone, chunk) = match joined {
            Some(next) => (2, Chunk::of(&[&*shorter, &*next].concat())),
            None => (1, Chunk::new(shorter)),
        };
        if !block.splice(place, gone, chunk, copied) {
            self.blocks.remove(block_at);
        }
        self.join_blocks(block_at, copied);
        true
    }

    /// Joins a block that became small with its neighbour.
    fn join_blocks(&mut self, block_at: usize, copied: &mut u64) {
        let len_at = |at: usize| self.blocks.get(at).map_or(BLOCK_MAX, |block| block.chunks.len());
        if len_at(block_at) + len_at(block_at + 1) > BLOCK_MAX / 2 {
            return;
        }
        let next = self.blocks.remove(block_at + 1);
        if let Some(block) = self.blocks.get_mut(block_at) {
            let end = block.chunks.len();
            block.splice(end, 0, next.chunks.iter().cloned(), copied);
        }
    }

    fn parts_from(&self, from: u32) -> impl Iterator<Item = &[u32]> {
        let first = self.blocks.partition_point(|block| block.first <= from).saturating_sub(1);
        let blocks = self.blocks.get(first..).unwrap_or_default().iter();
        let chunks = blocks.flat_map(move |block| {
            let place = block.chunks.partition_point(|chunk| chunk.first <= from);
            block.chunks.get(place.saturating_sub(1)..).unwrap_or_default()
        });
        chunks.map(move |chunk| tail(&chunk.numbers, from))
    }
}

/// The numbers from `from` on.
fn tail(numbers: &[u32], from: u32) -> &[u32] {
    if numbers.first().is_none_or(|&first| first >= from) {
        return numbers;
    }
    numbers.get(numbers.partition_point(|&number| number < from)..).unwrap_or_default()
}

/// The numbers with one more, at its place.
fn with(numbers: &[u32], place: usize, number: u32) -> Arc<[u32]> {
    let (lower, upper) = numbers.split_at(place.min(numbers.len()));
    // Copied twice, but as whole slices: cheaper than once, number by number.
    [lower, &[number], upper].concat().into()
}

/// The numbers without the one at the place.
fn without(numbers: &[u32], place: usize) -> Arc<[u32]> {
    let (lower, upper) = numbers.split_at(place.min(numbers.len()));
    [lower, upper.get(1..).unwrap_or_default()].concat().into()
}

/// Counts the bytes of what is about to be replaced, if another clone keeps it.
fn count_shared(numbers: &Arc<[u32]>, copied: &mut u64) {
    if Arc::strong_count(numbers) > 1 {
        *copied += count(size_of_val(&**numbers));
    }
}

/// What is held, copied if it is shared.
fn own<'a, T: Clone>(
    held: &'a mut Arc<T>,
    bytes: impl FnOnce(&T) -> usize,
    copied: &mut u64,
) -> &'a mut T {
    if Arc::strong_count(held) > 1 {
        *copied += count(bytes(held));
    }
    Arc::make_mut(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Every list begins where it says, nothing is empty or too long, and the length is right.
    fn check_form(set: &ChunkedSet) {
        let Some(Held::Many(many)) = &set.0 else { return };
        assert!(many.len > CHUNK_MAX / 2);
        let mut len = 0;
        for block in &many.blocks {
            assert!(!block.chunks.is_empty() && block.chunks.len() <= BLOCK_MAX);
            assert_eq!(Some(block.first), block.chunks.first().map(|chunk| chunk.first));
            for chunk in block.chunks.iter() {
                assert_eq!(chunk.numbers.first(), Some(&chunk.first));
                assert!(chunk.numbers.len() <= CHUNK_MAX);
                len += chunk.numbers.len();
            }
        }
        assert_eq!(len, many.len);
    }

    proptest! {
        #[test]
        fn agrees_with_a_btree_set(
            ops in prop::collection::vec((prop::bool::weighted(0.6), 0_u32..3_000), 0..4_000),
            bulk in 0_u32..2_000,
        ) {
            let (mut set, mut copied) = (ChunkedSet::default(), 0);
            let mut expected = BTreeSet::new();
            for number in 0..bulk {
                set.insert(number * 2, &mut copied);
                expected.insert(number * 2);
            }
            prop_assert_eq!(copied, 0, "nothing is shared yet");
            let (before, before_expected) = (set.clone(), expected.clone());
            for (add, number) in ops {
                if add {
                    prop_assert_eq!(set.insert(number, &mut copied), expected.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number, &mut copied), expected.remove(&number));
                }
            }
            check_form(&set);
            prop_assert_eq!(set.len(), expected.len());
            for from in [0, 1, 511, 512, 1_500, 5_000] {
                prop_assert!(set.iter_from(from).eq(expected.range(from..).copied()));
            }
            prop_assert!(before.iter_from(0).eq(before_expected.iter().copied()));
            let (lost, gained) = before.difference(&set);
            prop_assert!(lost.iter().eq(before_expected.difference(&expected)));
            prop_assert!(gained.iter().eq(expected.difference(&before_expected)));
        }
    }

    /// Enough for many blocks, taken apart again from the middle, from the front and from the end.
    #[test]
    fn a_large_set_grows_and_shrinks_through_all_forms() {
        let numbers: Vec<u32> = (0..100_000).map(|number| number * 3).collect();
        let mut set = ChunkedSet::from_sorted(&numbers);
        check_form(&set);
        assert!(set.iter_from(0).eq(numbers.iter().copied()));
        let mut expected: BTreeSet<u32> = numbers.into_iter().collect();
        let mut copied = 0;
        for number in (1..60_000).chain((150_000..300_000).rev()) {
            assert_eq!(set.insert(number, &mut copied), expected.insert(number));
        }
        check_form(&set);
        for number in (100_000..300_000).chain(0..90_000).chain((0..100_000).rev()) {
            assert_eq!(set.remove(number, &mut copied), expected.remove(&number), "{number}");
        }
        assert!(set.iter_from(0).eq(expected.iter().copied()));
        assert_eq!((set.len(), set.0.is_none()), (0, true));
        assert_eq!(copied, 0);
    }
}
