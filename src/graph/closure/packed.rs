//! The sets of 64 consecutive components, packed.
//!
//! Owns where a set is kept: small ones lie one after the other in one allocation a page, so that
//! they cost their numbers and two bytes; large ones stand alone and are shared. It must not know
//! what the sets are of.

use super::sets::{Set, SetRef, Work};
use crate::graph::pages::{Page, WIDTH, count, slot_of};
use std::sync::Arc;

/// The most numbers of a set that is packed: a page of such sets stays within 8 KiB, and a search
/// in one within two cache lines.
const SMALL_MAX: usize = 32;

/// INVARIANT (packed): a set of at most [`SMALL_MAX`] is in `small`, any other in `large`.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    /// Where each component's small set ends; it begins where the one before ends.
    ends: [u16; WIDTH],
    small: Arc<[u32]>,
    /// By place on the page.
    large: Vec<(usize, Set)>,
}

impl Default for Packed {
    fn default() -> Self {
        Packed { ends: [0; WIDTH], small: Arc::default(), large: Vec::new() }
    }
}

impl Page for Packed {
    fn heap_bytes(&self) -> usize {
        size_of_val(self.large.as_slice())
    }
}

/// What becomes of a set.
#[derive(Debug)]
pub(super) enum Change {
    /// Nothing of it stays.
    Clear,
    /// These are taken out; those that are not in it do not matter.
    TakeOut(Set),
    /// These are put in; some may be in it.
    PutIn(Set),
}

impl Change {
    /// Makes the set anew; false if it stays as it is.
    fn make(&self, old: SetRef<'_>, work: &mut Work) -> bool {
        let none = SetRef::EMPTY;
        match self {
            Change::Clear => {
                work.combine(none, none, none);
                !old.is_empty()
            }
            Change::TakeOut(gone) => work.combine(old, gone.as_ref(), none),
            Change::PutIn(added) => work.combine(old, none, added.as_ref()),
        }
    }
}

/// A page after changes.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) sets: Packed,
    pub(super) gained: u64,
    pub(super) lost: u64,
    /// Bytes that only the old page holds.
    pub(super) replaced_bytes: u64,
}

impl Packed {
    pub(super) fn get(&self, slot: usize) -> SetRef<'_> {
        let end = |slot: usize| self.ends.get(slot).map_or(0, |&end| usize::from(end));
        let begin = slot.checked_sub(1).map_or(0, end);
        let small = self.small.get(begin..end(slot)).unwrap_or_default();
        if !small.is_empty() || self.large.is_empty() {
            return SetRef::List(small);
        }
        let large = self.large.binary_search_by_key(&slot, |&(slot, _)| slot);
        let large = large.ok().and_then(|place| self.large.get(place));
        large.map_or(SetRef::EMPTY, |(_, set)| set.as_ref())
    }

    /// The page with the changes (component and which change, ascending, all of this page);
    /// `None` if it stays as it is.
    pub(super) fn rewritten(
        &self,
        items: &[(u32, usize)],
        changes: &[Change],
        work: &mut Work,
    ) -> Option<Rewritten> {
        let mut items = items.iter().peekable();
        let (mut changed, mut gained, mut lost, mut replaced_bytes) = (false, 0, 0, 0);
        let mut packing = Packing::with_capacity(self.small.len() + 2 * WIDTH);
        let mut large = self.large.iter().peekable();
        for slot in 0..WIDTH {
            let old = self.get(slot);
            let old_large = large.next_if(|(of, _)| *of == slot);
            let item = items.next_if(|(component, _)| slot_of(*component) == slot);
            let change = item.and_then(|&(_, change)| changes.get(change));
            if change.is_some_and(|change| change.make(old, work)) {
                changed = true;
                gained += count(work.len());
                lost += count(old.len());
                replaced_bytes += old_large.map_or(0, |(_, set)| set.bytes());
                packing.push(slot, work);
            } else {
                packing.keep(slot, old, old_large);
            }
        }
        replaced_bytes += count(size_of_val(&*self.small));
        let sets = changed.then(|| packing.finish())?;
        Some(Rewritten { sets, gained, lost, replaced_bytes })
    }
}

/// A page in the making, place by place in ascending order.
#[derive(Debug)]
pub(super) struct Packing {
    ends: [u16; WIDTH],
    /// The first place of which nothing was said.
    next: usize,
    small: Vec<u32>,
    large: Vec<(usize, Set)>,
}

impl Packing {
    pub(super) fn with_capacity(small: usize) -> Self {
        Packing { ends: [0; WIDTH], next: 0, small: Vec::with_capacity(small), large: Vec::new() }
    }

    /// Whether what was made would be packed.
    pub(super) const fn is_small(work: &Work) -> bool {
        work.len() <= SMALL_MAX
    }

    /// The place's set is what was made.
    pub(super) fn push(&mut self, slot: usize, work: &mut Work) {
        self.skip_to(slot);
        if Self::is_small(work) {
            self.small.extend_from_slice(work.list_made());
        } else {
            self.large.push((slot, work.set_made()));
        }
    }

    /// The place's set is what it was.
    pub(super) fn keep(&mut self, slot: usize, set: SetRef<'_>, large: Option<&(usize, Set)>) {
        self.skip_to(slot);
        match (set, large) {
            (_, Some(large)) => self.large.push(large.clone()),
            (SetRef::List(list), None) => self.small.extend_from_slice(list),
            (SetRef::Bits(_), None) => {}
        }
    }

