//! What one transaction did to the team graph, net.
//!
//! Owns the notes that the writer takes as changes arrive ([`Touched`]) and their evaluation at
//! commit: an edge counts if it is stated between two teams that exist, and whatever a transaction
//! did and took back itself is nothing. It must not know how the closure uses it.

use super::closure::{TeamDelta, TeamEdges};
use super::state::State;
use crate::id::{MemberId, TeamId};

/// What may have changed in the team graph since the last commit; more than did, never less.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Members that became a team or ceased to be one.
    members: Vec<MemberId>,
    /// Stated edges that came or went, child → parent.
    edges: Vec<(TeamId, TeamId)>,
}

impl Touched {
    pub(super) fn member(&mut self, member: MemberId) {
        self.members.push(member);
    }

    pub(super) fn edge(&mut self, child: TeamId, parent: TeamId) {
        self.edges.push((child, parent));
    }

    pub(super) fn clear(&mut self) {
        *self = Touched::default();
    }

    /// What became of the team graph from `before` to `after`; the notes are used up.
    pub(super) fn take_delta(&mut self, before: &State, after: &State) -> TeamDelta {
        let Touched { mut members, mut edges } = std::mem::take(self);
        let mut delta = TeamDelta::default();
        members.sort_unstable();
        members.dedup();
        for team in members.into_iter().filter_map(|member| after.numbers.team(member)) {
            match (before.is_team(team), after.is_team(team)) {
                (false, true) => delta.born.push(team),
                (true, false) => delta.died.push(team),
                (true, true) | (false, false) => continue,
            }
            for state in [before, after] {
                edges.extend(state.parents(team).map(|parent| (team, parent)));
                edges.extend(state.children(team).map(|child| (child, team)));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        for (child, parent) in edges {
            match (before.is_team_edge(child, parent), after.is_team_edge(child, parent)) {
                (false, true) => delta.added.push((child, parent)),
                (true, false) => delta.removed.push((child, parent)),
                (true, true) | (false, false) => {}
            }
        }
        delta
    }
}
