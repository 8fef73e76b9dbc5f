//! Which team reaches which: the closure over effective team memberships.
//!
//! Owns the strongly connected components of the team graph, the direct edges upward and, while
//! they fit the budget, all that is below each component. It must not know people, rows, names or
//! versions; the direct edges it learns from whoever holds them ([`TeamEdges`]).
//!
//! INVARIANT (closure): equals reachability over effective team memberships, at every version.
//!
//! Stored one way: what is below. Whether one team is in another is asked of the upper one's set;
//! what is above a team is walked. So an edge above thousands of teams changes the sets of the few
//! above it, and none of the thousands.
//!
//! Kept over components, so that n teams in one cycle cost n entries and not n²; a component's sets
//! never hold itself. Beyond the budget ([`super::GraphLimits`]) the sets are dropped and questions
//! are searched over the direct edges: slower, and as right.
//!
//! | file | what |
//! |---|---|
//! | `above` | what is above a team, by a walk |
//! | `changed` | which teams may have others below them than in another version |
//! | `add` | one more direct edge, by the sets alone |
//! | `remove` | direct edges gone: which may change, and in which order |
//! | `losses` | what is lost, found from above or from below |
//! | `direct` | direct edges side by side, and the components under them |
//! | `rebuild` | the whole from the direct edges: after a copy, or a very large transaction |
//! | `search` | reachability over direct edges, and the upkeep while nothing is materialised |
//! | `sets` | sets of components, as lists or as bits |
//! | `packed` | where the sets of 64 components are kept |
//! | `validate` | the check by recomputation |
//! | `weigh` | the sum over its pairs, for the digest |

mod above;
mod add;
mod changed;
mod direct;
mod losses;
mod packed;
mod rebuild;
mod remove;
mod search;
mod sets;
mod validate;
mod weigh;

use super::digest::Weight;
use super::pages::{PageTree, Pages, count, page_of, slot_of};
use crate::id::TeamId;
use packed::{Change, Packed, TeamPage};
use search::Backoff;
use sets::{SetRef, Work};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The effective direct edges between teams, as the version (or the working version) has them.
pub(super) trait TeamEdges {
    /// Teams that the team is directly in, ascending; never itself.
    fn parents(&self, team: TeamId) -> impl Iterator<Item = TeamId>;
    /// Teams that the team's rows state it to be in, ascending: also itself, and those that do not
    /// exist.
    fn stated_parents(&self, team: TeamId) -> impl Iterator<Item = TeamId>;
    /// Teams that are directly in the team; never itself.
    fn children(&self, team: TeamId) -> impl Iterator<Item = TeamId>;
    /// Every team that exists, ascending.
    fn teams(&self) -> impl Iterator<Item = TeamId>;
    /// Tells what a team weighs in the digest as the lower one of a pair; whether or not it exists.
    fn lower_weights(&self) -> impl FnMut(TeamId) -> Weight;
    /// What it weighs as the upper one.
    fn upper_weight(&self, team: TeamId) -> Weight;
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

/// A team that is asked about, with what is below its component: found once for all that is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    team: TeamId,
    component: ComponentId,
    below: SetRef<'a>,
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

/// The components, the edges above each team and all that is below each component.
#[derive(Clone, Debug, Default)]
pub(super) struct Closure {
    teams: PageTree<TeamPage>,
    /// Component → all components below it, never itself.
    below: PageTree<Packed>,
    /// Team → its component's number plus one, for teams in components of more than one.
    grouped: Pages<u32>,
    /// Components of more than one team, with their teams, ascending.
    cyclic: Arc<BTreeMap<u32, Arc<[TeamId]>>>,
    teams_on_cycles: u64,
    /// Pairs of different components, one above the other; 0 while nothing is materialised.
    pairs: u64,
    /// The sum over pairs of different teams, one in the other; while nothing is materialised it is
    /// of no meaning.
    weight: Weight,
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
            self.set_exists(team, true);
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
            self.set_exists(team, false);
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
        self.add_all(edges, &delta.added, pairs_max, cost_max)?;
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

