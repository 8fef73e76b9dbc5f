//! Sorted sets of components, shared between versions and never changed in place.
//!
//! Owns the set operations that the closure's upkeep needs. It must not know what components are.

use super::ComponentId;
use std::sync::Arc;

/// A sorted set of component numbers; an empty one allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ComponentSet(Option<Arc<[u32]>>);

impl ComponentSet {
    /// The empty set.
    pub(super) const EMPTY: &'static ComponentSet = &ComponentSet(None);

    /// A set of whatever numbers, in any order, once or more.
    pub(super) fn from_unsorted(mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        Self::from_sorted(&numbers)
    }

    fn from_sorted(numbers: &[u32]) -> Self {
        ComponentSet((!numbers.is_empty()).then(|| Arc::from(numbers)))
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        self.0.as_deref().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn contains(&self, component: ComponentId) -> bool {
        self.as_slice().binary_search(&component.0).is_ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ComponentId> {
        self.as_slice().iter().map(|&number| ComponentId(number))
    }

    /// How many of the sorted `others` it lacks.
    pub(super) fn lacks(&self, others: &[u32]) -> usize {
        let mut rest = self.as_slice();
        let lacked = others.iter().filter(|&&other| {
            let skip = rest.partition_point(|&own| own < other);
            rest = rest.get(skip..).unwrap_or_default();
            rest.first() != Some(&other)
        });
        lacked.count()
    }

    /// The set without the sorted `gone` and with the sorted `added`; `None` if nothing changes.
    pub(super) fn merged(&self, gone: &[u32], added: &[u32]) -> Option<Self> {
        let stays = gone.iter().all(|gone| self.as_slice().binary_search(gone).is_err());
        if stays && self.lacks(added) == 0 {
            return None;
        }
        let mut merged = Vec::with_capacity(self.len() + added.len());
        let mut added = added.iter().copied().peekable();
        for &own in self.as_slice() {
            while let Some(next) = added.next_if(|&next| next <= own) {
                merged.push(next);
            }
            if merged.last() != Some(&own) && gone.binary_search(&own).is_err() {
                merged.push(own);
            }
        }
        merged.extend(added);
        Some(Self::from_sorted(&merged))
    }

    pub(super) fn bytes(&self) -> u64 {
        super::count(size_of_val(self.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_adds_and_takes() {
        let set = ComponentSet::from_unsorted(vec![5, 1, 3, 3]);
        let merged = |gone: &[u32], added: &[u32]| {
            set.merged(gone, added).map(|merged| merged.as_slice().to_vec())
        };
        assert_eq!(merged(&[], &[1, 5]), None);
        assert_eq!(merged(&[2], &[]), None);
        assert_eq!(merged(&[], &[0, 3, 9]), Some(vec![0, 1, 3, 5, 9]));
        assert_eq!(merged(&[1, 3], &[3, 4]), Some(vec![3, 4, 5]));
        assert_eq!(merged(&[1, 3, 5], &[]), Some(vec![]));
        assert_eq!(set.lacks(&[0, 1, 2, 5, 7]), 3);
    }
}
