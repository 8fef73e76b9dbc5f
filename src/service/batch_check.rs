//! `BatchCheck`: many pairs at one version, in one of four forms.
//!
//! Owns the forms and the two kinds of results. It must not know what a pair's answer is, nor how
//! versions are chosen.

use super::check::{PairAnswer, PairRequest};
use super::convert;
use super::errors::Failure;
use super::limits;
use super::participation::Answers;
use super::refs::{
    End, Part, TeamEnd, as_team_end, find_keys, find_member, find_members, find_team_keys,
    find_teams, wanted_kind,
};
use super::turns::Turns;
use crate::graph::{GROUP, Relation, Snapshot};
use crate::id::MemberKind;
use crate::pb;
use pb::check_result::Result as PairResult;
use std::ops::Range;
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
        let snapshot = basis.snapshot();
        let mut pairs = form.pairs(snapshot);
        let mut answer = pb::BatchCheckResponse::default();
        if let Form::Packed(_) = form {
            let mut results = pb::PackedResults::default();
            results.participates.reserve_exact(count.div_ceil(8));
            while let Some(group) = pairs.answer(pair) {
                packed(group, &mut results);
                turns.spend(group.answers.len()).await?;
            }
            answer.packed_results = Some(results);
        } else {
            answer.results.reserve_exact(count);
            while let Some(group) = pairs.answer(pair) {
                answer.results.extend(group.answers.iter().map(|&answer| result(answer)));
                turns.spend(group.answers.len()).await?;
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

    fn pairs(&self, snapshot: &'a Snapshot) -> Pairs<'a> {
        let one = |end: &Option<_>| Column::Repeated(find_member(snapshot, end.as_ref()));
        let (members, teams) = match *self {
            Form::Pairs(pairs) => (Column::OfPairs(pairs), Column::OfPairs(pairs)),
            Form::Packed(Columns { member_kind, members, teams, .. }) => (
                Column::member_keys(snapshot, members, member_kind),
                Column::team_keys(snapshot, teams),
            ),
            Form::MemberTeams(pairs) => (one(&pairs.member), Column::References(&pairs.teams)),
            Form::TeamMembers(pairs) => (Column::References(&pairs.members), one(&pairs.team)),
        };
        Pairs { snapshot, members, teams, count: self.len(), begin: 0, answers: Vec::new() }
    }
}

/// Pairs that are answered a group at a time.
struct Pairs<'a> {
    snapshot: &'a Snapshot,
    members: Column<'a>,
    teams: Column<'a>,
    count: usize,
    /// How many were answered.
    begin: usize,
    answers: Vec<PairAnswer>,
}

/// The answers for some consecutive pairs.
#[derive(Clone, Copy)]
struct Group<'a> {
    /// The first one's place.
    begin: usize,
    answers: &'a [PairAnswer],
}

impl Pairs<'_> {
    /// The next group's answers; `None` at the end.
    fn answer(&mut self, pair: PairRequest) -> Option<Group<'_>> {
        let begin = self.begin;
        let range = begin..self.count.min(begin + GROUP);
        if range.is_empty() {
            return None;
        }
        self.begin = range.end;
        let members = self.members.ends(self.snapshot, range.clone());
        let teams = self.teams.team_ends(self.snapshot, range.clone());
        self.answers.clear();
        let ends = members.into_iter().zip(teams).take(range.len());
        pair.group(self.snapshot, ends, &mut self.answers);
        Some(Group { begin, answers: &self.answers })
    }
}

fn packed(group: Group<'_>, results: &mut pb::PackedResults) {
    // A group is whole bytes, but for the last.
    results.participates.extend(group.answers.chunks(8).map(participates));
    for (place, answer) in group.answers.iter().enumerate() {
        let Err(fault) = answer else { continue };
        // At most `BATCH_PAIRS`.
        let index = u32::try_from(group.begin + place).unwrap_or(u32::MAX);
        results.errors.push(pb::PackedError { index, error: Some(fault.item()) });
    }
}

const _: () = assert!(GROUP.is_multiple_of(8), "a group is whole bytes of packed results");

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
}

/// One end of every pair.
enum Column<'a> {
    /// The same for all: it is looked up once.
    Repeated(End),
    /// By key, of that kind.
    Keys(&'a [i64], Option<MemberKind>),
    References(&'a [pb::MemberRef]),
    OfPairs(&'a [pb::CheckPair]),
}

impl<'a> Column<'a> {
    /// A single key stands for a column that repeats it.
    fn member_keys(snapshot: &Snapshot, keys: &'a [i64], kind: Option<MemberKind>) -> Self {
        if keys.len() == 1 {
            let [end, ..] = find_keys(snapshot, keys, |_| kind);
            return Column::Repeated(end);
        }
        Column::Keys(keys, kind)
    }

    /// As [`Column::member_keys`].
    fn team_keys(snapshot: &Snapshot, keys: &'a [i64]) -> Self {
        if keys.len() == 1 {
            let [end, ..] = find_team_keys(snapshot, keys);
            return Column::Repeated(end.map(|(member, _)| member));
        }
        Column::Keys(keys, Some(MemberKind::Team))
    }

    /// The ends of at most [`GROUP`] pairs; what stands past their number means nothing.
    fn ends(&self, snapshot: &Snapshot, pairs: Range<usize>) -> [End; GROUP] {
        match self {
            Column::Repeated(end) => [*end; GROUP],
            Column::Keys(keys, kind) => {
                find_keys(snapshot, keys.get(pairs).unwrap_or_default(), |_| *kind)
            }
            Column::References(references) => {
                let references = references.get(pairs).unwrap_or_default();
                find_members(snapshot, references.iter().map(Some))
            }
            Column::OfPairs(all) => {
                let pairs = all.get(pairs).unwrap_or_default();
                find_members(snapshot, pairs.iter().map(|pair| pair.member.as_ref()))
            }
        }
    }

    /// [`Column::ends`] of the side that is asked about as teams.
    fn team_ends(&self, snapshot: &Snapshot, pairs: Range<usize>) -> [TeamEnd; GROUP] {
        match self {
            Column::Repeated(end) => [as_team_end(snapshot, *end); GROUP],
            Column::Keys(keys, _) => find_team_keys(snapshot, keys.get(pairs).unwrap_or_default()),
            Column::References(references) => {
                let references = references.get(pairs).unwrap_or_default();
                find_teams(snapshot, references.iter().map(Some))
            }
            Column::OfPairs(all) => {
                let pairs = all.get(pairs).unwrap_or_default();
                find_teams(snapshot, pairs.iter().map(|pair| pair.team.as_ref()))
            }
        }
    }
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
