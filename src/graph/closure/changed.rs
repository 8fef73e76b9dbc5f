//! Which teams may have others at or below them than they had in another version.
//!
//! Owns the comparison of the direct edges upward, page by page, where the versions do not share
//! them. It must not know people: what a changed closure means for them is asked elsewhere.

use super::Closure;
use super::packed::TeamPage;
use crate::graph::chunks::only_in;
use crate::graph::pages::{WIDTH, number};
use crate::id::TeamId;

impl Closure {
    /// Every team that may have other teams at or below it, itself included, than it had before;
    /// ascending. Both closures are of one copy.
    ///
    /// Whatever a team has won or lost below it, a chain of edges leads there in one of the
    /// versions, and one of those edges is not in the other: the team is at or above its end.
    pub(in crate::graph) fn regrouped_since(&self, before: &Self) -> Vec<TeamId> {
        let (mut lost, mut gained) = (Vec::new(), Vec::new());
        let empty = TeamPage::default();
        for page in self.teams.unshared(&before.teams) {
            let was = before.teams.get(page).unwrap_or(&empty);
            let is = self.teams.get(page).unwrap_or(&empty);
            for slot in 0..WIDTH {
                if (was.exists ^ is.exists) >> slot & 1 == 1 {
                    let team = TeamId(page * number(WIDTH) + number(slot));
                    lost.push(team);
                    gained.push(team);
                }
                let (old, new) = (was.parents.get(slot).to_vec(), is.parents.get(slot).to_vec());
                lost.extend(only_in(&old, &new).into_iter().map(TeamId));
                gained.extend(only_in(&new, &old).into_iter().map(TeamId));
            }
        }
        let mut teams = before.teams_at_or_above(&lost);
        teams.extend(self.teams_at_or_above(&gained));
        teams.sort_unstable();
        teams.dedup();
        teams
    }
}
