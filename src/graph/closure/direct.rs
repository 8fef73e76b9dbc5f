//! The direct edges among some teams, and the components under them.
//!
//! Owns the search for components: [Tarjan's](https://doi.org/10.1137/0201010), one pass over lists
//! that lie side by side, and without recursion, since a chain may have hundreds of thousands of
//! teams. It must not know what is kept of them.

use super::TeamEdges;
use crate::graph::pages::{at, number};
use crate::id::TeamId;

/// Some teams (ascending) and the direct edges upward among them, asked for once.
#[derive(Debug)]
pub(super) struct Direct {
    teams: Vec<TeamId>,
    /// Of many teams: team → its place among them plus one, or zero. Of few, none: they are looked
    /// for in their list, since memory for all teams would have to be cleared.
    places: Option<Vec<u32>>,
    /// Where each team's parents end.
    ends: Vec<usize>,
    parents: Vec<u32>,
}

/// Teams are few if they are not one in so many.
const FEW: usize = 64;

/// Components, those above before those below; the teams of each ascending.
#[derive(Debug, Default)]
pub(super) struct Components {
    teams: Vec<TeamId>,
    ends: Vec<usize>,
}

impl Direct {
    pub(super) fn new<E: TeamEdges>(edges: &E, teams: Vec<TeamId>) -> Self {
        Direct::of(teams, |team| edges.parents(team))
    }

    /// Of all teams that exist.
    pub(super) fn whole<E: TeamEdges>(edges: &E) -> Self {
        // Who is among them exists: to ask that of each edge would be to wait for memory.
        Direct::of(edges.teams().collect(), |team| edges.stated_parents(team))
    }

    fn of<I: Iterator<Item = TeamId>>(
        teams: Vec<TeamId>,
        parents_of: impl Fn(TeamId) -> I,
    ) -> Self {
        let places = places(&teams);
        let (mut ends, mut parents) = (Vec::with_capacity(teams.len()), Vec::new());
        for &team in &teams {
            let is_among = |&parent: &TeamId| {
                parent != team && place_among(&teams, places.as_deref(), parent).is_some()
            };
            parents.extend(parents_of(team).filter(is_among).map(|parent| parent.0));
            ends.push(parents.len());
        }
        Direct { teams, places, ends, parents }
    }

    /// Each team with its parents.
    pub(super) fn iter(&self) -> impl Iterator<Item = (TeamId, &[u32])> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins.zip(&self.ends);
        let parents = ranges.map(|(begin, &end)| self.parents.get(begin..end).unwrap_or_default());
        self.teams.iter().copied().zip(parents)
    }

    /// How many edges there are.
    pub(super) const fn edge_count(&self) -> usize {
        self.parents.len()
    }

    /// The components under the edges.
    pub(super) fn components(&self) -> Components {
        let mut search = Search {
            direct: self,
            nodes: vec![Node::default(); self.teams.len()],
            entered: 0,
            open: Vec::new(),
            path: Vec::new(),
            found: Components::default(),
        };
        for place in 0..number(self.teams.len()) {
            if search.node(place).entered == 0 {
                search.walk_from(place);
            }
        }
        search.found
    }

    /// Where the team's parents begin.
    fn begin(&self, place: u32) -> usize {
        let before = at(place).checked_sub(1).and_then(|before| self.ends.get(before));
        before.copied().unwrap_or(0)
    }

    /// The place of the parent that stands there, if it is one of this team's.
    fn parent(&self, place: u32, edge: usize) -> Option<u32> {
        let parent = self.parents.get(edge).filter(|_| self.ends.get(at(place)) > Some(&edge))?;
        place_among(&self.teams, self.places.as_deref(), TeamId(*parent))
    }
}

