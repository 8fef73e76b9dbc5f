//! The fair peer: a search over petgraph's `Csr`, members to teams, with a small visited list.
//!
//! Its ids are dense already, so it looks no key up. Buffers are kept between questions. Visited
//! teams stand in a list that is scanned; past [`LIST_MAX`] in a hash set, without which a person in
//! 5,000 teams would cost it millions of steps.

use crate::questions::Question;
use foldhash::HashSet;
use petgraph::Directed;
use petgraph::csr::Csr;
use teamgraph::synthetic::Synthetic;

/// Longer lists are slower to scan than a set is to ask.
const LIST_MAX: usize = 32;

pub struct Peer {
    graph: Csr<(), (), Directed, u32>,
    open: Vec<u32>,
    visited: Visited,
}

#[derive(Default)]
struct Visited {
    few: Vec<u32>,
    many: HashSet<u32>,
}

impl Peer {
    pub fn new(synthetic: &Synthetic) -> anyhow::Result<Self> {
        let edges = synthetic.memberships().map(|it| (it.member as u32, it.team as u32));
        let mut edges: Vec<(u32, u32)> = edges.collect();
        edges.sort_unstable();
        edges.dedup();
        // Members without any membership, past the last edge, are nodes too.
        let mut graph = Csr::from_sorted_edges(&edges)
            .map_err(|_| anyhow::anyhow!("the edges are sorted and each is there once"))?;
        while (graph.node_count() as i64) <= *synthetic.people().end() {
            graph.add_node(());
        }
        Ok(Peer { graph, open: Vec::new(), visited: Visited::default() })
    }

    /// Whether the member is, or reaches, the team.
    pub fn participates(&mut self, (member, team): Question) -> bool {
        let (member, team) = (member as u32, team as u32);
        if member == team {
            return true;
        }
        self.open.clear();
        self.visited.clear();
        self.open.push(member);
        while let Some(node) = self.open.pop() {
            for &above in self.graph.neighbors_slice(node) {
                if above == team {
                    return true;
                }
                if self.visited.is_new(above) {
                    self.open.push(above);
                }
            }
        }
        false
    }
}

impl Visited {
    fn clear(&mut self) {
        self.few.clear();
        self.many.clear();
    }

    fn is_new(&mut self, team: u32) -> bool {
        if self.few.len() < LIST_MAX {
            let new = !self.few.contains(&team);
            if new {
                self.few.push(team);
            }
            return new;
        }
        if self.many.is_empty() {
            self.many.extend(&self.few);
        }
        self.many.insert(team)
    }
}
