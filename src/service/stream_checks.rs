//! `StreamChecks`: questions and answers on one stream, without waiting for one another.
//!
//! Owns the order (that of the questions) and when a stream ends. It must not know what a pair's
//! answer is.
//!
//! What has arrived is answered at a stretch, so that timers, the newest version and the transport
//! are looked at once for many questions. A stretch is read when the answers before it were taken:
//! INVARIANT (bounded): of one stream the server holds at most [`STRETCH_QUESTIONS`] questions, or
//! fewer that take [`STRETCH_BYTES`] and one more, and their answers; HTTP/2's windows hold the
//! rest.

use super::check::PairRequest;
use super::convert;
use super::errors::{Failure, Reason};
use super::freshness::Basis;
use super::participation::Answers;
use super::refs::{as_team_end, find_members};
use super::turns::Turns;
use crate::graph::GROUP;
use crate::id::Lsn;
use crate::pb;
use async_stream::try_stream;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use pb::stream_checks_response::Result as Answer;
use prost::Message;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::Stream;
use tonic::Status;

/// Questions answered at a stretch: enough to make what is done once for all of them cheap, and
/// some 0.2 ms of work at a million people.
const STRETCH_QUESTIONS: usize = 128;
/// Bytes of questions after which a stretch takes no more: far above what those by key take, and
/// little for a stream that sends long names.
const STRETCH_BYTES: usize = 64 << 10;

type Question = pb::StreamChecksRequest;

impl Answers {
    /// One answer for each question, until the caller has no more.
    pub(crate) fn stream_checks(
        self: Arc<Self>,
        questions: impl Stream<Item = Result<Question, Status>> + Send + 'static,
        client_timeout: Option<Duration>,
    ) -> impl Stream<Item = Result<pb::StreamChecksResponse, Status>> + Send + 'static {
        // One item of the generator for many answers: they are cheaper than its turns.
        let stretches = self.stretches(questions, Turns::new(client_timeout));
        stretches.map_ok(|answers| stream::iter(answers.into_iter().map(Ok))).try_flatten()
    }

    fn stretches(
        self: Arc<Self>,
        questions: impl Stream<Item = Result<Question, Status>> + Send + 'static,
        mut turns: Turns,
    ) -> impl Stream<Item = Result<Vec<pb::StreamChecksResponse>, Status>> + Send + 'static {
        try_stream! {
            let mut questions = pin!(questions.fuse());
            let mut end = pin!(self.end(&turns));
            let (mut last, mut stretch) = (None, Vec::new());
            loop {
                let first = tokio::select! {
                    biased;
                    failure = &mut end => Err(Status::from(failure)),
                    question = questions.next() => question.transpose(),
                };
                let Some(first) = first? else { break };
                let broken = fill(&mut stretch, first, questions.as_mut()).err();
                turns.spend(stretch.len()).await?;
                let (mut answers, mut newest) = (Vec::with_capacity(stretch.len()), None);
                for questions in stretch.chunk_by(are_alike) {
                    let waiting = questions.iter().find(|question| question.freshness.is_some());
                    let Some(waiting) = waiting else {
                        let newest = newest.get_or_insert_with(|| self.newest());
                        self.stream_answers(questions, newest, &mut last, &mut answers);
                        continue;
                    };
                    // It may wait, and those before it need not; those behind it must not be
                    // answered by an older version than it was.
                    yield std::mem::take(&mut answers);
                    newest = None;
                    let basis = self.fresh(waiting, turns.left()).await;
                    self.stream_answers(questions, &basis, &mut last, &mut answers);
                }
                stretch.clear();
                yield answers;
                broken.map_or(Ok(()), Err)?;
            }
        }
    }

    /// Completes when a stream must end although its caller has more to ask.
    fn end(&self, turns: &Turns) -> impl Future<Output = Failure> + use<> {
        let (deadline, stopped) = (turns.deadline(), self.reads.stopped());
        async move {
            tokio::select! {
                failure = Turns::end(deadline) => failure,
                () = stopped => Failure::new(Reason::ShuttingDown, "the server is stopping"),
            }
        }
    }

    fn newest(&self) -> Result<Basis, Reason> {
        self.reads.newest().map(Basis::Newest).map_err(|failure| failure.reason)
    }

    /// What the question's own freshness asks for.
    async fn fresh(&self, question: &Question, timeout: Option<Duration>) -> Result<Basis, Reason> {
        // Nothing is waited for in vain.
        convert::asked(question.relation).map_err(|failure| failure.reason)?;
        let basis = self.reads.basis(question.freshness.as_ref(), timeout).await;
        basis.map_err(|failure| failure.reason)
    }

    /// The answers for questions that are alike, at the back of `answers`.
    fn stream_answers(
        &self,
        questions: &[Question],
        basis: &Result<Basis, Reason>,
        last: &mut Option<State>,
        answers: &mut Vec<pb::StreamChecksResponse>,
    ) {
        let mut results = Vec::with_capacity(GROUP);
        for questions in questions.chunks(GROUP) {
            let basis = group(questions, basis, &mut results);
            for (question, result) in questions.iter().zip(results.drain(..)) {
                let answered_at = basis.and_then(|basis| {
                    let state = State::of(basis, self.contact.stale_for_ms() > 0);
                    (last.replace(state) != Some(state)).then(|| self.answered_at(basis))
                });
                let result = Some(result);
                answers.push(pb::StreamChecksResponse { id: question.id, result, answered_at });
            }
        }
    }
}

