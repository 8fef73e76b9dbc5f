//! Numbers in as few bytes each as the largest of them needs.
//!
//! Owns the packing: most numbers here are far below 2^32, and each byte of each is one for every
//! membership. It must not know what they count, nor where their width is kept.

use super::pages::at;

/// The most numbers that are walked for one of them; in more it is looked for by halving.
const WALKED_MAX: usize = 32;

/// Bytes of each number of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    #[default]
    Two,
    Three,
    Four,
}

impl Width {
    /// What the number needs.
    pub(super) const fn of(number: u32) -> Self {
        match number {
            0..=0xFFFF => Width::Two,
            0x1_0000..=0xFF_FFFF => Width::Three,
            0x100_0000.. => Width::Four,
        }
    }

    /// So many bytes; two or four where there is no such width.
    pub(super) const fn from_bytes(bytes: u8) -> Self {
        match bytes {
            0..=2 => Width::Two,
            3 => Width::Three,
            4.. => Width::Four,
        }
    }

    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Width::Two => 2,
            Width::Three => 3,
            Width::Four => 4,
        }
    }

    pub(super) fn bytes(self) -> usize {
        usize::from(self.to_byte())
    }

    /// Adds the number, which needs no more, to the bytes.
    pub(super) fn push(self, bytes: &mut Vec<u8>, number: u32) {
        match self {
            Width::Two => bytes.extend(low::<2>(number)),
            Width::Three => bytes.extend(low::<3>(number)),
            Width::Four => bytes.extend(low::<4>(number)),
        }
    }
}

/// A list of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Narrow<'a> {
    bytes: &'a [u8],
    width: Width,
}

impl<'a> Narrow<'a> {
    pub(super) const fn new(bytes: &'a [u8], width: Width) -> Self {
        Narrow { bytes, width }
    }

    pub(super) const fn len(self) -> usize {
        match self.width {
            Width::Two => self.bytes.len() / 2,
            Width::Three => self.bytes.len() / 3,
            Width::Four => self.bytes.len() / 4,
        }
    }

    pub(super) fn get(self, place: usize) -> Option<u32> {
        let bytes = self.bytes.get(place * self.width.bytes()..)?;
        match self.width {
            Width::Two => first::<2>(bytes),
            Width::Three => first::<3>(bytes),
            Width::Four => first::<4>(bytes),
        }
    }

    /// The numbers from that place on.
    pub(super) fn iter_from(
        self,
        place: usize,
    ) -> impl DoubleEndedIterator<Item = u32> + Clone + 'a {
        (place..self.len()).map(move |place| self.get(place).unwrap_or_default())
    }

    /// The bytes of the first so many numbers, and of the others.
    pub(super) fn split_at(self, place: usize) -> (&'a [u8], &'a [u8]) {
        self.bytes.split_at((place * self.width.bytes()).min(self.bytes.len()))
    }

    /// Where the key is among those of the numbers, which ascend; or where it would be.
    pub(super) fn search(self, key: u32, key_of: impl Fn(u32) -> u32) -> Result<usize, usize> {
        match self.width {
            Width::Two => search::<2>(self.bytes, key, key_of),
            Width::Three => search::<3>(self.bytes, key, key_of),
            Width::Four => search::<4>(self.bytes, key, key_of),
        }
    }
}

fn search<const BYTES: usize>(
    numbers: &[u8],
    key: u32,
    key_of: impl Fn(u32) -> u32,
) -> Result<usize, usize> {
    let (numbers, _) = numbers.as_chunks::<BYTES>();
    let key_of = |number: &[u8; BYTES]| key_of(decode(number));
    // Most members have a handful: to walk them, some at a step, costs no mispredicted branch, and
    // their memory is waited for once.
    if numbers.len() <= WALKED_MAX {
        let is_before = |number| u32::from(key_of(number) < key);
        let place = at(numbers.iter().map(is_before).fold(0, u32::wrapping_add));
        let found = numbers.get(place).is_some_and(|number| key_of(number) == key);
        return if found { Ok(place) } else { Err(place) };
    }
    numbers.binary_search_by_key(&key, key_of)
}

/// The number in the first so many of the bytes.
pub(super) fn first<const BYTES: usize>(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<BYTES>().map(decode)
}

/// The little-endian number in so many bytes, at most four.
fn decode<const BYTES: usize>(bytes: &[u8; BYTES]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The low so many bytes of the number.
pub(super) fn low<const BYTES: usize>(number: u32) -> [u8; BYTES] {
    number.to_le_bytes().first_chunk().copied().unwrap_or([0; BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back_and_are_found_in_any_width_that_holds_them(
            numbers in prop::collection::btree_set(0_u32.., 0..80),
            shift in 0_u32..32,
            wanted in any::<u32>(),
        ) {
            let mut numbers: Vec<u32> = numbers.into_iter().map(|number| number >> shift).collect();
            numbers.dedup();
            let width = Width::of(numbers.last().copied().unwrap_or_default());
            for width in [width, Width::Four] {
                let mut bytes = Vec::new();
                numbers.iter().for_each(|&number| width.push(&mut bytes, number));
                prop_assert_eq!(bytes.len(), numbers.len() * width.bytes());
                prop_assert_eq!(Width::from_bytes(width.to_byte()), width);
                let list = Narrow::new(&bytes, width);
                prop_assert_eq!(list.len(), numbers.len());
                prop_assert_eq!(list.get(numbers.len()), None);
                for wanted in numbers.iter().copied().chain([wanted >> shift]) {
                    let expected = numbers.binary_search(&wanted);
                    prop_assert_eq!(list.search(wanted, |number| number), expected);
                }
                let place = numbers.len() / 3;
                prop_assert!(list.iter_from(place).eq(numbers[place..].iter().copied()));
                let (before, after) = list.split_at(place);
                prop_assert_eq!([before, after].concat(), bytes.clone());
                prop_assert_eq!(before.len(), place * width.bytes());
            }
        }
    }

    #[test]
    fn a_number_takes_no_more_bytes_than_it_needs() {
        let numbers = [0, 0xFFFF, 0x1_0000, 0xFF_FFFF, 0x100_0000, u32::MAX];
        assert_eq!(numbers.map(|number| Width::of(number).bytes()), [2, 2, 3, 3, 4, 4]);
    }
}
