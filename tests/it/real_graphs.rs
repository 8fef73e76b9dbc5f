//! Real hierarchies of a hundred thousand teams, changed at random and compared with a search.
//!
//! Owns the runs: fill a graph, look at the figures that the data set is known by, change it some
//! thousands of times, compare samples on the way and everybody at the end. The data are no part
//! of the project: they lie beside it, in `../shared/data`. Where they are absent a run says so
//! and does nothing; under `CI=true` it fails. `TEAMGRAPH_SEED=n` makes other changes.

mod changes;
mod compare;
mod data;
mod plain;

use changes::{Changer, Dice, Step};
use compare::Directory;
use data::DataSet;
use plain::{Kind, PlainGraph, Walker};
use std::sync::Arc;
use std::time::Duration;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter, Scope, Snapshot};
use teamgraph::id::{History, Key, Lsn, MemberKind, Role, TableId};
use tokio::time::Instant;

/// How often samples are compared, in transactions.
const COMPARE_EVERY: u64 = 100;

/// Members that are compared each time, beside those that the last changes were about.
const SAMPLES: u32 = 12;

/// One data set in the graph and in plain maps.
struct Run {
    writer: GraphWriter,
    plain: PlainGraph,
    directory: Directory,
    walker: Walker,
    changer: Changer,
    transactions: u64,
    changes: u64,
    compared: u64,
    cycles_max: u64,
    on_cycles_max: u64,
    searched: u64,
    /// The time that the writer took, and the longest transaction's.
    taken: (Duration, Duration),
}

fn seed() -> u64 {
    let given = std::env::var("TEAMGRAPH_SEED").ok();
    given.map_or(0, |seed| seed.parse().expect("TEAMGRAPH_SEED is a number"))
}

impl Run {
    /// The whole data set by one commit, as a copy brings it.
    fn new(what: &str, data: &DataSet, limits: GraphLimits) -> Self {
        let mut run = Run {
            writer: GraphWriter::new(1, History::default(), limits),
            plain: PlainGraph::default(),
            directory: Directory::default(),
            walker: Walker::default(),
            changer: Changer::new(seed(), data),
            transactions: 0,
            changes: 0,
            compared: 0,
            cycles_max: 0,
            on_cycles_max: 0,
            searched: 0,
            taken: (Duration::ZERO, Duration::ZERO),
        };
        let members = (0_u32..).zip(&data.names).map(|(node, name)| {
            let kind = if node < data.teams { Kind::Team } else { Kind::Person };
            (Step::Member(node, kind), Some(name.clone()))
        });
        let rows = (0_i64..).zip(&data.rows).map(|(row, stated)| Step::Row(row, Some(*stated)));
        let steps: Vec<_> = members.chain(rows.map(|step| (step, None))).collect();
        let start = Instant::now();
        for (step, name) in steps {
            if let Some(name) = name {
                run.directory.add(name);
            }
            run.change(step);
            run.plain.apply(step);
        }
        run.commit();
        println!("{what}: filled in {} ms, {:?}", start.elapsed().as_millis(), run.last().stats());
        run
    }

    fn last(&self) -> &Arc<Snapshot> {
        self.writer.last()
    }

    fn change(&mut self, step: Step) {
        self.changes += 1;
        let key = |node| self.directory.key(node).clone();
        let change = match step {
            Step::Member(node, Kind::Absent) => Change::MemberDelete { key: key(node) },
            Step::Member(node, kind) => {
                let is_team = kind == Kind::Team;
                let kind = if is_team { MemberKind::Team } else { MemberKind::Person };
                let name = NamePut::Set(Some(self.directory.name(node).into()));
                Change::MemberPut { key: key(node), kind, name, owner: None }
            }
            Step::Row(number, stated) => {
                let row = RowKey { table: TableId(0), key: Key::Int(number).into() };
                match stated {
                    // Both ways to end a row.
                    None if number % 2 == 0 => Change::RowDelete { row },
                    None => Change::RowPut { row, states: None },
                    Some((member, team, admin)) => {
                        let role = if admin { Role::Admin } else { Role::Member };
                        let states = Membership { member: key(member), team: key(team), role };
                        Change::RowPut { row, states: Some(states) }
                    }
                }
            }
        };
        self.writer.apply(change).unwrap();
    }

    fn commit(&mut self) {
        self.transactions += 1;
        let stats = self.writer.commit(Lsn(self.transactions)).stats();
        self.cycles_max = self.cycles_max.max(stats.cycles);
        self.on_cycles_max = self.on_cycles_max.max(stats.teams_on_cycles);
        self.searched += u64::from(!stats.closure_materialised);
    }