    /// The places before this one end where all ends so far.
    fn skip_to(&mut self, slot: usize) {
        // At most 64 times 32.
        let end = u16::try_from(self.small.len()).unwrap_or(u16::MAX);
        if let Some(ends) = self.ends.get_mut(self.next..slot) {
            ends.fill(end);
        }
        self.next = slot;
    }

    pub(super) fn finish(mut self) -> Packed {
        self.skip_to(WIDTH);
        Packed { ends: self.ends, small: Arc::from(self.small), large: self.large }
    }
}

/// What belongs to 64 consecutive teams: which of them there are, and their direct edges upward.
#[derive(Clone, Debug, Default)]
pub(super) struct TeamPage {
    /// Teams that exist, as bits.
    pub(super) exists: u64,
    /// Teams of components of more than one.
    pub(super) grouped: u64,
    /// The teams that each is directly in; never itself.
    pub(super) parents: Packed,
}

impl Page for TeamPage {
    fn heap_bytes(&self) -> usize {
        self.parents.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    type Model = BTreeMap<usize, BTreeSet<u32>>;

    /// Sets about the size from which they stand alone: one more or one less moves them.
    fn numbers() -> impl Strategy<Value = BTreeSet<u32>> {
        let about = SMALL_MAX - 2..SMALL_MAX + 3;
        let dense = prop::sample::subsequence((0_u32..60).collect::<Vec<_>>(), about.clone());
        prop_oneof![
            2 => prop::collection::btree_set(0_u32..10_000, about),
            2 => dense.prop_map(BTreeSet::from_iter),
            2 => prop::collection::btree_set(0_u32..60, 0..4),
            1 => prop::collection::btree_set(0_u32..100_000, 0..400),
        ]
    }

    fn set(numbers: &BTreeSet<u32>) -> Set {
        Set::from_sorted(&numbers.iter().copied().collect::<Vec<_>>())
    }

    /// Every place holds what it should, where it should.
    fn check(page: &Packed, model: &Model) {
        let mut large = page.large.iter();
        for slot in 0..WIDTH {
            let expected: Vec<u32> = model.get(&slot).into_iter().flatten().copied().collect();
            assert_eq!(page.get(slot).to_vec(), expected, "{slot}");
            if expected.len() > SMALL_MAX {
                assert_eq!(large.next().map(|&(of, _)| of), Some(slot));
            }
        }
        assert_eq!(large.count(), 0);
        let small = model.values().map(BTreeSet::len).filter(|&len| len <= SMALL_MAX);
        assert_eq!(page.small.len(), small.sum::<usize>());
    }

    proptest! {
        #[test]
        fn a_page_agrees_with_sets_and_stays_as_it_was(
            steps in prop::collection::vec(
                (
                    prop::collection::btree_map(0_u32..64, 0_usize..3, 0..20),
                    prop::collection::vec((0..3, numbers()), 3),
                ),
                1..8,
            ),
        ) {
            let (mut page, mut model) = (Packed::default(), Model::new());
            let mut work = Work::default();
            for (items, kinds) in steps {
                let change = |(what, numbers): &(i32, BTreeSet<u32>)| match what {
                    0 => Change::Clear,
                    1 => Change::TakeOut(set(numbers)),
                    _ => Change::PutIn(set(numbers)),
                };
                let changes: Vec<Change> = kinds.iter().map(change).collect();
                // Numbers of another page than the first: the place alone counts.
                let items: Vec<(u32, usize)> =
                    items.into_iter().map(|(slot, kind)| (slot + 128, kind)).collect();
                let (before, before_model) = (page.clone(), model.clone());
                for &(number, kind) in &items {
                    let held = model.entry(slot_of(number)).or_default();
                    match &kinds[kind] {
                        (0, _) => held.clear(),
                        (1, gone) => held.retain(|number| !gone.contains(number)),
                        (_, added) => held.extend(added),
                    }
                }
                let total = |model: &Model| count(model.values().map(BTreeSet::len).sum());
                match before.rewritten(&items, &changes, &mut work) {
                    Some(new) => {
                        prop_assert_eq!(
                            total(&before_model) + new.gained - new.lost,
                            total(&model)
                        );
                        page = new.sets;
                    }
                    None => {
                        let filled = |model: &Model| {
                            let mut model = model.clone();
                            model.retain(|_, held| !held.is_empty());
                            model
                        };
                        prop_assert_eq!(filled(&before_model), filled(&model));
                    }
                }
                check(&before, &before_model);
                check(&page, &model);
            }
        }
    }

    #[test]
    fn a_set_moves_as_it_passes_the_boundary() {
        let (mut page, mut model, mut work) = (Packed::default(), Model::new(), Work::default());
        let last = u32::try_from(SMALL_MAX).unwrap() + 2;
        let ascending = (0..last).map(|number| (number, true));
        for (number, is_in) in ascending.chain((0..last).map(|number| (number, false))) {
            // The neighbours on either side are packed, and must stay what they are.
            for slot in [6_u32, 7, 8] {
                let numbers = [number + (slot - 6) * 1_000];
                let one = Set::from_sorted(&numbers);
                let held = model.entry(slot_of(slot)).or_default();
                let change = if is_in {
                    held.extend(numbers);
                    Change::PutIn(one)
                } else {
                    held.remove(&numbers[0]);
                    Change::TakeOut(one)
                };
                let new = page.rewritten(&[(slot, 0)], &[change], &mut work).unwrap();
                assert_eq!(new.gained.abs_diff(new.lost), 1);
                page = new.sets;
                check(&page, &model);
            }
        }
        assert!(page.small.is_empty() && page.large.is_empty());
    }
}
