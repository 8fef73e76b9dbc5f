//! A long run at full size: a million people under random transactions, checked by sampling.
//!
//! Owns the run and the independent search that judges it: rows in a list, each member's teams in
//! another, a walk from the member upward. Nothing is kept between questions, and nothing of the
//! graph is used. `TEAMGRAPH_LONG_TRANSACTIONS=20000` runs that many, `TEAMGRAPH_SEED=n` other ones.

use super::number;
use std::collections::HashSet;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter, Relation, Scope, Snapshot};
use teamgraph::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};
use teamgraph::synthetic::{Random, Shape, Synthetic};

/// Some ten seconds of changes and questions, behind the build.
const TRANSACTIONS_DEFAULT: u32 = 1_000;

/// Questions after each transaction.
const QUESTIONS: u64 = 40;

/// What the rows say, and nothing derived from it.
struct Rows {
    teams: i64,
    /// By row key: the member and the team.
    rows: Vec<Option<(i64, i64)>>,
    /// By member: the team of each row, so a team may stand there twice.
    above: Vec<Vec<i64>>,
    exists: Vec<bool>,
}

fn at(key: i64) -> usize {
    usize::try_from(key).unwrap()
}

impl Rows {
    fn of(synthetic: &Synthetic) -> Self {
        let last = at(*synthetic.people().end());
        let mut rows = Rows {
            teams: *synthetic.teams().end(),
            rows: vec![None],
            above: vec![Vec::new(); last + 1],
            exists: vec![true; last + 1],
        };
        for membership in synthetic.memberships() {
            rows.rows.push(None);
            rows.state(rows.rows.len() - 1, Some((membership.member, membership.team)));
        }
        rows
    }

    fn state(&mut self, row: usize, edge: Option<(i64, i64)>) {
        if let Some((member, team)) = std::mem::replace(&mut self.rows[row], edge) {
            let above = &mut self.above[at(member)];
            let place = above.iter().position(|&held| held == team).unwrap();
            above.swap_remove(place);
        }
        if let Some((member, team)) = edge {
            self.above[at(member)].push(team);
        }
    }

    /// The teams that the member is in through any chain of teams that exist, itself not among them
    /// unless it is on a cycle.
    fn reached(&self, member: i64) -> HashSet<i64> {
        let mut reached = HashSet::new();
        let mut open = vec![member];
        while let Some(next) = open.pop() {
            let above = self.above[at(next)].iter();
            let above = above.filter(|&&team| team <= self.teams && self.exists[at(team)]);
            open.extend(above.copied().filter(|&team| reached.insert(team)));
        }
        reached
    }

    fn relation(&self, member: i64, team: i64) -> Option<Relation> {
        if !self.exists[at(member)] || !self.exists[at(team)] {
            return None;
        }
        Some(if member == team {
            Relation::Itself
        } else if self.above[at(member)].contains(&team) {
            Relation::Direct
        } else if self.reached(member).contains(&team) {
            Relation::Indirect
        } else {
            Relation::None
        })
    }
}

/// The graph and the rows, changed alike.
struct Run {
    random: Random,
    rows: Rows,
    writer: GraphWriter,
    /// Members that the current transaction touched.
    touched: Vec<i64>,
}

impl Run {
    fn below(&mut self, limit: i64) -> i64 {
        i64::try_from(self.random.below(u64::try_from(limit).unwrap())).unwrap()
    }

    fn team(&mut self) -> i64 {
        1 + self.below(self.rows.teams)
    }

    fn member(&mut self) -> i64 {
        // Teams are two in a hundred members, and most of what can go wrong.
        if self.below(3) == 0 {
            return self.team();
        }
        1 + self.below(i64::try_from(self.rows.exists.len()).unwrap() - 1)
    }

    fn put(&mut self, row: usize, edge: Option<(i64, i64)>) {
        let key = RowKey { table: TableId(0), key: Key::Int(i64::try_from(row).unwrap()).into() };
        let states = edge.map(|(member, team)| Membership {
            member: SourceKey::int(member),
            team: SourceKey::int(team),
            role: if row.is_multiple_of(9) { Role::Admin } else { Role::Member },
        });
        self.touched.extend(edge.or(self.rows.rows[row]).map(|(member, _)| member));
        self.writer.apply(Change::RowPut { row: key, states }).unwrap();
        self.rows.state(row, edge);
    }

