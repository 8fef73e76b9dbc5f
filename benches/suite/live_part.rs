//! Under 1,000 commits a second: how soon an answer shows a commit, and what reads pay.
//!
//! Every commit sets the status of one membership drawn by row, to and fro between active and not.
//! Writers keep to a timetable: one that is late does not wait for the next turn.

use crate::database::{Sql, connect};
use crate::empty_service::EmptyService;
use crate::options::Plan;
use crate::postgres_part::{Scene, Stage};
use crate::questions::Question;
use crate::record::Record;
use crate::sample::{median, percentile};
use crate::servers::{Asker, OneCore, asker, askers, check_request, one_core};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use teamgraph::pb::{CheckRequest, Freshness, freshness};
use teamgraph::synthetic::Random;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

const WRITE: &str = "UPDATE teamgraph.team_membership
    SET status = CASE status WHEN 4 THEN 2 ELSE 4 END WHERE id = $1";
const TOKEN: &str = "SELECT teamgraph.teamgraph_token()";
/// Connections that write: each commit waits for the disk, and they share its syncs.
const WRITERS: u32 = 8;
/// Connections that read, and how often each asks: enough for a 99th percentile, far from enough to
/// fill a core.
const READERS: u32 = 4;
const READS_PER_S: u32 = 500;
pub const WINDOWS: usize = 5;

/// When the n-th turn of this worker begins.
fn turn(begin: Instant, worker: u32, workers: u32, per_s: u32, n: u32) -> Instant {
    begin + Duration::from_secs_f64(f64::from(n * workers + worker) / f64::from(per_s))
}

/// What became of one commit, in milliseconds from its acknowledgement.
struct Seen {
    token_ms: f64,
    answer_ms: f64,
}

/// A window of commits.
pub struct Visible {
    pub p50_ms: f64,
    pub p99_ms: f64,
    token_ms: f64,
    commits_per_s: f64,
}

pub fn visible(
    plan: &Plan,
    stage: &Stage,
    scene: &Scene,
    record: &mut Record,
) -> anyhow::Result<()> {
    let committers = Committers::connect(plan, stage, scene)?;
    let windows: Vec<Visible> =
        (0..WINDOWS).map(|_| committers.window(plan, stage, scene)).collect::<Result<_, _>>()?;
    let column = |of: fn(&Visible) -> f64| -> Vec<f64> { windows.iter().map(of).collect() };
    record.put("visible_ms_p50", column(|it| it.p50_ms));
    record.put("visible_ms_p99", column(|it| it.p99_ms));
    record.context_median("visible_of_which_token_ms_p50", &column(|it| it.token_ms));
    record.context_median("visible_commits_per_s", &column(|it| it.commits_per_s));
    Ok(())
}

/// Connections that commit, each with one that asks.
pub struct Committers(Vec<(Arc<Sql>, Asker)>);

impl Committers {
    /// Connected and warm.
    pub fn connect(plan: &Plan, stage: &Stage, scene: &Scene) -> anyhow::Result<Self> {
        stage.runtime.block_on(async {
            let mut committers = Vec::new();
            for _ in 0..WRITERS {
                let sql = Arc::new(connect(&stage.database.url).await?);
                committers.push((sql, asker(scene.following.address).await?));
            }
            let (rows, warm) = (stage.database.memberships, Duration::from_secs(2));
            visible_window(plan.commits_per_s, &committers, rows, scene, warm).await?;
            Ok(Committers(committers))
        })
    }

    pub fn window(&self, plan: &Plan, stage: &Stage, scene: &Scene) -> anyhow::Result<Visible> {
        let (rows, per_s) = (stage.database.memberships, plan.commits_per_s);
        let begin = Instant::now();
        let window = visible_window(per_s, &self.0, rows, scene, plan.commit_window);
        let seen = stage.runtime.block_on(window)?;
        let commits_per_s = seen.len() as f64 / begin.elapsed().as_secs_f64();
        let mut answers: Vec<f64> = seen.iter().map(|it| it.answer_ms).collect();
        Ok(Visible {
            p50_ms: percentile(&mut answers, 0.5),
            p99_ms: percentile(&mut answers, 0.99),
            token_ms: median(&seen.iter().map(|it| it.token_ms).collect::<Vec<_>>()),
            commits_per_s,
        })
    }
}

async fn visible_window(
    per_s: u32,
    writers: &[(Arc<Sql>, Asker)],
    rows: i64,
    scene: &Scene,
    window: Duration,
) -> anyhow::Result<Vec<Seen>> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (worker, (sql, asker)) in (0_u32..).zip(writers) {
        let (sql, mut asker) = (Arc::clone(sql), asker.clone());
        let questions = Arc::clone(&scene.questions);
        tasks.spawn(async move {
            let write = sql.client.prepare(WRITE).await?;
            let token = sql.client.prepare(TOKEN).await?;
            let mut random = Random::new(u64::from(worker) + begin.elapsed().as_nanos() as u64);
            let mut seen = Vec::new();
            for n in 0.. {
                let start = turn(begin, worker, WRITERS, per_s, n);
                if start - begin >= window || begin.elapsed() >= window {
                    break;
                }
                sleep_until(start).await;
                let row = 1 + random.below(rows as u64) as i64;
                sql.client.execute(&write, &[&row]).await?;
                let acknowledged = Instant::now();
                let token: String = sql.client.query_one(&token, &[]).await?.get(0);
                let token_ms = acknowledged.elapsed().as_secs_f64() * 1e3;
                let question = questions[random.below(questions.len() as u64) as usize];
                asker.check(fresh_check(question, token)).await?;
                let answer_ms = acknowledged.elapsed().as_secs_f64() * 1e3;
                seen.push(Seen { token_ms, answer_ms });
            }
            anyhow::Ok(seen)
        });
    }
    let mut seen = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        seen.extend(ended??);
    }
    Ok(seen)
}

