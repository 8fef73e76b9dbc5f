//! Unary checks against the point check of a flattened table, over as many TCP connections.
//!
//! The table holds every participation, as Launchpad's does, with a unique index on (team, person).
//! It is filled from our own lists, by `COPY` into an unlogged table whose index is made after, and
//! read into the cache before it is asked. How it is filled is no part of what is timed; that it is
//! right is checked on the way.

use crate::copy_rows::CopyRows;
use crate::database::{Sql, connect};
use crate::grpc_part::{CONNECTIONS, UNARY_IN_FLIGHT};
use crate::load;
use crate::options::Plan;
use crate::postgres_part::{Scene, Stage};
use crate::questions::{Question, ask};
use crate::record::Record;
use crate::sample::alternate;
use crate::servers::askers;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::graph::{Relation, Scope, Snapshot};
use teamgraph::id::{Key, SourceKey, TeamId};
use teamgraph::synthetic::Synthetic;
use tokio::task::JoinSet;
use tokio::time::Instant;

const CREATE: &str =
    "CREATE UNLOGGED TABLE teamparticipation (team bigint NOT NULL, person bigint NOT NULL)";
const INDEX: &str = "CREATE UNIQUE INDEX ON teamparticipation (team, person)";
const CHECK: &str =
    "SELECT EXISTS (SELECT 1 FROM teamparticipation WHERE team = $1 AND person = $2)";
/// What is compared, with the calls in flight on each connection, ours and the table's: each as its
/// clients use one (gRPC's share a connection, a pool lends it to one query at a time); both one at
/// a time; and both as many, the table's pipelined, which few drivers do.
const COMPARISONS: [(&str, usize, usize); 3] = [
    (FIGURE, UNARY_IN_FLIGHT, 1),
    ("unary_vs_table_one_in_flight", 1, 1),
    ("unary_vs_table_pipelined", UNARY_IN_FLIGHT, UNARY_IN_FLIGHT),
];
const FIGURE: &str = "unary_vs_table";
/// Answers that are compared before anything is timed.
const COMPARED: usize = 2_000;

pub fn run(plan: &Plan, stage: &Stage, scene: &Scene, record: &mut Record) -> anyhow::Result<()> {
    let runtime = &stage.runtime;
    let snapshot = scene.following.snapshot()?;
    runtime.block_on(fill(stage, &snapshot, record))?;
    let connections = runtime.block_on(connections(&stage.database.tcp_url()?))?;
    runtime.block_on(compare(&connections[0], &snapshot, &scene.questions))?;
    let askers = runtime.block_on(askers(scene.following.address, CONNECTIONS))?;
    let (window, questions) = (plan.window, &scene.questions);
    let ours = |calls| runtime.block_on(load::unary(&askers, calls, window, questions));
    let table = |calls| runtime.block_on(load_table(&connections, calls, window, questions));
    // Both warm.
    ours(1)?;
    table(1)?;
    table(1)?;
    for (name, ours_in_flight, table_in_flight) in COMPARISONS {
        let pairs = alternate(plan.samples, || ours(ours_in_flight), || table(table_in_flight))?;
        let (ours, table): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let ratios: Vec<f64> = pairs.iter().map(|it| it.0 / it.1).collect();
        record.context_median(&format!("{name}_per_s_ours"), &ours);
        record.context_median(&format!("{name}_per_s_table"), &table);
        if name == FIGURE {
            record.put_alternated(name, ratios);
        } else {
            record.context_median(name, &ratios);
        }
    }
    drop(connections);
    runtime.block_on(stage.database.sql.client.batch_execute("DROP TABLE teamparticipation"))?;
    Ok(())
}

