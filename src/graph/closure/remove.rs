//! Direct edges between teams that are gone.
//!
//! Owns which components lose which others. Nothing changes for an edge child → parent if the
//! child still reaches the parent *by a search over the direct edges that are left, never by the
//! stored closure*: another parent's stored ancestors may hold this one only through the child.
//! All edges of a transaction are gone before the first question is asked.
//!
//! For the others, one side is gone through by its edges: the components below the children with
//! their parents, or those above the parents with their children, whichever has fewer. What a
//! component may lose is what it had through its own lost edges, and what its neighbours lost; it
//! keeps what a neighbour is or kept. An old set is strictly smaller than the sets of those that
//! see through it, so ascending size is a topological order, and no set of a component that is not
//! yet brought up is ever asked. The other side loses the very same pairs, mirrored.
//!
//! A component that breaks is first replaced by its parts, as if each still reached all others:
//! too much, and then what is too much is lost as above.

use super::packed::Change;
use super::search::still_reaches;
use super::sets::{Set, SetRef};
use super::{Closure, ComponentId, TeamEdges, Unfit, Way, rebuild};
use crate::graph::pages::{at, count};
use crate::id::TeamId;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type ByComponent<T> = HashMap<u32, T, RandomState>;

/// Components that lose the same.
#[derive(Debug)]
struct Group {
    lost: Vec<u32>,
    set: Set,
    who: Vec<u32>,
}

/// What each component of the side that is gone through loses.
#[derive(Debug, Default)]
struct Losses {
    groups: Vec<Group>,
    of: ByComponent<usize>,
}

/// One side of the edges that are gone.
struct Side {
    way: Way,
    /// Component → what it has no direct edge to any more.
    cut: BTreeMap<u32, Vec<u32>>,
    /// In topological order, those that sets are made from first.
    order: Vec<u32>,
}

