//! Sets of components: as a sorted list or as bits, whichever is smaller.
//!
//! Owns the representations and the one operation that the closure's upkeep needs: what is left of
//! a set without some and with others. It must not know what components are, nor where sets are
//! kept.

use crate::graph::pages::{at, count, number};
use std::sync::Arc;

/// A set that stands alone; clones share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Set {
    List(Arc<[u32]>),
    Bits(Bits),
}

/// Bits from word `base` on; the first and the last word are not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    base: u32,
    len: u32,
    words: Arc<[u64]>,
}

impl Default for Set {
    fn default() -> Self {
        Set::List(Arc::default())
    }
}

impl Set {
    /// A set of sorted numbers, each once.
    pub(super) fn from_sorted(numbers: &[u32]) -> Self {
        let mut work = Work::default();
        work.combine(SetRef::EMPTY, SetRef::EMPTY, SetRef::List(numbers));
        work.set_made()
    }

    pub(super) fn as_ref(&self) -> SetRef<'_> {
        match self {
            Set::List(list) => SetRef::List(list),
            Set::Bits(bits) => SetRef::Bits(bits),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        let bytes = match self {
            Set::List(list) => size_of_val(&**list),
            Set::Bits(bits) => size_of_val(&*bits.words),
        };
        count(bytes)
    }
}

impl Bits {
    /// The bits of the word that stands there in a set from zero on.
    fn word(&self, place: u32) -> u64 {
        let word = place.checked_sub(self.base).and_then(|word| self.words.get(at(word)));
        word.copied().unwrap_or(0)
    }
}

