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
/// INVARIANT (bounded): one bit for each member of the version, and only for a list that was read
/// from its beginning and is long. Who reads from elsewhere would have to go through all before.
#[derive(Debug, Default)]
pub(super) struct Once {
    /// Whether the list is read from its beginning on; unknown before it is read.
    is_whole: Option<bool>,
    /// How often a person's own teams were looked at.
    looks: u32,
    marks: Option<Marks>,
}

/// Everybody before the place, as bits.
#[derive(Debug)]
struct Marks {
    words: Vec<u64>,
    place: Option<Place>,
}

impl Once {
    /// Reading goes on at the place.
    pub(super) fn begin(&mut self, state: &State, sources: &[TeamId], place: Place) {
        self.is_whole.get_or_insert(place == BEGINNING);
        if let Some(marks) = &mut self.marks
            && marks.place.take() != Some(place)
        {
            marks.words.fill(0);
            marks.mark_before(state, sources, place);
        }
    }

    /// Whether no source before that one has the person. Asked in the order of places.
    pub(super) fn is_first(&mut self, state: &State, sources: &[TeamId], place: Place) -> bool {
        let (source, person) = place;
        if let Some(marks) = &self.marks {
            return !marks.has(person);
        }
        let words = state.numbers.member_count().div_ceil(64);
        if self.looks >= LOOKS_FREE + words / 16 && self.is_whole == Some(true) {
            let mut marks = Marks { words: vec![0; at(words)], place: None };
            marks.mark_before(state, sources, place);
            return !self.marks.insert(marks).has(person);
        }
        self.looks = self.looks.saturating_add(1);
        let earlier = state.up.of(person).iter().map(|edge| edge.team());
        let mut earlier = earlier.take_while(|&team| team < source);
        !earlier.any(|team| sources.binary_search(&team).is_ok())
    }

    /// The person is listed.
    pub(super) fn note(&mut self, person: MemberId) {
        if let Some(marks) = &mut self.marks {
            marks.mark(person.0);
        }
    }

    /// Reading stops before the place.
    pub(super) const fn stop(&mut self, place: Place) {
        if let Some(marks) = &mut self.marks {
            marks.place = Some(place);
        }
    }
}

impl Marks {
    fn has(&self, person: MemberId) -> bool {
        self.words.get(at(person.0 / 64)).is_some_and(|word| word >> (person.0 % 64) & 1 == 1)
    }

    fn mark(&mut self, person: u32) {
        if let Some(word) = self.words.get_mut(at(person / 64)) {
            *word |= 1 << (person % 64);
        }
    }

    /// Marks whoever is listed before the place.
    fn mark_before(&mut self, state: &State, sources: &[TeamId], (team, person): Place) {
        for &source in sources.iter().take_while(|&&source| source <= team) {
            for part in state.down.of(source).into_iter().flat_map(|it| it.people.parts_from(0)) {
                let before = part.take_while(|&number| source < team || number < person.0);
                before.for_each(|number| self.mark(number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GraphLimits, GraphWriter, Kinds, MemberCursor, Scope};
    use crate::id::{History, Lsn, SourceKey};
    use crate::synthetic::{Shape, Synthetic};

    /// The whole at once, in steps, and each step by a list of its own, which looks at each person;
    /// then steps back and forth on the list that has bits.
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
            let page = steps.page(from, 97);
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
    }
}
