//! Strategies: random scripts that shrink.
//!
//! Owns what happens how often. An [`Op`] speaks in small numbers and in terms of what is there
//! when it comes (rename, convert, merge); [`super::events`] makes changes of it.

use super::universe::{NAME_CHOICES, NODES, ROWS, TABLES, Universe};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::{bool, collection, option, sample};

/// The most transactions of one script.
const TRANSACTIONS_MAX: usize = 12;

/// A row of one of the tables, by number.
pub type Row = (u8, u8);

/// One thing that happens to the source's tables; some are several changes.
#[derive(Clone, Debug)]
pub enum Op {
    Put {
        node: u8,
        team: bool,
        name: Option<u8>,
        owner: Option<u8>,
    },
    Convert(u8),
    Rename(u8, u8),
    SwapNames(u8, u8),
    Delete(u8),
    TruncateMembers(u8),
    State {
        row: Row,
        member: u8,
        team: u8,
        admin: bool,
    },
    Deactivate(Row),
    DeleteRow(Row),
    MoveMember(Row, u8),
    MoveTeam(Row, u8),
    FlipRole(Row),
    Repeat(Row),
    CopyRow(Row, Row),
    MergePeople(u8, u8),
    DeactivateAllOf(u8),
    TruncateRows(u8),
    /// Rows from `row` on state a chain of members, closed into a ring or left open.
    Chain {
        row: Row,
        start: u8,
        step: u8,
        length: u8,
        closed: bool,
    },
    /// That many teams come and go at once, unasked: what follows is numbered behind them.
    Pad(u8),
    /// Four rows from `row` on state two ways from one member to another.
    Diamond {
        row: Row,
        start: u8,
        step: u8,
    },
}

/// How a transaction ends.
#[derive(Clone, Debug)]
pub enum End {
    Commit,
    /// Cut off at the given place, then perhaps sent again whole.
    Cut {
        at: sample::Index,
        sent_again: bool,
    },
}

/// Several ops that become visible as one, or not at all.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub ops: Vec<Op>,
    pub end: End,
}

/// A whole script.
#[derive(Clone, Debug)]
pub struct Script {
    pub universe: Universe,
    pub closure_pairs_max: Option<u64>,
    pub transactions: Vec<Transaction>,
    /// Deals page sizes and the order of the recomputation.
    pub seed: u64,
}

fn node() -> impl Strategy<Value = u8> + Clone {
    0..NODES
}

fn row() -> impl Strategy<Value = Row> + Clone {
    (0..TABLES, 0..ROWS)
}

/// Steps that walk through all nodes before they come back (prime to their number).
fn step() -> impl Strategy<Value = u8> {
    sample::select(vec![1, 3, 7, 9])
}

fn put() -> impl Strategy<Value = Op> {
    let name = option::weighted(0.8, 0..NAME_CHOICES);
    (node(), mostly_teams(), name, option::weighted(0.5, node()))
        .prop_map(|(node, team, name, owner)| Op::Put { node, team, name, owner })
}

fn state() -> impl Strategy<Value = Op> {
    (row(), node(), node(), any::<bool>()).prop_map(|(row, member, team, admin)| Op::State {
        row,
        member,
        team,
        admin,
    })
}

fn chain() -> impl Strategy<Value = Op> {
    (row(), node(), step(), 1..=NODES, any::<bool>()).prop_map(
        |(row, start, step, length, closed)| Op::Chain { row, start, step, length, closed },
    )
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        7 => put(),
        3 => node().prop_map(Op::Convert),
        2 => (node(), 0..NAME_CHOICES).prop_map(|(node, name)| Op::Rename(node, name)),
        2 => (node(), node()).prop_map(|(a, b)| Op::SwapNames(a, b)),
        2 => node().prop_map(Op::Delete),
        14 => state(),
        3 => row().prop_map(Op::Deactivate),
        6 => row().prop_map(Op::DeleteRow),
        2 => (row(), node()).prop_map(|(row, to)| Op::MoveMember(row, to)),
        2 => (row(), node()).prop_map(|(row, to)| Op::MoveTeam(row, to)),
        2 => row().prop_map(Op::FlipRole),
        1 => row().prop_map(Op::Repeat),
        3 => (row(), row()).prop_map(|(from, to)| Op::CopyRow(from, to)),
        1 => (node(), node()).prop_map(|(from, to)| Op::MergePeople(from, to)),
        1 => node().prop_map(Op::DeactivateAllOf),
        4 => chain(),
        2 => (row(), node(), step()).prop_map(|(row, start, step)| Op::Diamond { row, start, step }),
        1 => prop_oneof![
            3 => (0..TABLES).prop_map(Op::TruncateRows),
            1 => (0..2_u8).prop_map(Op::TruncateMembers),
        ],
    ]
}

