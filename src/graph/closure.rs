//! Which team reaches which: the closure over effective team memberships.
//!
//! Owns the strongly connected components of the team graph and, while they fit the budget, each
//! component's ancestors and descendants. It must not know people, rows, names or versions; the
//! direct edges it asks of whoever holds them ([`TeamEdges`]).
//!
//! INVARIANT (closure): equals reachability over effective team memberships, at every version.
//!
//! Kept over components, so that n teams in one cycle cost n entries and not n²; a component's sets
//! never hold itself. Beyond the budget ([`super::GraphLimits`]) the sets are dropped and questions
//! are searched over the direct edges: slower, and as right.
//!
//! | file | what |
//! |---|---|
//! | `add` | one more direct edge, by the sets alone |
//! | `remove` | direct edges gone: who must be recomputed, and in which order |
//! | `rebuild` | the whole from the direct edges: after a copy, or a very large transaction |
//! | `search` | reachability over direct edges, and the upkeep while nothing is materialised |
//! | `sets` | sorted sets of components |

mod add;
mod rebuild;
mod remove;
mod search;
mod sets;

use super::pages::{Pages, count};
use crate::id::TeamId;
use foldhash::fast::RandomState;
use search::Backoff;
use sets::ComponentSet;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// The effective direct edges between teams, as the version (or the working version) has them.
pub(super) trait TeamEdges {
    /// Teams that the team is directly in; never itself.
    fn parents(&self, team: TeamId) -> impl Iterator<Item = TeamId>;
    /// Teams that are directly in the team; never itself.
    fn children(&self, team: TeamId) -> impl Iterator<Item = TeamId>;
    /// Every team that exists, ascending.
    fn teams(&self) -> impl Iterator<Item = TeamId>;
}

/// Which way along the edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From a team to those that it is in.
    Up,
    /// From a team to those that are in it.
    Down,
}

impl Way {
    fn neighbours<E: TeamEdges>(self, edges: &E, team: TeamId) -> Vec<TeamId> {
        match self {
            Way::Up => edges.parents(team).collect(),
            Way::Down => edges.children(team).collect(),
        }
    }
}

/// A strongly connected component, named by the smallest number of its teams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ComponentId(u32);

#[derive(Clone, Debug, Default)]
struct Component {
    /// The teams, ascending; none where the component is the one team of its name.
    teams: Option<Arc<[TeamId]>>,
    ancestors: ComponentSet,
    descendants: ComponentSet,
}

impl Component {
    const fn set(&self, way: Way) -> &ComponentSet {
        match way {
            Way::Up => &self.ancestors,
            Way::Down => &self.descendants,
        }
    }

    const fn set_mut(&mut self, way: Way) -> &mut ComponentSet {
        match way {
            Way::Up => &mut self.ancestors,
            Way::Down => &mut self.descendants,
        }
    }
}

/// What a transaction did to the team graph, net of what it took back itself.
#[derive(Debug, Default)]
pub(super) struct TeamDelta {
    /// Teams that exist now and did not.
    pub(super) born: Vec<TeamId>,
    /// Teams that existed and do not now.
    pub(super) died: Vec<TeamId>,
    /// Effective edges (child, parent) that are new.
    pub(super) added: Vec<(TeamId, TeamId)>,
    /// Effective edges (child, parent) that are gone.
    pub(super) removed: Vec<(TeamId, TeamId)>,
}

/// A transaction of at least this many edges may be cheaper to recompute whole than edge by edge:
/// 20,000 teams take 10 ms whole, and an edge about 1 µs to 1 ms alone.
const REBUILD_EDGES_MIN: usize = 256;

/// While nothing is materialised, each new edge is a search of the graph, and finding all
/// components anew is one too, but for a factor of a few tens.
const SEARCHED_EDGES_MAX: usize = 64;

