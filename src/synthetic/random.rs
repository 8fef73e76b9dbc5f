//! Numbers drawn from a seed.
//!
//! Owns the generator and the permutation. It must not know what is drawn for.

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c): small, fast, the same on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below the bound; 0 if the bound is.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.any() % bound }
    }

    /// A number below the bound, small ones far more often: the cube of a uniform draw, so that
    /// the first of 12,000 gets one draw in 23.
    pub fn skewed(&mut self, bound: u64) -> u64 {
        let draw = u128::from(self.any());
        let square = (draw * draw) >> 64;
        let cube = (square * draw) >> 64;
        u64::try_from((cube * u128::from(bound)) >> 64).unwrap_or_default()
    }
}

const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A permutation of `0..length` that is computed and not stored: a Feistel network over the next
/// even power of two, walked until it lands inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permutation {
    length: u64,
    half_bits: u32,
    seed: u64,
}

impl Permutation {
    pub(super) fn new(length: u64, seed: u64) -> Self {
        let bits = 64 - length.saturating_sub(1).leading_zeros();
        Permutation { length, half_bits: bits.div_ceil(2).max(1), seed }
    }

    /// Where `place` goes; places at or past the length go to themselves.
    pub(super) const fn of(&self, place: u64) -> u64 {
        if place >= self.length {
            return place;
        }
        let mut at = self.step(place);
        while at >= self.length {
            at = self.step(at);
        }
        at
    }

    const fn step(&self, place: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (place >> self.half_bits, place & mask);
        let mut round = 0;
        while round < 4 {
            let next = left ^ (mixed(right ^ self.seed.wrapping_add(round)) & mask);
            left = right;
            right = next;
            round += 1;
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_permutation_reaches_everything_once() {
        for length in [1, 2, 3, 500, 1_000, 4_097] {
            let permutation = Permutation::new(length, 7);
            let reached: BTreeSet<u64> = (0..length).map(|place| permutation.of(place)).collect();
            assert!(reached.into_iter().eq(0..length), "{length}");
        }
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut random = Random::new(1);
        for bound in [1, 2, 7, 12_000] {
            assert!(
                (0..1_000).all(|_| random.below(bound) < bound && random.skewed(bound) < bound)
            );
        }
        assert_eq!((random.below(0), random.skewed(0)), (0, 0));
    }
}
