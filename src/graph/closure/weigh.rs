//! The sum over the closure's pairs, for the digest.
//!
//! Owns what a change of sets adds to the sum. A pair is of two different teams, one in the other
//! through any chain, and weighs what the lower one does times what the upper one does: see
//! [`crate::graph::digest`]. So it says nothing of components; but all pairs of two components
//! together are one product, of the sums over the teams of each, and all that one component gains
//! or loses is one more.
//!
//! A component weighs what it does as it is grouped now: before it becomes another, it is taken out
//! of the sets that hold it.

use super::packed::Change;
use super::rebuild::{Children, Made};
use super::sets::SetRef;
use super::{Closure, ComponentId, TeamEdges};
use crate::graph::digest::Weight;
use crate::graph::pages::at;
use crate::id::TeamId;

/// The pairs of different teams of one component.
pub(super) fn among<E: TeamEdges>(edges: &E, teams: &[TeamId]) -> Weight {
    let [mut lowers, mut uppers, mut own] = [Weight::default(); 3];
    let mut lower_of = edges.lower_weights();
    for &team in teams {
        let (lower, upper) = (lower_of(team), edges.upper_weight(team));
        lowers += lower;
        uppers += upper;
        own += lower * upper;
    }
    lowers * uppers - own
}

impl Closure {
    /// Tells what a component's teams weigh as the lower ones of pairs.
    fn lower_weights<E: TeamEdges>(&self, edges: &E) -> impl FnMut(u32) -> Weight {
        let (mut of, is_plain) = (edges.lower_weights(), self.cyclic.is_empty());
        move |component| {
            if is_plain {
                return of(TeamId(component));
            }
            self.teams(ComponentId(component)).map(&mut of).sum()
        }
    }

    /// The component's teams, as the upper ones of pairs.
    pub(super) fn upper_weight<E: TeamEdges>(&self, edges: &E, component: ComponentId) -> Weight {
        self.teams(component).map(|team| edges.upper_weight(team)).sum()
    }

    /// The set's teams for which that holds, as the lower ones of pairs.
    fn set_weight<E: TeamEdges>(
        &self,
        edges: &E,
        set: SetRef<'_>,
        counts: impl Fn(u32) -> bool,
    ) -> Weight {
        let (mut sum, mut weight) = (Weight::default(), self.lower_weights(edges));
        set.for_each(|number| {
            if counts(number) {
                sum += weight(number);
            }
        });
        sum
    }

    /// What came to a set by the change, less what went. `total` is kept for the other sets that
    /// the same change is of.
    pub(super) fn change_weight<E: TeamEdges>(
        &self,
        edges: &E,
        change: &Change,
        [old, new]: [SetRef<'_>; 2],
        total: &mut Option<Weight>,
    ) -> Weight {
        let none = Weight::default();
        let mut whole = |set| *total.get_or_insert_with(|| self.set_weight(edges, set, |_| true));
        match change {
            _ if old.len() == new.len() => none,
            Change::Clear => none - self.set_weight(edges, old, |_| true),
            Change::TakeOut(gone) => {
                let gone = gone.as_ref();
                if old.len() - new.len() == gone.len() {
                    return none - whole(gone);
                }
                let (few, many) = if old.len() < gone.len() { (old, gone) } else { (gone, old) };
                none - self.set_weight(edges, few, |number| many.contains(number))
            }
            Change::PutIn(added) => {
                let added = added.as_ref();
                if new.len() - old.len() == added.len() {
                    return whole(added);
                }
                self.set_weight(edges, added, |number| !old.contains(number))
            }
        }
    }

    /// What all sets made from nothing add; `order` has those above before those below.
    pub(super) fn made_weight<E: TeamEdges>(
        &self,
        edges: &E,
        order: &[ComponentId],
        children: &Children,
        made: &Made,
    ) -> Weight {
        // By component: itself, and all that is below it.
        let mut weights = vec![(Weight::default(), Weight::default()); children.end()];
        let mut added = Weight::default();
        let mut lower = self.lower_weights(edges);
        for &component in order.iter().rev() {
            let set = made.below(component.0);
            let mut below = Weight::default();
            let largest = children.of(component.0).iter().max_by_key(|&&it| made.below(it).len());
            match largest {
                // Nothing but the child and all below it, as in a chain.
                Some(&child) if made.below(child).len() + 1 == set.len() => {
                    below = weights.get(at(child)).map(|of| of.0 + of.1).unwrap_or_default();
                }
                _ => set.for_each(|number| {
                    below += weights.get(at(number)).map(|of| of.0).unwrap_or_default();
                }),
            }
            if !set.is_empty() {
                added += self.upper_weight(edges, component) * below;
            }
            if let Some(of) = weights.get_mut(at(component.0)) {
                *of = (lower(component.0), below);
            }
        }
        added
    }
}