/// The components, and their ancestors and descendants.
#[derive(Clone, Debug, Default)]
pub(super) struct Closure {
    /// Team → its component's number plus one; zero for a team that does not exist.
    component_of: Pages<u32>,
    components: Pages<Component>,
    /// Components of more than one team.
    cyclic: Arc<BTreeSet<u32>>,
    teams_on_cycles: u64,
    /// Pairs of different components, one above the other; 0 while nothing is materialised.
    pairs: u64,
    /// Whether the pairs would not fit the budget: then nothing is materialised.
    is_searched: bool,
    /// When to try again, if so.
    backoff: Backoff,
    /// Bytes of sets that were replaced: what older versions hold alone.
    replaced_bytes: u64,
}

/// Why the sets cannot be brought up edge by edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    /// The pairs would not fit the budget.
    OverBudget,
    /// It would cost more than to recompute the whole.
    TooCostly,
}

impl Closure {
    /// Brings the closure to the state of `edges`, which `delta` tells what became of.
    pub(super) fn update<E: TeamEdges>(
        &mut self,
        edges: &E,
        delta: &TeamDelta,
        edges_total: u64,
        pairs_max: u64,
    ) {
        let changes = delta.added.len() + delta.removed.len();
        if changes >= REBUILD_EDGES_MIN && count(changes) * 8 > edges_total {
            self.rebuild(edges, pairs_max);
            return;
        }
        for &team in &delta.born {
            *self.component_of.get_mut(team.0) = team.0 + 1;
        }
        if self.is_searched {
            self.update_searched(edges, delta, pairs_max);
        } else {
            match self.update_sets(edges, delta, edges_total, pairs_max) {
                Ok(()) if self.pairs < pairs_max / 2 => self.backoff = Backoff::default(),
                Ok(()) => {}
                // The exact number of pairs is known to be too large: no use in trying.
                Err(Unfit::OverBudget) if delta.removed.is_empty() => self.give_up(edges),
                Err(Unfit::OverBudget | Unfit::TooCostly) => self.rebuild(edges, pairs_max),
            }
        }
        for &team in &delta.died {
            *self.component_of.get_mut(team.0) = 0;
        }
    }

    fn update_sets<E: TeamEdges>(
        &mut self,
        edges: &E,
        delta: &TeamDelta,
        edges_total: u64,
        pairs_max: u64,
    ) -> Result<(), Unfit> {
        // A single edge costs what it costs; many may not cost more than all.
        let many = delta.added.len() + delta.removed.len() >= REBUILD_EDGES_MIN;
        let cost_max = if many { 4 * (self.pairs + edges_total) } else { u64::MAX };
        self.add_all(&delta.added, pairs_max, cost_max)?;
        self.remove_all(edges, &delta.removed, pairs_max, cost_max)
    }

    /// Whether the team exists.
    pub(super) fn exists(&self, team: TeamId) -> bool {
        self.component(team).is_some()
    }

    /// Whether the team is the other, or is in it through any chain of teams.
    pub(super) fn reaches<E: TeamEdges>(&self, edges: &E, from: TeamId, to: TeamId) -> bool {
        self.reach(from, to).unwrap_or_else(|| search::reaches(edges, from, to))
    }

    /// Whether one of the teams is the other, or is in it through any chain of teams.
    pub(super) fn any_reaches<E: TeamEdges>(
        &self,
        edges: &E,
        mut from: impl Iterator<Item = TeamId>,
        to: TeamId,
    ) -> bool {
        if self.is_searched {
            search::any_reaches(edges, from.collect(), to)
        } else {
            from.any(|from| self.reach(from, to) == Some(true))
        }
    }

    /// What the components and sets say; `None` if it must be searched.
    fn reach(&self, from: TeamId, to: TeamId) -> Option<bool> {
        let (Some(from), Some(to)) = (self.component(from), self.component(to)) else {
            return Some(false);
        };
        if from == to {
            return Some(true);
        }
        (!self.is_searched).then(|| self.set(from, Way::Up).contains(to))
    }

