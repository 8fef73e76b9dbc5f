//! A synthetic organisation in a graph, and the changes that come over it.

use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell};
use teamgraph::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};
use teamgraph::synthetic::{Random, Shape, Synthetic, SyntheticMembership};
use tokio::time::Instant;

/// Rows to draw from: a million is enough to be by the heavy tail.
const DRAWN_ROWS_MAX: u64 = 1_000_000;

/// Rows of the organisation, drawn evenly: whoever draws a member from them draws by the heavy
/// tail, the busiest person among them.
pub struct DrawnRows {
    /// Row keys are those of `Synthetic::changes`.
    pub rows: Vec<(i64, SyntheticMembership)>,
}

impl DrawnRows {
    pub fn of(synthetic: &Synthetic) -> Self {
        let step = synthetic.shape().memberships.div_ceil(DRAWN_ROWS_MAX).max(1);
        let rows = (1_i64..).zip(synthetic.memberships()).step_by(step as usize);
        DrawnRows { rows: rows.collect() }
    }

    pub fn any(&self, random: &mut Random) -> SyntheticMembership {
        self.rows[random.below(self.rows.len() as u64) as usize].1
    }
}

/// A graph, its writer and where its versions are published.
pub struct Organisation {
    pub writer: GraphWriter,
    pub cell: std::sync::Arc<PublishedCell>,
    next_lsn: u64,
    start: Instant,
}

impl Organisation {
    pub fn empty(limits: HistoryLimits) -> Self {
        let history = History { system_id: 1, timeline: 1 };
        Organisation {
            writer: GraphWriter::new(1, history, GraphLimits::default()),
            cell: PublishedCell::new(limits).into(),
            next_lsn: 8,
            start: Instant::now(),
        }
    }

    /// The whole organisation, published. Without names, unless they are wanted.
    pub fn build(synthetic: &Synthetic, limits: HistoryLimits, named: bool) -> Self {
        let mut organisation = Organisation::empty(limits);
        for change in synthetic.changes() {
            organisation.change(if named { change } else { unnamed(change) });
        }
        organisation.publish();
        organisation
    }

    pub fn change(&mut self, change: Change) {
        self.writer.apply(change).expect("there is room for every member");
    }

    /// Commits, and publishes the version with all that this touches.
    pub fn publish(&mut self) {
        self.next_lsn += 8;
        let lsn = Lsn(self.next_lsn);
        let snapshot = self.writer.commit(lsn);
        let now_ms = self.start.elapsed().as_millis() as u64;
        self.cell.store(Published { snapshot, applied_lsn: lsn }, now_ms);
    }
}

fn unnamed(change: Change) -> Change {
    match change {
        Change::MemberPut { key, kind, owner, name: _ } => {
            Change::MemberPut { key, kind, owner, name: NamePut::Set(None) }
        }
        other => other,
    }
}

pub fn member_put(key: i64, kind: MemberKind) -> Change {
    Change::MemberPut { key: SourceKey::int(key), kind, name: NamePut::Set(None), owner: None }
}

fn row_key(row: i64) -> RowKey {
    RowKey { table: TableId(0), key: Key::Int(row).into() }
}

pub fn join(row: i64, member: i64, team: i64) -> Change {
    let states = Membership {
        member: SourceKey::int(member),
        team: SourceKey::int(team),
        role: Role::Member,
    };
    Change::RowPut { row: row_key(row), states: Some(states) }
}

pub fn leave(row: i64) -> Change {
    Change::RowDelete { row: row_key(row) }
}

/// An endless line of single changes: somebody joins a team, or somebody's row goes, both drawn by
/// the heavy tail, so that the whole keeps its size and its shape.
pub struct Comings {
    drawn: DrawnRows,
    next_row: i64,
    random: Random,
}

impl Comings {
    pub fn new(drawn: DrawnRows, shape: &Shape) -> Self {
        // Above every key that the organisation uses, its size being hit within a few in a hundred.
        let next_row = shape.memberships as i64 * 2 + 1;
        Comings { drawn, next_row, random: Random::new(29) }
    }

    /// Who joins stays among those who may leave. The two kinds take turns.
    pub fn next_change(&mut self) -> Change {
        self.next_row += 1;
        let row = self.next_row;
        if row % 2 == 0 {
            let member = self.drawn.any(&mut self.random).member;
            let team = self.drawn.any(&mut self.random).team;
            self.drawn.rows.push((row, SyntheticMembership { member, team, role: Role::Member }));
            return join(row, member, team);
        }
        let place = self.random.below(self.drawn.rows.len() as u64) as usize;
        leave(self.drawn.rows.swap_remove(place).0)
    }
}
