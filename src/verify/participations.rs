//! Participations: recomputed from the rows by search, and compared with what the version answers.
//!
//! Owns the comparison of answers: the teams of a member as a list and, for some of them, as a check;
//! the teams in a team. It must not know how the version finds them.

use super::compare::Sides;
use super::count;
use super::findings::{Findings, Pairs, example, in_graph, in_rows};
use super::sample::Dice;
use super::teams::{Search, Way};
use crate::command::FindingKind;
use crate::graph::{Kinds, Relation, Scope};
use crate::id::{MemberId, MemberKind};

/// Of each member's teams, checked one by one beside the list that tells of all: a check reads what is
/// kept at the team's end. Where all members are compared, so is that, team by team.
const CHECKS_OF_ALL: usize = 8;
/// Of each member of a sample.
const CHECKS_OF_SAMPLE: usize = 64;

/// Teams drawn for each member, which are mostly none of its.
const STRANGERS: usize = 2;

const IN_IT: &str = "in it";
const NOT_IN_IT: &str = "not in it";

#[derive(Debug)]
pub(super) struct Participations<'a> {
    sides: Sides<'a>,
    search: Search<'a>,
    dice: Dice,
    checks_max: usize,
    /// By the rows' numbers.
    missing: Pairs,
    /// By the graph's.
    spurious: Pairs,
    /// How many were recomputed.
    recomputed: u64,
}

impl<'a> Participations<'a> {
    pub(super) fn new(sides: Sides<'a>, dice: Dice, whole: bool) -> Self {
        let search = Search::new(sides.expected.teams());
        let checks_max = if whole { CHECKS_OF_ALL } else { CHECKS_OF_SAMPLE };
        let (missing, spurious) = (Pairs::default(), Pairs::default());
        Participations { sides, search, dice, checks_max, missing, spurious, recomputed: 0 }
    }

    /// Compares what follows for the member with this number of the rows. One that the graph does not
    /// have is told as missing, and what would follow for it is not.
    pub(super) fn compare(&mut self, number: u32) {
        let Sides { expected, seen, numbers } = self.sides;
        let member = numbers.in_graph(number).filter(|&member| seen.kind(member).is_some());
        let Some(member) = member else { return };
        let teams = expected.teams();
        let own = teams.place(number);
        let direct = expected.edges_of(number).1.iter().filter(|&&edge| expected.counts(edge));
        let direct = direct.filter_map(|edge| teams.place(edge.team()));
        let mut above = self.search.reached(direct, Way::Up);
        // On a cycle a team reaches itself.
        above.retain(|&place| Some(place) != own);
        self.recomputed += count(above.len());
        let listed = seen.list_teams(member, Scope::All, None, usize::MAX).teams;
        let listed = listed.into_iter().filter_map(|team| seen.member(team)).collect();
        let Unmatched { missing, spurious } = self.unmatched(&above, listed);
        missing.into_iter().for_each(|team| self.missing.add(number, team));
        spurious.into_iter().for_each(|team| self.spurious.add(member.0, team.0));
        self.check((number, member), &above, own);
        if let Some(own) = own {
            self.compare_below((number, member), own);
        }
    }

    /// Asks about some teams one by one.
    fn check(&mut self, (number, member): (u32, MemberId), above: &[u32], own: Option<u32>) {
        let Sides { expected, seen, numbers } = self.sides;
        let (teams, dice) = (expected.teams(), &mut self.dice);
        let strangers = (0..STRANGERS).map(|_| dice.below(count(teams.len())));
        let strangers = strangers.filter_map(|place| u32::try_from(place).ok());
        let strangers: Vec<u32> = strangers.filter(|&place| Some(place) != own).collect();
        let every = above.len().div_ceil(self.checks_max).max(1);
        for &place in above.iter().step_by(every).chain(&strangers) {
            let Some(team_number) = teams.number(place) else { continue };
            // A team that the graph does not have is in no list either, and told there.
            let Some(team_member) = numbers.in_graph(team_number) else { continue };
            let team = seen.team(team_member);
            let answer = team.map(|team| seen.relation(member, team) != Relation::None);
            match (above.binary_search(&place).is_ok(), answer == Some(true)) {
                (true, false) => self.missing.add(number, team_number),
                (false, true) => self.spurious.add(member.0, team_member.0),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// The teams in a team, which the graph keeps apart from those that a team is in.
    fn compare_below(&mut self, (number, member): (u32, MemberId), own: u32) {
        let Sides { expected, seen, numbers } = self.sides;
        let mut below = self.search.reached([own].into_iter(), Way::Down);
        below.retain(|&place| place != own);
        let kinds = Kinds { people: false, teams: true };
        let listed = seen.team(member).map(|team| seen.member_list(team, Scope::All, kinds));
        let listed = listed.map(|mut list| list.page(None, usize::MAX).members).unwrap_or_default();
        let Unmatched { missing, spurious } = self.unmatched(&below, listed);
        // A member that only one side has, or has as a team, is told as that.
        let team = Some(MemberKind::Team);
        let in_graph = |&below: &u32| numbers.in_graph(below).and_then(|it| seen.kind(it)) == team;
        let in_rows =
            |&below: &MemberId| numbers.in_rows(below).and_then(|it| expected.kind(it)) == team;
        let missing = missing.into_iter().filter(in_graph);
        missing.for_each(|below| self.missing.add(below, number));
        let spurious = spurious.into_iter().filter(in_rows);
        spurious.for_each(|below| self.spurious.add(below.0, member.0));
    }

    /// Compares places (ascending) with what is listed.
    fn unmatched(&self, expected: &[u32], listed: Vec<MemberId>) -> Unmatched {
        let (teams, numbers) = (self.sides.expected.teams(), self.sides.numbers);
        let place = |member| numbers.in_rows(member).and_then(|number| teams.place(number));
        let mut listed: Vec<_> = listed.into_iter().map(|member| (place(member), member)).collect();
        listed.sort_unstable();
        let mut unmatched = Unmatched::default();
        let mut wanted = expected.iter().copied().peekable();
        for (place, member) in listed {
            while let Some(missing) = wanted.next_if(|&wanted| place.is_some_and(|it| wanted < it))
            {
                unmatched.missing.extend(teams.number(missing));
            }
            // What is listed twice is once too often there.
            if place.is_none_or(|place| wanted.next_if_eq(&place).is_none()) {
                unmatched.spurious.push(member);
            }
        }
        unmatched.missing.extend(wanted.filter_map(|missing| teams.number(missing)));
        unmatched
    }

    /// Says what is missing and what is beyond; returns how many participations were recomputed.
    pub(super) fn finish(self, found: &mut Findings) -> u64 {
        let Sides { expected, seen, .. } = self.sides;
        found.note_all(FindingKind::ParticipationMissing, self.missing, |member, team| {
            example([member, team].map(|end| in_rows(expected, end)), IN_IT, NOT_IN_IT)
        });
        found.note_all(FindingKind::ParticipationSpurious, self.spurious, |member, team| {
            let ends = [member, team].map(|end| in_graph(seen, MemberId(end)));
            example(ends, NOT_IN_IT, IN_IT)
        });
        self.recomputed
    }
}

/// What only one of two lists has.
#[derive(Debug, Default)]
struct Unmatched {
    /// By the rows' numbers.
    missing: Vec<u32>,
    spurious: Vec<MemberId>,
}
