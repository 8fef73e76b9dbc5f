//! One more direct edge between teams, by the closure's sets alone.
//!
//! Owns the rule: with child → parent, everything at or above the parent gains everything at or
//! below the child; if the parent was below the child before, all that lies between becomes one
//! component.

use super::packed::Change;
use super::sets::Set;
use super::{Closure, ComponentId, TeamEdges, Unfit};
use crate::graph::pages::count;
use crate::id::TeamId;

impl Closure {
    /// Adds the edges one after the other. On `Err` the closure is half-way and must be rebuilt.
    pub(super) fn add_all<E: TeamEdges>(
        &mut self,
        edges: &E,
        added: &[(TeamId, TeamId)],
        pairs_max: u64,
        cost_max: u64,
    ) -> Result<(), Unfit> {
        let mut cost = 0_u64;
        for &(child, parent) in added {
            let ends = (self.component(child), self.component(parent));
            if let (Some(below), Some(above)) = ends
                && below != above
                && !self.below(above).contains(below.0)
            {
                self.connect(edges, (below, above), pairs_max, cost_max, &mut cost)?;
            }
            // From here on walks go over it.
            self.link(child, parent);
        }
        Ok(())
    }

    /// The child comes below the parent, which it was not.
    fn connect<E: TeamEdges>(
        &mut self,
        edges: &E,
        (child, parent): (ComponentId, ComponentId),
        pairs_max: u64,
        cost_max: u64,
        cost: &mut u64,
    ) -> Result<(), Unfit> {
        // Both sides are read before any set is written: the writes reach them.
        let above = self.components_up([parent].into_iter());
        let mut below = self.below(child).to_vec();
        below.insert(below.partition_point(|&other| other < child.0), child.0);
        if self.below(child).contains(parent.0) {
            return self.close_cycle(edges, &above, &below, pairs_max);
        }
        *cost = cost.saturating_add(count(above.len()) * count(below.len()));
        if *cost > cost_max {
            return Err(Unfit::TooCostly);
        }
        if !self.fits(&above, &below, pairs_max) {
            return Err(Unfit::OverBudget);
        }
        self.change_all(edges, &above, Change::PutIn(Set::from_sorted(&below)));
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
        for &component in above {
            new += count(self.below(ComponentId(component)).lacks(below));
            if new > free {
                return false;
            }
        }
        true
    }

    /// The edge closes a cycle: what is both at or above the parent and at or below the child
    /// becomes one component.
    fn close_cycle<E: TeamEdges>(
        &mut self,
        edges: &E,
        above: &[u32],
        below: &[u32],
        pairs_max: u64,
    ) -> Result<(), Unfit> {
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
        // Taken out while they are what they weigh: one of them becomes the name of all.
        self.change_all(edges, &above, Change::TakeOut(Set::from_sorted(&merged)));
        let teams = self.dissolve(edges, &merged);
        let Some(name) = self.unite(edges, &teams) else { return Ok(()) };
        let mut with_name = below.clone();
        with_name.insert(below.partition_point(|&other| other < name.0), name.0);
        self.change_all(edges, &above, Change::PutIn(Set::from_sorted(&with_name)));
        self.change_all(edges, &[name.0], Change::PutIn(Set::from_sorted(&below)));
        Ok(())
    }
}
