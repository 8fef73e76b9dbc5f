//! One run from beginning to end: who takes part, for how long, and what it came to.

use crate::compare;
use crate::disk::Disk;
use crate::faults::Faults;
use crate::judge::{ANSWERS_MAX, Verdict, judge};
use crate::kinds::Kind;
use crate::log::Log;
use crate::options::Options;
use crate::readers::{PLAIN, Readers, WITH_TOKENS};
use crate::recorder::record;
use crate::report::Summary;
use crate::service;
use crate::stage::{DATABASE, LOOK, Stage};
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use teamgraph::synthetic::Random;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const WRITERS: u64 = 2;

/// Faults between two comparisons with SQL.
const PAUSE_EVERY: u64 = 4;

/// In shorter runs the service is never stopped for longer than PostgreSQL waits.
const LONG_MINUTES: f64 = 5.0;

/// Between two faults under sabotage: the service tells PostgreSQL its position every second, and
/// what it tells too early does harm only afterwards.
const SABOTAGE_REST: Duration = Duration::from_millis(1_300);

/// Those who take part beside the one who makes faults.
struct Company {
    writers: JoinSet<anyhow::Result<()>>,
    readers: JoinSet<()>,
    judging: JoinSet<()>,
    recording: JoinSet<anyhow::Error>,
    reading_done: Arc<AtomicBool>,
    refusals: Arc<Mutex<BTreeMap<String, u64>>>,
}

pub async fn run(options: &Options, seed: u64) -> anyhow::Result<Summary> {
    let (kinds, not_there) = kinds(options).await?;
    let mut stage = Stage::set(options).await?;
    let (log, verdict) = (Log::new(), Verdict::default());
    stage.followed().await?;
    let mut company = Company::gather(&stage, &log, &verdict, seed);
    let has_time = options.minutes >= LONG_MINUTES;
    let mut faults = Faults::new(kinds, Random::new(seed), has_time);
    let mut pauses = 0;
    let disturbed = async {
        let end = Instant::now() + options.duration();
        if options.sabotage.is_some() {
            return sabotaged(&mut stage, &mut faults, &verdict, end).await;
        }
        // A round that was begun is finished: then every kind has come equally often.
        while Instant::now() < end || !faults.is_between_rounds() {
            faults.make(&mut stage).await?;
            let made = faults.made.values().sum::<u64>();
            if made.is_multiple_of(PAUSE_EVERY) {
                compare::pause(&mut stage, &log, &verdict).await?;
                pauses += 1;
            }
        }
        pauses += 1;
        compare::pause(&mut stage, &log, &verdict).await
    };
    tokio::select! {
        disturbed = Box::pin(disturbed) => disturbed?,
        error = company.broken() => return Err(error),
    }
    let refused = company.disband(&stage).await?;
    let mut summary = Summary {
        minutes: options.minutes,
        seed,
        faults: faults.made,
        transactions: stage.writers.acknowledged(),
        answers: 0,
        tokens_awaited: 0,
        losses: 0,
        went_back: 0,
        wrong_answers: 0,
        unjudged: 0,
        pauses,
        gave_up: stage.gave_up,
        not_there,
        refused,
        verified: 0,
        verify_differences: 0,
    };
    (summary.verified, summary.verify_differences) = stage.serve.verified()?;
    summary.found(&verdict.so_far());
    if options.sabotage.is_none() {
        stage.strike().await?;
    }
    Ok(summary)
}

/// The kinds to make, and those that this build has no part for.
async fn kinds(options: &Options) -> anyhow::Result<(Vec<Kind>, Vec<&'static str>)> {
    let only: Vec<String> = match options.sabotage {
        Some(sabotage) => sabotage.kinds().iter().map(|kind| (*kind).to_owned()).collect(),
        None => options.only.clone(),
    };
    let has_checkpoint = service::knows(&options.binary(), service::CHECKPOINT_FLAG).await?;
    let has_small_disk = has_checkpoint && Disk::may_be_small();
    let is_there = |kind: &Kind| match kind {
        Kind::RestartWarm => has_checkpoint,
        Kind::FillDisk => has_small_disk,
        _ => true,
    };
    let (there, not_there): (Vec<Kind>, Vec<Kind>) = Kind::ALL.into_iter().partition(is_there);
    let wanted = |kind: &Kind| only.is_empty() || only.iter().any(|name| name == kind.name());
    let kinds: Vec<Kind> = there.into_iter().filter(wanted).collect();
    ensure!(!kinds.is_empty(), "no kind of fault is called {}", only.join(", "));
    Ok((kinds, not_there.iter().map(|kind| kind.name()).collect()))
}

