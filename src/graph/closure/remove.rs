//! Direct edges between teams that are gone.
//!
//! Owns who must be recomputed and in which order. Nothing changes for an edge child → parent if
//! the child still reaches the parent *by a search over the direct edges that are left, never by
//! the stored closure*: another parent's stored ancestors may hold this one only through the child.
//! All edges of a transaction are gone before the first question is asked.
//!
//! For the others the affected set is the union of the old descendants of the children (upward
//! sets) and of the old ancestors of the parents (downward sets). An old set is strictly smaller
//! than the sets of those that see through it, so ascending size is a topological order.

use super::search::still_reaches;
use super::{Closure, ComponentId, TeamEdges, Unfit, Way};
use crate::graph::pages::count;
use crate::id::TeamId;
use std::collections::{BTreeMap, BTreeSet};

impl Closure {
    /// Takes the edges away; `edges` has them no more. On `Err` (a giant cycle that heals is one
    /// component less and very many pairs more) the closure is half-way and must be rebuilt.
    pub(super) fn remove_all<E: TeamEdges>(
        &mut self,
        edges: &E,
        removed: &[(TeamId, TeamId)],
        pairs_max: u64,
        cost_max: u64,
    ) -> Result<(), Unfit> {
        let failing: Vec<(TeamId, TeamId)> = removed
            .iter()
            .copied()
            .filter(|&(child, parent)| !still_reaches(self, edges, child, parent))
            .collect();
        if failing.is_empty() {
            return Ok(());
        }
        let ends = |way: Way| -> BTreeSet<ComponentId> {
            let end = |&(child, parent): &(TeamId, TeamId)| match way {
                Way::Up => self.component(child),
                Way::Down => self.component(parent),
            };
            failing.iter().filter_map(end).collect()
        };
        let (children, parents) = (ends(Way::Up), ends(Way::Down));
        let below = children.iter().map(|&child| count(self.set(child, Way::Down).len()));
        let above = parents.iter().map(|&parent| count(self.set(parent, Way::Up).len()));
        if below.chain(above).sum::<u64>() > cost_max {
            return Err(Unfit::TooCostly);
        }
        let mut upward = self.affected(&children, Way::Up);
        let mut downward = self.affected(&parents, Way::Down);
        let affected_pairs = |&component| count(self.set(component, Way::Up).len());
        self.pairs -= upward.iter().map(affected_pairs).sum::<u64>();

        let broken = failing.iter().filter_map(|&(child, parent)| {
            let component = self.component(child)?;
            (self.component(parent)? == component).then_some(component)
        });
        let broken: BTreeSet<ComponentId> = broken.collect();
        let mut parts = BTreeMap::new();
        for component in broken {
            parts.insert(component, self.split(edges, component));
        }
        expand(&mut upward, &parts, |parts| parts.to_vec());
        expand(&mut downward, &parts, |parts| parts.iter().rev().copied().collect());

        let fresh = || parts.values().flatten().copied();
        let mut dirty: BTreeSet<_> = children.into_iter().chain(fresh()).collect();
        for &component in &upward {
            self.recompute(edges, component, &mut dirty, Way::Up);
            self.pairs += count(self.set(component, Way::Up).len());
            if self.pairs > pairs_max {
                return Err(Unfit::OverBudget);
            }
        }
        let mut dirty = parents.into_iter().chain(fresh()).collect();
        for &component in &downward {
            self.recompute(edges, component, &mut dirty, Way::Down);
        }
        Ok(())
    }

    /// The components whose sets in this way may change, in an order that lets each be made from
    /// its neighbours.
    fn affected(&self, ends: &BTreeSet<ComponentId>, way: Way) -> Vec<ComponentId> {
        let against = match way {
            Way::Up => Way::Down,
            Way::Down => Way::Up,
        };
        let mut affected: Vec<ComponentId> = ends.iter().copied().collect();
        affected.extend(ends.iter().flat_map(|&end| self.set(end, against).iter()));
        affected.sort_unstable();
        affected.dedup();
        affected.sort_by_key(|&component| self.set(component, way).len());
        affected
    }

    /// Makes the component's set anew, those that it is made from being done. It is left alone only
    /// if it lost no edge of its own, is not fresh from a split, and none of its neighbours' sets
    /// changed; `dirty` holds all those.
    fn recompute<E: TeamEdges>(
        &mut self,
        edges: &E,
        component: ComponentId,
        dirty: &mut BTreeSet<ComponentId>,
        way: Way,
    ) {
        let is_dirty = dirty.contains(&component)
            || self.neighbours(edges, component, way).iter().any(|n| dirty.contains(n));
        if !is_dirty {
            return;
        }
        let set = self.union_of_neighbours(edges, component, way);
        if &set != self.set(component, way) {
            self.replace(component, way, set);
            dirty.insert(component);
        }
    }
}

/// Puts the parts of each split component in its place.
fn expand(
    components: &mut Vec<ComponentId>,
    parts: &BTreeMap<ComponentId, Vec<ComponentId>>,
    ordered: impl Fn(&[ComponentId]) -> Vec<ComponentId>,
) {
    if !parts.is_empty() {
        let place = |component: &ComponentId| {
            parts.get(component).map_or_else(|| vec![*component], |parts| ordered(parts))
        };
        *components = components.iter().flat_map(place).collect();
    }
}
