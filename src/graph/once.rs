//! Each person of many teams once: under the first of the teams that has it directly.
//!
//! Owns how it is told whether a person was listed under a team before. Two ways: the person's own
//! teams say it, which needs no memory and costs a look at the person; or a bit for each member,
//! which costs all of the bits once and then next to nothing a person. It must not know what a page
//! is.

use super::pages::at;
use super::state::State;
use crate::id::{MemberId, TeamId};

/// A place among the people: the team (ascending), and the person under it (ascending).
type Place = (TeamId, MemberId);

/// Where the people begin.
const BEGINNING: Place = (TeamId(0), MemberId(0));
/// Looks at a person's own teams before bits are made, beside one for every 16 words of them: what
/// the bits then cost is a small part of what the looks did.
const LOOKS_FREE: u32 = 256;

/// Who was listed, as far as a list was read.
///
/// INVARIANT (bounded): one bit for each member of the version and the places of one stretch, and
/// only for a list that is read from its beginning on. Who goes on elsewhere, but for within the
/// stretch that was read last, would have to go through all before, and has no bits any more.
#[derive(Debug)]
pub(super) struct Once {
    /// Whether the list is read from its beginning on; unknown before it is read.
    is_whole: Option<bool>,
    /// How often a person's own teams were looked at.
    looks: u32,
    /// Where the stretch that was read last began.
    since: Place,
    /// Where it stopped, unless at the people's end.
    stopped: Option<Place>,
    /// Who was listed in it, so that it can be read again: it may be too long for who asked.
    lately: Vec<Place>,
    /// Whoever was listed.
    marks: Option<Marks>,
}

impl Default for Once {
    fn default() -> Self {
        let (stopped, lately, marks) = (None, Vec::new(), None);
        Once { is_whole: None, looks: 0, since: BEGINNING, stopped, lately, marks }
    }
}

impl Once {
    /// Reading goes on at the place.
    pub(super) fn begin(&mut self, place: Place) {
        self.is_whole.get_or_insert(place == BEGINNING);
        let is_past = self.stopped.take().is_some_and(|stopped| stopped < place);
        if place < self.since || is_past {
            (self.is_whole, self.marks) = (Some(false), None);
        }
        let kept = self.lately.partition_point(|&listed| listed < place);
        for &(_, person) in self.lately.get(kept..).unwrap_or_default() {
            if let Some(marks) = &mut self.marks {
                marks.set(person.0, false);
            }
        }
        self.lately.clear();
        self.since = place;
    }

    /// Whether no source before that one has the person. Asked in the order of places.
    pub(super) fn is_first(&mut self, state: &State, sources: &[TeamId], place: Place) -> bool {
        let (source, person) = place;
        if let Some(marks) = &self.marks {
            return !marks.has(person);
        }
        let words = state.numbers.member_count().div_ceil(64);
        if self.looks >= LOOKS_FREE + words / 16 && self.is_whole == Some(true) {
            let marks = Marks::before(state, sources, place);
            return !self.marks.insert(marks).has(person);
        }
        self.looks = self.looks.saturating_add(1);
        let earlier = state.up.of(person).iter().map(|edge| edge.team());
        let mut earlier = earlier.take_while(|&team| team < source);
        !earlier.any(|team| sources.binary_search(&team).is_ok())
    }

    /// The person is listed there.
    pub(super) fn note(&mut self, place: Place) {
        if self.is_whole == Some(true) {
            self.lately.push(place);
        }
        if let Some(marks) = &mut self.marks {
            marks.set(place.1.0, true);
        }
    }

    /// Reading stops before the place.
    pub(super) const fn stop(&mut self, place: Place) {
        self.stopped = Some(place);
    }
}

/// A bit for each member.
#[derive(Debug)]
struct Marks(Vec<u64>);

impl Marks {
    /// Of whoever is listed before the place.
    fn before(state: &State, sources: &[TeamId], (team, person): Place) -> Self {
        let mut marks = Marks(vec![0; at(state.numbers.member_count().div_ceil(64))]);
        for &source in sources.iter().take_while(|&&source| source <= team) {
            for part in state.down.of(source).into_iter().flat_map(|it| it.people.parts_from(0)) {
                let before = part.take_while(|&number| source < team || number < person.0);
                before.for_each(|number| marks.set(number, true));
            }
        }
        marks
    }

    fn has(&self, person: MemberId) -> bool {
        self.0.get(at(person.0 / 64)).is_some_and(|word| word >> (person.0 % 64) & 1 == 1)
    }

    fn set(&mut self, person: u32, is_listed: bool) {
        if let Some(word) = self.0.get_mut(at(person / 64)) {
            let bit = 1 << (person % 64);
            *word = if is_listed { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GraphLimits, GraphWriter, Kinds, MemberCursor, Scope};
    use crate::id::{History, Lsn, SourceKey};
    use crate::synthetic::{Shape, Synthetic};

    /// The whole at once, in steps, and each step by a list of its own, which looks at each person;
    /// then steps back and forth on the list that had bits.
    #[test]
    fn bits_list_whom_looks_list_in_any_steps() {
        let synthetic = Synthetic::new(Shape { cycles: 3, ..Shape::S });
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        synthetic.changes().for_each(|change| writer.apply(change).unwrap());
        let snapshot = writer.commit(Lsn(8));
        let big = snapshot.find(&SourceKey::int(synthetic.big_team())).unwrap();
        let big = snapshot.team(big).unwrap();
        let kinds = Kinds { people: true, teams: true };
        let open = || snapshot.member_list(big, Scope::All, kinds);
        let mut list = open();
        let whole = list.page(None, usize::MAX);
        assert!(list.once.marks.is_some() && whole.next.is_none());
        let (mut steps, mut from) = (open(), None);
        let (mut listed, mut places) = (Vec::new(), Vec::new());
        loop {
            // Read again, and in part, before it is kept.
            let again = steps.page(from, 97);
            let part = steps.page(from, 41);
            assert!(again.members.starts_with(&part.members));
            let page = steps.page(from, 97);
            assert_eq!(page, again);
            let mut alone = open();
            assert_eq!(page, alone.page(from, 97));
            assert!(alone.once.marks.is_none());
            places.push((from, page.clone()));
            listed.extend(page.members);
            let Some(next) = page.next else { break };
            from = Some(next);
        }
        assert!(steps.once.marks.is_some());
        assert_eq!(listed, whole.members);
        let people = places
            .iter()
            .filter(|(_, page)| matches!(page.next, Some(MemberCursor::People { .. })));
        assert!(people.count() > 20, "{}", places.len());
        for (from, page) in places.iter().rev().chain(places.iter().step_by(3)) {
            assert_eq!(&steps.page(*from, 97), page);
        }
        assert!(steps.once.marks.is_none());
    }
}
