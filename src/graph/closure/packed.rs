//! The sets of 64 consecutive components, packed.
//!
//! Owns where a set is kept: small ones lie one after the other in one allocation a page, so that
//! they cost their numbers and two bytes; large ones stand alone and are shared. It must not know
//! what the sets are of.

use super::sets::{Set, SetRef, Work};
use crate::graph::pages::{Page, WIDTH, at, count, slot_of};
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
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Nothing of the old set stays.
    pub(super) clears: bool,
    /// Numbers that are taken out.
    pub(super) gone: Set,
    /// Numbers that are put in, after that.
    pub(super) added: Set,
}

/// A page after changes.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) sets: Packed,
    /// The places whose sets are not the old ones, as bits.
    pub(super) changed: u64,
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
        let (mut changed, mut gained, mut lost, mut replaced_bytes) = (0_u64, 0, 0, 0);
        let mut packing = Packing::with_capacity(self.small.len() + 2 * WIDTH);
        let mut large = self.large.iter().peekable();
        for slot in 0..WIDTH {
            let old = self.get(slot);
            let old_large = large.next_if(|(of, _)| *of == slot);
            let item = items.next_if(|(component, _)| slot_of(*component) == slot);
            let change = item.and_then(|&(_, change)| changes.get(change));
            let differs = change.is_some_and(|change| {
                let base = if change.clears { SetRef::EMPTY } else { old };
                let differs = work.combine(base, change.gone.as_ref(), change.added.as_ref());
                differs || change.clears
            });
            if differs {
                changed |= 1 << slot;
                gained += count(work.len());
                lost += count(old.len());
                replaced_bytes += old_large.map_or(0, |(_, set)| set.bytes());
                packing.push(slot, work);
            } else {
                packing.keep(slot, old, old_large);
            }
        }
        replaced_bytes += count(size_of_val(&*self.small));
        let sets = (changed != 0).then(|| packing.finish())?;
        Some(Rewritten { sets, changed, gained, lost, replaced_bytes })
    }
}

/// A page in the making.
#[derive(Debug)]
pub(super) struct Packing {
    ends: [u16; WIDTH],
    small: Vec<u32>,
    large: Vec<(usize, Set)>,
}

impl Packing {
    pub(super) fn with_capacity(small: usize) -> Self {
        Packing { ends: [0; WIDTH], small: Vec::with_capacity(small), large: Vec::new() }
    }

    /// Whether what was made would be packed.
    pub(super) const fn is_small(work: &Work) -> bool {
        work.len() <= SMALL_MAX
    }

    /// The places from this one on are empty.
    pub(super) fn fill_up(&mut self, from: usize) {
        (from..WIDTH).for_each(|slot| self.end(slot));
    }

    /// The next place's set is what was made.
    pub(super) fn push(&mut self, slot: usize, work: &mut Work) {
        if Self::is_small(work) {
            self.small.extend_from_slice(work.list_made());
        } else {
            self.large.push((slot, work.set_made()));
        }
        self.end(slot);
    }

    /// The next place's set is what it was.
    pub(super) fn keep(&mut self, slot: usize, set: SetRef<'_>, large: Option<&(usize, Set)>) {
        match (set, large) {
            (_, Some(large)) => self.large.push(large.clone()),
            (SetRef::List(list), None) => self.small.extend_from_slice(list),
            (SetRef::Bits(_), None) => {}
        }
        self.end(slot);
    }

    fn end(&mut self, slot: usize) {
        if let Some(end) = self.ends.get_mut(slot) {
            // At most 64 times 32.
            *end = u16::try_from(self.small.len()).unwrap_or(u16::MAX);
        }
    }

    pub(super) fn finish(self) -> Packed {
        Packed { ends: self.ends, small: Arc::from(self.small), large: self.large }
    }
}

/// What belongs to 64 consecutive teams: which of them there are, and the sets upward.
#[derive(Clone, Debug)]
pub(super) struct TeamPage {
    /// Teams that exist, as bits.
    pub(super) exists: u64,
    /// Teams of components of more than one.
    pub(super) grouped: u64,
    /// For each component the bits of itself and of all its ancestors. A team that is in the
    /// component of another has all bits: it is looked at closely.
    signatures: [u64; WIDTH],
    pub(super) ancestors: Packed,
}

impl Default for TeamPage {
    fn default() -> Self {
        let ancestors = Packed::default();
        TeamPage { exists: 0, grouped: 0, signatures: [u64::MAX; WIDTH], ancestors }
    }
}

impl Page for TeamPage {
    fn heap_bytes(&self) -> usize {
        self.ancestors.heap_bytes()
    }
}

impl TeamPage {
    /// Whether the component at this place may be, or be below, the one with this signature.
    pub(super) fn may_reach(&self, slot: usize, signature: u64) -> bool {
        self.signatures.get(slot).is_some_and(|own| own & signature == signature)
    }

    pub(super) fn set_signature(&mut self, slot: usize, signature: u64) {
        if let Some(own) = self.signatures.get_mut(slot) {
            *own = signature;
        }
    }

    /// Makes the signature anew from the set.
    pub(super) fn sign(&mut self, component: u32) {
        let slot = at(component) % WIDTH;
        let mut signature = signature(component);
        if let SetRef::List(list) = self.ancestors.get(slot) {
            for &ancestor in list {
                signature |= self::signature(ancestor);
                if signature == u64::MAX {
                    break;
                }
            }
        } else {
            signature = u64::MAX;
        }
        self.set_signature(slot, signature);
    }
}

/// A component's two bits of 64: with a dozen ancestors some 21 are set, and about one miss in nine is
/// looked at closely.
pub(super) const fn signature(component: u32) -> u64 {
    let hash = component.wrapping_mul(0x9e37_79b1);
    1 << (hash >> 26) | 1 << (hash >> 20 & 63)
}
