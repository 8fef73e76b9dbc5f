//! The whole closure from the direct edges.
//!
//! Owns finding the components (petgraph's Kosaraju: iterative, where its Tarjan recurses and
//! aborts on a chain of 50,000 with a 2 MiB stack) and filling the sets in one pass each way.

use super::sets::ComponentSet;
use super::{Closure, ComponentId, TeamEdges, Unfit, Way};
use crate::graph::pages::{at, count, number};
use crate::id::TeamId;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The components of the teams (ascending) under the edges among them; each ascending, and those
/// above come before those below.
pub(super) fn components<E: TeamEdges>(edges: &E, teams: &[TeamId]) -> Vec<Vec<TeamId>> {
    if let [_] = teams {
        return vec![teams.to_vec()];
    }
    // Team → place plus one; zeroed memory costs nothing where no team is.
    let mut places = vec![0_u32; teams.last().map_or(0, |last| at(last.0) + 1)];
    for (place, team) in teams.iter().enumerate() {
        if let Some(held) = places.get_mut(at(team.0)) {
            *held = number(place) + 1;
        }
    }
    let mut graph = DiGraph::<TeamId, (), u32>::with_capacity(teams.len(), teams.len());
    for &team in teams {
        graph.add_node(team);
    }
    for (place, &team) in teams.iter().enumerate() {
        for parent in edges.parents(team) {
            if let Some(to @ 1..) = places.get(at(parent.0)) {
                graph.add_edge(NodeIndex::new(place), NodeIndex::from(to - 1), ());
            }
        }
    }
    // petgraph gives them in reverse topological order of the edges child → parent.
    let mut components = kosaraju_scc(&graph);
    let teams_of = |component: &mut Vec<NodeIndex<u32>>| {
        let mut teams: Vec<TeamId> =
            component.iter().filter_map(|&node| graph.node_weight(node).copied()).collect();
        teams.sort_unstable();
        teams
    };
    components.iter_mut().map(teams_of).collect()
}

impl Closure {
    /// Recomputes everything; beyond the budget nothing is materialised.
    pub(in crate::graph) fn rebuild<E: TeamEdges>(&mut self, edges: &E, pairs_max: u64) {
        let order = self.regroup(edges);
        if self.fill(edges, &order, pairs_max).is_err() {
            for component in order {
                self.components.get_mut(component.0).ancestors = ComponentSet::default();
            }
            self.search_from_now_on();
        }
    }

    /// Drops all sets: they do not fit.
    pub(super) fn give_up<E: TeamEdges>(&mut self, edges: &E) {
        self.regroup(edges);
        self.search_from_now_on();
    }

    fn search_from_now_on(&mut self) {
        self.pairs = 0;
        self.is_searched = true;
        self.backoff = self.backoff.failed();
    }

    /// Finds the components anew, without sets; those above come before those below.
    pub(super) fn regroup<E: TeamEdges>(&mut self, edges: &E) -> Vec<ComponentId> {
        // All that was there stays with older versions alone; a pair is 4 bytes each way.
        let replaced_bytes = self.copied_bytes() + self.pairs * 8;
        *self = Closure { replaced_bytes, backoff: self.backoff, ..Closure::default() };
        let teams: Vec<TeamId> = edges.teams().collect();
        let parts = components(edges, &teams);
        parts.iter().filter_map(|part| self.unite(part)).collect()
    }

    /// Fills all sets; `order` has those above before those below. The budget is checked on the
    /// first pass, so that what does not fit costs half.
    fn fill<E: TeamEdges>(
        &mut self,
        edges: &E,
        order: &[ComponentId],
        pairs_max: u64,
    ) -> Result<(), Unfit> {
        for &component in order {
            let set = self.union_of_neighbours(edges, component, Way::Up);
            self.pairs += count(set.len());
            if self.pairs > pairs_max {
                return Err(Unfit::OverBudget);
            }
            self.components.get_mut(component.0).ancestors = set;
        }
        for &component in order.iter().rev() {
            let set = self.union_of_neighbours(edges, component, Way::Down);
            self.components.get_mut(component.0).descendants = set;
        }
        Ok(())
    }

    /// The component's set as its direct neighbours' sets make it.
    pub(super) fn union_of_neighbours<E: TeamEdges>(
        &self,
        edges: &E,
        component: ComponentId,
        way: Way,
    ) -> ComponentSet {
        let neighbours = self.neighbours(edges, component, way);
        if let [single] = neighbours.as_slice() {
            let set = self.set(*single, way);
            return set.merged(&[], &[single.0]).unwrap_or_else(|| set.clone());
        }
        let mut union = Vec::new();
        for neighbour in neighbours {
            union.push(neighbour.0);
            union.extend_from_slice(self.set(neighbour, way).as_slice());
        }
        ComponentSet::from_unsorted(union)
    }

    /// The other components that the component has a direct edge to.
    pub(super) fn neighbours<E: TeamEdges>(
        &self,
        edges: &E,
        component: ComponentId,
        way: Way,
    ) -> Vec<ComponentId> {
        let teams = self.teams(component);
        let neighbours = teams.flat_map(|team| way.neighbours(edges, team));
        let components = neighbours.filter_map(|team| self.component(team));
        let mut others: Vec<ComponentId> = components.filter(|&c| c != component).collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}
