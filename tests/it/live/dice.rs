//! Random choices that a seed repeats.
//!
//! Owns the seed: `TEAMGRAPH_SEED` if it is set, else one of the clock; printed in either case.

use std::time::SystemTime;

/// The seed of this run.
pub fn seed() -> u64 {
    let given = std::env::var("TEAMGRAPH_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) << 20 | now.as_secs() & 0xF_FFFF
    });
    println!("seed {seed} (TEAMGRAPH_SEED={seed} repeats the choices)");
    seed
}

/// [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// One of many independent sequences of a seed.
    pub fn new(seed: u64, sequence: u64) -> Self {
        let mut dice = Dice(seed ^ sequence.wrapping_mul(0xD1B5_4A32_D192_ED03));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `sides`.
    pub fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// A share of the whole, as SQL writes it.
    pub fn share(&mut self) -> String {
        format!("0.{:06}", self.below(1_000_000))
    }
}
