//! Teams and who is in whom among them, as far as it counts.
//!
//! Owns the edges both ways, the searches and the cycles: each search visits each team once and
//! trusts nothing but direct edges. Teams have places of their own, by ascending number.

use super::at;
use super::expected::{Expected, range, starts};

/// The teams that have a row.
#[derive(Debug, Default)]
pub(super) struct Teams {
    /// Place → number.
    numbers: Vec<u32>,
    /// Number → place plus one; 0 for what is no team.
    places: Vec<u32>,
    up: Lists,
    down: Lists,
}

/// The other end of each team's edges one way.
#[derive(Debug, Default)]
struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

/// Which way along the edges.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// To the teams that a team is in.
    Up,
    /// To the teams that are in it.
    Down,
}

impl Lists {
    /// From pairs of an owner and an item.
    fn of_pairs(teams: usize, pairs: &mut [(u32, u32)]) -> Self {
        pairs.sort_unstable();
        let starts = starts(teams, pairs.iter().map(|&(owner, _)| owner));
        Lists { starts, items: pairs.iter().map(|&(_, item)| item).collect() }
    }

    fn of(&self, place: u32) -> &[u32] {
        self.items.get(range(&self.starts, place)).unwrap_or_default()
    }
}

impl Teams {
    /// The teams of the rows.
    pub(super) fn of(expected: &Expected) -> Self {
        let numbers: Vec<u32> = expected.existing().filter(|&it| expected.is_team(it)).collect();
        let mut places = vec![0; expected.numbers().count()];
        for (&number, place) in numbers.iter().zip(1..) {
            if let Some(noted) = places.get_mut(at(number)) {
                *noted = place;
            }
        }
        let mut teams = Teams { numbers, places, ..Teams::default() };
        let edges = expected.edges().iter().filter(|&&edge| expected.counts(edge));
        let mut pairs: Vec<(u32, u32)> = edges
            .filter_map(|edge| Some((teams.place(edge.member())?, teams.place(edge.team())?)))
            .collect();
        teams.up = Lists::of_pairs(teams.numbers.len(), &mut pairs);
        pairs.iter_mut().for_each(|(child, parent)| std::mem::swap(child, parent));
        teams.down = Lists::of_pairs(teams.numbers.len(), &mut pairs);
        teams
    }

    /// The place of a team that has a row.
    pub(super) fn place(&self, number: u32) -> Option<u32> {
        self.places.get(at(number))?.checked_sub(1)
    }

    /// The number of the team at this place.
    pub(super) fn number(&self, place: u32) -> Option<u32> {
        self.numbers.get(at(place)).copied()
    }

    /// How many teams there are.
    pub(super) const fn len(&self) -> usize {
        self.numbers.len()
    }

    fn next(&self, place: u32, way: Way) -> &[u32] {
        match way {
            Way::Up => self.up.of(place),
            Way::Down => self.down.of(place),
        }
    }

    /// The groups of teams that all reach one another, of more than one team each, as places.
    ///
    /// Kosaraju's way: in the order in which a search upward is done with the teams, last first, each
    /// search downward finds one group.
    pub(super) fn cycles(&self) -> Vec<Vec<u32>> {
        let mut grouped = Marks::new(self.len());
        let mut cycles = Vec::new();
        for place in self.done_with().into_iter().rev() {
            if !grouped.add(place) {
                continue;
            }
            let (mut group, mut looked_at) = (vec![place], 0);
            while let Some(&team) = group.get(looked_at) {
                looked_at += 1;
                group.extend(self.down.of(team).iter().filter(|&&below| grouped.add(below)));
            }
            if group.len() > 1 {
                cycles.push(group);
            }
        }
        cycles
    }

    /// All teams, in the order in which a search upward has seen all above each.
    fn done_with(&self) -> Vec<u32> {
        let (mut seen, mut done) = (Marks::new(self.len()), Vec::with_capacity(self.len()));
        let mut open = Vec::new();
        for root in (0..).zip(&self.numbers).map(|(place, _)| place) {
            if seen.add(root) {
                open.push((root, self.up.of(root).iter()));
            }
            while let Some((team, above)) = open.last_mut() {
                match above.next() {
                    Some(&next) if seen.add(next) => open.push((next, self.up.of(next).iter())),
                    Some(_) => {}
                    None => {
                        done.push(*team);
                        open.pop();
                    }
                }
            }
        }
        done
    }
}

/// A set of places.
#[derive(Debug)]
struct Marks(Vec<bool>);

impl Marks {
    fn new(places: usize) -> Self {
        Marks(vec![false; places])
    }

    /// Whether it was not in the set yet.
    fn add(&mut self, place: u32) -> bool {
        self.0.get_mut(at(place)).is_some_and(|mark| !std::mem::replace(mark, true))
    }
}

/// Searches one after the other, each as cheap as what it finds.
#[derive(Debug)]
pub(super) struct Search<'a> {
    teams: &'a Teams,
    /// In which search each place was last found.
    found_in: Vec<u32>,
    searches: u32,
}

impl<'a> Search<'a> {
    pub(super) fn new(teams: &'a Teams) -> Self {
        Search { teams, found_in: vec![0; teams.len()], searches: 0 }
    }

    /// The places and all that they reach that way, ascending.
    pub(super) fn reached(&mut self, from: impl Iterator<Item = u32>, way: Way) -> Vec<u32> {
        self.searches = match self.searches.checked_add(1) {
            Some(search) => search,
            None => {
                self.found_in.fill(0);
                1
            }
        };
        let mut found = Vec::new();
        for place in from {
            self.find(place, &mut found);
        }
        let mut looked_at = 0;
        while let Some(&place) = found.get(looked_at) {
            looked_at += 1;
            for &next in self.teams.next(place, way) {
                self.find(next, &mut found);
            }
        }
        found.sort_unstable();
        found
    }

    fn find(&mut self, place: u32, found: &mut Vec<u32>) {
        let Some(found_in) = self.found_in.get_mut(at(place)) else { return };
        if std::mem::replace(found_in, self.searches) != self.searches {
            found.push(place);
        }
    }
}