fn fresh_check(question: Question, token: String) -> CheckRequest {
    let at = Some(freshness::At::AtLeastAsFresh(token));
    let freshness = Some(Freshness { at, ..Freshness::default() });
    CheckRequest { freshness, ..check_request(question) }
}

/// Ours and, in the same windows, handlers that do nothing: what the writers, PostgreSQL and the feed
/// take from the clients and from the transport, whoever answers.
pub fn reads(plan: &Plan, stage: &Stage, scene: &Scene, record: &mut Record) -> anyhow::Result<()> {
    let connected = |address| stage.runtime.block_on(askers(address, READERS as usize));
    let ours = connected(scene.following.address)?;
    let request = check_request(scene.questions[0]);
    let check = stage.runtime.block_on(ours[0].clone().check(request))?.into_inner();
    let server = OneCore::empty(EmptyService::checking(check), "reads-empty")?;
    let empty = connected(server.address)?;
    let read = |of: &[Asker]| stage.runtime.block_on(read_window(plan, of, &scene.questions));
    let both = |sample: usize| -> anyhow::Result<(f64, f64)> {
        if sample.is_multiple_of(2) {
            let first = read(&ours)?;
            return Ok((first, read(&empty)?));
        }
        let first = read(&empty)?;
        Ok((read(&ours)?, first))
    };
    both(0)?;
    let (mut at_rest, mut written, mut rates) = (vec![], vec![], vec![]);
    for sample in 0..WINDOWS {
        at_rest.push(both(sample)?);
        let writers = Writers::start(plan, stage)?;
        written.push(both(sample)?);
        rates.push(writers.end()?);
    }
    let ratio = |of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        written.iter().zip(&at_rest).map(|(written, rest)| of(written) / of(rest)).collect()
    };
    let column = |windows: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        windows.iter().map(of).collect()
    };
    record.put_alternated("read_p99_under_writes", ratio(|it| it.0));
    record.context_median("read_p99_under_writes_empty", &ratio(|it| it.1));
    record.context_median("read_p99_ms_at_rest", &column(&at_rest, |it| it.0));
    record.context_median("read_p99_ms_under_writes", &column(&written, |it| it.0));
    record.context_median("read_p99_ms_empty_at_rest", &column(&at_rest, |it| it.1));
    record.context_median("read_p99_ms_empty_under_writes", &column(&written, |it| it.1));
    record.context_median("read_commits_per_s", &rates);
    Ok(())
}

/// The 99th percentile, in milliseconds, from a call's turn being taken to its answer.
async fn read_window(
    plan: &Plan,
    askers: &[Asker],
    questions: &Arc<Vec<Question>>,
) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let (window, mut tasks) = (plan.read_window, JoinSet::new());
    for (worker, asker) in (0_u32..).zip(askers) {
        let (mut asker, questions) = (asker.clone(), Arc::clone(questions));
        tasks.spawn(async move {
            let mut times = Vec::new();
            for n in 0.. {
                let start = turn(begin, worker, READERS, READERS * READS_PER_S, n);
                if start - begin >= window {
                    break;
                }
                sleep_until(start).await;
                let question = questions[(n * READERS + worker) as usize % questions.len()];
                let asked = Instant::now();
                asker.check(check_request(question)).await?;
                times.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, tonic::Status>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        times.extend(ended??);
    }
    Ok(percentile(&mut times, 0.99))
}

/// Writers on a thread of their own, for as long as two windows of reads.
struct Writers(std::thread::JoinHandle<anyhow::Result<f64>>);

impl Writers {
    /// Started once all are connected.
    fn start(plan: &Plan, stage: &Stage) -> anyhow::Result<Self> {
        let (ready, started) = mpsc::channel();
        let (url, rows) = (stage.database.url.clone(), stage.database.memberships);
        // Half a second longer: the reads must not outlast them.
        let window = 2 * plan.read_window + Duration::from_millis(500);
        let per_s = plan.commits_per_s;
        let work = move || one_core()?.block_on(write_window(url, rows, window, per_s, ready));
        let thread = std::thread::Builder::new().name("writers".into()).spawn(work)?;
        started.recv()?;
        Ok(Writers(thread))
    }

    /// How many commits a second there were.
    fn end(self) -> anyhow::Result<f64> {
        self.0.join().map_err(|_| anyhow::anyhow!("the writers' thread failed"))?
    }
}

async fn write_window(
    url: String,
    rows: i64,
    window: Duration,
    per_s: u32,
    ready: mpsc::Sender<()>,
) -> anyhow::Result<f64> {
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let sql = connect(&url).await?;
        let write = sql.client.prepare(WRITE).await?;
        // Shared, so that a task takes it whole: the client alone would end the connection.
        writers.push((Arc::new(sql), write));
    }
    ready.send(())?;
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (worker, (sql, write)) in (0_u32..).zip(writers) {
        tasks.spawn(async move {
            let mut random = Random::new(u64::from(worker) + 1);
            let mut commits = 0_u64;
            for n in 0.. {
                let start = turn(begin, worker, WRITERS, per_s, n);
                if start - begin >= window || begin.elapsed() >= window {
                    break;
                }
                sleep_until(start).await;
                let row = 1 + random.below(rows as u64) as i64;
                sql.client.execute(&write, &[&row]).await?;
                commits += 1;
            }
            Ok::<_, tokio_postgres::Error>(commits)
        });
    }
    let mut commits = 0;
    while let Some(ended) = tasks.join_next().await {
        commits += ended??;
    }
    Ok(commits as f64 / begin.elapsed().as_secs_f64())
}
