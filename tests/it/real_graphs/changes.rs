//! Random transactions on a real graph, that leave it much as it was.
//!
//! Owns what happens how often, and what is still to be undone: what is added goes again, what
//! goes comes back, so that thousands of changes do not melt everything into one cycle.

use super::data::DataSet;
pub use super::plain::Step;
use super::plain::{Kind, Node, PlainGraph, Stated, Way};

/// Added rows that may be there at once; edges at random soon make one cycle of everything.
const ADDED_MAX: usize = 25;
/// Removed or moved rows that may be missing at once.
const REMOVED_MAX: usize = 300;
/// Members that may be something else than they were at once.
const CONVERTED_MAX: usize = 30;

/// More members, direct or not, than most teams have.
const WIDE: usize = 500;

/// Numbers as if at random, the same for the same seed: splitmix64,
/// <https://prng.di.unimi.it/splitmix64.c>
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of 0 to `end` - 1.
    pub fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let end = u32::try_from(all.len()).unwrap();
        (end > 0).then(|| all[usize::try_from(self.below(end)).unwrap()])
    }

    fn take<T>(&mut self, all: &mut Vec<T>) -> Option<T> {
        let end = u32::try_from(all.len()).unwrap();
        (end > 0).then(|| all.swap_remove(usize::try_from(self.below(end)).unwrap()))
    }
}

pub struct Transaction {
    pub steps: Vec<Step>,
    /// Or is cut off.
    pub commits: bool,
    /// How many members have been named by now.
    pub nodes: Node,
}

/// What is to be undone.
#[derive(Clone, Default)]
struct Pending {
    /// Rows that were not in the data.
    added: Vec<i64>,
    /// Rows of the data, with what they stated.
    changed: Vec<(i64, Stated)>,
    /// Members that changed, with what they were.
    converted: Vec<(Node, Kind)>,
}

/// Makes transactions.
pub struct Changer {
    pub dice: Dice,
    nodes: Node,
    next_row: i64,
    pending: Pending,
    touched: Vec<Node>,
}

impl Changer {
    pub fn new(seed: u64, data: &DataSet) -> Self {
        Changer {
            dice: Dice::new(seed),
            nodes: Node::try_from(data.names.len()).unwrap(),
            next_row: i64::try_from(data.rows.len()).unwrap(),
            pending: Pending::default(),
            touched: Vec::new(),
        }
    }

    /// Some of those that the last changes were about.
    pub fn take_touched(&mut self) -> Vec<Node> {
        let touched = std::mem::take(&mut self.touched);
        let (dice, wanted) = (&mut self.dice, 12);
        (0..wanted).filter_map(|_| dice.pick(&touched)).collect()
    }

    /// The next transaction on the graph as it is.
    pub fn transaction(&mut self, graph: &PlainGraph) -> Transaction {
        let mut steps = Vec::new();
        let before = self.pending.clone();
        let ops = match self.dice.below(10) {
            0..=6 => 1,
            7 | 8 => 2 + self.dice.below(4),
            _ => 6 + self.dice.below(20),
        };
        for _ in 0..ops {
            self.op(graph, &mut steps);
        }
        let commits = self.dice.below(12) > 0;
        if !commits {
            self.pending = before;
        }
        for step in &steps {
            match step {
                Step::Member(node, _) => self.touched.push(*node),
                Step::Row(_, Some((member, team, _))) => self.touched.extend([member, team]),
                Step::Row(row, None) => {
                    let stated = graph.row(*row);
                    self.touched.extend(stated.iter().flat_map(|(member, team, _)| [member, team]));
                }
            }
        }
        Transaction { steps, commits, nodes: self.nodes }
    }

