//! The whole closure from the direct edges.
//!
//! Owns finding the components (petgraph's Kosaraju: iterative, where its Tarjan recurses and
//! aborts on a chain of 50,000 with a 2 MiB stack) and filling the sets in one pass each way.

use super::packed::Packing;
use super::sets::{Set, SetRef, Work};
use super::{Closure, ComponentId, TeamEdges, Unfit, Way};
use crate::graph::pages::{WIDTH, at, count, number};
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
        let end = order.iter().map(|component| at(component.0) + 1).max().unwrap_or(0);
        let (mut parents, mut children) = (vec![Vec::new(); end], vec![Vec::new(); end]);
        for &component in order {
            for above in self.neighbours(edges, component, Way::Up) {
                if let Some(of) = children.get_mut(at(above.0)) {
                    of.push(component.0);
                }
                if let Some(of) = parents.get_mut(at(component.0)) {
                    of.push(above.0);
                }
            }
        }
        let ancestors = Made::new(order.iter(), &parents, pairs_max)?;
        self.pairs = ancestors.pairs;
        self.install(ancestors, Way::Up);
        let descendants = Made::new(order.iter().rev(), &children, u64::MAX)?;
        self.install(descendants, Way::Down);
        Ok(())
    }

    /// Packs the sets into pages.
    fn install(&mut self, made: Made, way: Way) {
        let mut work = Work::default();
        for (page, places) in (0..).zip(made.places.chunks(WIDTH)) {
            let len = places.iter().map(|place| made.set(place).len()).sum();
            if len == 0 {
                continue;
            }
            let mut packing = Packing::with_capacity(len);
            for (slot, place) in places.iter().enumerate() {
                if let Place::Large(set) = place {
                    packing.keep(slot, SetRef::EMPTY, Some(&(slot, set.clone())));
                } else {
                    work.combine(SetRef::EMPTY, SetRef::EMPTY, made.set(place));
                    packing.push(slot, &mut work);
                }
            }
            packing.fill_up(places.len());
            let packed = packing.finish();
            match way {
                Way::Up => {
                    let held = self.teams.get_mut(page);
                    held.ancestors = packed;
                    for slot in 0..number(places.len()) {
                        let component = page * 64 + slot;
                        if places.get(at(slot)).is_some_and(|place| !made.set(place).is_empty()) {
                            held.sign(component);
                        }
                    }
                }
                Way::Down => *self.descendants.get_mut(page) = packed,
            }
        }
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

/// Where a component's set lies while all are made.
#[derive(Clone, Debug)]
enum Place {
    /// From and to in the list.
    Small(usize, usize),
    Large(Set),
}

/// All sets of one way, by component.
#[derive(Debug)]
struct Made {
    list: Vec<u32>,
    places: Vec<Place>,
    pairs: u64,
}

impl Made {
    /// Each set from those of the neighbours, which come before it in `order`.
    fn new<'a>(
        order: impl Iterator<Item = &'a ComponentId>,
        neighbours: &[Vec<u32>],
        pairs_max: u64,
    ) -> Result<Self, Unfit> {
        let places = vec![Place::Small(0, 0); neighbours.len()];
        let mut made = Made { list: Vec::new(), places, pairs: 0 };
        let mut work = Work::default();
        for component in order {
            let of = neighbours.get(at(component.0)).map(Vec::as_slice).unwrap_or_default();
            let named: Vec<(u32, SetRef<'_>)> = of
                .iter()
                .filter_map(|&name| Some((name, made.set(made.places.get(at(name))?))))
                .collect();
            work.unite(&named);
            made.pairs += count(work.len());
            if made.pairs > pairs_max {
                return Err(Unfit::OverBudget);
            }
            let place = if Packing::is_small(&work) {
                let begin = made.list.len();
                made.list.extend_from_slice(work.list_made());
                Place::Small(begin, made.list.len())
            } else {
                Place::Large(work.set_made())
            };
            if let Some(held) = made.places.get_mut(at(component.0)) {
                *held = place;
            }
        }
        Ok(made)
    }

    fn set<'a>(&'a self, place: &'a Place) -> SetRef<'a> {
        match place {
            Place::Small(begin, end) => {
                SetRef::List(self.list.get(*begin..*end).unwrap_or_default())
            }
            Place::Large(set) => set.as_ref(),
        }
    }
}
