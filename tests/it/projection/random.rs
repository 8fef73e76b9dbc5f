//! Random scripts: after every transaction the table is what the oracle says.
//!
//! The graph is made of the script's changes, without a source in between; the projector comes and
//! goes at random, and another table with filters is mended now and then.

use super::world::{Rows, options, rows};
use crate::answers::{Answers, Reach, Subject};
use crate::live::dice::{Dice, seed};
use crate::live::source::{connect, server, start, until};
use crate::oracle::{NaiveGraph, NaiveVersion};
use crate::scripts::events::Event;
use crate::scripts::generate::{Script, any_changes};
use crate::scripts::universe::Universe;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::sync::Arc;
use teamgraph::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell};
use teamgraph::id::{History, Key, Lsn, MemberKind, SourceKey};
use teamgraph::project::{Filter, ProjectOptions, Projector, TableNames, mend};
use teamgraph::status::StatusCell;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

const SCRIPTS: u64 = 60;

fn int(key: &SourceKey) -> i64 {
    match key.key {
        Key::Int(key) => key,
        Key::Uuid(_) | Key::Text(_) => panic!("{key:?}"),
    }
}

fn expected(version: &NaiveVersion, filter: &Filter) -> Rows {
    let mut rows = Rows::new();
    for (member, row) in &version.rows.members {
        if filter.people_only && row.kind == MemberKind::Team {
            continue;
        }
        let teams = version.teams_of(member, Reach::All, usize::MAX);
        let own = filter.self_rows.then(|| member.clone());
        let teams = teams.into_iter().chain(own);
        rows.extend(teams.map(|team| (int(&team), int(member))));
    }
    rows.retain(|(team, _)| {
        filter.teams.as_ref().is_none_or(|teams| teams.contains(&team.to_string()))
    });
    rows
}

/// A projector that can be stopped.
struct Running(CancellationToken, JoinHandle<()>);

impl Running {
    fn begin(options: &ProjectOptions, cell: &Arc<PublishedCell>) -> Self {
        let (feed, status) = (Arc::new(StatusCell::default()), Arc::default());
        let (stop, cell) = (CancellationToken::new(), Arc::clone(cell));
        let projector = Projector::new(options.clone(), cell, feed, status);
        let running = start(projector.run(stop.clone()));
        Running(stop, running)
    }

    async fn stop(self) {
        self.0.cancel();
        self.1.await.unwrap();
    }
}

struct Run {
    sql: Client,
    cell: Arc<PublishedCell>,
    options: ProjectOptions,
    dice: Dice,
    running: Option<Running>,
    stops: u64,
}

impl Run {
    /// One script is one copy.
    async fn script(&mut self, script: &Script, copy: u64) {
        let default = GraphLimits::default();
        let closure_pairs_max = script.closure_pairs_max.unwrap_or(default.closure_pairs_max);
        let history = History { system_id: 7, timeline: 1 };
        let mut writer = GraphWriter::new(copy, history, GraphLimits { closure_pairs_max });
        let mut oracle = NaiveGraph::default();
        for (at, event) in (1_u64..).zip(script.events()) {
            match event {
                Event::Change(change) => {
                    oracle.apply(&change);
                    writer.apply(change).unwrap();
                }
                Event::Abort => {
                    oracle.abort();
                    writer.abort();
                }
                Event::Commit => {
                    let lsn = Lsn(copy << 32 | at << 4);
                    let version = oracle.commit(lsn);
                    let snapshot = writer.commit(lsn);
                    self.cell.store(Published { snapshot, applied_lsn: lsn }, copy << 20 | at);
                    self.look(&version, lsn, script).await;
                }
            }
        }
    }

    async fn look(&mut self, version: &NaiveVersion, lsn: Lsn, script: &Script) {
        match (self.dice.below(8), self.running.take()) {
            // Nobody projects; several transactions become one delta.
            (0, Some(running)) => {
                running.stop().await;
                self.stops += 1;
            }
            (0..4, None) => {}
            (_, None) => self.running = Some(Running::begin(&self.options, &self.cell)),
            (_, running) => self.running = running,
        }
        if self.running.is_none() {
            return self.mend_filtered(version).await;
        }
        let sql = "SELECT FROM teamgraph_projection
                   WHERE projected = 'teamparticipation' AND end_lsn = $1::text::pg_lsn";
        until("the version in the table", async || {
            let found = self.sql.query(sql, &[&lsn.to_string()]).await;
            found.is_ok_and(|rows| !rows.is_empty())
        })
        .await;
        let (found, expected) =
            (rows(&self.sql).await.unwrap(), expected(version, &self.options.filter));
        assert_eq!(found, expected, "at {lsn} of\n{}", script.text());
    }

    /// Another table, with other filters each time.
    async fn mend_filtered(&mut self, version: &NaiveVersion) {
        let mut flip = || self.dice.below(2) == 0;
        let (people_only, self_rows, some) = (flip(), flip(), flip());
        let teams = some.then(|| BTreeSet::from(["1".to_owned(), "2".to_owned(), "5".to_owned()]));
        let filter = Filter { people_only, self_rows, teams };
        let table = TableNames { table: "chosen".into(), ..self.options.table.clone() };
        let options = ProjectOptions { filter: filter.clone(), table, ..self.options.clone() };
        mend(&self.cell, &options).await.unwrap();
        let found = self.sql.query("SELECT team, person FROM chosen", &[]).await.unwrap();
        let found: Rows = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(found, expected(version, &filter), "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_every_transaction_the_table_is_what_the_oracle_says() {
    let (postgres, seed) = (server(&[]).await, seed());
    let target = postgres.create_database("mart").await.unwrap();
    let mut run = Run {
        sql: connect(&target).await,
        cell: Arc::new(PublishedCell::new(HistoryLimits::default())),
        options: ProjectOptions { batch_rows: 3, ..options(&target) },
        dice: Dice::new(seed, 1),
        running: None,
        stops: 0,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    for copy in 1..=SCRIPTS {
        let script = any_changes(copy % 2 == 0).new_tree(&mut runner).unwrap().current();
        let script = Script { universe: Universe::Dense, ..script };
        run.script(&script, copy).await;
    }
    if let Some(running) = run.running.take() {
        running.stop().await;
    }
    assert!(run.stops > 2, "stopped {} times", run.stops);
    drop(run);
    postgres.stop().await.unwrap();
}