    fn op(&mut self, graph: &PlainGraph, steps: &mut Vec<Step>) {
        let node = self.dice.below(self.nodes);
        match self.dice.below(14) {
            _ if self.pending.added.len() > ADDED_MAX => self.take_back_added(steps),
            _ if self.pending.changed.len() > REMOVED_MAX => self.restore(steps),
            _ if self.pending.converted.len() > CONVERTED_MAX => self.convert_back(steps),
            0 | 1 => {
                let team = self.dice.below(self.nodes);
                self.add((node, team, false), steps);
            }
            2 => {
                if let Some(top) = self.walk_up(graph, node) {
                    self.add((top, node, true), steps);
                }
            }
            3 => self.take_back_added(steps),
            4..=6 => self.change_row(graph, steps),
            7 | 8 => self.restore(steps),
            9 => {
                let kinds = [Kind::Absent, Kind::Person, Kind::Team];
                let kind = kinds[usize::try_from(self.dice.below(3)).unwrap()];
                self.convert(graph, node, kind, steps);
            }
            10 => self.convert_back(steps),
            11 => self.add_member(node, steps),
            // A second row for an edge that is there.
            12 => {
                let row = i64::from(self.dice.below(u32::try_from(self.next_row).unwrap()));
                if let Some((member, team, admin)) = graph.row(row) {
                    self.add((member, team, !admin), steps);
                }
            }
            _ => self.add((node, node, false), steps),
        }
    }

    fn add(&mut self, stated: Stated, steps: &mut Vec<Step>) {
        self.pending.added.push(self.next_row);
        steps.push(Step::Row(self.next_row, Some(stated)));
        self.next_row += 1;
    }

    fn take_back_added(&mut self, steps: &mut Vec<Step>) {
        let row = self.dice.take(&mut self.pending.added);
        steps.extend(row.map(|row| Step::Row(row, None)));
    }

    /// A row of the data goes, or states something else.
    fn change_row(&mut self, graph: &PlainGraph, steps: &mut Vec<Step>) {
        let row = i64::from(self.dice.below(u32::try_from(self.next_row).unwrap()));
        let is_pending = self.pending.added.contains(&row)
            || self.pending.changed.iter().any(|&(changed, _)| changed == row);
        let Some(old @ (member, team, admin)) = graph.row(row).filter(|_| !is_pending) else {
            return;
        };
        let new = match self.dice.below(8) {
            0 => Some((self.dice.below(self.nodes), team, admin)),
            1 => Some((member, self.dice.below(self.nodes), admin)),
            2 => Some((member, team, !admin)),
            _ => None,
        };
        self.pending.changed.push((row, old));
        steps.push(Step::Row(row, new));
    }

    fn restore(&mut self, steps: &mut Vec<Step>) {
        let changed = self.dice.take(&mut self.pending.changed);
        steps.extend(changed.map(|(row, stated)| Step::Row(row, Some(stated))));
    }

    fn convert(&mut self, graph: &PlainGraph, node: Node, kind: Kind, steps: &mut Vec<Step>) {
        if self.pending.converted.iter().all(|&(converted, _)| converted != node) {
            self.pending.converted.push((node, graph.kind(node)));
            steps.push(Step::Member(node, kind));
        }
    }

    fn convert_back(&mut self, steps: &mut Vec<Step>) {
        let converted = self.dice.take(&mut self.pending.converted);
        steps.extend(converted.map(|(node, kind)| Step::Member(node, kind)));
    }

    /// A member that was not there, between two that were.
    fn add_member(&mut self, node: Node, steps: &mut Vec<Step>) {
        let new = self.nodes;
        let kind = if self.dice.below(2) == 0 { Kind::Team } else { Kind::Person };
        let team = self.dice.below(self.nodes);
        self.nodes += 1;
        steps.push(Step::Member(new, kind));
        self.add((new, team, false), steps);
        self.add((node, new, false), steps);
    }

    /// Some team above, a few memberships up; an edge down from it closes a cycle. Seldom a wide
    /// one: half of all teams are below some, and each such cycle rewrites them all.
    fn walk_up(&mut self, graph: &PlainGraph, from: Node) -> Option<Node> {
        let mut at = from;
        for _ in 0..=self.dice.below(6) {
            let parents: Vec<Node> = graph.direct(at, Way::Up).collect();
            at = self.dice.pick(&parents).unwrap_or(at);
        }
        let is_wide = graph.has_below(at, WIDE);
        (at != from && (!is_wide || self.dice.below(30) == 0)).then_some(at)
    }
}