/// Whether the questions can be answered together.
fn are_alike(a: &Question, b: &Question) -> bool {
    let none_waits = a.freshness.is_none() && b.freshness.is_none();
    none_waits && (a.relation, a.lenient) == (b.relation, b.lenient)
}

/// The results for at most [`GROUP`] questions that are alike, and the basis if there was one.
fn group<'a>(
    questions: &[Question],
    basis: &'a Result<Basis, Reason>,
    results: &mut Vec<Answer>,
) -> Option<&'a Basis> {
    let first = questions.first()?;
    let (asked, basis) = match (convert::asked(first.relation), basis) {
        (Ok(asked), Ok(basis)) => (asked, basis),
        (Err(failure), _) => return refuse(questions, failure.reason, results),
        (Ok(_), Err(reason)) => return refuse(questions, *reason, results),
    };
    let (pair, snapshot) = (PairRequest { asked, lenient: first.lenient }, basis.snapshot());
    let members = find_members(snapshot, questions.iter().map(|it| it.member.as_ref()));
    let teams = find_members(snapshot, questions.iter().map(|it| it.team.as_ref()));
    let teams = teams.map(|team| as_team_end(snapshot, team));
    let mut answers = Vec::with_capacity(questions.len());
    let ends = members.into_iter().zip(teams).take(questions.len());
    pair.group(snapshot, ends, &mut answers);
    results.extend(answers.into_iter().map(|answer| match answer {
        Ok(relation) => Answer::Relation(convert::relation(relation).into()),
        Err(fault) => error(fault.reason()),
    }));
    Some(basis)
}

fn refuse<'a>(
    questions: &[Question],
    reason: Reason,
    results: &mut Vec<Answer>,
) -> Option<&'a Basis> {
    results.extend(questions.iter().map(|_| error(reason)));
    None
}

fn error(reason: Reason) -> Answer {
    Answer::Error(pb::ItemError { reason: reason.row().name.to_owned() })
}

/// Puts the first question and what is there behind it into the stretch. Fails if the stream broke
/// behind what was taken.
fn fill(
    stretch: &mut Vec<Question>,
    first: Question,
    mut rest: Pin<&mut impl Stream<Item = Result<Question, Status>>>,
) -> Result<(), Status> {
    let mut bytes = first.encoded_len();
    stretch.push(first);
    while stretch.len() < STRETCH_QUESTIONS && bytes < STRETCH_BYTES {
        // Who waits for what is not there yet leaves a waker then.
        let Some(Some(next)) = rest.next().now_or_never() else { break };
        let next = next?;
        bytes += next.encoded_len();
        stretch.push(next);
    }
    Ok(())
}

/// What tells the state of one answer from that of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    copy: u64,
    sequence: u64,
    applied_lsn: Lsn,
    stale: bool,
}

impl State {
    fn of(basis: &Basis, stale: bool) -> Self {
        let (snapshot, applied_lsn) = (basis.snapshot(), basis.applied_lsn());
        State { copy: snapshot.copy(), sequence: snapshot.sequence(), applied_lsn, stale }
    }
}