/// The teams' places, where they are many.
fn places(teams: &[TeamId]) -> Option<Vec<u32>> {
    let all = at(teams.last()?.0) + 1;
    if teams.len() < all / FEW {
        return None;
    }
    let mut places = vec![0_u32; all];
    for (place, team) in (1..).zip(teams) {
        if let Some(held) = places.get_mut(at(team.0)) {
            *held = place;
        }
    }
    Some(places)
}

/// The place of a team that is among them.
fn place_among(teams: &[TeamId], places: Option<&[u32]>, team: TeamId) -> Option<u32> {
    match places {
        Some(places) => places.get(at(team.0))?.checked_sub(1),
        None => teams.binary_search(&team).ok().map(number),
    }
}

impl Components {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[TeamId]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins.zip(&self.ends);
        ranges.map(|(begin, &end)| self.teams.get(begin..end).unwrap_or_default())
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// Counted from 1; 0 before, [`DONE`] once its component is found.
    entered: u32,
    /// The first entered that it is known to reach and whose component is not found.
    low: u32,
}

/// Past all counts, so that nothing is ever lower for it.
const DONE: u32 = u32::MAX;

struct Search<'a> {
    direct: &'a Direct,
    nodes: Vec<Node>,
    entered: u32,
    /// Those entered whose component is not found.
    open: Vec<u32>,
    /// The way to where the search is, each with its next edge.
    path: Vec<(u32, usize)>,
    found: Components,
}

impl Search<'_> {
    #[expect(clippy::indexing_slicing, reason = "there is a node for each place")]
    fn node(&mut self, place: u32) -> &mut Node {
        &mut self.nodes[at(place)]
    }

    fn walk_from(&mut self, root: u32) {
        self.enter(root);
        while let Some((here, edge)) = self.path.last_mut() {
            let (here, next) = (*here, *edge);
            *edge += 1;
            let Some(parent) = self.direct.parent(here, next) else {
                self.leave(here);
                continue;
            };
            match self.node(parent).entered {
                0 => self.enter(parent),
                entered => self.lower(here, entered),
            }
        }
    }

    fn enter(&mut self, place: u32) {
        self.entered += 1;
        let entered = self.entered;
        *self.node(place) = Node { entered, low: entered };
        self.open.push(place);
        self.path.push((place, self.direct.begin(place)));
    }

    fn lower(&mut self, place: u32, low: u32) {
        let node = self.node(place);
        node.low = node.low.min(low);
    }

    /// Goes back from where all edges are walked.
    fn leave(&mut self, place: u32) {
        self.path.pop();
        let Node { entered, low } = *self.node(place);
        if low < entered {
            if let Some(&(before, _)) = self.path.last() {
                self.lower(before, low);
            }
            return;
        }
        let begin = self.found.teams.len();
        while let Some(last) = self.open.pop() {
            self.node(last).entered = DONE;
            self.found.teams.extend(self.direct.teams.get(at(last)));
            if last == place {
                break;
            }
        }
        self.found.teams.get_mut(begin..).unwrap_or_default().sort_unstable();
        self.found.ends.push(self.found.teams.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The components of teams that are so far apart.
    fn components(edges: &[(u32, u32)], apart: u32) -> (bool, Vec<Vec<u32>>) {
        let teams = (0..40).map(|team| TeamId(team * apart)).collect();
        let direct = Direct::of(teams, |team| {
            let own = edges.iter().filter(move |&&(from, _)| from * apart == team.0);
            own.map(move |&(_, to)| TeamId(to * apart))
        });
        let components = direct.components();
        let teams = components.iter().map(|teams| teams.iter().map(|it| it.0 / apart).collect());
        (direct.places.is_none(), teams.collect())
    }

    proptest! {
        #[test]
        fn few_teams_of_many_have_the_components_that_they_have_alone(
            // Some lead to teams that are not among them.
            edges in prop::collection::vec((0_u32..40, 0_u32..44), 0..90)
        ) {
            let (are_few, alone) = components(&edges, 1);
            prop_assert!(!are_few);
            prop_assert_eq!(components(&edges, 1_000), (true, alone));
        }
    }
}
