//! Direct edges between teams that are gone.
//!
//! Owns which edges matter, and what comes before the losses are found. Nothing changes for an edge
//! child → parent if the child still reaches the parent *by a search over the direct edges that are
//! left, never by the stored closure*: another way up may be stored only because of this edge. All
//! edges of a transaction are gone before the first question is asked.
//!
//! The pairs that may be lost are those of a component at or above a parent with one at or below
//! its child. `losses` finds them from above or from below.
//!
//! A component that breaks is first replaced by its parts, as if each still reached all others:
//! too much, and then what is too much is lost as above.

use super::direct::Direct;
use super::losses::Losing;
use super::packed::Change;
use super::search::still_reaches;
use super::sets::{Set, SetRef, Work};
use super::{Closure, ComponentId, TeamEdges, Unfit};
use crate::graph::pages::count;
use crate::id::TeamId;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of components that broke → their place among the parts, those above first.
pub(super) type Parts = BTreeMap<u32, usize>;

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
        if !failing.is_empty() {
            self.lose(edges, &failing, cost_max)?;
        }
        // Until here walks went over the old edges too.
        for &(child, parent) in removed {
            self.unlink(child, parent);
        }
        if self.pairs > pairs_max { Err(Unfit::OverBudget) } else { Ok(()) }
    }

    /// Takes away what is lost with the edges, over which nothing that is left leads.
    fn lose<E: TeamEdges>(
        &mut self,
        edges: &E,
        failing: &[(TeamId, TeamId)],
        cost_max: u64,
    ) -> Result<(), Unfit> {
        let broken = failing.iter().filter_map(|&(child, parent)| {
            let component = self.component(child)?;
            (self.component(parent)? == component).then_some(component)
        });
        let broken: BTreeSet<ComponentId> = broken.collect();
        let mut parts = Parts::new();
        for component in broken {
            self.break_up(edges, component, &mut parts)?;
        }
        let cut = failing.iter().filter_map(|&(child, parent)| {
            let (child, parent) = (self.component(child)?, self.component(parent)?);
            (child != parent).then_some((child.0, parent.0))
        });
        let cut = cut.collect();
        let (items, changes) = Losing::new(self, edges, cut, parts).find(cost_max)?;
        self.change(edges, &items, &changes);
        Ok(())
    }

    /// Puts the component's parts in its place, each as if it reached all others.
    fn break_up<E: TeamEdges>(
        &mut self,
        edges: &E,
        component: ComponentId,
        parts: &mut Parts,
    ) -> Result<(), Unfit> {
        let mut above = self.components_up([component].into_iter());
        above.retain(|&other| other != component.0);
        let below = self.below(component).to_vec();
        let found = Direct::new(edges, self.teams(component).collect()).components();
        let size = count(found.len());
        // Beside the pairs that there are, recomputing the whole also costs its fixed part.
        const WHOLE_MIN: u64 = 1_000;
        if size * (size + count(above.len() + below.len())) > self.pairs + WHOLE_MIN {
            return Err(Unfit::TooCostly);
        }
        // Taken out while it is what it weighs.
        self.change_all(edges, &above, Change::TakeOut(Set::from_sorted(&[component.0])));
        self.dissolve(edges, &[component.0]);
        let mut names: Vec<u32> = Vec::new();
        for (place, part) in found.iter().enumerate() {
            if let Some(name) = self.unite(edges, part) {
                parts.insert(name.0, place);
                names.push(name.0);
            }
        }
        names.sort_unstable();
        self.change_all(edges, &above, Change::PutIn(Set::from_sorted(&names)));
        let mut all = [below, names.clone()].concat();
        all.sort_unstable();
        let mut work = Work::default();
        let mut but = |&name: &u32| {
            work.begin_with(SetRef::List(&all));
            work.take_out(SetRef::List(&[name]));
            Change::PutIn(work.set_made())
        };
        let changes: Vec<Change> = names.iter().map(&mut but).collect();
        let items: Vec<(u32, usize)> = names.iter().copied().zip(0..).collect();
        self.change(edges, &items, &changes);
        Ok(())
    }
}
