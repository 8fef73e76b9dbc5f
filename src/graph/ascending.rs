//! Some ascending numbers in one exact allocation.
//!
//! Owns the form: the first number, and how far each is past it, in as few bytes as the farthest
//! needs. It must not know of which set they are a part.

use super::narrow::{Narrow, Width};
use super::pages::shared_bytes;
use std::sync::Arc;

/// Ascending numbers, never none: the first, the bytes of each, and how far each is past the first.
///
/// Two bytes in the largest teams, three where a team of hundreds is spread over millions. They grow
/// with a number that needs more, and stay when it goes, until the first does.
#[derive(Clone, Debug)]
pub(super) struct Ascending(Arc<[u8]>);

/// What stands before the numbers.
const HEAD_BYTES: usize = 5;

impl Ascending {
    /// `None` for no numbers.
    pub(super) fn of(numbers: &[u32]) -> Option<Self> {
        let (&first, &last) = (numbers.first()?, numbers.last()?);
        let width = Width::of(last - first);
        let mut bytes = Vec::with_capacity(HEAD_BYTES + numbers.len() * width.bytes());
        bytes.extend(first.to_le_bytes());
        bytes.push(width.to_byte());
        numbers.iter().for_each(|number| width.push(&mut bytes, number - first));
        Some(Ascending(Arc::from(bytes)))
    }

    fn width(&self) -> Width {
        Width::from_bytes(self.0.get(HEAD_BYTES - 1).copied().unwrap_or_default())
    }

    pub(super) fn first(&self) -> u32 {
        self.0.first_chunk().map_or(0, |&first| u32::from_le_bytes(first))
    }

    fn past_first(&self) -> Narrow<'_> {
        Narrow::new(self.0.get(HEAD_BYTES..).unwrap_or_default(), self.width())
    }

    pub(super) fn len(&self) -> usize {
        self.past_first().len()
    }

    pub(super) fn search(&self, number: u32) -> Result<usize, usize> {
        let Some(past) = number.checked_sub(self.first()) else { return Err(0) };
        self.past_first().search(past, |past| past)
    }

    /// The numbers from `from` on.
    pub(super) fn iter_from(&self, from: u32) -> impl Iterator<Item = u32> {
        let first = self.first();
        let place = if from <= first { 0 } else { self.search(from).unwrap_or_else(|place| place) };
        self.past_first().iter_from(place).map(move |past| first + past)
    }

    pub(super) fn to_vec(&self) -> Vec<u32> {
        self.iter_from(0).collect()
    }

    /// The numbers with one more, at its place.
    pub(super) fn with(&self, place: usize, number: u32) -> Self {
        let width = self.width();
        match number.checked_sub(self.first()) {
            Some(past) if Width::of(past) <= width => {
                let (lower, upper) = self.past_first().split_at(place);
                let past = past.to_le_bytes();
                self.of_parts([lower, past.get(..width.bytes()).unwrap_or_default(), upper])
            }
            Some(_) | None => {
                let mut numbers = self.to_vec();
                numbers.insert(place, number);
                Ascending::of(&numbers).unwrap_or_else(|| self.clone())
            }
        }
    }

    /// The numbers without the one at the place; `None` if none is left.
    pub(super) fn without(&self, place: usize) -> Option<Self> {
        if place == 0 {
            return Ascending::of(self.to_vec().get(1..)?);
        }
        let (lower, upper) = self.past_first().split_at(place);
        let upper = upper.get(self.width().bytes()..).unwrap_or_default();
        Some(self.of_parts([lower, &[], upper]))
    }

    fn of_parts(&self, parts: [&[u8]; 3]) -> Self {
        let head = self.0.get(..HEAD_BYTES).unwrap_or_default();
        let [lower, new, upper] = parts;
        // Copied twice, but as whole slices: cheaper than once, number by number.
        Ascending([head, lower, new, upper].concat().into())
    }

    /// Counts the bytes of what is about to be replaced, if another clone keeps it.
    pub(super) fn count_shared(&self, copied: &mut u64) {
        if Arc::strong_count(&self.0) > 1 {
            *copied += shared_bytes(size_of_val(&*self.0));
        }
    }

    /// Whether another clone keeps them.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether both are the one allocation.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}