    /// Every other team that the team is in, ascending.
    pub(super) fn above<E: TeamEdges>(&self, edges: &E, team: TeamId) -> Vec<TeamId> {
        self.all(edges, team, Way::Up)
    }

    /// The existing ones of the teams, and every team that one of them is in, ascending.
    pub(super) fn at_or_above<E: TeamEdges>(&self, edges: &E, teams: &[TeamId]) -> Vec<TeamId> {
        let mut all: Vec<TeamId> = if self.is_searched {
            search::reached(edges, teams, Way::Up).into_iter().collect()
        } else {
            let above = self.components_at_or_above(teams);
            above.into_iter().flat_map(|component| self.teams(component)).collect()
        };
        all.retain(|&team| self.exists(team));
        all.sort_unstable();
        all
    }

    /// Each component once, however many of the teams are below it: what was seen is closed
    /// upward, so that the ancestors of a component that was seen were seen too. The lowest first,
    /// so that a chain costs its length and not its square.
    fn components_at_or_above(&self, teams: &[TeamId]) -> HashSet<ComponentId, RandomState> {
        let mut own: Vec<ComponentId> =
            teams.iter().filter_map(|&team| self.component(team)).collect();
        own.sort_by_key(|&component| Reverse(self.set(component, Way::Up).len()));
        let mut seen = HashSet::default();
        for component in own {
            if seen.insert(component) {
                seen.extend(self.set(component, Way::Up).iter());
            }
        }
        seen
    }

    /// Every other team that is in the team, ascending.
    pub(super) fn below<E: TeamEdges>(&self, edges: &E, team: TeamId) -> Vec<TeamId> {
        self.all(edges, team, Way::Down)
    }

    /// Whether no other team is in the team.
    pub(super) fn is_lowest(&self, team: TeamId) -> bool {
        if self.is_searched {
            return false;
        }
        let Some(component) = self.component(team) else { return true };
        let Some(held) = self.components.get(component.0) else { return true };
        held.teams.is_none() && held.descendants.is_empty()
    }

    fn all<E: TeamEdges>(&self, edges: &E, team: TeamId, way: Way) -> Vec<TeamId> {
        let Some(own) = self.component(team) else { return Vec::new() };
        let mut teams: Vec<TeamId> = if self.is_searched {
            search::reached(edges, &[team], way).into_iter().collect()
        } else {
            let others = self.set(own, way).iter().flat_map(|other| self.teams(other));
            self.teams(own).chain(others).collect()
        };
        teams.retain(|&other| other != team);
        teams.sort_unstable();
        teams
    }

    /// The cycles, as the teams of each; at most `limit` of them.
    pub(super) fn cycles(&self, limit: usize) -> Vec<Vec<TeamId>> {
        let cyclic = self.cyclic.iter().take(limit);
        cyclic.map(|&component| self.teams(ComponentId(component)).collect()).collect()
    }

    pub(super) fn cycle_count(&self) -> u64 {
        count(self.cyclic.len())
    }

    pub(super) const fn teams_on_cycles(&self) -> u64 {
        self.teams_on_cycles
    }

    pub(super) const fn pairs(&self) -> u64 {
        self.pairs
    }

    pub(super) const fn is_materialised(&self) -> bool {
        !self.is_searched
    }