/// Parts of components that broke → their place among the parts, those above first.
type Parts = BTreeMap<u32, usize>;

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
        let broken = failing.iter().filter_map(|&(child, parent)| {
            let component = self.component(child)?;
            (self.component(parent)? == component).then_some(component)
        });
        let broken: BTreeSet<ComponentId> = broken.collect();
        let mut parts = Parts::new();
        for component in broken {
            self.break_up(edges, component, &mut parts)?;
        }
        let below = self.side(&failing, &parts, Way::Up);
        let above = self.side(&failing, &parts, Way::Down);
        if count(below.order.len()) + count(above.order.len()) > cost_max {
            return Err(Unfit::TooCostly);
        }
        // A look at a child is about as dear as one at a team's parents.
        let few = below.order.len();
        let losses = match self.losses(edges, &above, &parts, few) {
            Some(losses) => (Way::Down, losses),
            None => match self.losses(edges, &below, &parts, usize::MAX) {
                Some(losses) => (Way::Up, losses),
                None => return Err(Unfit::TooCostly),
            },
        };
        self.lose(losses.0, losses.1);
        if self.pairs > pairs_max { Err(Unfit::OverBudget) } else { Ok(()) }
    }

    /// Puts the component's parts in its place, each as if it reached all that the whole did.
    fn break_up<E: TeamEdges>(
        &mut self,
        edges: &E,
        component: ComponentId,
        parts: &mut Parts,
    ) -> Result<(), Unfit> {
        let above = self.set(component, Way::Up).to_vec();
        let below = self.set(component, Way::Down).to_vec();
        let teams: Vec<TeamId> = self.teams(component).collect();
        let found = rebuild::components(edges, &teams);
        let size = count(found.len());
        // Beside the pairs that there are, recomputing the whole also costs its fixed part.
        const WHOLE_MIN: u64 = 1_000;
        if size * (size + count(above.len() + below.len())) > self.pairs + WHOLE_MIN {
            return Err(Unfit::TooCostly);
        }
        self.dissolve(&[component.0]);
        let mut names: Vec<u32> = Vec::new();
        for (place, part) in found.iter().enumerate() {
            if let Some(name) = self.unite(part) {
                parts.insert(name.0, place);
                names.push(name.0);
            }
        }
        names.sort_unstable();
        self.gain(&below, Way::Up, &[component.0], &names);
        self.gain(&above, Way::Down, &[component.0], &names);
        for (way, outside) in [(Way::Up, above), (Way::Down, below)] {
            let mut all = [outside, names.clone()].concat();
            all.sort_unstable();
            let all = Set::from_sorted(&all);
            let itself = |&name: &u32| Change {
                clears: false,
                gone: Set::default(),
                added: Set::from_sorted(
                    &all.as_ref().to_vec().into_iter().filter(|&n| n != name).collect::<Vec<_>>(),
                ),
            };
            let changes: Vec<Change> = names.iter().map(itself).collect();
            let items: Vec<(u32, usize)> =
                names.iter().enumerate().map(|(place, &name)| (name, place)).collect();
            self.change(way, &items, &changes);
        }
        Ok(())
    }

    /// The components whose sets in this way may change, and what each is cut from.
    fn side(&self, failing: &[(TeamId, TeamId)], parts: &Parts, way: Way) -> Side {
        let mut cut = BTreeMap::<u32, Vec<u32>>::new();
        for &(child, parent) in failing {
            let ends = (self.component(child), self.component(parent));
            let (Some(child), Some(parent)) = ends else { continue };
            let (from, to) = match way {
                Way::Up => (child.0, parent.0),
                Way::Down => (parent.0, child.0),
            };
            if from != to {
                cut.entry(from).or_default().push(to);
            }
        }
        let mut order = Vec::new();
        for &end in cut.keys().chain(parts.keys()) {
            order.push(end);
            self.set(ComponentId(end), way.against()).for_each(|other| order.push(other));
        }
        order.sort_unstable();
        order.dedup();
        order.sort_by_cached_key(|&component| {
            let place = parts.get(&component).copied().unwrap_or(0);
            let place = if way == Way::Up { place } else { parts.len() - place };
            (self.set(ComponentId(component), way).len(), place)
        });
        Side { way, cut, order }
    }

    /// What each component of the side loses; `None` if that takes a look at more than
    /// `neighbours_max` neighbours.
    fn losses<E: TeamEdges>(
        &self,
        edges: &E,
        side: &Side,
        parts: &Parts,
        neighbours_max: usize,
    ) -> Option<Losses> {
        let (mut losses, mut left) = (Losses::default(), neighbours_max);
        for &component in &side.order {
            let neighbours =
                self.neighbours_up_to(edges, ComponentId(component), side.way, left)?;
            left = left.saturating_sub(neighbours.len());
            let cut = side.cut.get(&component).map(Vec::as_slice).unwrap_or_default();
            let is_part = parts.contains_key(&component);
            if cut.is_empty() && !is_part {
                let mut groups = neighbours.iter().map(|neighbour| losses.of.get(neighbour));
                let first = groups.next().flatten().copied();
                if groups.all(|group| group.copied() == first) {
                    // Whatever all neighbours lost, none of them is or kept.
                    if let Some(group) = first {
                        losses.join(component, group);
                    }
                    continue;
                }
            }
            let candidates = if is_part {
                self.set(ComponentId(component), side.way).to_vec()
            } else {
                self.candidates(side.way, cut, &neighbours, &losses)
            };
            let lost = self.not_kept(side.way, component, candidates, &neighbours, &losses);
            losses.note(component, lost, &neighbours);
        }
        Some(losses)
    }

    /// What may be lost through the cut edges, and through what the neighbours lost; ascending.
    fn candidates(&self, way: Way, cut: &[u32], neighbours: &[u32], losses: &Losses) -> Vec<u32> {
        let mut candidates = Vec::new();
        for &end in cut {
            candidates.push(end);
            self.set(ComponentId(end), way).for_each(|other| candidates.push(other));
        }
        let mut groups: Vec<usize> =
            neighbours.iter().filter_map(|neighbour| losses.of.get(neighbour).copied()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups.into_iter().filter_map(|group| losses.groups.get(group)) {
            candidates.extend_from_slice(&group.lost);
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// The candidates that no neighbour is or kept.
    fn not_kept(
        &self,
        way: Way,
        component: u32,
        mut candidates: Vec<u32>,
        neighbours: &[u32],
        losses: &Losses,
    ) -> Vec<u32> {
        candidates.retain(|&candidate| candidate != component);
        let set = |neighbour: u32| self.set(ComponentId(neighbour), way);
        let total: usize = neighbours.iter().map(|&neighbour| set(neighbour).len() + 1).sum();
        if candidates.len().saturating_mul(neighbours.len()) <= total.saturating_mul(2) {
            candidates.retain(|&candidate| {
                !neighbours.iter().any(|&neighbour| {
                    neighbour == candidate
                        || (set(neighbour).contains(candidate)
                            && !losses.set(neighbour).contains(candidate))
                })
            });
            return candidates;
        }
        let mut kept = vec![0_u64; candidates.last().map_or(0, |&last| at(last) / 64 + 1)];
        let mut keep = |number: u32| {
            if let Some(word) = kept.get_mut(at(number) / 64) {
                *word |= 1 << (number % 64);
            }
        };
        for &neighbour in neighbours {
            keep(neighbour);
            let lost = losses.set(neighbour);
            set(neighbour).for_each(|other| {
                if !lost.contains(other) {
                    keep(other);
                }
            });
        }
        candidates.retain(|&candidate| {
            kept.get(at(candidate) / 64).is_none_or(|word| word >> (candidate % 64) & 1 == 0)
        });
        candidates
    }

    /// The numbers of the component's neighbours; `None` if there are more than so many.
    fn neighbours_up_to<E: TeamEdges>(
        &self,
        edges: &E,
        component: ComponentId,
        way: Way,
        limit: usize,
    ) -> Option<Vec<u32>> {
        let mut neighbours = Vec::new();
        for team in self.teams(component) {
            let before = neighbours.len();
            let room = limit.saturating_sub(before).saturating_add(1);
            match way {
                Way::Up => neighbours.extend(edges.parents(team).take(room).map(|team| team.0)),
                Way::Down => neighbours.extend(edges.children(team).take(room).map(|team| team.0)),
            }
            if neighbours.len() > limit {
                return None;
            }
        }
        if !self.cyclic.is_empty() {
            let of = |number: &u32| self.component(TeamId(*number)).map(|found| found.0);
            neighbours = neighbours.iter().filter_map(of).collect();
            neighbours.retain(|&other| other != component.0);
            neighbours.sort_unstable();
            neighbours.dedup();
        }
        Some(neighbours)
    }

    /// Takes the lost pairs out of the sets of both sides.
    fn lose(&mut self, way: Way, losses: Losses) {
        let mut items: Vec<(u32, usize)> = Vec::new();
        let mut mirrored = ByComponent::<Vec<usize>>::default();
        for (place, group) in losses.groups.iter().enumerate() {
            items.extend(group.who.iter().map(|&who| (who, place)));
            for &lost in &group.lost {
                mirrored.entry(lost).or_default().push(place);
            }
        }
        items.sort_unstable();
        // Components that the same groups lose, lose the same.
        let mut changes: Vec<Change> = Vec::new();
        let mut of_groups = HashMap::<Vec<usize>, usize, RandomState>::default();
        let mut mirrored: Vec<(u32, Vec<usize>)> = mirrored.into_iter().collect();
        mirrored.sort_unstable();
        let mut other_items: Vec<(u32, usize)> = Vec::with_capacity(mirrored.len());
        for (component, groups) in mirrored {
            let change = *of_groups.entry(groups).or_insert_with_key(|groups| {
                let groups = groups.iter().filter_map(|&group| losses.groups.get(group));
                let mut who: Vec<u32> =
                    groups.flat_map(|group| group.who.iter().copied()).collect();
                who.sort_unstable();
                changes.push(taken(Set::from_sorted(&who)));
                changes.len() - 1
            });
            other_items.push((component, change));
        }
        self.change(way.against(), &other_items, &changes);
        let changes: Vec<Change> =
            losses.groups.into_iter().map(|group| taken(group.set)).collect();
        self.change(way, &items, &changes);
    }
}

fn taken(gone: Set) -> Change {
    Change { clears: false, gone, added: Set::default() }
}

impl Losses {
    /// What the component lost.
    fn set(&self, component: u32) -> SetRef<'_> {
        let group = self.of.get(&component).and_then(|&group| self.groups.get(group));
        group.map_or(SetRef::EMPTY, |group| group.set.as_ref())
    }

    fn join(&mut self, component: u32, group: usize) {
        if let Some(held) = self.groups.get_mut(group) {
            held.who.push(component);
            self.of.insert(component, group);
        }
    }

    /// The component lost these: often what a neighbour lost.
    fn note(&mut self, component: u32, lost: Vec<u32>, neighbours: &[u32]) {
        if lost.is_empty() {
            return;
        }
        let known = neighbours.iter().filter_map(|neighbour| self.of.get(neighbour).copied());
        let known = known
            .collect::<Vec<_>>()
            .into_iter()
            .find(|&group| self.groups.get(group).is_some_and(|group| group.lost == lost));
        let group = known.unwrap_or_else(|| {
            let set = Set::from_sorted(&lost);
            self.groups.push(Group { lost, set, who: Vec::new() });
            self.groups.len() - 1
        });
        self.join(component, group);
    }
}