async fn fill(stage: &Stage, snapshot: &Snapshot, record: &mut Record) -> anyhow::Result<()> {
    let (begin, client) = (Instant::now(), &stage.database.sql.client);
    // FREEZE, so that the index alone answers, as after a vacuum.
    client.batch_execute("BEGIN").await?;
    client.batch_execute(CREATE).await?;
    let mut rows =
        CopyRows::begin(client, "teamparticipation (team, person)", ", FREEZE true").await?;
    copy_participations(&mut rows, snapshot, &stage.database.synthetic).await?;
    let count = rows.finish().await?;
    client.batch_execute(INDEX).await?;
    client.batch_execute("COMMIT").await?;
    client.batch_execute("ANALYZE teamparticipation").await?;
    let seconds = begin.elapsed().as_secs_f64();
    let read = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0;
         SELECT count(*) FROM teamparticipation; RESET enable_seqscan";
    client.batch_execute(read).await?;
    let size = "SELECT pg_total_relation_size('teamparticipation')";
    let bytes: i64 = client.query_one(size, &[]).await?.get(0);
    record.context("table_rows", count);
    record.context("table_mb", bytes as f64 / 1e6);
    record.context("table_fill_s", seconds);
    Ok(())
}

async fn copy_participations(
    rows: &mut CopyRows,
    snapshot: &Snapshot,
    synthetic: &Synthetic,
) -> anyhow::Result<()> {
    let key_of = |team| match &snapshot.key(snapshot.member(team)?)?.key {
        Key::Int(key) => Some(*key),
        Key::Uuid(_) | Key::Text(_) => None,
    };
    let teams = u32::try_from(synthetic.teams().count())?;
    let keys: Vec<Option<i64>> = (0..teams).map(|team| key_of(TeamId(team))).collect();
    for member in 1..=*synthetic.people().end() {
        let Some(id) = snapshot.find(&SourceKey::int(member)) else { continue };
        rows.row(2).await?.int8(member).int8(member);
        for team in snapshot.list_teams(id, Scope::All, None, usize::MAX).teams {
            let key = keys.get(team.0 as usize).copied().flatten();
            let key = key.ok_or_else(|| anyhow::anyhow!("team {} has no key", team.0))?;
            rows.row(2).await?.int8(key).int8(member);
        }
    }
    Ok(())
}

async fn connections(url: &str) -> anyhow::Result<Vec<Arc<Sql>>> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Arc::new(connect(url).await?));
    }
    Ok(connections)
}

async fn compare(sql: &Sql, snapshot: &Snapshot, questions: &[Question]) -> anyhow::Result<()> {
    let check = sql.client.prepare(CHECK).await?;
    for &question in questions.iter().take(COMPARED) {
        let (member, team) = question;
        let table: bool = sql.client.query_one(&check, &[&team, &member]).await?.get(0);
        let ours = ask(snapshot, question).is_some_and(|it| it != Relation::None);
        anyhow::ensure!(table == ours, "the table says {table} of {member} in {team}");
    }
    Ok(())
}

async fn load_table(
    connections: &[Arc<Sql>],
    in_flight: usize,
    window: Duration,
    questions: &Arc<Vec<Question>>,
) -> anyhow::Result<f64> {
    let mut tasks = JoinSet::new();
    let workers = connections.iter().cycle().take(connections.len() * in_flight);
    for (worker, sql) in workers.enumerate() {
        let (sql, questions) = (Arc::clone(sql), Arc::clone(questions));
        let check = sql.client.prepare(CHECK).await?;
        tasks.spawn(async move {
            let (begin, mut calls, mut next) = (Instant::now(), 0_u64, worker * 7_919);
            while begin.elapsed() < window {
                let (member, team) = questions[next % questions.len()];
                next += 1;
                let row = sql.client.query_one(&check, &[&team, &member]).await?;
                std::hint::black_box(row.get::<_, bool>(0));
                calls += 1;
            }
            Ok::<_, tokio_postgres::Error>(calls)
        });
    }
    let begin = Instant::now();
    let mut calls = 0;
    while let Some(ended) = tasks.join_next().await {
        calls += ended??;
    }
    Ok(calls as f64 / begin.elapsed().as_secs_f64())
}
