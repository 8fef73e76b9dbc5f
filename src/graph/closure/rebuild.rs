//! The whole closure from the direct edges.
//!
//! Owns filling the sets in one pass from below; `direct` finds the components.

use super::direct::Direct;
use super::packed::Packing;
use super::sets::{Set, SetRef, Work};
use super::{Closure, ComponentId, TeamEdges, Unfit};
use crate::graph::pages::{WIDTH, at, count, page_of, slot_of};
use crate::id::TeamId;

impl Closure {
    /// Recomputes everything; beyond the budget no sets are kept.
    pub(in crate::graph) fn rebuild<E: TeamEdges>(&mut self, edges: &E, pairs_max: u64) {
        let (direct, order) = self.regroup(edges);
        if self.fill(edges, &direct, &order, pairs_max).is_err() {
            self.search_from_now_on();
        }
    }

    /// Drops all sets: they do not fit.
    pub(super) fn give_up<E: TeamEdges>(&mut self, edges: &E) {
        self.regroup(edges);
        self.search_from_now_on();
    }

    fn search_from_now_on(&mut self) {
        self.pairs = 0;
        self.is_searched = true;
        self.backoff = self.backoff.failed();
    }

    /// Takes over the direct edges and finds the components anew, without sets; those above come
    /// before those below.
    pub(super) fn regroup<E: TeamEdges>(&mut self, edges: &E) -> (Direct, Vec<ComponentId>) {
        // All that was there stays with older versions alone; a pair is 4 bytes at most.
        let replaced_bytes = self.copied_bytes() + self.pairs * 4;
        *self = Closure { replaced_bytes, backoff: self.backoff, ..Closure::default() };
        let direct = Direct::whole(edges);
        self.install_parents(&direct);
        let components = direct.components();
        let order = components.iter().filter_map(|teams| self.unite(edges, teams)).collect();
        (direct, order)
    }

    fn install_parents(&mut self, direct: &Direct) {
        let mut work = Work::default();
        let all: Vec<(TeamId, &[u32])> = direct.iter().collect();
        for teams in all.chunk_by(|(a, _), (b, _)| page_of(a.0) == page_of(b.0)) {
            let Some(page) = teams.first().map(|(team, _)| page_of(team.0)) else { continue };
            let held = self.teams.get_mut(page);
            let mut packing = Packing::with_capacity(2 * WIDTH);
            for &(team, parents) in teams {
                held.exists |= 1 << slot_of(team.0);
                work.combine(SetRef::EMPTY, SetRef::EMPTY, SetRef::List(parents));
                packing.push(slot_of(team.0), &mut work);
            }
            held.parents = packing.finish();
        }
    }

    /// Fills all sets; `order` has those above before those below.
    fn fill<E: TeamEdges>(
        &mut self,
        edges: &E,
        direct: &Direct,
        order: &[ComponentId],
        pairs_max: u64,
    ) -> Result<(), Unfit> {
        let children = Children::new(self, direct, order);
        let made = Made::new(order, &children, pairs_max)?;
        self.pairs = made.pairs;
        let weight = self.made_weight(edges, order, &children, &made);
        self.weight += weight;
        self.install(&made);
        Ok(())
    }

    /// Packs the sets into pages.
    fn install(&mut self, made: &Made) {
        let mut work = Work::default();
        for (page, places) in (0..).zip(made.places.chunks(WIDTH)) {
            let len = places.iter().map(|place| made.set(place).len()).sum();
            if len == 0 {
                continue;
            }
            let mut packing = Packing::with_capacity(len);
            for (slot, place) in places.iter().enumerate() {
                if let Place::Large(set) = place {
                    packing.keep(slot, SetRef::EMPTY, Some(&(slot, set.clone())));
                } else {
                    work.combine(SetRef::EMPTY, SetRef::EMPTY, made.set(place));
                    packing.push(slot, &mut work);
                }
            }
            *self.below.get_mut(page) = packing.finish();
        }
    }
}