    /// So many transactions, some of them cut off, and samples compared on the way.
    fn change_at_random(&mut self, what: &str, transactions: u64) {
        let start = Instant::now();
        for number in 1..=transactions {
            let transaction = self.changer.transaction(&self.plain);
            while self.directory.len() < transaction.nodes {
                self.directory.add(format!("new:{}", self.directory.len()));
            }
            let begin = Instant::now();
            for &step in &transaction.steps {
                self.change(step);
            }
            if transaction.commits {
                self.commit();
                transaction.steps.iter().for_each(|&step| self.plain.apply(step));
            } else {
                self.writer.abort();
            }
            let taken = begin.elapsed();
            self.taken = (self.taken.0 + taken, self.taken.1.max(taken));
            if number % COMPARE_EVERY == 0 {
                self.compare_samples();
            }
        }
        let stats = self.last().stats();
        println!(
            "{what}: {} versions and {} changes, {} members compared, in {} ms, of which {} ms are \
             the writer's, at most {} ms for one; at most {} cycles and {} teams on them, {} \
             versions searched; at last {stats:?}",
            self.transactions,
            self.changes,
            self.compared,
            start.elapsed().as_millis(),
            self.taken.0.as_millis(),
            self.taken.1.as_millis(),
            self.cycles_max,
            self.on_cycles_max,
            self.searched
        );
    }

    fn compare_samples(&mut self) {
        let mut samples = self.changer.take_touched();
        let dice = &mut self.changer.dice;
        samples.extend((0..SAMPLES).map(|_| dice.below(self.directory.len())));
        self.compared += u64::try_from(samples.len()).unwrap();
        let snapshot = Arc::clone(self.writer.last());
        compare::counts(&snapshot, &self.plain);
        for node in samples {
            let all = (&*snapshot, &self.plain, &self.directory);
            compare::member(all, node, &mut self.walker, &mut self.changer.dice);
        }
    }

    /// The components, the pairs, and every member's teams.
    fn compare_everybody(&mut self) {
        let snapshot = Arc::clone(self.writer.last());
        compare::counts(&snapshot, &self.plain);
        compare::components(&snapshot, &self.plain, &self.directory, &mut self.walker);
        for node in 0..self.directory.len() {
            compare::all_teams((&*snapshot, &self.plain, &self.directory), node, &mut self.walker);
        }
    }
}

/// The version before all changes still answers as it did, and so does the last.
fn end(mut run: Run, first: (Arc<Snapshot>, PlainGraph)) {
    run.compare_everybody();
    let mut dice = Dice::new(seed());
    compare::counts(&first.0, &first.1);
    for _ in 0..100 {
        let node = dice.below(run.directory.len());
        let all = (&*first.0, &first.1, &run.directory);
        compare::member(all, node, &mut run.walker, &mut dice);
    }
}

#[test]
fn debian_packages_with_real_cycles() {
    let Some(data) = DataSet::read("debian-bookworm-depends") else { return };
    let mut run = Run::new("debian", &data, GraphLimits::default());
    let stats = run.last().stats();
    assert_eq!((stats.people, stats.teams, stats.rows), (0, 98_169, 312_363));
    let cycles = run.last().cycles(usize::MAX);
    assert_eq!((stats.cycles, cycles.len()), (254, 254));
    assert_eq!(cycles.iter().map(Vec::len).max(), Some(27));
    run.compare_everybody();
    let first = (Arc::clone(run.last()), run.plain.clone());
    // Fewer than elsewhere: half of all packages are below a few, whose members are many to collect
    // at each removal.
    run.change_at_random("debian", 600);
    end(run, first);
}

#[test]
fn debian_packages_beyond_the_closures_budget() {
    let Some(data) = DataSet::read("debian-bookworm-depends") else { return };
    let limits = GraphLimits { closure_pairs_max: 1_000_000 };
    let mut run = Run::new("debian, searched", &data, limits);
    let stats = run.last().stats();
    assert_eq!((stats.closure_materialised, stats.closure_pairs), (false, 0));
    assert_eq!((stats.cycles, stats.teams), (254, 98_169));
    let first = (Arc::clone(run.last()), run.plain.clone());
    run.change_at_random("debian, searched", 1_000);
    assert_eq!(run.searched, run.transactions);
    end(run, first);
}

#[test]
fn wordnet_hyponyms_with_words_as_people() {
    let Some(data) = DataSet::read("wordnet-3.1") else { return };
    let mut run = Run::new("wordnet", &data, GraphLimits::default());
    let stats = run.last().stats();
    assert_eq!((stats.people, stats.teams, stats.rows), (125_395, 95_981, 269_334));
    assert_eq!(stats.closure_pairs, 778_726);
    let snapshot = run.last();
    let participations = (data.teams..run.directory.len()).map(|person| {
        let person = snapshot.find(run.directory.key(person)).unwrap();
        snapshot.list_teams(person, Scope::All, None, usize::MAX).teams.len()
    });
    assert_eq!(participations.sum::<usize>(), 1_453_707);
    let first = (Arc::clone(run.last()), run.plain.clone());
    run.change_at_random("wordnet", 4_000);
    end(run, first);
}