    /// The team with what is below it; `None` if it does not exist.
    pub(super) fn target(&self, team: TeamId) -> Option<Target<'_>> {
        let component = self.component(team)?;
        Some(Target { team, component, below: self.below(component) })
    }

    /// Whether one of the teams (ascending) is the target, or is in it through any chain of teams.
    pub(super) fn any_reaches<E: TeamEdges>(
        &self,
        edges: &E,
        mut from: impl Iterator<Item = TeamId>,
        target: Target<'_>,
    ) -> bool {
        let Target { team, component, below } = target;
        if self.is_searched {
            return search::any_reaches(edges, from.collect(), team);
        }
        if self.cyclic.is_empty() {
            return below.meets(component.0, from.map(|from| from.0));
        }
        from.any(|from| {
            self.component(from).is_some_and(|from| from == component || below.contains(from.0))
        })
    }

    /// What the components and sets say; `None` if it must be searched.
    fn reach(&self, from: TeamId, to: TeamId) -> Option<bool> {
        let (Some(from), Some(to)) = (self.component(from), self.component(to)) else {
            return Some(false);
        };
        if from == to {
            return Some(true);
        }
        (!self.is_searched).then(|| self.below(to).contains(from.0))
    }

    /// Every other team that the team is in, ascending.
    pub(super) fn teams_above(&self, team: TeamId) -> Vec<TeamId> {
        let mut teams = self.teams_at_or_above(&[team]);
        teams.retain(|&other| other != team);
        teams
    }

    /// The existing ones of the teams, and every team that one of them is in, ascending.
    pub(super) fn teams_at_or_above(&self, teams: &[TeamId]) -> Vec<TeamId> {
        self.walk_up(teams.iter().copied()).into_iter().map(TeamId).collect()
    }

    /// Every other team that is in the team, ascending.
    pub(super) fn teams_below<E: TeamEdges>(&self, edges: &E, team: TeamId) -> Vec<TeamId> {
        let Some(own) = self.component(team) else { return Vec::new() };
        let mut teams: Vec<TeamId> = if self.is_searched {
            search::reached(edges, &[team], Way::Down).into_iter().collect()
        } else {
            let below = self.below(own).to_vec();
            if self.cyclic.is_empty() {
                return below.into_iter().map(TeamId).collect();
            }
            let below = below.into_iter().chain([own.0]);
            below.flat_map(|component| self.teams(ComponentId(component))).collect()
        };
        teams.retain(|&other| other != team);
        teams.sort_unstable();
        teams
    }

    /// Whether no other team is in the target.
    pub(super) fn is_lowest(&self, target: Target<'_>) -> bool {
        !self.is_searched
            && target.below.is_empty()
            && !self.cyclic.contains_key(&target.component.0)
    }

    /// False if none of the teams from the first to the last is below the target, as far as the
    /// ends of its set tell.
    pub(super) fn may_reach(&self, first: TeamId, last: TeamId, target: Target<'_>) -> bool {
        self.is_searched || !self.cyclic.is_empty() || target.below.may_meet(first.0, last.0)
    }

    /// The cycles, as the teams of each; at most `limit` of them.
    pub(super) fn cycles(&self, limit: usize) -> Vec<Vec<TeamId>> {
        self.cyclic.values().take(limit).map(|teams| teams.to_vec()).collect()
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

    /// The digest's sum over pairs of teams; `None` while nothing is materialised.
    pub(super) fn digest(&self) -> Option<u128> {
        self.is_materialised().then_some(self.weight.0)
    }

    pub(super) const fn is_materialised(&self) -> bool {
        !self.is_searched
    }

    /// See [`super::pages::PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.teams.copied_bytes()
            + self.below.copied_bytes()
            + self.grouped.copied_bytes()
            + self.replaced_bytes
    }

    fn component(&self, team: TeamId) -> Option<ComponentId> {
        let (page, bit) = (self.teams.get(page_of(team.0))?, 1_u64 << slot_of(team.0));
        if page.exists & bit == 0 {
            return None;
        }
        if page.grouped & bit == 0 {
            return Some(ComponentId(team.0));
        }
        self.grouped.get(team.0)?.checked_sub(1).map(ComponentId)
    }

