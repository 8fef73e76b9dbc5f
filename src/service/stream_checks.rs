//! `StreamChecks`: questions and answers on one stream, without waiting for one another.
//!
//! Owns the order (that of the questions) and when a stream ends. A question is read when the
//! answer before it was taken, so the server holds one question of a stream at a time, and HTTP/2's
//! windows hold the rest: INVARIANT (bounded). It must not know what a pair's answer is.

use super::check::PairRequest;
use super::convert;
use super::errors::{Failure, Reason};
use super::freshness::Basis;
use super::participation::Answers;
use super::turns::Turns;
use crate::id::Lsn;
use crate::pb;
use async_stream::try_stream;
use pb::stream_checks_response::Result as Answer;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

impl Answers {
    /// One answer for each question, until the caller has no more.
    pub(crate) fn stream_checks(
        self: Arc<Self>,
        questions: impl Stream<Item = Result<pb::StreamChecksRequest, Status>> + Send + 'static,
        client_timeout: Option<Duration>,
    ) -> impl Stream<Item = Result<pb::StreamChecksResponse, Status>> + Send + 'static {
        let mut turns = Turns::new(client_timeout);
        try_stream! {
            let mut questions = pin!(questions);
            let mut end = pin!(self.end(&turns));
            let mut last = None;
            loop {
                let question = tokio::select! {
                    biased;
                    question = questions.next() => question.transpose(),
                    failure = &mut end => Err(Status::from(failure)),
                };
                let Some(question) = question? else { break };
                turns.spend(1).await?;
                let timeout = turns.left();
                yield self.stream_answer(&question, timeout, &mut last).await;
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

    async fn stream_answer(
        &self,
        question: &pb::StreamChecksRequest,
        timeout: Option<Duration>,
        last: &mut Option<State>,
    ) -> pb::StreamChecksResponse {
        let id = question.id;
        let (basis, relation) = match self.stream_relation(question, timeout).await {
            Ok((basis, relation)) => (Some(basis), relation),
            Err((basis, reason)) => {
                let error = pb::ItemError { reason: reason.row().name.to_owned() };
                (basis, Answer::Error(error))
            }
        };
        let answered_at = basis.and_then(|basis| {
            let state = State::of(&basis, self.contact.stale_for_ms() > 0);
            (last.replace(state) != Some(state)).then(|| self.answered_at(&basis))
        });
        pb::StreamChecksResponse { id, result: Some(relation), answered_at }
    }

    async fn stream_relation(
        &self,
        question: &pb::StreamChecksRequest,
        timeout: Option<Duration>,
    ) -> Result<(Basis, Answer), (Option<Basis>, Reason)> {
        let asked = convert::asked(question.relation).map_err(|it| (None, it.reason))?;
        let basis = self.reads.basis(question.freshness.as_ref(), timeout).await;
        let basis = basis.map_err(|failure| (None, failure.reason))?;
        let pair = PairRequest { asked, lenient: question.lenient };
        match pair.named(basis.snapshot(), question.member.as_ref(), question.team.as_ref()) {
            Ok(relation) => Ok((basis, Answer::Relation(convert::relation(relation).into()))),
            Err(fault) => Err((Some(basis), fault.reason())),
        }
    }
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
