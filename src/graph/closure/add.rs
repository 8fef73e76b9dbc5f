//! One more direct edge between teams, by the closure's sets alone.
//!
//! Owns the rule: with child → parent, everything at or below the child gains everything at or
//! above the parent, and the other way round; if the parent reached the child before, all that lies
//! between becomes one component.

use super::packed::Change;
use super::sets::Set;
use super::{Closure, ComponentId, Unfit, Way};
use crate::graph::pages::count;
use crate::id::TeamId;

impl Closure {
    /// Adds the edges one after the other. On `Err` the closure is half-way and must be rebuilt.
    pub(super) fn add_all(
        &mut self,
        added: &[(TeamId, TeamId)],
        pairs_max: u64,
        cost_max: u64,
    ) -> Result<(), Unfit> {
        let mut cost = 0_u64;
        for &(child, parent) in added {
            let (Some(child), Some(parent)) = (self.component(child), self.component(parent))
            else {
                continue;
            };
            if child == parent || self.set(child, Way::Up).contains(parent.0) {
                continue;
            }
            // Both operand sets are read before either is written: the writes reach them.
            let above = self.with(parent, Way::Up);
            let below = self.with(child, Way::Down);
            if self.set(parent, Way::Up).contains(child.0) {
                self.close_cycle(&above, &below, pairs_max)?;
                continue;
            }
            cost = cost.saturating_add(count(above.len()) * count(below.len()));
            if cost > cost_max {
                return Err(Unfit::TooCostly);
            }
            if !self.fits(&above, &below, pairs_max) {
                return Err(Unfit::OverBudget);
            }
            self.gain(&below, Way::Up, &[], &above);
            self.gain(&above, Way::Down, &[], &below);
        }
        Ok(())
    }

    /// Whether the new pairs fit. The product of the sides is an upper bound that nearly always
    /// settles it; else they are counted.
    fn fits(&self, above: &[u32], below: &[u32], pairs_max: u64) -> bool {
        let free = pairs_max.saturating_sub(self.pairs);
        if count(above.len()) * count(below.len()) <= free {
            return true;
        }
        let mut new = 0;
        for &component in below {
            new += count(self.set(ComponentId(component), Way::Up).lacks(above));
            if new > free {
                return false;
            }
        }
        true
    }

    /// Every component of `these` loses `gone` and gains `added` in its set; all ascending.
    pub(super) fn gain(&mut self, these: &[u32], way: Way, gone: &[u32], added: &[u32]) {
        let (gone, added) = (Set::from_sorted(gone), Set::from_sorted(added));
        let items: Vec<(u32, usize)> = these.iter().map(|&component| (component, 0)).collect();
        self.change(way, &items, &[Change { clears: false, gone, added }]);
    }

    /// The edge closes a cycle: what is both at or above the parent and at or below the child
    /// becomes one component.
    fn close_cycle(&mut self, above: &[u32], below: &[u32], pairs_max: u64) -> Result<(), Unfit> {
        let merged: Vec<u32> =
            above.iter().copied().filter(|n| below.binary_search(n).is_ok()).collect();
        let outside = |side: &[u32]| -> Vec<u32> {
            side.iter().copied().filter(|n| merged.binary_search(n).is_err()).collect()
        };
        let (above, below) = (outside(above), outside(below));
        if (count(above.len()) + 1) * (count(below.len()) + 1)
            > pairs_max.saturating_sub(self.pairs)
        {
            // What becomes one component may have fewer pairs than before: recount.
            return Err(Unfit::TooCostly);
        }
        let teams = self.dissolve(&merged);
        let Some(name) = self.unite(&teams) else { return Ok(()) };
        let with_name = |side: &[u32]| -> Vec<u32> {
            let mut with: Vec<u32> = side.to_vec();
            with.insert(side.partition_point(|&other| other < name.0), name.0);
            with
        };
        self.gain(&below, Way::Up, &merged, &with_name(&above));
        self.gain(&above, Way::Down, &merged, &with_name(&below));
        self.gain(&[name.0], Way::Up, &[], &above);
        self.gain(&[name.0], Way::Down, &[], &below);
        Ok(())
    }
}