    /// The components below, never itself.
    fn below(&self, component: ComponentId) -> SetRef<'_> {
        let page = self.below.get(page_of(component.0));
        page.map_or(SetRef::EMPTY, |page| page.get(slot_of(component.0)))
    }

    fn set_exists(&mut self, team: TeamId, exists: bool) {
        let (page, bit) = (self.teams.get_mut(page_of(team.0)), 1_u64 << slot_of(team.0));
        page.exists = if exists { page.exists | bit } else { page.exists & !bit };
    }

    /// Below each of these components (ascending) that becomes of the set.
    fn change_all<E: TeamEdges>(&mut self, edges: &E, these: &[u32], change: Change) {
        let items: Vec<(u32, usize)> = these.iter().map(|&component| (component, 0)).collect();
        self.change(edges, &items, &[change]);
    }

    /// Changes what is below components, a page at a time; `items` say which component has which
    /// of the changes, and are ascending. The old sets stay with the versions that have them.
    fn change<E: TeamEdges>(&mut self, edges: &E, items: &[(u32, usize)], changes: &[Change]) {
        let (mut work, empty) = (Work::default(), Packed::default());
        let (mut weight, mut totals) = (Weight::default(), vec![None; changes.len()]);
        for items in items.chunk_by(|(a, _), (b, _)| page_of(*a) == page_of(*b)) {
            let Some(page) = items.first().map(|&(component, _)| page_of(component)) else {
                continue;
            };
            let old = self.below.get(page).unwrap_or(&empty);
            let Some(new) = old.rewritten(items, changes, &mut work) else { continue };
            for &(component, place) in items {
                if let (Some(change), Some(total)) = (changes.get(place), totals.get_mut(place)) {
                    let sets = [old, &new.sets].map(|page| page.get(slot_of(component)));
                    let below = self.change_weight(edges, change, sets, total);
                    weight += self.upper_weight(edges, ComponentId(component)) * below;
                }
            }
            self.replaced_bytes += new.replaced_bytes;
            self.pairs = self.pairs + new.gained - new.lost;
            *self.below.get_mut(page) = new.sets;
        }
        self.weight += weight;
    }

    fn teams(&self, component: ComponentId) -> impl Iterator<Item = TeamId> {
        let held = self.cyclic.get(&component.0).map(|teams| &**teams);
        let single = held.is_none().then_some(TeamId(component.0));
        held.unwrap_or_default().iter().copied().chain(single)
    }

    /// Makes the teams (ascending) one component. They were alone, without sets, or not at all.
    fn unite<E: TeamEdges>(&mut self, edges: &E, teams: &[TeamId]) -> Option<ComponentId> {
        let name = ComponentId(teams.first()?.0);
        for &team in teams {
            self.set_exists(team, true);
        }
        if teams.len() > 1 {
            for &team in teams {
                *self.grouped.get_mut(team.0) = name.0 + 1;
                self.teams.get_mut(page_of(team.0)).grouped |= 1 << slot_of(team.0);
            }
            Arc::make_mut(&mut self.cyclic).insert(name.0, Arc::from(teams));
            self.teams_on_cycles += count(teams.len());
            self.weight += weigh::among(edges, teams);
        }
        Some(name)
    }

    /// Takes components (ascending) apart: their teams, each alone and without sets, ascending.
    fn dissolve<E: TeamEdges>(&mut self, edges: &E, components: &[u32]) -> Vec<TeamId> {
        self.change_all(edges, components, Change::Clear);
        let mut all = Vec::new();
        for &name in components {
            if !self.cyclic.contains_key(&name) {
                all.push(TeamId(name));
                continue;
            }
            let teams = Arc::make_mut(&mut self.cyclic).remove(&name).unwrap_or_default();
            self.teams_on_cycles -= count(teams.len());
            self.weight -= weigh::among(edges, &teams);
            for &team in &*teams {
                self.teams.get_mut(page_of(team.0)).grouped &= !(1 << slot_of(team.0));
            }
            all.extend_from_slice(&teams);
        }
        all.sort_unstable();
        all
    }
}