/// Component → the components directly below it, in no order, perhaps twice.
#[derive(Debug)]
pub(super) struct Children {
    /// Where each component's children end.
    ends: Vec<u32>,
    children: Vec<u32>,
}

impl Children {
    fn new(closure: &Closure, direct: &Direct, order: &[ComponentId]) -> Self {
        let mut between: Vec<(u32, u32)> = Vec::with_capacity(direct.edge_count());
        let is_plain = closure.cyclic.is_empty();
        let component = |team: u32| {
            let component = closure.component(TeamId(team)).filter(|_| !is_plain);
            component.map_or(team, |component| component.0)
        };
        for (team, parents) in direct.iter() {
            let child = component(team.0);
            let above = parents.iter().map(|&parent| component(parent));
            between.extend(above.filter(|&above| above != child).map(|above| (above, child)));
        }
        let end = order.iter().map(|component| at(component.0) + 1).max().unwrap_or(0);
        // Each component's count, at the place after it; then the sums before it; and filling up
        // makes of each begin an end.
        let mut ends = vec![0_u32; end + 1];
        for &(above, _) in &between {
            if let Some(held) = ends.get_mut(at(above) + 1) {
                *held += 1;
            }
        }
        let mut sum = 0;
        for held in &mut ends {
            sum += *held;
            *held = sum;
        }
        let mut children = vec![0; between.len()];
        for &(above, child) in &between {
            if let Some(place) = ends.get_mut(at(above)) {
                if let Some(held) = children.get_mut(at(*place)) {
                    *held = child;
                }
                *place += 1;
            }
        }
        Children { ends, children }
    }

    pub(super) fn of(&self, component: u32) -> &[u32] {
        let end = |place: usize| self.ends.get(place).map_or(0, |&end| at(end));
        let begin = at(component).checked_sub(1).map_or(0, end);
        self.children.get(begin..end(at(component))).unwrap_or_default()
    }

    /// One more than the highest component.
    pub(super) fn end(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }
}

/// Where a component's set lies while all are made.
#[derive(Clone, Debug)]
enum Place {
    /// From and to in the list.
    Small(usize, usize),
    Large(Set),
}

/// All sets, by component.
#[derive(Debug)]
pub(super) struct Made {
    list: Vec<u32>,
    places: Vec<Place>,
    pairs: u64,
}

impl Made {
    /// Each set from those of the children, which come after it in `order`.
    fn new(order: &[ComponentId], children: &Children, pairs_max: u64) -> Result<Self, Unfit> {
        let places = vec![Place::Small(0, 0); children.end()];
        let mut made = Made { list: Vec::new(), places, pairs: 0 };
        let mut work = Work::default();
        for component in order.iter().rev() {
            let of = children.of(component.0);
            if of.is_empty() {
                continue;
            }
            let named: Vec<(Option<u32>, SetRef<'_>)> =
                of.iter().map(|&name| (Some(name), made.below(name))).collect();
            work.unite(&named);
            made.pairs += count(work.len());
            if made.pairs > pairs_max {
                return Err(Unfit::OverBudget);
            }
            let place = if Packing::is_small(&work) {
                let begin = made.list.len();
                made.list.extend_from_slice(work.list_made());
                Place::Small(begin, made.list.len())
            } else {
                Place::Large(work.set_made())
            };
            if let Some(held) = made.places.get_mut(at(component.0)) {
                *held = place;
            }
        }
        Ok(made)
    }

    /// What is below the component.
    pub(super) fn below(&self, component: u32) -> SetRef<'_> {
        self.places.get(at(component)).map_or(SetRef::EMPTY, |place| self.set(place))
    }

    fn set<'a>(&'a self, place: &'a Place) -> SetRef<'a> {
        match place {
            Place::Small(begin, end) => {
                SetRef::List(self.list.get(*begin..*end).unwrap_or_default())
            }
            Place::Large(set) => set.as_ref(),
        }
    }
}