/// Until the verdict has turned, or the time is over.
async fn sabotaged(
    stage: &mut Stage,
    faults: &mut Faults,
    verdict: &Verdict,
    end: Instant,
) -> anyhow::Result<()> {
    while Instant::now() < end && verdict.is_clean() {
        let rested = Instant::now() + SABOTAGE_REST;
        while Instant::now() < rested && verdict.is_clean() {
            sleep(LOOK).await;
        }
        faults.make(stage).await?;
    }
    Ok(())
}

impl Company {
    fn gather(stage: &Stage, log: &Log, verdict: &Verdict, seed: u64) -> Self {
        let numbers = |who: u64| Random::new(Random::new(seed.wrapping_add(who)).any());
        let directory = stage.postgres.directory().to_owned();
        let mut recording = JoinSet::new();
        recording.spawn(record(directory, DATABASE.to_owned(), log.clone()));
        let (tokens, newest) = watch::channel(String::new());
        let mut writers = JoinSet::new();
        for writer in 1..=WRITERS {
            let writing = stage.writers.clone();
            let writing = writing.write(stage.url.clone(), numbers(writer), tokens.clone());
            writers.spawn(writing);
        }
        let (answers, observed) = mpsc::channel(ANSWERS_MAX);
        let mut judging = JoinSet::new();
        judging.spawn(judge(observed, log.clone(), verdict.clone()));
        let shared = Readers {
            service: stage.address(),
            tokens: newest,
            answers,
            verdict: verdict.clone(),
            done: Arc::default(),
            refusals: Arc::default(),
        };
        let mut readers = JoinSet::new();
        for reader in 1..=PLAIN + WITH_TOKENS {
            let number = usize::try_from(reader).unwrap();
            let reading = shared.clone();
            readers.spawn(reading.read(number, numbers(100 + reader), reader > PLAIN));
        }
        let (reading_done, refusals) = (shared.done, shared.refusals);
        Company { writers, readers, judging, recording, reading_done, refusals }
    }

    /// Why the run cannot go on.
    async fn broken(&mut self) -> anyhow::Error {
        let gone = || anyhow::anyhow!("ended too early");
        tokio::select! {
            Some(ended) = self.writers.join_next() => match ended {
                Ok(Err(error)) => error.context("a writer"),
                Ok(Ok(())) => gone().context("a writer"),
                Err(error) => anyhow::Error::new(error).context("a writer"),
            },
            Some(ended) = self.readers.join_next() => {
                ended.err().map_or_else(gone, Into::into).context("a reader")
            }
            Some(ended) = self.judging.join_next() => {
                ended.err().map_or_else(gone, Into::into).context("the judge")
            }
            Some(ended) = self.recording.join_next() => {
                ended.unwrap_or_else(Into::into).context("the recorder")
            }
        }
    }

    /// Ends writers and readers, and then the judge, once it has judged everything.
    async fn disband(mut self, stage: &Stage) -> anyhow::Result<BTreeMap<String, u64>> {
        stage.writers.finish();
        self.reading_done.store(true, Ordering::Relaxed);
        while let Some(ended) = self.writers.join_next().await {
            ended?.context("a writer")?;
        }
        while let Some(ended) = self.readers.join_next().await {
            ended.context("a reader")?;
        }
        while let Some(ended) = self.judging.join_next().await {
            ended.context("the judge")?;
        }
        Ok(self.refusals.lock().unwrap().clone())
    }
}
