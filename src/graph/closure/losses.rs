//! What components lose when direct edges go.
//!
//! Owns finding the pairs of an upper and a lower component that are lost, by going through one
//! side of the edges that are gone ([`Losing`]): the components at or above the parents with their
//! children, or those at or below the children with their parents, whichever is less to look at.
//! It changes nothing: no set is written before all losses are known.
//!
//! What a component may lose is what it had through its own lost edges, and what its neighbours
//! lost; it keeps what a neighbour is or kept. An old set is strictly smaller than the sets of
//! those above, so the order by size is a topological one, and each component's neighbours of the
//! side come before it. Components that lose the same are one group.

use super::packed::Change;
use super::remove::Parts;
use super::sets::{Set, SetRef, Work};
use super::{Closure, ComponentId, TeamEdges, Unfit, Way};
use crate::graph::pages::count;
use crate::id::TeamId;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// So many looks at one number in a set take about as long as recomputing 200,000 teams.
const LOOKS_MAX: usize = 4_000_000;

/// Which component has which of the changes, ascending; and the changes.
type Found = (Vec<(u32, usize)>, Vec<Change>);

/// The edges that are gone, over which nothing that is left leads.
pub(super) struct Losing<'a, E> {
    closure: &'a Closure,
    /// Without those that are gone.
    edges: &'a E,
    /// (child, parent), as components.
    cut: Vec<(u32, u32)>,
    parts: Parts,
}

/// What the components of the side that is gone through lose, so far.
#[derive(Debug, Default)]
struct Losses {
    /// What the components of each group lose.
    groups: Vec<Set>,
    /// Component → group.
    of: HashMap<u32, usize, RandomState>,
}

impl<'a, E: TeamEdges> Losing<'a, E> {
    pub(super) const fn new(
        closure: &'a Closure,
        edges: &'a E,
        cut: Vec<(u32, u32)>,
        parts: Parts,
    ) -> Self {
        Losing { closure, edges, cut, parts }
    }

    /// What is taken out below which components.
    pub(super) fn find(&self, cost_max: u64) -> Result<Found, Unfit> {
        let upper = self.cut.iter().map(|&(_, parent)| parent).chain(self.parts.keys().copied());
        let mut above = self.closure.components_up(upper.map(ComponentId));
        let below_len: usize = self.lower_ends().map(|end| self.below(end).len() + 1).sum();
        if count(above.len() + below_len) > cost_max {
            return Err(Unfit::TooCostly);
        }
        above.sort_by_cached_key(|&component| self.order(component));
        // From above, a look is at a child's whole set; from below, it is at one number in the sets
        // of up to all that are above.
        let looks_max = below_len.saturating_mul(1 + above.len() / 8);
        if let Some(losses) = self.of_upper(&above, looks_max) {
            let mut items: Vec<(u32, usize)> = losses.of.into_iter().collect();
            items.sort_unstable();
            return Ok((items, losses.groups.into_iter().map(Change::TakeOut).collect()));
        }
        let mut below: Vec<u32> = self.lower_ends().collect();
        self.lower_ends().for_each(|end| self.below(end).for_each(|other| below.push(other)));
        below.sort_unstable();
        below.dedup();
        below.sort_by_cached_key(|&component| std::cmp::Reverse(self.order(component)));
        self.of_lower(&below).map(|losses| mirrored(&losses))
    }

    fn lower_ends(&self) -> impl Iterator<Item = u32> {
        self.cut.iter().map(|&(child, _)| child).chain(self.parts.keys().copied())
    }

