//! The service over loopback against handlers that do nothing: unary, batch, stream.
//!
//! One thread serves, one asks. The slower of the two decides how many calls go through, so the
//! processor time that the server's thread took for a call stands in the context.

use crate::empty_service::EmptyService;
use crate::load;
use crate::options::Plan;
use crate::organisation::{DrawnRows, Organisation};
use crate::process::thread_cpu_ns;
use crate::questions::{Question, Questions};
use crate::record::Record;
use crate::sample::alternate;
use crate::servers::{Asker, OneCore, askers, check_request, member_ref, one_core};
use anyhow::Context;
use std::sync::Arc;
use teamgraph::graph::HistoryLimits;
use teamgraph::pb::{BatchCheckRequest, StreamChecksRequest};
use teamgraph::synthetic::Synthetic;
use tokio::runtime::Runtime;

pub const FIGURES: &[&str] =
    &["unary_vs_empty", "batch_checks_per_s", "batch_vs_empty", "stream_checks_per_s"];

/// As many as the flattened table's clients.
pub const CONNECTIONS: usize = 8;
/// Calls under way on each: enough that neither side waits for the other.
pub const UNARY_IN_FLIGHT: usize = 8;
const BATCH_CONNECTIONS: usize = 2;
const BATCH_IN_FLIGHT: usize = 2;
const BATCH_PAIRS: usize = 1_000;

const OURS: &str = "server-ours";
const EMPTY: &str = "server-empty";

/// Calls a second, and microseconds of the server's thread for each.
type Call = (f64, f64);

/// Both servers, and connections to each.
struct Sides {
    runtime: Runtime,
    ours: Vec<Asker>,
    empty: Vec<Asker>,
    questions: Arc<Vec<Question>>,
    batches: Arc<Vec<BatchCheckRequest>>,
    // Dropped after those who are connected to them.
    _servers: [OneCore; 2],
}

pub fn run(plan: &Plan) -> anyhow::Result<Record> {
    let sides = Sides::start(plan)?;
    let mut record = Record::default();
    sides.unary(plan, &mut record)?;
    sides.batch(plan, &mut record)?;
    sides.stream(plan, &mut record)?;
    Ok(record)
}

impl Sides {
    fn start(plan: &Plan) -> anyhow::Result<Self> {
        let synthetic = Synthetic::new(plan.shape);
        let drawn = DrawnRows::of(&synthetic);
        let organisation = Organisation::build(&synthetic, HistoryLimits::default(), true);
        let snapshot = organisation.writer.last();
        let questions = Questions::draw(snapshot, &synthetic, &drawn, plan.questions)?;
        let questions = Arc::new(questions.mixed());
        let batches = load::batches(&questions, BATCH_PAIRS);
        let runtime = one_core()?;
        let real = OneCore::real(Arc::clone(&organisation.cell), OURS)?;
        let ours = runtime.block_on(askers(real.address, CONNECTIONS))?;
        let answers = runtime.block_on(answers_of(&ours[0], questions[0], &batches[0]))?;
        let stub = OneCore::empty(answers, EMPTY)?;
        let empty = runtime.block_on(askers(stub.address, CONNECTIONS))?;
        Ok(Sides { runtime, ours, empty, questions, batches, _servers: [real, stub] })
    }

    fn unary(&self, plan: &Plan, record: &mut Record) -> anyhow::Result<()> {
        let call = |askers: &[Asker], thread: &str| {
            self.with_cpu(thread, || {
                let load = load::unary(askers, UNARY_IN_FLIGHT, plan.window, &self.questions);
                self.runtime.block_on(load)
            })
        };
        let pairs = self.compare("unary", plan, record, call)?;
        record.put_alternated("unary_vs_empty", ratios(&pairs));
        Ok(())
    }

    fn batch(&self, plan: &Plan, record: &mut Record) -> anyhow::Result<()> {
        let call = |askers: &[Asker], thread: &str| {
            let askers = &askers[..BATCH_CONNECTIONS];
            self.with_cpu(thread, || {
                let load = load::batch(askers, BATCH_IN_FLIGHT, plan.window, &self.batches);
                self.runtime.block_on(load)
            })
        };
        let pairs = self.compare("batch", plan, record, call)?;
        record.put_alternated("batch_vs_empty", ratios(&pairs));
        let pairs_in_call = self.batches[0].packed_pairs.as_ref().context("packed")?.team_ids.len();
        let checks = pairs.iter().map(|(ours, _)| ours * pairs_in_call as f64);
        record.put("batch_checks_per_s", checks.collect());
        Ok(())
    }

    fn stream(&self, plan: &Plan, record: &mut Record) -> anyhow::Result<()> {
        let call = |askers: &[Asker], thread: &str| {
            self.with_cpu(thread, || {
                let load = load::stream(&askers[0], plan.stream_messages, &self.questions);
                self.runtime.block_on(load)
            })
        };
        let pairs = self.compare("stream", plan, record, call)?;
        record.put("stream_checks_per_s", pairs.iter().map(|(ours, _)| *ours).collect());
        Ok(())
    }

    /// Calls a second of both, alternating; absolute values go into the context.
    fn compare(
        &self,
        name: &str,
        plan: &Plan,
        record: &mut Record,
        call: impl Fn(&[Asker], &str) -> anyhow::Result<Call>,
    ) -> anyhow::Result<Vec<(f64, f64)>> {
        let (ours, empty) = (|| call(&self.ours, OURS), || call(&self.empty, EMPTY));
        // Both warm.
        ours()?;
        empty()?;
        let pairs = alternate(plan.samples, ours, empty)?;
        let column = |of: fn(&(Call, Call)) -> f64| -> Vec<f64> { pairs.iter().map(of).collect() };
        record.context_median(&format!("{name}_per_s_ours"), &column(|it| it.0.0));
        record.context_median(&format!("{name}_per_s_empty"), &column(|it| it.1.0));
        record.context_median(&format!("{name}_server_us_ours"), &column(|it| it.0.1));
        record.context_median(&format!("{name}_server_us_empty"), &column(|it| it.1.1));
        Ok(pairs.iter().map(|(ours, empty)| (ours.0, empty.0)).collect())
    }

    fn with_cpu(
        &self,
        thread: &str,
        calls: impl Fn() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Call> {
        let (begin, before) = (tokio::time::Instant::now(), thread_cpu_ns(thread)?);
        let per_s = calls()?;
        let spent_us = (thread_cpu_ns(thread)? - before) / 1e3;
        Ok((per_s, spent_us / (per_s * begin.elapsed().as_secs_f64())))
    }
}

fn ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    pairs.iter().map(|(ours, empty)| ours / empty).collect()
}

/// What the real service answers, for the empty one to repeat.
async fn answers_of(
    asker: &Asker,
    question: Question,
    batch: &BatchCheckRequest,
) -> anyhow::Result<EmptyService> {
    let mut asker = asker.clone();
    let check = asker.check(check_request(question)).await?.into_inner();
    let batch = asker.batch_check(batch.clone()).await?.into_inner();
    let request = StreamChecksRequest {
        id: 1,
        member: member_ref(question.0),
        team: member_ref(question.1),
        ..StreamChecksRequest::default()
    };
    // The second answer: the first carries the state that answers, those after it do not.
    let requests = tokio_stream::iter([request.clone(), request]);
    let mut answers = asker.stream_checks(requests).await?.into_inner();
    answers.message().await?.context("no first answer")?;
    let stream = answers.message().await?.context("no second answer")?;
    Ok(EmptyService { check, batch, stream })
}
