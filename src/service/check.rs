//! `Check`: does a member participate in a team, or administer it?
//!
//! Owns what a pair's answer is, leniency included, for one pair and for a group of them. It must
//! not know how versions are chosen, nor in which forms a batch is written.

use super::convert::{self, Asked};
use super::errors::{Failure, Reason};
use super::participation::Answers;
use super::refs::{End, Part, RefFault, TeamEnd, as_team_end, find_member};
use crate::graph::{GROUP, Relation, Snapshot};
use crate::id::{MemberId, TeamId};
use crate::pb;
use std::time::Duration;

/// Why a pair has no answer, and which end is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairFault {
    part: Part,
    fault: RefFault,
}

impl PairFault {
    pub(crate) const fn new(part: Part, fault: RefFault) -> Self {
        PairFault { part, fault }
    }

    /// The row of the error table.
    pub(crate) const fn reason(self) -> Reason {
        self.fault.reason(self.part)
    }

    /// The error of an item of a batch.
    pub(crate) fn item(self) -> pb::ItemError {
        pb::ItemError { reason: self.reason().row().name.to_owned() }
    }
}

/// The answer for one pair.
pub(crate) type PairAnswer = Result<Relation, PairFault>;

/// What is left of a pair once its ends are judged.
enum Judged {
    /// The answer needs no look at the graph.
    Known(Relation),
    /// The graph is to be asked.
    Ask(MemberId, TeamId),
}

/// What is asked of a pair, or of all pairs of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairRequest {
    pub(crate) asked: Asked,
    pub(crate) lenient: bool,
}

impl PairRequest {
    /// The answer for a pair of references.
    pub(crate) fn named(
        self,
        snapshot: &Snapshot,
        member: Option<&pb::MemberRef>,
        team: Option<&pb::MemberRef>,
    ) -> PairAnswer {
        let team = as_team_end(snapshot, find_member(snapshot, team));
        Ok(match self.judge((find_member(snapshot, member), team))? {
            Judged::Known(relation) => relation,
            Judged::Ask(member, team) => self.ask(snapshot, member, team),
        })
    }

    /// The answers for at most [`GROUP`] pairs, at the back of `answers`.
    pub(crate) fn group(
        self,
        snapshot: &Snapshot,
        ends: impl Iterator<Item = (End, TeamEnd)>,
        answers: &mut Vec<PairAnswer>,
    ) {
        let mut asked = [(MemberId(0), TeamId(0)); GROUP];
        let mut places = [0; GROUP];
        let mut count = 0;
        for ends in ends.take(GROUP) {
            let judged = self.judge(ends);
            let slots = asked.get_mut(count).zip(places.get_mut(count));
            if let (Ok(Judged::Ask(member, team)), Some((pair, place))) = (&judged, slots) {
                (*pair, *place) = ((*member, *team), answers.len());
                count += 1;
            }
            answers.push(judged.map(|judged| match judged {
                Judged::Known(relation) => relation,
                Judged::Ask(..) => Relation::None,
            }));
        }
        let asked = asked.get(..count).unwrap_or_default();
        let mut relations = [Relation::None; GROUP];
        match self.asked {
            Asked::Participant => snapshot.relations(asked, &mut relations),
            Asked::Administrator => {
                for (&(member, team), relation) in asked.iter().zip(&mut relations) {
                    *relation = snapshot.administration(member, team);
                }
            }
        }
        for (&place, relation) in places.iter().zip(relations).take(count) {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Ok(relation);
            }
        }
    }

    fn ask(self, snapshot: &Snapshot, member: MemberId, team: TeamId) -> Relation {
        match self.asked {
            Asked::Participant => snapshot.relation(member, team),
            Asked::Administrator => snapshot.administration(member, team),
        }
    }

    fn judge(self, (member, team): (End, TeamEnd)) -> Result<Judged, PairFault> {
        let member = self.excuse(Part::Member, member)?;
        let team = self.excuse(Part::Team, team)?;
        let (Some(member), Some((team, found))) = (member, team) else {
            return Ok(Judged::Known(Relation::None));
        };
        let Some(found) = found else {
            let is_itself = self.asked == Asked::Participant && member == team;
            // Whoever it is participates in itself, even where a team was meant.
            let known = if is_itself { Relation::Itself } else { Relation::None };
            let excused = self.excuse(Part::Team, Err(RefFault::NotATeam))?;
            return Ok(Judged::Known(excused.unwrap_or(known)));
        };
        Ok(Judged::Ask(member, found))
    }

    /// None in the place of a fault that a lenient question takes for a plain no.
    fn excuse<T>(self, part: Part, end: Result<T, RefFault>) -> Result<Option<T>, PairFault> {
        match end {
            Ok(end) => Ok(Some(end)),
            Err(fault) if self.lenient && fault.is_a_lenient_no() => Ok(None),
            Err(fault) => Err(PairFault::new(part, fault)),
        }
    }
}

impl Answers {
    pub(crate) async fn check(
        &self,
        request: &pb::CheckRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::CheckResponse, Failure> {
        let pair =
            PairRequest { asked: convert::asked(request.relation)?, lenient: request.lenient };
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let (member, team) = (request.member.as_ref(), request.team.as_ref());
        let relation =
            pair.named(basis.snapshot(), member, team).map_err(|PairFault { part, fault }| {
                let blamed = if part == Part::Member { member } else { team };
                fault.failure(part, blamed)
            })?;
        Ok(pb::CheckResponse {
            relation: convert::relation(relation).into(),
            answered_at: Some(self.answered_at(&basis)),
        })
    }
}