    fn set_exists(&mut self, key: i64, exists: bool) {
        let kind = if key <= self.rows.teams { MemberKind::Team } else { MemberKind::Person };
        self.touched.push(key);
        self.rows.exists[at(key)] = exists;
        let key = SourceKey::int(key);
        self.writer
            .apply(if exists {
                Change::MemberPut { key, kind, name: NamePut::Set(None), owner: None }
            } else {
                Change::MemberDelete { key }
            })
            .unwrap();
    }

    fn change(&mut self) {
        let row = 1 + at(self.below(i64::try_from(self.rows.rows.len()).unwrap() - 1));
        match self.below(20) {
            0 => {
                let team = self.team();
                self.set_exists(team, !self.rows.exists[at(team)]);
            }
            1 => {
                let member = self.member();
                self.set_exists(member, true);
            }
            2..=5 => self.put(row, None),
            6..=9 => {
                let edge = (self.member(), self.team());
                self.put(row, Some(edge));
            }
            10 => {
                // A row of a team in a team: these come first.
                let row = 1 + at(self.below(self.rows.teams));
                let edge = (self.below(2) == 0).then(|| (self.team(), self.team()));
                self.put(row, edge);
            }
            _ => {
                let edge = (self.member(), self.team());
                self.rows.rows.push(None);
                self.put(self.rows.rows.len() - 1, Some(edge));
            }
        }
    }

    /// A member near what changed, or any; and a team above it, above what was touched, or any.
    fn question(&mut self) -> (i64, i64) {
        let place = at(self.below(64));
        let touched = self.touched.get(place).copied();
        let member = touched.unwrap_or_else(|| self.member());
        let mut team = touched.unwrap_or(member);
        for _ in 0..=self.below(6) {
            let above = &self.rows.above[at(team)];
            let Some(&next) = above.get(at(self.random.below(8).try_into().unwrap())) else {
                break;
            };
            team = next;
        }
        if team > self.rows.teams || self.below(4) == 0 {
            (member, self.team())
        } else {
            (member, team)
        }
    }

    fn ask(&mut self, snapshot: &Snapshot, seen: &mut [u32; 5]) {
        for _ in 0..QUESTIONS {
            let (member, team) = self.question();
            let found = |key| snapshot.find(&SourceKey::int(key));
            let team_id = found(team).and_then(|team| snapshot.team(team));
            let answer = found(member).zip(team_id).map(|(m, t)| snapshot.relation(m, t));
            assert_eq!(answer, self.rows.relation(member, team), "{member} in {team}");
            seen[answer.map_or(4, |answer| match answer {
                Relation::None => 0,
                Relation::Itself => 1,
                Relation::Direct => 2,
                Relation::Indirect => 3,
            })] += 1;
        }
        let member = self.member();
        if let Some(id) = snapshot.find(&SourceKey::int(member)) {
            let listed = snapshot.list_teams(id, Scope::All, None, usize::MAX).teams;
            let mut expected = self.rows.reached(member);
            expected.remove(&member);
            assert_eq!(listed.len(), expected.len(), "teams of {member}");
        }
    }
}

#[test]
fn a_million_people_stay_right_under_random_transactions() {
    let synthetic = Synthetic::new(Shape { cycles: 5, ..Shape::M });
    let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
    synthetic.changes().for_each(|change| writer.apply(change).unwrap());
    writer.commit(Lsn(1));
    let seed = u64::from(number("TEAMGRAPH_SEED").unwrap_or(1));
    let (random, rows) = (Random::new(seed), Rows::of(&synthetic));
    let mut run = Run { random, rows, writer, touched: Vec::new() };
    let mut seen = [0; 5];
    let transactions = number("TEAMGRAPH_LONG_TRANSACTIONS").unwrap_or(TRANSACTIONS_DEFAULT);
    for transaction in 0..transactions {
        let many = if transaction % 50 == 49 { 400 } else { 12 };
        for _ in 0..=run.below(many) {
            run.change();
        }
        let snapshot = run.writer.commit(Lsn(2 + u64::from(transaction)));
        run.ask(&snapshot, &mut seen);
        run.touched.clear();
    }
    println!("none, itself, direct, indirect, unknown: {seen:?}");
    assert!(seen.iter().all(|&times| times > 100), "{seen:?}");
    run.writer.validate().unwrap();
}