/// A set as it is kept, wherever that is.
#[derive(Clone, Copy, Debug)]
pub(super) enum SetRef<'a> {
    List(&'a [u32]),
    Bits(&'a Bits),
}

impl SetRef<'_> {
    pub(super) const EMPTY: Self = SetRef::List(&[]);

    pub(super) const fn len(self) -> usize {
        match self {
            SetRef::List(list) => list.len(),
            SetRef::Bits(bits) => at(bits.len),
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub(super) fn contains(self, wanted: u32) -> bool {
        match self {
            SetRef::List(list) => list.get(place_in(list, wanted)) == Some(&wanted),
            SetRef::Bits(bits) => bits.word(wanted / 64) >> (wanted % 64) & 1 == 1,
        }
    }

    /// False if no number from the first to the last is in the set, as far as its ends tell.
    pub(super) fn may_meet(self, first: u32, last: u32) -> bool {
        match self {
            SetRef::List(&[low, .., high]) => low <= last && first <= high,
            SetRef::List(&[only]) => (first..=last).contains(&only),
            SetRef::List(&[]) => false,
            SetRef::Bits(_) => true,
        }
    }

    /// Whether one of the numbers (ascending) is the wanted one or in the set.
    pub(super) fn meets(self, wanted: u32, mut numbers: impl Iterator<Item = u32>) -> bool {
        /// To walk past so many costs less than to look farther ahead.
        const WALKED_MAX: usize = 8;
        /// So many are compared with each number, four at a step: where to stop cannot be foreseen,
        /// and a wrong guess costs as much as all of them.
        const COMPARED_MAX: usize = 32;
        let mut rest = match self {
            SetRef::List(list) if list.len() <= COMPARED_MAX => {
                let is_in =
                    |number| list.iter().fold(false, |is_in, &held| is_in | (held == number));
                return numbers.any(|number| number == wanted || is_in(number));
            }
            SetRef::List(list) => list,
            SetRef::Bits(_) => return numbers.any(|n| n == wanted || self.contains(n)),
        };
        numbers.any(|number| {
            let passed = if rest.get(WALKED_MAX).is_none_or(|&held| held >= number) {
                rest.iter().take_while(|&&held| held < number).count()
            } else {
                place_in(rest, number)
            };
            rest = rest.get(passed..).unwrap_or_default();
            number == wanted || rest.first() == Some(&number)
        })
    }

    /// Whether the sets have a number in common.
    pub(super) fn intersects(self, other: SetRef<'_>) -> bool {
        let (few, many) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        match (few, many) {
            (SetRef::Bits(few), SetRef::Bits(many)) => {
                let mut words = (few.base..).zip(&*few.words);
                words.any(|(place, word)| word & many.word(place) != 0)
            }
            (SetRef::List(list), _) => list.iter().any(|&number| many.contains(number)),
            (SetRef::Bits(_), SetRef::List(list)) => {
                list.iter().any(|&number| few.contains(number))
            }
        }
    }

    /// Calls with each number, ascending.
    pub(super) fn for_each(self, mut call: impl FnMut(u32)) {
        match self {
            SetRef::List(list) => list.iter().copied().for_each(call),
            SetRef::Bits(bits) => each_bit(&bits.words, bits.base, &mut call),
        }
    }

    pub(super) fn to_vec(self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.len());
        self.for_each(|number| numbers.push(number));
        numbers
    }

    /// How many of the sorted `others` it lacks.
    pub(super) fn lacks(self, others: &[u32]) -> usize {
        others.iter().filter(|&&other| !self.contains(other)).count()
    }

    /// The first word that it would have as bits, and the word past the last.
    fn words(self) -> Option<(u32, u32)> {
        match self {
            SetRef::List(list) => Some((list.first()? / 64, list.last()? / 64 + 1)),
            SetRef::Bits(bits) => Some((bits.base, bits.base + number(bits.words.len()))),
        }
    }
}

/// How many of the sorted numbers are below the wanted one. Numbers are spread more or less evenly,
/// so one looks near where it would then be: in a list of thousands that is one wait for memory
/// where halving would be several.
fn place_in(list: &[u32], wanted: u32) -> usize {
    const STEP: usize = 16;
    let (Some(&first), Some(&last)) = (list.first(), list.last()) else { return 0 };
    if wanted <= first {
        return 0;
    }
    if wanted > last {
        return list.len();
    }
    let guess = u64::from(wanted - first) * count(list.len() - 1) / u64::from(last - first);
    let guess = usize::try_from(guess).unwrap_or(0);
    let is_before = |place: usize| list.get(place).is_some_and(|&held| held < wanted);
    let (mut low, mut high, mut step) = (0, list.len(), STEP);
    if is_before(guess) {
        low = guess + 1;
        while is_before(low + step) {
            low += step + 1;
            step *= 4;
        }
        high = high.min(low + step);
    } else {
        high = guess;
        while high > step && !is_before(high - step) {
            high -= step;
            step *= 4;
        }
        low = low.max(high.saturating_sub(step));
    }
    low + list.get(low..high).unwrap_or_default().partition_point(|&held| held < wanted)
}

/// Calls with each number whose bit is set, ascending; the first word is that of `base`.
pub(super) fn each_bit(words: &[u64], base: u32, call: &mut impl FnMut(u32)) {
    for (place, &word) in (base..).zip(words) {
        let mut rest = word;
        while rest != 0 {
            call(place * 64 + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// Where a new set is made, to be copied from; its memory is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Work {
    list: Vec<u32>,
    words: Vec<u64>,
    base: u32,
    is_bits: bool,
    len: usize,
}

impl Work {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Makes the old set without `gone` and with `added`; false if that is the old one.
    pub(super) fn combine(&mut self, old: SetRef<'_>, gone: SetRef<'_>, added: SetRef<'_>) -> bool {
        self.is_bits = !matches!((old, added), (SetRef::List(_), SetRef::List(_)));
        if self.is_bits {
            self.begin(&[old, added]);
            self.put(old, true);
            self.put(gone, false);
            self.put(added, true);
            self.count_words();
        } else if let (SetRef::List(old), SetRef::List(added)) = (old, added) {
            merge(&mut self.list, old, gone, added);
            self.len = self.list.len();
        }
        // With both taken and added an equal length says nothing.
        self.len != old.len() || !(gone.is_empty() || added.is_empty())
    }

    /// Makes the union of the sets and of the names that stand beside them.
    pub(super) fn unite(&mut self, named: &[(Option<u32>, SetRef<'_>)]) {
        // Sorting is cheaper than bits up to about here.
        const SORTED_MAX: usize = 256;
        let total: usize = named.iter().map(|(_, set)| set.len() + 1).sum();
        self.is_bits = total > SORTED_MAX;
        if self.is_bits {
            let names = named.iter().map(|(name, _)| SetRef::List(name.as_slice()));
            let sets: Vec<SetRef<'_>> = named.iter().map(|&(_, set)| set).chain(names).collect();
            self.begin(&sets);
            for set in sets {
                self.put(set, true);
            }
            self.count_words();
        } else {
            self.list.clear();
            for &(name, set) in named {
                self.list.extend(name);
                set.for_each(|number| self.list.push(number));
            }
            self.list.sort_unstable();
            self.list.dedup();
            self.len = self.list.len();
        }
    }

    /// Begins with the set, to take out of.
    pub(super) fn begin_with(&mut self, set: SetRef<'_>) {
        self.is_bits = true;
        self.begin(&[set]);
        self.put(set, true);
        self.len = set.len();
    }

    /// Takes the numbers out of what was begun with.
    pub(super) fn take_out(&mut self, set: SetRef<'_>) {
        self.put(set, false);
        self.count_words();
    }

    /// The numbers, as a list.
    pub(super) fn list_made(&mut self) -> &[u32] {
        if self.is_bits {
            self.list.clear();
            let list = &mut self.list;
            each_bit(&self.words, self.base, &mut |number| list.push(number));
        }
        &self.list
    }

    /// The set, in whichever representation is smaller.
    pub(super) fn set_made(&mut self) -> Set {
        if !self.is_bits {
            let range = SetRef::List(&self.list).words();
            let words = range.map_or(0, |(first, end)| at(end - first));
            if words * size_of::<u64>() >= self.list.len() * size_of::<u32>() {
                return Set::List(Arc::from(self.list.as_slice()));
            }
            let list = std::mem::take(&mut self.list);
            self.begin(&[SetRef::List(&list)]);
            self.put(SetRef::List(&list), true);
            self.is_bits = true;
            self.list = list;
        }
        let first = self.words.iter().position(|&word| word != 0).unwrap_or(0);
        let end = self.words.iter().rposition(|&word| word != 0).map_or(first, |last| last + 1);
        if (end - first) * size_of::<u64>() >= self.len * size_of::<u32>() {
            return Set::List(Arc::from(self.list_made()));
        }
        let words = Arc::from(self.words.get(first..end).unwrap_or_default());
        Set::Bits(Bits { base: self.base + number(first), len: number(self.len), words })
    }

    /// Zeroed words, as many as the sets reach over.
    fn begin(&mut self, sets: &[SetRef<'_>]) {
        let ranges = || sets.iter().filter_map(|set| set.words());
        self.base = ranges().map(|(first, _)| first).min().unwrap_or(0);
        let end = ranges().map(|(_, end)| end).max().unwrap_or(self.base);
        self.words.clear();
        self.words.resize(at(end - self.base), 0);
    }

    fn count_words(&mut self) {
        self.len = self.words.iter().map(|word| at(word.count_ones())).sum();
    }

    /// Puts the numbers in, or takes out those within the words.
    fn put(&mut self, set: SetRef<'_>, is_in: bool) {
        let (base, words) = (self.base, &mut self.words);
        let mut put = |word: u32, bits: u64| {
            let held = word.checked_sub(base).and_then(|word| words.get_mut(at(word)));
            if let Some(held) = held {
                *held = if is_in { *held | bits } else { *held & !bits };
            }
        };
        match set {
            SetRef::List(list) => list.iter().for_each(|&n| put(n / 64, 1 << (n % 64))),
            SetRef::Bits(bits) => {
                (bits.base..).zip(&*bits.words).for_each(|(word, &bits)| put(word, bits));
            }
        }
    }
}

/// The old numbers without `gone` and with the added ones.
fn merge(merged: &mut Vec<u32>, old: &[u32], gone: SetRef<'_>, added: &[u32]) {
    merged.clear();
    let mut old = old;
    // Adding a few to many is copying, for the most part.
    for &next in added {
        let before = old.partition_point(|&own| own < next);
        let (head, tail) = old.split_at_checked(before).unwrap_or((old, &[]));
        extend_without(merged, head, gone);
        merged.push(next);
        old = tail.strip_prefix(&[next]).unwrap_or(tail);
    }
    extend_without(merged, old, gone);
}

fn extend_without(merged: &mut Vec<u32>, numbers: &[u32], gone: SetRef<'_>) {
    if gone.is_empty() {
        merged.extend_from_slice(numbers);
    } else {
        merged.extend(numbers.iter().filter(|&&own| !gone.contains(own)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
        // Dense and sparse, about the size where one representation takes over from the other.
        let dense = prop::collection::btree_set(100_u32..400, 0..200);
        let sparse = prop::collection::btree_set(0_u32..20_000, 0..100);
        prop_oneof![dense, sparse]
    }

    fn set(numbers: &BTreeSet<u32>) -> Set {
        Set::from_sorted(&numbers.iter().copied().collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn agrees_with_a_btree_set(old in numbers(), gone in numbers(), added in numbers()) {
            let mut work = Work::default();
            for (gone, added) in [
                (&gone, &added),
                (&gone, &BTreeSet::new()),
                (&BTreeSet::new(), &added),
            ] {
                let expected: BTreeSet<u32> =
                    old.difference(gone).copied().collect::<BTreeSet<_>>().union(added).copied().collect();
                let (a, b, c) = (set(&old), set(gone), set(added));
                let changed = work.combine(a.as_ref(), b.as_ref(), c.as_ref());
                prop_assert!(changed || expected == old);
                let made = work.set_made();
                let made = made.as_ref();
                prop_assert_eq!(made.len(), expected.len());
                prop_assert_eq!(made.to_vec(), expected.iter().copied().collect::<Vec<_>>());
                for number in (90..410).chain(expected.iter().copied()) {
                    prop_assert_eq!(made.contains(number), expected.contains(&number));
                }
                prop_assert_eq!(work.list_made().to_vec(), made.to_vec());
            }
            let (a, b) = (set(&old), set(&added));
            work.unite(&[(Some(7), a.as_ref()), (None, b.as_ref()), (Some(19_999), SetRef::EMPTY)]);
            let mut expected: BTreeSet<u32> = old.union(&added).copied().collect();
            expected.extend([7, 19_999]);
            prop_assert_eq!(work.set_made().as_ref().to_vec(), expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn questions_agree_with_btree_sets(a in numbers(), b in numbers(), wanted in 0_u32..20_000) {
            let (held, other) = (set(&a), set(&b));
            let (held, other) = (held.as_ref(), other.as_ref());
            prop_assert_eq!(held.intersects(other), !a.is_disjoint(&b));
            let expected = b.contains(&wanted) || !a.is_disjoint(&b);
            prop_assert_eq!(held.meets(wanted, b.iter().copied()), expected);
            prop_assert_eq!(held.lacks(&other.to_vec()), b.difference(&a).count());
            let (first, last) = (wanted.min(300), wanted.max(300));
            prop_assert!(held.may_meet(first, last) || a.range(first..=last).next().is_none());
            let mut work = Work::default();
            work.begin_with(held);
            work.take_out(other);
            let left: Vec<u32> = a.difference(&b).copied().collect();
            prop_assert_eq!(work.set_made().as_ref().to_vec(), left);
        }

        /// Also where numbers are spread so unevenly that looking near the guess is of no use.
        #[test]
        fn a_place_is_found_however_numbers_are_spread(
            list in prop::collection::btree_set(prop_oneof![0_u32..2_000, any::<u32>()], 0..900),
            wanted in prop_oneof![0_u32..2_100, any::<u32>()],
        ) {
            let list: Vec<u32> = list.into_iter().collect();
            for wanted in list.iter().copied().chain([wanted]) {
                let expected = list.partition_point(|&held| held < wanted);
                prop_assert_eq!(place_in(&list, wanted), expected);
            }
        }
    }
}
