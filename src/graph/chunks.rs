//! A persistent sorted set of numbers, made for sets of up to millions that change one at a time.
//!
//! Owns the chunks and their balance; it must not know what the numbers name.
//!
//! ```text
//! up to 512 numbers      one chunk
//! more                   list of blocks ──► list of at most 32 chunks ──► at most 512 numbers
//! ```
//!
//! A chunk is one exact allocation ([`Ascending`]), and a change makes it anew. The lists say where
//! each chunk begins, so that a search touches one chunk. A change copies one chunk, one block's
//! list and the list of blocks: of a set of 800,000 that is about 32 + 80 shared pointers, where
//! one flat list would be 2,400.

use super::ascending::Ascending;
use super::pages::shared_bytes;
use std::sync::Arc;

/// The most numbers in a chunk: 2 KiB at most, so that copying one stays well under a microsecond.
const CHUNK_MAX: usize = 512;
/// The most chunks in a block.
const BLOCK_MAX: usize = 32;

/// A sorted set of numbers; clones share their chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkedSet(Option<Held>);

#[derive(Clone, Debug)]
enum Held {
    One(Ascending),
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
    numbers: Ascending,
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
        if numbers.len() <= CHUNK_MAX {
            return ChunkedSet(Ascending::of(numbers).map(Held::One));
        }
        let chunks: Vec<Chunk> = numbers.chunks(CHUNK_MAX).filter_map(Chunk::of).collect();
        let blocks = chunks.chunks(BLOCK_MAX).filter_map(|part| Block::new(part.to_vec()));
        let blocks = Blocks { len: numbers.len(), blocks: blocks.collect() };
        ChunkedSet(Some(Held::Many(Arc::new(blocks))))
    }

    /// Adds the number; false if it was there. `copied` counts the bytes of what is made anew
    /// because another clone shares it.
    pub(super) fn insert(&mut self, number: u32, copied: &mut u64) -> bool {
        match &mut self.0 {
            None => {
                self.0 = Ascending::of(&[number]).map(Held::One);
                true
            }
            Some(Held::Many(many)) => own(many, Blocks::bytes, copied).insert(number, copied),
            Some(Held::One(chunk)) => {
                let Err(place) = chunk.search(number) else { return false };
                let longer = chunk.with(place, number);
                chunk.count_shared(copied);
                if longer.len() > CHUNK_MAX {
                    *self = ChunkedSet::from_sorted(&longer.to_vec());
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
                let Ok(place) = chunk.search(number) else { return false };
                chunk.count_shared(copied);
                self.0 = chunk.without(place).map(Held::One);
                true
            }
            Some(Held::Many(many)) => {
                let many = own(many, Blocks::bytes, copied);
                let removed = many.remove(number, copied);
                if many.len <= CHUNK_MAX / 2 {
                    let chunks = many.chunks_from(0);
                    let all: Vec<u32> = chunks.flat_map(|chunk| chunk.iter_from(0)).collect();
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
        self.parts_from(from).flatten()
    }

    /// The same, stretch after stretch as they lie in memory: whoever reads very many does not ask
    /// of each number where the next one is.
    pub(super) fn parts_from(&self, from: u32) -> impl Iterator<Item = impl Iterator<Item = u32>> {
        let (one, many) = match &self.0 {
            None => (None, None),
            Some(Held::One(chunk)) => (Some(chunk), None),
            Some(Held::Many(many)) => (None, Some(many)),
        };
        let many = many.into_iter().flat_map(move |many| many.chunks_from(from));
        one.into_iter().chain(many).map(move |chunk| chunk.iter_from(from))
    }

    /// What this set alone has, and what the other alone has, each ascending. Chunks that they
    /// share are passed over.
    pub(super) fn difference(&self, other: &Self) -> (Vec<u32>, Vec<u32>) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut others = other.chunks().into_iter().peekable();
        for chunk in self.chunks() {
            while let Some(before) = others.next_if(|other| other.first() < chunk.first()) {
                theirs.extend(before.iter_from(0));
            }
            // Chunks ascend, so that the two places of a shared one come by at one time.
            if others.next_if(|other| Ascending::is_same(other, chunk)).is_none() {
                ours.extend(chunk.iter_from(0));
            }
        }
        theirs.extend(others.flat_map(|other| other.iter_from(0)));
        (only_in(&ours, &theirs), only_in(&theirs, &ours))
    }

    fn chunks(&self) -> Vec<&Ascending> {
        match &self.0 {
            None => Vec::new(),
            Some(Held::One(chunk)) => vec![chunk],
            Some(Held::Many(many)) => {
                let chunks = many.blocks.iter().flat_map(|block| block.chunks.iter());
                chunks.map(|chunk| &chunk.numbers).collect()
            }
        }
    }

    /// Bytes of all its numbers, as they are held.
    pub(super) fn bytes(&self) -> u64 {
        self.chunks().iter().map(|chunk| shared_bytes(chunk.bytes())).sum()
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
    fn new(numbers: Ascending) -> Self {
        Chunk { first: numbers.first(), numbers }
    }

    /// `None` for no numbers: there are no empty chunks.
    fn of(numbers: &[u32]) -> Option<Self> {
        Ascending::of(numbers).map(Chunk::new)
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
        let Err(at) = chunk.numbers.search(number) else { return false };
        self.count_kept(block_at, chunk, copied);
        let parts = if chunk.numbers.len() < CHUNK_MAX {
            [Some(Chunk::new(chunk.numbers.with(at, number))), None]
        } else if at == CHUNK_MAX {
            // Ascending input fills chunks to the brim.
            [Some(chunk.clone()), Chunk::of(&[number])]
        } else {
            let mut numbers = chunk.numbers.to_vec();
            numbers.insert(at, number);
            let (lower, upper) = numbers.split_at(numbers.len() / 2);
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
        let Ok(at) = chunk.numbers.search(number) else { return false };
        let shorter = chunk.numbers.without(at);
        self.count_kept(block_at, chunk, copied);
        let Some(block) = self.blocks.get(block_at) else { return true };
        // A chunk that became small joins its neighbour, so that memory is given back.
        let len = shorter.as_ref().map_or(0, Ascending::len);
        let next = block.chunks.get(place + 1);
        let joined = next.filter(|next| next.numbers.len() + len <= CHUNK_MAX / 2);
        let (gone, chunk) = match joined {
            Some(next) => {
                let parts = shorter.iter().chain([&next.numbers]);
                let both: Vec<u32> = parts.flat_map(|part| part.iter_from(0)).collect();
                self.count_kept(block_at, next, copied);
                (2, Chunk::of(&both))
            }
            None => (1, shorter.map(Chunk::new)),
        };
        let Some(block) = self.blocks.get_mut(block_at) else { return true };
        self.len -= 1;
        if !block.splice(place, gone, chunk, copied) {
            self.blocks.remove(block_at);
        }
        self.join_blocks(block_at, copied);
        true
    }

    /// Counts the bytes of a chunk that is about to go, if an older version keeps it: by itself, or
    /// with the whole list of its block.
    fn count_kept(&self, block_at: usize, chunk: &Chunk, copied: &mut u64) {
        let block = self.blocks.get(block_at);
        let is_list_shared = block.is_some_and(|block| Arc::strong_count(&block.chunks) > 1);
        if is_list_shared || chunk.numbers.is_shared() {
            *copied += shared_bytes(chunk.numbers.bytes());
        }
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

    /// The chunks that have numbers from `from` on, and perhaps one before them.
    fn chunks_from(&self, from: u32) -> impl Iterator<Item = &Ascending> {
        let first = self.blocks.partition_point(|block| block.first <= from).saturating_sub(1);
        let blocks = self.blocks.get(first..).unwrap_or_default().iter();
        let chunks = blocks.flat_map(move |block| {
            let place = block.chunks.partition_point(|chunk| chunk.first <= from);
            block.chunks.get(place.saturating_sub(1)..).unwrap_or_default()
        });
        chunks.map(|chunk| &chunk.numbers)
    }
}

/// What is held, copied if it is shared.
fn own<'a, T: Clone>(
    held: &'a mut Arc<T>,
    bytes: impl FnOnce(&T) -> usize,
    copied: &mut u64,
) -> &'a mut T {
    if Arc::strong_count(held) > 1 {
        *copied += shared_bytes(bytes(held));
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
                assert_eq!(chunk.numbers.first(), chunk.first);
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
            // A chunk then spans numbers of two bytes, of two and three, of three, of three and four.
            apart in prop::sample::select(vec![1, 100, 1 << 12, 1 << 18]),
        ) {
            let (mut set, mut copied) = (ChunkedSet::default(), 0);
            let mut expected = BTreeSet::new();
            for number in 0..bulk {
                set.insert(number * 2 * apart, &mut copied);
                expected.insert(number * 2 * apart);
            }
            prop_assert_eq!(copied, 0, "nothing is shared yet");
            let (before, before_expected) = (set.clone(), expected.clone());
            for (add, number) in ops {
                let number = number * apart;
                if add {
                    prop_assert_eq!(set.insert(number, &mut copied), expected.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number, &mut copied), expected.remove(&number));
                }
            }
            check_form(&set);
            prop_assert_eq!(set.len(), expected.len());
            for from in [0, 1, 511, 512, 1_500, 1_500 * apart, 5_000 * apart / 2] {
                prop_assert!(set.iter_from(from).eq(expected.range(from..).copied()));
            }
            prop_assert!(before.iter_from(0).eq(before_expected.iter().copied()));
            let (lost, gained) = before.difference(&set);
            prop_assert!(lost.iter().eq(before_expected.difference(&expected)));
            prop_assert!(gained.iter().eq(expected.difference(&before_expected)));
        }
    }

    /// One number among few and among many, at either end: each needs more bytes than those there.
    #[test]
    fn a_number_far_off_widens_its_chunk_alone() {
        for count in [1, 3, CHUNK_MAX, 3 * CHUNK_MAX] {
            for far in [0x1_0000, 0xFF_FFFF, 0x100_0000, 0x4000_0000] {
                let near = 2_000_000_000..2_000_000_000 + u32::try_from(count).unwrap();
                for number in [near.start - far, near.end + far] {
                    let mut set = ChunkedSet::from_sorted(&near.clone().collect::<Vec<_>>());
                    assert!(set.insert(number, &mut 0) && !set.insert(number, &mut 0));
                    let mut expected: BTreeSet<u32> = near.clone().collect();
                    expected.insert(number);
                    assert!(set.iter_from(0).eq(expected.iter().copied()));
                    assert!(set.remove(near.start, &mut 0) && expected.remove(&near.start));
                    assert!(set.remove(number, &mut 0) && !set.remove(number, &mut 0));
                    expected.remove(&number);
                    assert!(set.iter_from(0).eq(expected.iter().copied()));
                    check_form(&set);
                }
            }
        }
    }

    /// An older version keeps the chunk, its block's list and the list of blocks.
    #[test]
    fn what_a_change_leaves_to_an_older_version_is_counted() {
        let numbers: Vec<u32> = (0..100_000).map(|number| number * 2).collect();
        let mut set = ChunkedSet::from_sorted(&numbers);
        for change in [ChunkedSet::insert, ChunkedSet::remove] {
            let Some(Held::Many(many)) = &set.0 else { panic!("{set:?}") };
            let (block, _, chunk) = many.find(50_001).unwrap();
            let lists = [many.bytes(), size_of_val(many.blocks[block].chunks.as_slice())];
            let at_least = chunk.numbers.bytes() + lists.iter().sum::<usize>();
            let at_least = u64::try_from(at_least).unwrap();
            let (older, mut copied) = (set.clone(), 0);
            assert!(change(&mut set, 50_001, &mut copied));
            assert!((at_least..at_least + 200).contains(&copied), "{copied}, {at_least}");
            assert!(older.len() != set.len());
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