fn end() -> impl Strategy<Value = End> {
    let cut = (any::<sample::Index>(), any::<bool>());
    prop_oneof![
        5 => Just(End::Commit),
        1 => cut.prop_map(|(at, sent_again)| End::Cut { at, sent_again }),
    ]
}

fn transactions(
    op: impl Strategy<Value = Op>,
    ops_max: usize,
) -> impl Strategy<Value = Vec<Transaction>> {
    let transaction =
        (collection::vec(op, 0..=ops_max), end()).prop_map(|(ops, end)| Transaction { ops, end });
    collection::vec(transaction, 1..=TRANSACTIONS_MAX)
}

/// The members that are there to begin with: nearly all or few, in any order, mostly teams.
fn first_members() -> impl Strategy<Value = Transaction> {
    let members = |share: f64| {
        let owner = option::weighted(0.3, node());
        let member = (bool::weighted(share), mostly_teams(), 0..NAME_CHOICES, owner);
        collection::vec(member, usize::from(NODES))
    };
    let members = prop_oneof![1 => members(0.3), 2 => members(0.95), 1 => members(0.99)];
    let nodes = Just((0..NODES).collect::<Vec<u8>>()).prop_shuffle();
    (nodes, members, any::<bool>()).prop_map(|(nodes, members, mixed)| {
        let there = nodes.into_iter().zip(members).filter(|(_, (there, ..))| *there);
        let ops = there.map(|(node, (_, team, name, owner))| Op::Put {
            node,
            team: team || !mixed,
            name: Some(name),
            owner,
        });
        Transaction { ops: ops.collect(), end: End::Commit }
    })
}

fn mostly_teams() -> impl Strategy<Value = bool> {
    prop_oneof![3 => Just(true), 1 => Just(false)]
}

/// None, or so many that the members of a script lie about a multiple of 64: the graph keeps 64
/// numbers to a page.
fn padding() -> impl Strategy<Value = Op> {
    prop_oneof![3 => Just(0), 1 => 50..=64_u8].prop_map(Op::Pad)
}

/// The closure's budget, smaller than any graph of ten teams can need, or none.
fn budget(small: bool) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![0..=8_u64, 0..=40_u64].prop_map(move |pairs| small.then_some(pairs))
}

/// Scripts of every kind of change.
pub fn any_changes(small_budgets: bool) -> BoxedStrategy<Script> {
    let first = (padding(), first_members());
    (Universe::any(), budget(small_budgets), first, transactions(any_op(), 6), any::<u64>())
        .prop_map(|(universe, closure_pairs_max, first, rest, seed)| {
            let transactions = script_after(first, rest);
            Script { universe, closure_pairs_max, transactions, seed }
        })
        .boxed()
}

/// The script that pads, puts its first members, and goes on.
fn script_after(
    (padding, mut first): (Op, Transaction),
    rest: Vec<Transaction>,
) -> Vec<Transaction> {
    first.ops.insert(0, padding);
    [first].into_iter().chain(rest).collect()
}

fn team_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        9 => state(),
        8 => row().prop_map(Op::DeleteRow),
        2 => (row(), node()).prop_map(|(row, to)| Op::MoveTeam(row, to)),
        1 => (row(), node()).prop_map(|(row, to)| Op::MoveMember(row, to)),
        1 => chain(),
        1 => (row(), node(), step()).prop_map(|(row, start, step)| Op::Diamond { row, start, step }),
    ]
}

/// Scripts about ten teams that all exist: nothing but edges come and go, many at a time.
pub fn teams_only(small_budgets: bool) -> BoxedStrategy<Script> {
    let put = |node| Op::Put { node, team: true, name: None, owner: None };
    let first = Transaction { ops: (0..NODES).map(put).collect(), end: End::Commit };
    let first = (padding(), Just(first));
    (Universe::any(), budget(small_budgets), first, transactions(team_op(), 8), any::<u64>())
        .prop_map(|(universe, closure_pairs_max, first, rest, seed)| {
            let transactions = script_after(first, rest);
            Script { universe, closure_pairs_max, transactions, seed }
        })
        .boxed()
}
