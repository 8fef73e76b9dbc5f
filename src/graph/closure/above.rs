//! What is above a team: found by walking the direct edges upward, each team visited once.
//!
//! Owns the walk and the upkeep of the edges that it walks ([`super::packed::TeamPage`]). They are
//! kept by team and not by component: a walk through a cycle lists all its teams anyway, and an
//! edge keeps its ends whatever becomes of their components.
//!
//! That the teams above are walked and not stored is what makes an edge above very many teams
//! cheap: none of them is touched.

use super::packed::Change;
use super::sets::{Set, SetRef, Work};
use super::{Closure, ComponentId};
use crate::graph::pages::{at, page_of, slot_of};
use crate::id::TeamId;

impl Closure {
    /// The direct edges upward that are kept.
    pub(super) fn parents(&self, team: u32) -> SetRef<'_> {
        let page = self.teams.get(page_of(team));
        page.map_or(SetRef::EMPTY, |page| page.parents.get(slot_of(team)))
    }

    /// The existing ones of the teams, and every team above them, ascending.
    pub(super) fn walk_up(&self, teams: impl Iterator<Item = TeamId>) -> Vec<u32> {
        let mut found = Found::default();
        for team in teams.filter(|&team| self.exists(team)) {
            found.add(team.0);
        }
        let mut next = 0;
        while let Some(&team) = found.list.get(next) {
            next += 1;
            self.parents(team).for_each(|parent| found.add(parent));
        }
        found.into_sorted()
    }

    /// The components, and all above them, ascending.
    pub(super) fn components_up(&self, components: impl Iterator<Item = ComponentId>) -> Vec<u32> {
        let mut teams = self.walk_up(components.map(|component| TeamId(component.0)));
        if !self.cyclic.is_empty() {
            // A component is named by one of its teams, and the walk comes by all of them.
            teams.retain(|&team| self.component(TeamId(team)) == Some(ComponentId(team)));
        }
        teams
    }

    /// Keeps one more direct edge.
    pub(super) fn link(&mut self, child: TeamId, parent: TeamId) {
        self.change_parents(child, Change::PutIn(Set::from_sorted(&[parent.0])));
    }

    /// Keeps a direct edge no more.
    pub(super) fn unlink(&mut self, child: TeamId, parent: TeamId) {
        self.change_parents(child, Change::TakeOut(Set::from_sorted(&[parent.0])));
    }

    fn change_parents(&mut self, child: TeamId, change: Change) {
        let page = self.teams.get_mut(page_of(child.0));
        let new = page.parents.rewritten(&[(child.0, 0)], &[change], &mut Work::default());
        if let Some(new) = new {
            self.replaced_bytes += new.replaced_bytes;
            page.parents = new.sets;
        }
    }
}

/// Teams that are hashed while they are few: an entry is found within a cache line or two.
const HASHED_MAX: usize = 128;
const ENTRIES: usize = 2 * HASHED_MAX;

/// Teams that a walk came by, each once, in the order of coming by.
#[derive(Debug)]
struct Found {
    list: Vec<u32>,
    /// The number plus one, while there are few; the entry after is next.
    hashed: [u32; ENTRIES],
    /// All of them as bits, when there are more.
    words: Vec<u64>,
}

impl Default for Found {
    fn default() -> Self {
        Found { list: Vec::with_capacity(32), hashed: [0; ENTRIES], words: Vec::new() }
    }
}

impl Found {
    fn add(&mut self, team: u32) {
        if self.list.len() < HASHED_MAX {
            if self.hash(team) {
                self.list.push(team);
            }
            return;
        }
        if self.words.is_empty() {
            let words = self.list.iter().max().map_or(0, |&last| at(last / 64) + 1);
            self.words.resize(words, 0);
            for &team in &self.list {
                mark(&mut self.words, team);
            }
        }
        if mark(&mut self.words, team) {
            self.list.push(team);
        }
    }

    /// Whether the team is new. There are at least as many free entries as taken ones.
    fn hash(&mut self, team: u32) -> bool {
        let mut place = at(team.wrapping_mul(0x9e37_79b1) >> 24);
        while let Some(entry) = self.hashed.get_mut(place % ENTRIES) {
            if *entry == 0 {
                *entry = team + 1;
                return true;
            }
            if *entry == team + 1 {
                return false;
            }
            place += 1;
        }
        false
    }

    fn into_sorted(mut self) -> Vec<u32> {
        // Sorting costs a few steps a number, the bits one a word.
        if self.words.is_empty() || self.words.len() > 8 * self.list.len() {
            self.list.sort_unstable();
        } else {
            self.list.clear();
            super::sets::each_bit(&self.words, 0, &mut |team| self.list.push(team));
        }
        self.list
    }
}

/// Sets the number's bit; whether it was not set.
fn mark(words: &mut Vec<u64>, number: u32) -> bool {
    let (word, bit) = (at(number / 64), 1_u64 << (number % 64));
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    let Some(held) = words.get_mut(word) else { return false };
    let is_new = *held & bit == 0;
    *held |= bit;
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// About the size where bits take over from the hashed entries, and numbers that collide.
        #[test]
        fn found_agrees_with_a_btree_set(
            near in prop::collection::vec(0_u32..200, 0..600),
            far in prop::collection::vec(0_u32..2_000_000, 0..400),
            step in 1_u32..300,
        ) {
            let numbers = near.iter().chain(&far).copied();
            let numbers = numbers.chain((0..100).map(|number| number * step));
            let (mut found, mut expected) = (Found::default(), BTreeSet::new());
            for number in numbers {
                found.add(number);
                let is_new = expected.insert(number);
                prop_assert_eq!(found.list.len(), expected.len(), "{} {}", number, is_new);
            }
            prop_assert_eq!(found.into_sorted(), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
