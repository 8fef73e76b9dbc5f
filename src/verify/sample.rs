//! Which members' participations are compared.
//!
//! Owns the choice: all of them, or as many as asked for, half of them teams where there are as
//! many, since what is kept up is among teams. It must not know what is done with them.

use super::count;
use super::expected::Expected;

/// The numbers of the members whose participations are compared.
pub(super) fn members(expected: &Expected, sample: Option<u64>, dice: &mut Dice) -> Vec<u32> {
    let Some(wanted) = sample else { return expected.existing().collect() };
    let (teams, people): (Vec<u32>, Vec<u32>) =
        expected.existing().partition(|&number| expected.is_team(number));
    let of_teams = (wanted / 2).max(wanted.saturating_sub(count(people.len())));
    let mut chosen = choose(&teams, of_teams, dice);
    let of_people = wanted.saturating_sub(count(chosen.len()));
    chosen.extend(choose(&people, of_people, dice));
    chosen
}

/// So many of `all` (or all, if there are no more), in their order, each set of so many as likely as
/// any other.
fn choose(all: &[u32], wanted: u64, dice: &mut Dice) -> Vec<u32> {
    let (mut left, mut wanted) = (count(all.len()), wanted);
    let mut chosen = Vec::new();
    for &member in all {
        if dice.below(left) < wanted {
            chosen.push(member);
            wanted -= 1;
        }
        left -= 1;
    }
    chosen
}

/// Numbers at random: [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// A number below the bound; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        // Of 64 bits, a remainder is fair enough.
        (mixed ^ mixed >> 31).checked_rem(bound).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_wanted_are_chosen_and_each_is_at_times() {
        let all: Vec<u32> = (100..150).collect();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let mut dice = Dice::new(seed);
            let chosen = choose(&all, 7, &mut dice);
            assert_eq!(chosen.len(), 7);
            assert!(chosen.is_sorted() && chosen.iter().all(|it| all.contains(it)));
            seen.extend(chosen);
        }
        assert_eq!(seen.len(), all.len());
        let mut dice = Dice::new(1);
        assert_eq!(choose(&all, 50, &mut dice), all);
        assert_eq!(choose(&all, u64::MAX, &mut dice), all);
        assert!(choose(&all, 0, &mut dice).is_empty());
        assert_ne!(choose(&all, 7, &mut Dice::new(2)), choose(&all, 7, &mut Dice::new(3)));
    }
}
