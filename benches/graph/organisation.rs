//! A deterministic organisation for the benchmarks: the same seed gives the same graph.
//!
//! Teams form a tree of random depth with some second parents (diamonds); people join a few teams
//! each, teams near the front more often, so that sizes have a heavy tail.

use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter};
use teamgraph::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};

/// SplitMix64: small, good enough, and the same everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    /// Small numbers more often: the product of two draws.
    pub fn skewed(&mut self, bound: i64) -> i64 {
        let draw = self.below(bound) as f64 / bound as f64;
        (draw * draw * bound as f64) as i64
    }
}

#[derive(Clone, Copy)]
pub struct Size {
    pub name: &'static str,
    pub people: i64,
    pub teams: i64,
    pub memberships_each: i64,
}

pub const S: Size = Size { name: "S", people: 10_000, teams: 500, memberships_each: 5 };
pub const M: Size = Size { name: "M", people: 1_000_000, teams: 20_000, memberships_each: 5 };

/// Teams have the keys 1 ..= teams, people those above.
pub struct Organisation {
    pub writer: GraphWriter,
    pub next_row: i64,
    pub next_lsn: u64,
}

impl Organisation {
    pub fn build(size: Size) -> Self {
        let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
        let mut put = |key: i64, kind: MemberKind| {
            let name = NamePut::Set(Some(format!("member-{key}").into()));
            let key = SourceKey::int(key);
            writer.apply(Change::MemberPut { key, kind, name, owner: None }).unwrap();
        };
        (1..=size.teams).for_each(|key| put(key, MemberKind::Team));
        (1..=size.people).for_each(|key| put(size.teams + key, MemberKind::Person));
        let mut organisation = Organisation { writer, next_row: 1, next_lsn: 1 };
        let mut random = Random(7);
        for team in 2..=size.teams {
            organisation.join(team, 1 + random.skewed(team - 1));
            if random.below(5) == 0 {
                organisation.join(team, 1 + random.below(team - 1));
            }
        }
        for person in 1..=size.people {
            for _ in 0..size.memberships_each {
                organisation.join(size.teams + person, 1 + random.skewed(size.teams));
            }
        }
        organisation.commit();
        organisation
    }

    pub fn join(&mut self, member: i64, team: i64) -> i64 {
        let row = RowKey { table: TableId(0), key: Key::Int(self.next_row).into() };
        let states = Membership {
            member: SourceKey::int(member),
            team: SourceKey::int(team),
            role: Role::Member,
        };
        self.writer.apply(Change::RowPut { row, states: Some(states) }).unwrap();
        self.next_row += 1;
        self.next_row - 1
    }

    pub fn leave(&mut self, row: i64) {
        let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
        self.writer.apply(Change::RowDelete { row }).unwrap();
    }

    pub fn commit(&mut self) {
        self.next_lsn += 8;
        self.writer.commit(Lsn(self.next_lsn));
    }
}
