//! One more direct edge between teams, by the closure's sets alone.
//!
//! Owns the rule: with child → parent, everything at or below the child gains everything at or
//! above the parent, and the other way round; if the parent reached the child before, all that lies
//! between becomes one component.

use super::sets::ComponentSet;
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
            if child == parent || self.set(child, Way::Up).contains(parent) {
                continue;
            }
            let above = self.with(parent, Way::Up);
            let below = self.with(child, Way::Down);
            cost = cost.saturating_add(count(above.len()) * count(below.len()));
            if cost > cost_max {
                return Err(Unfit::TooCostly);
            }
            let closes_cycle = self.set(parent, Way::Up).contains(child);
            if !self.fits(&above, &below, pairs_max) {
                // What becomes one component has fewer pairs than were counted.
                return Err(if closes_cycle { Unfit::TooCostly } else { Unfit::OverBudget });
            }
            if closes_cycle {
                self.close_cycle(&above, &below);
            } else {
                self.gain(&below, Way::Up, &[], &above);
                self.gain(&above, Way::Down, &[], &below);
            }
        }
        Ok(())
    }

    /// The component and its set, sorted.
    ///
    /// Both operand sets of an edge are read before either is written: the writes reach them.
    fn with(&self, component: ComponentId, way: Way) -> Vec<u32> {
        let set = self.set(component, way).as_slice();
        let mut with = set.to_vec();
        with.insert(set.partition_point(|&other| other < component.0), component.0);
        with
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

    /// Every component of `these` loses `gone` and gains `added` in its set.
    fn gain(&mut self, these: &[u32], way: Way, gone: &[u32], added: &[u32]) {
        for &component in these {
            let component = ComponentId(component);
            let old = self.set(component, way);
            let old_len = count(old.len());
            let Some(set) = old.merged(gone, added) else { continue };
            if way == Way::Up {
                self.pairs = self.pairs - old_len + count(set.len());
            }
            self.replace(component, way, set);
        }
    }

    /// The edge closes a cycle: what is both at or above the parent and at or below the child
    /// becomes one component.
    fn close_cycle(&mut self, above: &[u32], below: &[u32]) {
        let merged: Vec<u32> =
            above.iter().copied().filter(|n| below.binary_search(n).is_ok()).collect();
        let outside = |side: &[u32]| -> Vec<u32> {
            side.iter().copied().filter(|n| merged.binary_search(n).is_err()).collect()
        };
        let (above, below) = (outside(above), outside(below));
        let mut teams = Vec::new();
        for &component in &merged {
            self.pairs -= count(self.set(ComponentId(component), Way::Up).len());
            teams.extend(self.dissolve(ComponentId(component)));
        }
        teams.sort_unstable();
        let Some(name) = self.unite(&teams) else { return };
        let with_name = |side: &[u32]| -> Vec<u32> {
            let mut with: Vec<u32> = side.to_vec();
            with.insert(side.partition_point(|&other| other < name.0), name.0);
            with
        };
        self.gain(&below, Way::Up, &merged, &with_name(&above));
        self.gain(&above, Way::Down, &merged, &with_name(&below));
        self.pairs += count(above.len());
        self.replace(name, Way::Up, ComponentSet::from_unsorted(above));
        self.replace(name, Way::Down, ComponentSet::from_unsorted(below));
    }
}
