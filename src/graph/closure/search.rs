//! Reachability by search over the direct edges, and the closure's upkeep while nothing is
//! materialised.
//!
//! Owns the searches (iterative, each team visited once) and the components' upkeep in that mode,
//! with the way back: after removals the whole is tried again, at most as often as the doubling
//! [`Backoff`] allows.

use super::direct::Direct;
use super::{Closure, ComponentId, SEARCHED_EDGES_MAX, TeamDelta, TeamEdges, Way};
use crate::graph::pages::count;
use crate::id::TeamId;
use std::collections::{BTreeSet, HashSet};

type TeamSet = HashSet<TeamId, foldhash::fast::RandomState>;

/// How many removals to wait for before the whole closure is tried again. Each failed try doubles
/// the wait (from nothing to one), so that the tries cost a logarithm of the removals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    wait: u64,
    left: u64,
}

impl Backoff {
    /// The wait after another try that did not fit.
    pub(super) const fn failed(self) -> Self {
        let wait = if self.wait == 0 { 1 } else { self.wait.saturating_mul(2) };
        Backoff { wait, left: wait }
    }

    /// Counts removals; true when it is time to try.
    fn is_due(&mut self, removals: u64) -> bool {
        self.left = self.left.saturating_sub(removals);
        removals > 0 && self.left == 0
    }
}

/// Everything that the teams reach that way, themselves included.
pub(super) fn reached<E: TeamEdges>(edges: &E, teams: &[TeamId], way: Way) -> TeamSet {
    let mut seen: TeamSet = teams.iter().copied().collect();
    let mut open = teams.to_vec();
    while let Some(team) = open.pop() {
        open.extend(way.neighbours(edges, team).into_iter().filter(|&next| seen.insert(next)));
    }
    seen
}

/// Whether `from` reaches `to` upward.
pub(super) fn reaches<E: TeamEdges>(edges: &E, from: TeamId, to: TeamId) -> bool {
    any_reaches(edges, vec![from], to)
}

/// Whether one of `from` reaches `to` upward: a search from both ends, always on the smaller side.
pub(super) fn any_reaches<E: TeamEdges>(edges: &E, from: Vec<TeamId>, to: TeamId) -> bool {
    if from.contains(&to) {
        return true;
    }
    let (mut up, mut down) = (Side::new(from, Way::Up), Side::new(vec![to], Way::Down));
    while !up.open.is_empty() && !down.open.is_empty() {
        let (near, far) =
            if up.open.len() <= down.open.len() { (&mut up, &down) } else { (&mut down, &up) };
        if near.step_meets(edges, far) {
            return true;
        }
    }
    false
}

/// One end of a two-sided search.
struct Side {
    way: Way,
    seen: TeamSet,
    open: Vec<TeamId>,
}

impl Side {
    fn new(teams: Vec<TeamId>, way: Way) -> Self {
        Side { way, seen: teams.iter().copied().collect(), open: teams }
    }

    /// Goes one edge further; whether the other side has been there.
    fn step_meets<E: TeamEdges>(&mut self, edges: &E, other: &Side) -> bool {
        for team in std::mem::take(&mut self.open) {
            for next in self.way.neighbours(edges, team) {
                if other.seen.contains(&next) {
                    return true;
                }
                if self.seen.insert(next) {
                    self.open.push(next);
                }
            }
        }
        false
    }
}

/// Whether the child still reaches the parent over the direct edges that are left. The stored
/// closure, which holds at least all that is left, only narrows the search; it never answers.
pub(super) fn still_reaches<E: TeamEdges>(
    closure: &Closure,
    edges: &E,
    child: TeamId,
    parent: TeamId,
) -> bool {
    let mut seen = TeamSet::from_iter([child]);
    let mut open = vec![child];
    while let Some(team) = open.pop() {
        for next in edges.parents(team) {
            if next == parent {
                return true;
            }
            if closure.reach(next, parent) == Some(true) && seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

impl Closure {
    /// Keeps the components right, by search; tries the whole again when it is due.
    pub(super) fn update_searched<E: TeamEdges>(
        &mut self,
        edges: &E,
        delta: &TeamDelta,
        pairs_max: u64,
    ) {
        if self.backoff.is_due(count(delta.removed.len())) {
            self.rebuild(edges, pairs_max);
            return;
        }
        if delta.added.len() > SEARCHED_EDGES_MAX {
            self.regroup(edges);
            self.is_searched = true;
            return;
        }
        delta.added.iter().for_each(|&(child, parent)| self.link(child, parent));
        delta.removed.iter().for_each(|&(child, parent)| self.unlink(child, parent));
        let broken = delta.removed.iter().filter_map(|&(child, parent)| {
            let component = self.component(child)?;
            (self.component(parent)? == component).then_some(component)
        });
        let broken: BTreeSet<ComponentId> = broken.collect();
        for component in broken {
            let teams = self.dissolve(edges, &[component.0]);
            for part in Direct::new(edges, teams).components().iter() {
                self.unite(edges, part);
            }
        }
        for &(child, parent) in &delta.added {
            if self.component(child) != self.component(parent) && reaches(edges, parent, child) {
                self.unite_cycle(edges, child, parent);
            }
        }
    }

    /// Everything between the parent and the child becomes one component.
    fn unite_cycle<E: TeamEdges>(&mut self, edges: &E, child: TeamId, parent: TeamId) {
        let above = reached(edges, &[parent], Way::Up);
        let below = reached(edges, &[child], Way::Down);
        let between = below.intersection(&above).filter_map(|&team| self.component(team));
        let merged: BTreeSet<u32> = between.map(|component| component.0).collect();
        let merged: Vec<u32> = merged.into_iter().collect();
        let teams = self.dissolve(edges, &merged);
        self.unite(edges, &teams);
    }
}