    fn below(&self, component: u32) -> SetRef<'a> {
        self.closure.below(ComponentId(component))
    }

    /// Those below come first; parts of one component have sets of one size.
    fn order(&self, component: u32) -> (usize, usize) {
        let place = self.parts.get(&component).map_or(0, |place| self.parts.len() - place);
        (self.below(component).len(), place)
    }

    /// The component's neighbours over the edges that are left; `None` if there are more than so
    /// many.
    fn neighbours(&self, component: u32, way: Way, limit: usize) -> Option<Vec<u32>> {
        let mut neighbours = Vec::new();
        for team in self.closure.teams(ComponentId(component)) {
            let room = limit.saturating_sub(neighbours.len()).saturating_add(1);
            match way {
                Way::Up => {
                    neighbours.extend(self.edges.parents(team).take(room).map(|team| team.0));
                }
                Way::Down => {
                    neighbours.extend(self.edges.children(team).take(room).map(|team| team.0));
                }
            }
            if neighbours.len() > limit {
                return None;
            }
        }
        if !self.closure.cyclic.is_empty() {
            let of = |&number: &u32| self.closure.component(TeamId(number)).map(|found| found.0);
            neighbours = neighbours.iter().filter_map(of).collect();
            neighbours.retain(|&other| other != component);
            neighbours.sort_unstable();
            neighbours.dedup();
        }
        Some(neighbours)
    }

    /// What each of the upper components loses of what is below it; `None` if that takes a look at
    /// more than so many children.
    fn of_upper(&self, above: &[u32], mut looks_left: usize) -> Option<Losses> {
        let (mut losses, mut work) = (Losses::default(), Work::default());
        for &component in above {
            let children = self.neighbours(component, Way::Down, looks_left)?;
            looks_left -= children.len();
            let of_children = losses.groups_of(&children);
            let mut cut = self.cut.iter().filter(|&&(_, parent)| parent == component).peekable();
            let may_lose = if self.parts.contains_key(&component) {
                work.combine(SetRef::EMPTY, SetRef::EMPTY, self.below(component));
                work.set_made()
            } else if let (None, [group]) = (cut.peek(), &*of_children) {
                losses.groups.get(*group).cloned().unwrap_or_default()
            } else {
                let cut = cut.map(|&(child, _)| (Some(child), self.below(child)));
                let groups = of_children.iter().map(|&group| (None, losses.set(group)));
                let all: Vec<(Option<u32>, SetRef<'_>)> = cut.chain(groups).collect();
                work.unite(&all);
                work.set_made()
            };
            if may_lose.as_ref().is_empty() {
                continue;
            }
            let lost = self.not_kept(may_lose, &children, &losses, &mut work);
            losses.note(component, lost, &of_children);
        }
        Some(losses)
    }

    /// What no child is or kept.
    fn not_kept(&self, may: Set, children: &[u32], losses: &Losses, work: &mut Work) -> Set {
        let keeps = |child: u32| {
            may.as_ref().contains(child) || {
                let is_of_all =
                    losses.of.get(&child).is_some_and(|&of| losses.groups.get(of) == Some(&may));
                !is_of_all && self.below(child).intersects(may.as_ref())
            }
        };
        let keepers: Vec<u32> = children.iter().copied().filter(|&child| keeps(child)).collect();
        if keepers.is_empty() {
            return may;
        }
        let mut kept = Work::default();
        work.begin_with(may.as_ref());
        for &child in &keepers {
            work.take_out(SetRef::List(&[child]));
            match losses.of.get(&child) {
                None => work.take_out(self.below(child)),
                Some(&of) => {
                    kept.begin_with(self.below(child));
                    kept.take_out(losses.set(of));
                    work.take_out(kept.set_made().as_ref());
                }
            }
        }
        work.set_made()
    }

    /// What each of the lower components loses of what is above it.
    fn of_lower(&self, below: &[u32]) -> Result<Losses, Unfit> {
        let (mut losses, mut looks_left) = (Losses::default(), LOOKS_MAX);
        for &component in below {
            let parents = self.neighbours(component, Way::Up, usize::MAX).unwrap_or_default();
            let of_parents = losses.groups_of(&parents);
            let cut = self.cut.iter().filter(|&&(child, _)| child == component);
            // The walk is over the old edges, and all parts are above one another there.
            let from: Vec<u32> = if self.parts.contains_key(&component) {
                vec![component]
            } else {
                cut.map(|&(_, parent)| parent).collect()
            };
            if let ([group], true) = (&*of_parents, from.is_empty())
                && parents.iter().all(|parent| losses.of.contains_key(parent))
            {
                // Whatever all parents lost, none of them is or kept.
                losses.of.insert(component, *group);
                continue;
            }
            let mut may_lose = self.closure.components_up(from.into_iter().map(ComponentId));
            for &group in &of_parents {
                losses.set(group).for_each(|other| may_lose.push(other));
            }
            may_lose.sort_unstable();
            may_lose.dedup();
            looks_left = may_lose
                .len()
                .checked_mul(parents.len())
                .and_then(|looks| looks_left.checked_sub(looks))
                .ok_or(Unfit::TooCostly)?;
            may_lose.retain(|&upper| {
                let below = self.below(upper);
                let keeps = |&parent: &u32| {
                    parent == upper || below.contains(parent) && !losses.loses(parent, upper)
                };
                upper != component && !parents.iter().any(keeps)
            });
            losses.note(component, Set::from_sorted(&may_lose), &of_parents);
        }
        Ok(losses)
    }
}

