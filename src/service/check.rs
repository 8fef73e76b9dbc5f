//! `Check` and `BatchCheck`: does a member participate in a team, or administer it?
//!
//! Owns what a pair's answer is, leniency included, and the forms of a batch. It must not know
//! how versions are chosen.

use super::convert::{self, Asked};
use super::errors::{Failure, Reason};
use super::limits;
use super::participation::Answers;
use super::refs::{Part, RefFault, as_team, find_key, find_member, find_team_key, wanted_kind};
use super::turns::{Turns, WORK_PER_TURN};
use crate::graph::{Relation, Snapshot};
use crate::id::{Key, MemberId, MemberKind};
use crate::pb;
use pb::check_result::Result as PairResult;
use std::time::Duration;

/// Why a pair has no answer, and which end is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairFault {
    part: Part,
    fault: RefFault,
}

impl PairFault {
    /// The row of the error table.
    pub(crate) const fn reason(self) -> Reason {
        self.fault.reason(self.part)
    }

    fn item(self) -> pb::ItemError {
        pb::ItemError { reason: self.reason().row().name.to_owned() }
    }
}

/// One end of a pair, found or not.
type End = Result<MemberId, RefFault>;

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
    ) -> Result<Relation, PairFault> {
        self.pair(snapshot, (find_member(snapshot, member), find_member(snapshot, team)))
    }

    fn pair(self, snapshot: &Snapshot, (member, team): (End, End)) -> Result<Relation, PairFault> {
        let excused = |fault: RefFault| self.lenient && fault.is_a_lenient_no();
        let judge = |part, end: End| match end {
            Ok(member) => Ok(Some(member)),
            Err(fault) if excused(fault) => Ok(None),
            Err(fault) => Err(PairFault { part, fault }),
        };
        let (member, team) = (judge(Part::Member, member)?, judge(Part::Team, team)?);
        let (Some(member), Some(team)) = (member, team) else { return Ok(Relation::None) };
        match (as_team(snapshot, team), self.asked) {
            (Ok(found), Asked::Participant) => Ok(snapshot.relation(member, found)),
            (Ok(found), Asked::Administrator) => Ok(snapshot.administration(member, found)),
            // Whoever it is participates in itself, even where a team was meant.
            (Err(fault), Asked::Participant) if excused(fault) && member == team => {
                Ok(Relation::Itself)
            }
            (Err(fault), _) if excused(fault) => Ok(Relation::None),
            (Err(fault), _) => Err(PairFault { part: Part::Team, fault }),
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

    pub(crate) async fn batch_check(
        &self,
        request: &pb::BatchCheckRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::BatchCheckResponse, Failure> {
        let pair =
            PairRequest { asked: convert::asked(request.relation)?, lenient: request.lenient };
        let form = Form::new(request)?;
        let count = form.len();
        if count > limits::BATCH_PAIRS.count() {
            return Err(Failure::past(limits::BATCH_PAIRS, "the number of pairs", count));
        }
        let mut turns = Turns::new(client_timeout);
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let mut answer = pb::BatchCheckResponse::default();
        let snapshot = basis.snapshot();
        let batch = Batch { pair, snapshot, turns: &mut turns };
        match form {
            Form::Packed(columns) => {
                answer.packed_results = Some(batch.packed(&columns).await?);
            }
            Form::Pairs(pairs) => {
                let pairs = pairs.iter().map(|pair| {
                    let find = |end: &Option<_>| find_member(snapshot, end.as_ref());
                    (find(&pair.member), find(&pair.team))
                });
                answer.results = batch.each(pairs).await?;
            }
            Form::MemberTeams(pb::MemberTeams { member, teams }) => {
                let member = find_member(snapshot, member.as_ref());
                let pairs = teams.iter().map(|team| (member, find_member(snapshot, Some(team))));
                answer.results = batch.each(pairs).await?;
            }
            Form::TeamMembers(pb::TeamMembers { team, members }) => {
                let team = find_member(snapshot, team.as_ref());
                let pairs =
                    members.iter().map(|member| (find_member(snapshot, Some(member)), team));
                answer.results = batch.each(pairs).await?;
            }
        }
        answer.answered_at = Some(self.answered_at(&basis));
        Ok(answer)
    }
}

/// How the pairs of a batch are written.
enum Form<'a> {
    Pairs(&'a [pb::CheckPair]),
    Packed(Columns<'a>),
    MemberTeams(&'a pb::MemberTeams),
    TeamMembers(&'a pb::TeamMembers),
}

impl<'a> Form<'a> {
    fn new(request: &'a pb::BatchCheckRequest) -> Result<Self, Failure> {
        let pb::BatchCheckRequest { pairs, packed_pairs, member_teams, team_members, .. } = request;
        let given = [packed_pairs.is_some(), member_teams.is_some(), team_members.is_some()];
        let given = given.into_iter().chain([!pairs.is_empty()]).filter(|&given| given).count();
        if given > 1 {
            return Err(convert::conflict("the batch holds pairs in more than one form"));
        }
        Ok(match (packed_pairs, member_teams, team_members) {
            (Some(packed), _, _) => Form::Packed(Columns::new(packed)?),
            (None, Some(pairs), _) => Form::MemberTeams(pairs),
            (None, None, Some(pairs)) => Form::TeamMembers(pairs),
            (None, None, None) => Form::Pairs(pairs),
        })
    }

    const fn len(&self) -> usize {
        match self {
            Form::Pairs(pairs) => pairs.len(),
            Form::Packed(columns) => columns.count,
            Form::MemberTeams(pairs) => pairs.teams.len(),
            Form::TeamMembers(pairs) => pairs.members.len(),
        }
    }
}

/// A batch under way.
struct Batch<'a> {
    pair: PairRequest,
    snapshot: &'a Snapshot,
    turns: &'a mut Turns,
}

impl Batch<'_> {
    async fn each(
        self,
        mut pairs: impl ExactSizeIterator<Item = (End, End)>,
    ) -> Result<Vec<pb::CheckResult>, Failure> {
        let mut results = Vec::with_capacity(pairs.len());
        while pairs.len() > 0 {
            let before = results.len();
            let turn = pairs.by_ref().take(WORK_PER_TURN);
            results.extend(turn.map(|ends| {
                let result = match self.pair.pair(self.snapshot, ends) {
                    Ok(relation) => PairResult::Relation(convert::relation(relation).into()),
                    Err(fault) => PairResult::Error(fault.item()),
                };
                pb::CheckResult { result: Some(result) }
            }));
            self.turns.spend(results.len() - before).await?;
        }
        Ok(results)
    }

    async fn packed(self, columns: &Columns<'_>) -> Result<pb::PackedResults, Failure> {
        let mut results = pb::PackedResults::default();
        results.participates.reserve(columns.count.div_ceil(8));
        let (mut byte, mut bit) = (0_u8, 1_u8);
        for (index, ends) in columns.pairs(self.snapshot).enumerate() {
            match self.pair.pair(self.snapshot, ends) {
                Ok(Relation::None) => {}
                Ok(Relation::Itself | Relation::Direct | Relation::Indirect) => byte |= bit,
                Err(fault) => results.errors.push(pb::PackedError {
                    // At most `BATCH_PAIRS`.
                    index: u32::try_from(index).unwrap_or(u32::MAX),
                    error: Some(fault.item()),
                }),
            }
            bit = bit.rotate_left(1);
            if bit == 1 {
                results.participates.push(std::mem::take(&mut byte));
            }
            if index % WORK_PER_TURN == WORK_PER_TURN - 1 {
                self.turns.spend(WORK_PER_TURN).await?;
            }
        }
        if bit != 1 {
            results.participates.push(byte);
        }
        Ok(results)
    }
}

/// Two columns of integer keys, known to match.
struct Columns<'a> {
    member_kind: Option<MemberKind>,
    members: &'a [i64],
    teams: &'a [i64],
    count: usize,
}

impl<'a> Columns<'a> {
    fn new(packed: &'a pb::PackedPairs) -> Result<Self, Failure> {
        let member_kind =
            wanted_kind(packed.member_kind).map_err(|fault| fault.failure(Part::Member, None))?;
        let (members, teams) = (packed.member_ids.as_slice(), packed.team_ids.as_slice());
        let count = match (members.len(), teams.len()) {
            (members, teams) if members == teams => members,
            (1, teams) => teams,
            (members, 1) => members,
            (members, teams) => {
                let message = format!("the columns hold {members} members and {teams} teams");
                return Err(convert::conflict(message)
                    .with("member_ids", members)
                    .with("team_ids", teams));
            }
        };
        Ok(Columns { member_kind, members, teams, count })
    }

    fn pairs(&self, snapshot: &Snapshot) -> impl Iterator<Item = (End, End)> {
        let members = column(self.members, move |key| find_key(snapshot, key, self.member_kind));
        let teams = column(self.teams, move |key| find_team_key(snapshot, key));
        members.zip(teams).take(self.count)
    }
}

/// The ends that a column names. A single key stands for a column that repeats it: it is looked up
/// once.
fn column(keys: &[i64], find: impl Fn(&Key) -> End) -> impl Iterator<Item = End> {
    let single = if let [key] = keys { Some(find(&Key::Int(*key))) } else { None };
    let many = if single.is_some() { &[] } else { keys };
    let repeated = single.into_iter().cycle();
    many.iter().map(move |&key| find(&Key::Int(key))).chain(repeated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn the_largest_batch_with_an_error_for_each_pair_fits_an_answer() {
        let faults = [
            RefFault::Missing,
            RefFault::UuidLength(0),
            RefFault::TextTooLong(0),
            RefFault::KindUnknown(9),
            RefFault::Unknown,
            RefFault::OtherKind(MemberKind::Team),
            RefFault::Ambiguous,
            RefFault::NotATeam,
        ];
        let items = faults.map(|fault| PairFault { part: Part::Member, fault }.item());
        let error = items.into_iter().max_by_key(|item| item.reason.len()).unwrap();
        let count = limits::BATCH_PAIRS.count();
        let result = pb::CheckResult { result: Some(PairResult::Error(error.clone())) };
        let named = pb::BatchCheckResponse { results: vec![result; count], ..Default::default() };
        let packed = pb::PackedResults {
            participates: vec![0; count / 8],
            errors: vec![pb::PackedError { index: 99_999, error: Some(error) }; count],
        };
        let packed = pb::BatchCheckResponse { packed_results: Some(packed), ..Default::default() };
        for answer in [named, packed] {
            let bytes = u64::try_from(answer.encoded_len()).unwrap();
            assert!(bytes + 4_096 < limits::ANSWER_BYTES.value, "{bytes}");
        }
    }
}
