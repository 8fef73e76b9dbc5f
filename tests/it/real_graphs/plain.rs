//! The same graph as plain maps, searched breadth first: nothing is kept up that could go wrong.
//!
//! Owns rows, edges and searches over them; shares nothing with the product's graph.

use std::collections::{BTreeMap, BTreeSet};

/// A member, by its number in the data set.
pub type Node = u32;

/// What a row states: a member, a team, and whether as an administrator.
pub type Stated = (Node, Node, bool);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Absent,
    Person,
    Team,
}

/// One thing that happens to a row of the source.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Member(Node, Kind),
    Row(i64, Option<Stated>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

#[derive(Clone, Default)]
pub struct PlainGraph {
    kinds: Vec<Kind>,
    rows: BTreeMap<i64, Stated>,
    /// Member → team → how many rows state it, and how many of them as administrator.
    up: Vec<BTreeMap<Node, (u32, u32)>>,
    down: Vec<BTreeSet<Node>>,
}

impl PlainGraph {
    pub fn apply(&mut self, step: Step) {
        match step {
            Step::Member(node, kind) => {
                self.grow(node);
                self.kinds[index(node)] = kind;
            }
            Step::Row(row, stated) => {
                let old = match stated {
                    Some(stated) => self.rows.insert(row, stated),
                    None => self.rows.remove(&row),
                };
                if let Some(old) = old {
                    self.uncount(old);
                }
                if let Some(stated) = stated {
                    self.count(stated);
                }
            }
        }
    }

    fn grow(&mut self, node: Node) {
        let nodes = self.kinds.len().max(index(node) + 1);
        self.kinds.resize(nodes, Kind::Absent);
        self.up.resize(nodes, BTreeMap::new());
        self.down.resize(nodes, BTreeSet::new());
    }

    fn count(&mut self, (member, team, admin): Stated) {
        self.grow(member.max(team));
        let counted = self.up[index(member)].entry(team).or_default();
        *counted = (counted.0 + 1, counted.1 + u32::from(admin));
        self.down[index(team)].insert(member);
    }

    fn uncount(&mut self, (member, team, admin): Stated) {
        let counted = self.up[index(member)].get_mut(&team).unwrap();
        *counted = (counted.0 - 1, counted.1 - u32::from(admin));
        if counted.0 == 0 {
            self.up[index(member)].remove(&team);
            self.down[index(team)].remove(&member);
        }
    }

    pub fn nodes(&self) -> Node {
        Node::try_from(self.kinds.len()).unwrap()
    }

    pub fn kind(&self, node: Node) -> Kind {
        self.kinds.get(index(node)).copied().unwrap_or_default()
    }

    pub fn row(&self, row: i64) -> Option<Stated> {
        self.rows.get(&row).copied()
    }

    /// Rows, stated edges, effective edges between teams.
    pub fn counts(&self) -> [usize; 3] {
        let edges = self.up.iter().map(BTreeMap::len).sum();
        let teams = (0..self.nodes()).filter(|&node| self.kind(node) == Kind::Team);
        let between_teams = teams.map(|team| self.direct(team, Way::Up).count()).sum();
        [self.rows.len(), edges, between_teams]
    }

    /// The ends of the effective edges from here.
    pub fn direct(&self, node: Node, way: Way) -> Box<dyn Iterator<Item = Node> + '_> {
        let takes_effect = move |other: &Node| match way {
            Way::Up => self.takes_effect(node, *other),
            Way::Down => self.takes_effect(*other, node),
        };
        match (self.up.get(index(node)), way) {
            (None, _) => Box::new(std::iter::empty()),
            (Some(up), Way::Up) => Box::new(up.keys().copied().filter(takes_effect)),
            (Some(_), Way::Down) => {
                Box::new(self.down[index(node)].iter().copied().filter(takes_effect))
            }
        }
    }

    /// Whether more than so many are below.
    pub fn has_below(&self, node: Node, many: usize) -> bool {
        let (mut seen, mut open) = (BTreeSet::from([node]), vec![node]);
        while let Some(node) = open.pop() {
            for below in self.direct(node, Way::Down) {
                if seen.insert(below) {
                    open.push(below);
                }
            }
            if seen.len() > many + 1 {
                return true;
            }
        }
        false
    }

    /// Whether an edge between the two, were it stated, would take effect.
    fn takes_effect(&self, member: Node, team: Node) -> bool {
        member != team && self.kind(member) != Kind::Absent && self.kind(team) == Kind::Team
    }

    pub fn is_direct(&self, member: Node, team: Node) -> bool {
        self.takes_effect(member, team)
            && self.up.get(index(member)).is_some_and(|up| up.contains_key(&team))
    }

    /// Whether the member is the team's administrator by an effective edge.
    pub fn is_admin(&self, member: Node, team: Node) -> bool {
        self.is_direct(member, team) && self.up[index(member)][&team].1 > 0
    }
}

pub fn index(node: Node) -> usize {
    usize::try_from(node).unwrap()
}

/// What a search found.
pub struct Reached {
    /// All others, nearest first, with their distances.
    pub others: Vec<(Node, usize)>,
    /// Whether an edge leads back to the start.
    pub is_on_cycle: bool,
}

/// Searches; keeps its list of who was seen in which search.
#[derive(Default)]
pub struct Walker {
    seen: Vec<u32>,
    search: u32,
}

impl Walker {
    /// All that a search from here reaches.
    pub fn reach(&mut self, graph: &PlainGraph, from: Node, way: Way) -> Reached {
        self.search += 1;
        self.seen.resize(self.seen.len().max(index(graph.nodes().max(from + 1))), 0);
        self.seen[index(from)] = self.search;
        let mut reached = Reached { others: Vec::new(), is_on_cycle: false };
        let (mut next, mut node, mut distance) = (0, from, 0);
        loop {
            for other in graph.direct(node, way) {
                reached.is_on_cycle |= other == from;
                let seen = &mut self.seen[index(other)];
                if *seen != self.search {
                    *seen = self.search;
                    reached.others.push((other, distance + 1));
                }
            }
            let Some(&step) = reached.others.get(next) else { return reached };
            (node, distance) = step;
            next += 1;
        }
    }

    /// Each team's component, named by its smallest team; others are their own.
    pub fn components(&mut self, graph: &PlainGraph) -> Vec<Node> {
        let mut components: Vec<Option<Node>> = vec![None; index(graph.nodes())];
        for node in 0..graph.nodes() {
            if components[index(node)].is_some() {
                continue;
            }
            components[index(node)] = Some(node);
            let up = self.reach(graph, node, Way::Up);
            if up.is_on_cycle {
                let above: BTreeSet<Node> = up.others.iter().map(|&(other, _)| other).collect();
                for (below, _) in self.reach(graph, node, Way::Down).others {
                    if above.contains(&below) {
                        components[index(below)] = Some(node);
                    }
                }
            }
        }
        components.into_iter().map(Option::unwrap).collect()
    }
}
