//! Why is this member in that team?
//!
//! Owns the shortest chain of direct memberships. Of several, it is the one whose source keys, read
//! from the member on, come first: INVARIANT (total): the same memberships give the same path.

use super::Snapshot;
use super::closure::TeamEdges;
use crate::id::{MemberId, TeamId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Team → how many direct memberships lie between it and the target.
type Distances = HashMap<TeamId, u32, foldhash::fast::RandomState>;

impl Snapshot {
    /// The shortest chain of direct memberships from the member to the team, both ends included
    /// (the team alone, if the member is the team); `None` if the member does not participate.
    pub fn shortest_path(&self, member: MemberId, team: TeamId) -> Option<Vec<MemberId>> {
        self.kind(member)?;
        let target = self.member(team).filter(|_| self.state().closure.exists(team))?;
        let mut path = vec![member];
        if member == target {
            return Some(path);
        }
        let first = self.up_from(member);
        let distances = self.distances_to(team, &first)?;
        let mut choices = first;
        loop {
            let nearest = choices.iter().filter_map(|team| distances.get(team)).min()?;
            let best = choices.iter().filter(|team| distances.get(team) == Some(nearest));
            let step = best.copied().min_by_key(|&team| self.member(team).map(|m| self.key(m)))?;
            path.push(self.member(step)?);
            if step == team {
                return Some(path);
            }
            choices = self.state().parents(step).collect();
        }
    }

    /// The existing teams that the member is directly in.
    fn up_from(&self, member: MemberId) -> Vec<TeamId> {
        let edges = self.state().up.of(member).iter().map(|edge| edge.team());
        edges.filter(|&team| self.role(member, team).is_some()).collect()
    }

    /// Distances to the target, by a search down from it that ends with the level on which the
    /// first of `wanted` (ascending) is met; `None` if none is.
    fn distances_to(&self, target: TeamId, wanted: &[TeamId]) -> Option<Distances> {
        let mut distances = Distances::from_iter([(target, 0)]);
        let mut level = vec![target];
        let mut distance = 0;
        let mut met = wanted.binary_search(&target).is_ok();
        while !met && !level.is_empty() {
            distance += 1;
            let mut next = Vec::new();
            for team in level {
                for child in self.state().children(team) {
                    if let Entry::Vacant(unseen) = distances.entry(child) {
                        unseen.insert(distance);
                        met |= wanted.binary_search(&child).is_ok();
                        next.push(child);
                    }
                }
            }
            level = next;
        }
        met.then_some(distances)
    }
}
