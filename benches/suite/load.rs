//! Calls over gRPC: as many as go into a window of time.

use crate::questions::Question;
use crate::servers::{Asker, check_request, member_ref};
use anyhow::Context;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::pb::{BatchCheckRequest, PackedPairs, StreamChecksRequest};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Unary checks a second: on each connection so many in flight, for a window of time.
pub async fn unary(
    askers: &[Asker],
    in_flight: usize,
    window: Duration,
    questions: &Arc<Vec<Question>>,
) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for worker in 0..askers.len() * in_flight {
        let mut asker = askers[worker % askers.len()].clone();
        let questions = Arc::clone(questions);
        tasks.spawn(async move {
            let mut calls = 0_u64;
            // Each begins elsewhere, so that the whole list is asked.
            let mut next = worker * 7_919;
            while begin.elapsed() < window {
                let question = questions[next % questions.len()];
                next += 1;
                asker.check(check_request(question)).await?;
                calls += 1;
            }
            Ok::<_, tonic::Status>(calls)
        });
    }
    per_second(tasks, begin).await
}

async fn per_second(
    mut tasks: JoinSet<Result<u64, tonic::Status>>,
    begin: Instant,
) -> anyhow::Result<f64> {
    let mut calls = 0;
    while let Some(ended) = tasks.join_next().await {
        calls += ended??;
    }
    Ok(calls as f64 / begin.elapsed().as_secs_f64())
}

/// Batches of pairs in packed columns, to be sent again and again.
pub fn batches(questions: &[Question], pairs: usize) -> Arc<Vec<BatchCheckRequest>> {
    let batch = |questions: &[Question]| {
        let (member_ids, team_ids) = questions.iter().copied().unzip();
        let packed_pairs = Some(PackedPairs { member_kind: 0, member_ids, team_ids });
        BatchCheckRequest { packed_pairs, ..BatchCheckRequest::default() }
    };
    Arc::new(questions.chunks_exact(pairs.min(questions.len())).map(batch).collect())
}

/// Batches a second, as [`unary`].
pub async fn batch(
    askers: &[Asker],
    in_flight: usize,
    window: Duration,
    batches: &Arc<Vec<BatchCheckRequest>>,
) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for worker in 0..askers.len() * in_flight {
        let mut asker = askers[worker % askers.len()].clone();
        let batches = Arc::clone(batches);
        tasks.spawn(async move {
            let mut calls = 0_u64;
            let mut next = worker * 13;
            while begin.elapsed() < window {
                let request = batches[next % batches.len()].clone();
                next += 1;
                asker.batch_check(request).await?;
                calls += 1;
            }
            Ok(calls)
        });
    }
    per_second(tasks, begin).await
}

/// Questions a second on one stream, sent without waiting for answers.
pub async fn stream(
    asker: &Asker,
    messages: usize,
    questions: &Arc<Vec<Question>>,
) -> anyhow::Result<f64> {
    let questions = Arc::clone(questions);
    let requests = (0..messages).map(move |at| {
        let (member, team) = questions[at % questions.len()];
        StreamChecksRequest {
            id: at as u64,
            member: member_ref(member),
            team: member_ref(team),
            ..StreamChecksRequest::default()
        }
    });
    let begin = Instant::now();
    let mut asker = asker.clone();
    let answers = asker.stream_checks(tokio_stream::iter(requests)).await?;
    let mut answers = answers.into_inner();
    for at in 0..messages {
        let answer = answers.message().await?.context("the stream ended early")?;
        anyhow::ensure!(answer.id == at as u64, "answers out of order");
    }
    Ok(messages as f64 / begin.elapsed().as_secs_f64())
}