    /// See [`super::pages::PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.component_of.copied_bytes() + self.components.copied_bytes() + self.replaced_bytes
    }

    fn component(&self, team: TeamId) -> Option<ComponentId> {
        self.component_of.get(team.0)?.checked_sub(1).map(ComponentId)
    }

    fn set(&self, component: ComponentId, way: Way) -> &ComponentSet {
        self.components.get(component.0).map_or(ComponentSet::EMPTY, |held| held.set(way))
    }

    /// Replaces a set; the old one stays with the versions that have it.
    fn replace(&mut self, component: ComponentId, way: Way, set: ComponentSet) {
        let held = self.components.get_mut(component.0).set_mut(way);
        self.replaced_bytes += held.bytes();
        *held = set;
    }

    fn teams(&self, component: ComponentId) -> impl Iterator<Item = TeamId> {
        let held = self.components.get(component.0).and_then(|held| held.teams.as_deref());
        let single = held.is_none().then_some(TeamId(component.0));
        held.unwrap_or_default().iter().copied().chain(single)
    }

    /// Makes the teams (ascending) one component, whose sets are empty. Whatever components they
    /// were in are gone.
    fn unite(&mut self, teams: &[TeamId]) -> Option<ComponentId> {
        let name = ComponentId(teams.first()?.0);
        for team in teams {
            *self.component_of.get_mut(team.0) = name.0 + 1;
        }
        let cyclic = teams.len() > 1;
        let held = cyclic.then(|| Arc::from(teams));
        *self.components.get_mut(name.0) = Component { teams: held, ..Component::default() };
        if cyclic {
            Arc::make_mut(&mut self.cyclic).insert(name.0);
            self.teams_on_cycles += count(teams.len());
        }
        Some(name)
    }

    /// Takes a component apart; its teams have none until they are united anew.
    fn dissolve(&mut self, component: ComponentId) -> Vec<TeamId> {
        let held = std::mem::take(self.components.get_mut(component.0));
        self.replaced_bytes += held.ancestors.bytes() + held.descendants.bytes();
        if self.cyclic.contains(&component.0) {
            Arc::make_mut(&mut self.cyclic).remove(&component.0);
            self.teams_on_cycles -= count(held.teams.as_deref().unwrap_or_default().len());
        }
        held.teams.map_or_else(|| vec![TeamId(component.0)], |teams| teams.to_vec())
    }

    /// Splits a component by the direct edges that are left within it. The parts come with
    /// ancestors first; one part, if it still hangs together.
    fn split<E: TeamEdges>(&mut self, edges: &E, component: ComponentId) -> Vec<ComponentId> {
        let teams = self.dissolve(component);
        let parts = rebuild::components(edges, &teams);
        parts.iter().filter_map(|part| self.unite(part)).collect()
    }

    /// Checks the components and sets against a search from every team.
    pub(super) fn validate<E: TeamEdges>(&self, edges: &E) -> Result<(), String> {
        let (mut pairs, mut on_cycles) = (0, 0);
        for team in edges.teams() {
            let component = self.component(team).ok_or_else(|| format!("closure: no {team:?}"))?;
            let up = search::reached(edges, &[team], Way::Up);
            let down = search::reached(edges, &[team], Way::Down);
            let mut mates: Vec<TeamId> = up.intersection(&down).copied().collect();
            mates.sort_unstable();
            let kept: Vec<TeamId> = self.teams(component).collect();
            if kept != mates || mates.first() != Some(&TeamId(component.0)) {
                return Err(format!(
                    "closure: {team:?} hangs together with {mates:?}, not {kept:?}"
                ));
            }
            let cyclic = mates.len() > 1;
            if cyclic != self.cyclic.contains(&component.0) {
                return Err(format!("closure: {component:?} is on the wrong side of cyclic"));
            }
            on_cycles += u64::from(cyclic);
            if team.0 == component.0 {
                pairs += count(self.set(component, Way::Up).len());
            }
            for (way, reached) in [(Way::Up, up), (Way::Down, down)] {
                let mut expected: Vec<TeamId> = reached.into_iter().collect();
                expected.retain(|&other| other != team);
                expected.sort_unstable();
                let kept = self.all(edges, team, way);
                if kept != expected {
                    return Err(format!(
                        "closure: {way:?} of {team:?}: {kept:?}, not {expected:?}"
                    ));
                }
            }
        }
        if (pairs, on_cycles) != (self.pairs, self.teams_on_cycles) {
            return Err(format!("closure: counts {pairs}, {on_cycles} are not those kept"));
        }
        Ok(())
    }
}
