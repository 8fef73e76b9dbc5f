//! Sixty-four shared things side by side, themselves to be shared.
//!
//! Owns the sharing: to keep an image of all rows is to count one more owner of each group, a
//! hundredth of the things; the first change of a thing after that copies it, and its group's
//! pointers. It must not know what the things are.

use std::sync::Arc;

/// Things of a group.
pub(super) const WIDE: usize = 64;

/// Some things, each at its place.
#[derive(Debug)]
pub(super) struct Group<T> {
    things: [Option<Arc<T>>; WIDE],
    len: usize,
}

impl<T> Clone for Group<T> {
    fn clone(&self) -> Self {
        Group { things: self.things.clone(), len: self.len }
    }
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Group { things: [const { None }; WIDE], len: 0 }
    }
}

impl<T> Group<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.things.get(place)?.as_deref()
    }

    /// Puts a thing in its place.
    pub(super) fn put(&mut self, place: usize, thing: T) {
        if let Some(held) = self.things.get_mut(place) {
            self.len += usize::from(held.is_none());
            *held = Some(Arc::new(thing));
        }
    }

    /// Takes the thing away; the last to hold it frees it.
    pub(super) fn take(&mut self, place: usize) -> Option<Arc<T>> {
        let taken = self.things.get_mut(place)?.take();
        self.len -= usize::from(taken.is_some());
        taken
    }

    /// The things with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let things = self.things.iter().enumerate();
        things.filter_map(|(place, thing)| Some((place, thing.as_deref()?)))
    }
}

impl<T: Clone> Group<T> {
    /// The thing, to be changed; copied if an image shares it.
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.things.get_mut(place)?.as_mut().map(Arc::make_mut)
    }
}