/// What is taken out below the upper components, from what the lower ones lose.
fn mirrored(losses: &Losses) -> Found {
    let mut lower = vec![Vec::new(); losses.groups.len()];
    let mut of: Vec<(u32, usize)> = losses.of.iter().map(|(&of, &group)| (of, group)).collect();
    of.sort_unstable();
    for (component, group) in of {
        if let Some(lower) = lower.get_mut(group) {
            lower.push(component);
        }
    }
    let mut pairs: Vec<(u32, usize)> = Vec::new();
    for (group, set) in losses.groups.iter().enumerate() {
        set.as_ref().for_each(|upper| pairs.push((upper, group)));
    }
    pairs.sort_unstable();
    // Upper components that the same groups lose, lose the same.
    let (mut items, mut changes) = (Vec::new(), Vec::new());
    let mut known = HashMap::<Vec<usize>, usize, RandomState>::default();
    for pairs in pairs.chunk_by(|(a, _), (b, _)| a == b) {
        let Some(&(upper, _)) = pairs.first() else { continue };
        let groups: Vec<usize> = pairs.iter().map(|&(_, group)| group).collect();
        let change = *known.entry(groups).or_insert_with_key(|groups| {
            let lower = groups.iter().filter_map(|&group| lower.get(group));
            let mut lower: Vec<u32> = lower.flatten().copied().collect();
            lower.sort_unstable();
            changes.push(Change::TakeOut(Set::from_sorted(&lower)));
            changes.len() - 1
        });
        items.push((upper, change));
    }
    (items, changes)
}

impl Losses {
    /// What the components of the group lose.
    fn set(&self, group: usize) -> SetRef<'_> {
        self.groups.get(group).map_or(SetRef::EMPTY, Set::as_ref)
    }

    /// Whether the component loses the other.
    fn loses(&self, component: u32, other: u32) -> bool {
        self.of.get(&component).is_some_and(|&of| self.set(of).contains(other))
    }

    /// The groups that the components are of, each once.
    fn groups_of(&self, components: &[u32]) -> Vec<usize> {
        let groups = components.iter().filter_map(|component| self.of.get(component).copied());
        let mut groups: Vec<usize> = groups.collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The component loses these: often what a neighbour, of one of the groups, loses.
    fn note(&mut self, component: u32, lost: Set, groups: &[usize]) {
        if lost.as_ref().is_empty() {
            return;
        }
        let known = groups.iter().copied().find(|&group| self.groups.get(group) == Some(&lost));
        let group = known.unwrap_or_else(|| {
            self.groups.push(lost);
            self.groups.len() - 1
        });
        self.of.insert(component, group);
    }
}
