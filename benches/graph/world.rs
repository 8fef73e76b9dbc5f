//! The organisation that is measured, its graph, and pairs of each part of a check.

use std::sync::Arc;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{
    GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell, Relation, Scope, Snapshot,
};
use teamgraph::id::{History, Key, Lsn, MemberId, MemberKind, Role, SourceKey, TableId};
use teamgraph::synthetic::{Random, Shape, Synthetic};

/// Row keys from here on are the benchmarks' own.
const OWN_ROWS: i64 = 1 << 40;

pub struct World {
    pub synthetic: Synthetic,
    pub writer: GraphWriter,
    pub random: Random,
    cell: PublishedCell,
    lsn: u64,
    next_row: i64,
}

impl World {
    pub fn new() -> Self {
        let size = std::env::var("TEAMGRAPH_BENCH_SIZE").unwrap_or_else(|_| "s".to_owned());
        let synthetic = Synthetic::new(Shape::named(&size).unwrap());
        let mut writer = empty();
        for change in synthetic.changes() {
            writer.apply(change).unwrap();
        }
        let cell = PublishedCell::new(HistoryLimits::default());
        let random = Random::new(3);
        let mut world = World { synthetic, writer, random, cell, lsn: 0, next_row: OWN_ROWS };
        world.publish();
        world
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.writer.last())
    }

    pub fn publish(&mut self) {
        self.lsn += 8;
        let (snapshot, applied_lsn) = (self.writer.commit(Lsn(self.lsn)), Lsn(self.lsn));
        // One version in a microsecond of a clock that never ends: the ring is full and stays so.
        self.cell.store(Published { snapshot, applied_lsn }, self.lsn / 8);
    }

    /// States a membership; its row.
    pub fn join(&mut self, member: i64, team: i64) -> i64 {
        self.next_row += 1;
        let row = row_key(self.next_row);
        let (member, team) = (SourceKey::int(member), SourceKey::int(team));
        let states = Some(Membership { member, team, role: Role::Member });
        self.writer.apply(Change::RowPut { row, states }).unwrap();
        self.next_row
    }

    pub fn leave(&mut self, row: i64) {
        self.writer.apply(Change::RowDelete { row: row_key(row) }).unwrap();
    }

    pub fn put_team(&mut self, key: i64, name: &str, owner: Option<i64>) {
        let (key, kind) = (SourceKey::int(key), MemberKind::Team);
        let (name, owner) = (NamePut::Set(Some(name.into())), owner.map(SourceKey::int));
        self.writer.apply(Change::MemberPut { key, kind, name, owner }).unwrap();
    }

    pub fn person(&mut self) -> i64 {
        let people = self.synthetic.people();
        draw(&mut self.random, *people.start(), *people.end())
    }

    pub fn team(&mut self) -> i64 {
        let teams = self.synthetic.teams();
        draw(&mut self.random, *teams.start(), *teams.end())
    }
}

/// A graph without anybody.
pub fn empty() -> GraphWriter {
    GraphWriter::new(1, History::default(), GraphLimits::default())
}

fn row_key(row: i64) -> RowKey {
    RowKey { table: TableId(0), key: Key::Int(row).into() }
}

pub fn draw(random: &mut Random, from: i64, to: i64) -> i64 {
    from + i64::try_from(random.below(u64::try_from(to - from + 1).unwrap())).unwrap()
}

pub fn member(snapshot: &Snapshot, key: i64) -> MemberId {
    snapshot.find(&SourceKey::int(key)).unwrap()
}

/// A check by source keys, as a caller asks it.
pub fn relation(snapshot: &Snapshot, person: i64, team: i64) -> Relation {
    let team = snapshot.find_team(&SourceKey::int(team)).unwrap();
    snapshot.relation(member(snapshot, person), team)
}

/// The four parts of a check.
pub const PARTS: [&str; 4] = ["direct", "indirect", "near_miss", "random"];

/// Pairs of one part, by key. One member in 100 is the busiest person.
pub fn pairs(world: &World, part: &str, count: usize) -> Vec<(i64, i64)> {
    let (snapshot, synthetic) = (world.snapshot(), &world.synthetic);
    let (mut random, mut pairs) = (Random::new(11), Vec::new());
    while pairs.len() < count {
        let people = synthetic.people();
        let person = if random.below(100) == 0 {
            synthetic.busiest_person()
        } else {
            draw(&mut random, *people.start(), *people.end())
        };
        if let Some(team) = team_for(&snapshot, part, person, &mut random, synthetic) {
            pairs.push((person, team));
        }
    }
    pairs
}

fn team_for(
    snapshot: &Snapshot,
    part: &str,
    person: i64,
    random: &mut Random,
    synthetic: &Synthetic,
) -> Option<i64> {
    let any_team = draw(random, *synthetic.teams().start(), *synthetic.teams().end());
    if part == "random" {
        return Some(any_team);
    }
    let scope = if part == "direct" { Scope::Direct } else { Scope::All };
    let teams = snapshot.list_teams(member(snapshot, person), scope, None, usize::MAX).teams;
    let place = usize::try_from(random.below(u64::try_from(teams.len()).unwrap())).unwrap();
    let mut team = *teams.get(place)?;
    if part == "near_miss" {
        // A sibling of an ancestor: under the same parent, and not above the person.
        let kinds = teamgraph::graph::Kinds { people: false, teams: true };
        let siblings = snapshot.list_members(team, Scope::Direct, kinds, None, 64).members;
        let place = random.below(u64::try_from(siblings.len()).unwrap());
        team = snapshot.team(*siblings.get(usize::try_from(place).unwrap())?)?;
    }
    let key = snapshot.key(snapshot.member(team)?)?.to_string().parse().ok()?;
    let found = relation(snapshot, person, key);
    let wanted = match part {
        "direct" => Relation::Direct,
        "indirect" => Relation::Indirect,
        _ => Relation::None,
    };
    (found == wanted).then_some(key)
}
