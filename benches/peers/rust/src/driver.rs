//! The driver: commands in, one JSON object a line; results out, one a line, in their order.
//!
//! A process for each target, so that the runner can let targets take turns, and stop one that
//! hangs by ending its process. Connections are kept between commands.

use crate::graph_files::{Edge, Graph, Transaction, questions, transactions};
use crate::measure::{Kind, Window, ask};
use crate::targets::{Connection, Session, Target, ldap, redis, spicedb, sql, teamgraph};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a change may take to be seen.
const VISIBLE_MAX: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, value_enum)]
    target: Target,
    /// Where it listens: an address, or a URL of PostgreSQL.
    #[arg(long, default_value = "")]
    at: String,
    /// The database that the target follows or keeps its table in.
    #[arg(long, default_value = "")]
    database: String,
    /// Members up to this number are teams.
    #[arg(long)]
    teams: i64,
    /// SpiceDB's library.
    #[arg(long, default_value = "libspicedb.so")]
    library: PathBuf,
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "lowercase")]
enum Command {
    /// Asks questions and compares the answers.
    Ask {
        kind: Kind,
        questions: PathBuf,
        #[serde(default)]
        warmup: f64,
        seconds: f64,
        #[serde(default)]
        once: bool,
        /// How many of the connections ask.
        connections: Option<usize>,
    },
    /// One transaction; then, until it has the answer given, the question of `probe`.
    Apply {
        #[serde(flatten)]
        transaction: Transaction,
        probe: Option<(i64, i64, bool)>,
    },
    /// Transactions one after the other.
    Replay { file: PathBuf },
    /// Puts a whole graph into a target that keeps one of its own.
    Load { folder: PathBuf },
    /// Measures, until the file is there, how long what is committed takes to be seen.
    Lag { until: PathBuf },
    /// This process's own memory: of targets that live in it.
    Memory,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = crate::targets::Place {
            at: options.at.clone(),
            database: options.database.clone(),
            library: options.library.clone(),
            teams: options.teams,
        };
        match options.target {
            Target::Teamgraph => serve(teamgraph::Session::new(place).await?, options).await,
            Target::Table => serve(sql::Session::new(place, sql::Form::Table), options).await,
            Target::Recursive => {
                serve(sql::Session::new(place, sql::Form::Recursive), options).await
            }
            Target::Plain => serve(sql::Session::new(place, sql::Form::Plain), options).await,
            Target::Redis => serve(redis::Session::new(place), options).await,
            Target::Spicedb => serve(spicedb::Session::new(&place)?, options).await,
            Target::Ldap => serve(ldap::Session::new(place), options).await,
        }
    })
}

async fn serve<S: Session>(session: S, options: &Options) -> anyhow::Result<()> {
    let mut connections = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let result = command(&session, &mut connections, options, &line).await;
        let reply = result.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        println!("{reply}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

async fn command<S: Session>(
    session: &S,
    connections: &mut Vec<S::Connection>,
    options: &Options,
    line: &str,
) -> anyhow::Result<Value> {
    let command: Command = serde_json::from_str(line)?;
    if let Command::Load { folder } = &command {
        let graph = Graph::read(folder)?;
        let begin = Instant::now();
        session.load(&graph).await?;
        return Ok(json!({ "seconds": begin.elapsed().as_secs_f64() }));
    }
    if let Command::Memory = command {
        return memory();
    }
    while connections.len() < options.connections {
        connections.push(session.connect().await?);
    }
    match command {
        Command::Ask { kind, questions: file, warmup, seconds, once, connections: some } => {
            let list = questions(&file, kind == Kind::Check)?;
            let asking = some.unwrap_or(connections.len()).min(connections.len());
            let asking = &mut connections[..asking];
            if warmup > 0.0 {
                ask(asking, kind, &list, Window { seconds: warmup, once: false }).await?;
            }
            let answered = ask(asking, kind, &list, Window { seconds, once }).await?;
            Ok(serde_json::to_value(answered)?)
        }
        Command::Apply { transaction, probe } => {
            apply(&mut connections[0], &transaction, probe).await
        }
        Command::Replay { file } => replay(&mut connections[0], &transactions(&file)?).await,
        Command::Lag { until } => lag(&mut connections[0], &until).await,
        Command::Load { .. } | Command::Memory => anyhow::bail!("answered before"),
    }
}

async fn apply<C: Connection>(
    connection: &mut C,
    transaction: &Transaction,
    probe: Option<(i64, i64, bool)>,
) -> anyhow::Result<Value> {
    let begin = Instant::now();
    let applied = connection.apply(transaction).await?;
    let commit_s = begin.elapsed().as_secs_f64();
    let mut result = json!({ "commit_s": commit_s, "rows": applied.rows });
    if let Some((member, team, wanted)) = probe {
        while connection.check_fresh(member, team, &applied.token).await? != wanted {
            anyhow::ensure!(begin.elapsed() < VISIBLE_MAX, "not seen within {VISIBLE_MAX:?}");
        }
        result["visible_s"] = begin.elapsed().as_secs_f64().into();
    }
    Ok(result)
}

async fn replay<C: Connection>(
    connection: &mut C,
    transactions: &[Transaction],
) -> anyhow::Result<Value> {
    let (begin, mut millis, mut rows) = (Instant::now(), Vec::new(), 0);
    let (mut failed, mut first_error) = (0, None);
    for (number, transaction) in transactions.iter().enumerate() {
        let start = Instant::now();
        match connection.apply(transaction).await {
            Ok(applied) => {
                rows += applied.rows;
                millis.push(start.elapsed().as_secs_f64() * 1e3);
            }
            Err(error) => {
                failed += 1;
                first_error.get_or_insert_with(|| format!("transaction {number}: {error:#}"));
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    millis.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| millis.get((millis.len() as f64 * share) as usize).copied();
    Ok(json!({
        "transactions": transactions.len(),
        "failed": failed,
        "first_error": first_error,
        "seconds": seconds,
        "per_s": millis.len() as f64 / seconds,
        "rows": rows,
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": millis.last(),
    }))
}

/// Each sample: what is committed by now, and how long until an answer knows it.
async fn lag<C: Connection>(connection: &mut C, until: &std::path::Path) -> anyhow::Result<Value> {
    let mut millis: Vec<f64> = Vec::new();
    while !until.exists() {
        let token = connection.token().await?;
        let begin = Instant::now();
        connection.check_fresh(1, 1, &token).await?;
        millis.push(begin.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    anyhow::ensure!(!millis.is_empty(), "no sample was taken");
    millis.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| millis.get((millis.len() as f64 * share) as usize).copied();
    Ok(json!({
        "samples": millis.len(),
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": millis.last(),
    }))
}

fn memory() -> anyhow::Result<Value> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let bytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    };
    Ok(json!({ "rss_bytes": bytes("VmRSS"), "peak_bytes": bytes("VmHWM") }))
}

/// Edges in pieces of at most so many: some targets take no more in one call.
pub fn pieces(transaction: &Transaction, most: usize) -> Vec<Transaction> {
    let tagged = transaction.remove.iter().map(|&edge| (false, edge));
    let tagged: Vec<(bool, Edge)> =
        tagged.chain(transaction.add.iter().map(|&edge| (true, edge))).collect();
    let piece = |piece: &[(bool, Edge)]| {
        let of = |added| piece.iter().filter(move |it| it.0 == added).map(|it| it.1).collect();
        Transaction { add: of(true), remove: of(false) }
    };
    tagged.chunks(most).map(piece).collect()
}
