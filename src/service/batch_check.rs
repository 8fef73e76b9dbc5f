//! `BatchCheck`: many pairs at one version, in one of four forms.
//!
//! Owns the forms and the two kinds of results. It must not know what a pair's answer is, nor how
//! versions are chosen.

use super::check::{End, GROUP_PAIRS, PairAnswer, PairRequest};
use super::convert;
use super::errors::Failure;
use super::limits;
use super::participation::Answers;
use super::refs::{Part, find_key, find_member, find_team_key, wanted_kind};
use super::turns::Turns;
use crate::graph::{Relation, Snapshot};
use crate::id::{Key, MemberKind};
use crate::pb;
use pb::check_result::Result as PairResult;
use std::time::Duration;

impl Answers {
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
        let mut answers = Vec::with_capacity(GROUP_PAIRS);
        while pairs.len() > 0 {
            self.pair.group(self.snapshot, pairs.by_ref(), &mut answers);
            let group = answers.len();
            results.extend(answers.drain(..).map(result));
            self.turns.spend(group).await?;
        }
        Ok(results)
    }

    async fn packed(self, columns: &Columns<'_>) -> Result<pb::PackedResults, Failure> {
        let mut results = pb::PackedResults::default();
        results.participates.reserve_exact(columns.count.div_ceil(8));
        let mut answers = Vec::with_capacity(GROUP_PAIRS);
        let mut pairs = columns.pairs(self.snapshot);
        let mut done = 0;
        while done < columns.count {
            self.pair.group(self.snapshot, pairs.by_ref(), &mut answers);
            // A group is whole bytes, but for the last.
            for byte in answers.chunks(8) {
                results.participates.push(participates(byte));
            }
            let group = answers.len();
            for (place, answer) in answers.drain(..).enumerate() {
                let Err(fault) = answer else { continue };
                // At most `BATCH_PAIRS`.
                let index = u32::try_from(done + place).unwrap_or(u32::MAX);
                results.errors.push(pb::PackedError { index, error: Some(fault.item()) });
            }
            done += group;
            self.turns.spend(group).await?;
        }
        Ok(results)
    }
}

const _: () = assert!(GROUP_PAIRS.is_multiple_of(8), "a group is whole bytes of packed results");

fn result(answer: PairAnswer) -> pb::CheckResult {
    let result = match answer {
        Ok(relation) => PairResult::Relation(convert::relation(relation).into()),
        Err(fault) => PairResult::Error(fault.item()),
    };
    pb::CheckResult { result: Some(result) }
}

/// A bit for each of at most eight pairs, the least significant first.
fn participates(answers: &[PairAnswer]) -> u8 {
    answers.iter().rev().fold(0, |byte, answer| {
        let yes = match answer {
            Ok(Relation::Itself | Relation::Direct | Relation::Indirect) => 1,
            Ok(Relation::None) | Err(_) => 0,
        };
        byte << 1 | yes
    })
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
    use crate::service::check::PairFault;
    use crate::service::refs::RefFault;
    use prost::Message;

    /// What the changelog and the limit's own words promise.
    #[test]
    fn the_largest_batch_of_names_of_34_bytes_fits_a_request_in_every_form() {
        let named = |kind: i32| {
            let name = pb::member_ref::Ref::Name("n".repeat(34));
            pb::MemberRef { kind, r#ref: Some(name) }
        };
        let count = limits::BATCH_PAIRS.count();
        let pair = pb::CheckPair { member: Some(named(1)), team: Some(named(2)) };
        let member_teams = pb::MemberTeams { member: Some(named(1)), teams: vec![named(2); count] };
        let team_members = pb::TeamMembers { team: Some(named(2)), members: vec![named(1); count] };
        let packed_pairs = pb::PackedPairs {
            member_kind: 1,
            member_ids: vec![i64::MAX; count],
            team_ids: vec![i64::MAX; count],
        };
        let none = pb::BatchCheckRequest::default;
        for request in [
            pb::BatchCheckRequest { pairs: vec![pair; count], ..none() },
            pb::BatchCheckRequest { member_teams: Some(member_teams), ..none() },
            pb::BatchCheckRequest { team_members: Some(team_members), ..none() },
            pb::BatchCheckRequest { packed_pairs: Some(packed_pairs), ..none() },
        ] {
            let bytes = u64::try_from(request.encoded_len()).unwrap();
            assert!(bytes + 4_096 < limits::REQUEST_BYTES.value, "{bytes}");
        }
    }

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
        let items = faults.map(|fault| PairFault::new(Part::Member, fault).item());
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
