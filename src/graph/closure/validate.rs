//! The closure against a search from every team.
//!
//! Owns the check that tests run after every step. It trusts nothing that is kept up.

use super::{Closure, TeamEdges, Way, search};
use crate::graph::digest::Weight;
use crate::graph::pages::count;
use crate::id::TeamId;

impl Closure {
    /// Checks the components and sets against a search from every team.
    pub(in crate::graph) fn validate<E: TeamEdges>(&self, edges: &E) -> Result<(), String> {
        let (mut pairs, mut on_cycles, mut weight) = (0, 0, Weight::default());
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
            if cyclic != self.cyclic.contains_key(&component.0) {
                return Err(format!("closure: {component:?} is on the wrong side of cyclic"));
            }
            on_cycles += u64::from(cyclic);
            if team.0 == component.0 {
                pairs += count(self.below(component).len());
            }
            let parents: Vec<TeamId> = edges.parents(team).collect();
            let kept = self.parents(team.0).to_vec();
            if !kept.iter().copied().map(TeamId).eq(parents.iter().copied()) {
                return Err(format!("closure: the edges of {team:?}: {kept:?}, not {parents:?}"));
            }
            let others = up.iter().filter(|&&other| other != team);
            let others: Weight = others.map(|&other| edges.upper_weight(other)).sum();
            weight += edges.lower_weights()(team) * others;
            let kept = [self.teams_above(team), self.teams_below(edges, team)];
            for (kept, reached) in kept.into_iter().zip([up, down]) {
                let mut expected: Vec<TeamId> = reached.into_iter().collect();
                expected.retain(|&other| other != team);
                expected.sort_unstable();
                if kept != expected {
                    return Err(format!("closure: from {team:?}: {kept:?}, not {expected:?}"));
                }
            }
        }
        if (pairs, on_cycles) != (self.pairs, self.teams_on_cycles) {
            return Err(format!("closure: counts {pairs}, {on_cycles} are not those kept"));
        }
        if self.digest().is_some_and(|kept| kept != weight.0) {
            return Err(format!("closure: {:?} kept, its pairs weigh {weight:?}", self.weight));
        }
        Ok(())
    }
}
