//! A search over petgraph's `Csr`, members to teams, in its fair form: ids dense already, buffers
//! kept, visited teams in a list that is scanned, and past [`LIST_MAX`] in a hash set.

use super::product::{built, participates};
use super::resident_bytes;
use crate::graph_files::{Graph, Question};
use foldhash::{HashSet, HashSetExt};
use petgraph::Directed;
use petgraph::csr::Csr;
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

/// Longer lists are slower to scan than a set is to ask.
const LIST_MAX: usize = 32;

struct Search {
    graph: Csr<(), (), Directed, u32>,
    open: Vec<u32>,
    few: Vec<u32>,
    many: HashSet<u32>,
}

impl Search {
    fn new(graph: &Graph) -> anyhow::Result<Self> {
        let mut edges: Vec<(u32, u32)> =
            graph.edges.iter().map(|&(member, team)| (member as u32, team as u32)).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut csr = Csr::from_sorted_edges(&edges)
            .map_err(|_| anyhow::anyhow!("the edges are sorted and each is there once"))?;
        while (csr.node_count() as i64) <= graph.meta.teams + graph.meta.people {
            csr.add_node(());
        }
        Ok(Search { graph: csr, open: Vec::new(), few: Vec::new(), many: HashSet::new() })
    }

    fn participates(&mut self, member: i64, team: i64) -> bool {
        let (member, team) = (member as u32, team as u32);
        if member == team {
            return true;
        }
        self.open.clear();
        self.few.clear();
        self.many.clear();
        self.open.push(member);
        while let Some(node) = self.open.pop() {
            for &above in self.graph.neighbors_slice(node) {
                if above == team {
                    return true;
                }
                if is_new(&mut self.few, &mut self.many, above) {
                    self.open.push(above);
                }
            }
        }
        false
    }
}

fn is_new(few: &mut Vec<u32>, many: &mut HashSet<u32>, team: u32) -> bool {
    if few.len() < LIST_MAX {
        let new = !few.contains(&team);
        if new {
            few.push(team);
        }
        return new;
    }
    if many.is_empty() {
        many.extend(few.iter());
    }
    many.insert(team)
}

/// All questions once; nanoseconds a question, and how many answers were wrong.
fn pass(questions: &[Question], mut ask: impl FnMut(i64, i64) -> bool) -> (f64, usize) {
    let begin = Instant::now();
    let wrong =
        questions.iter().filter(|it| black_box(ask(it.about, it.team)) != (it.answer.count == 1));
    let wrong = wrong.count();
    (begin.elapsed().as_secs_f64() * 1e9 / questions.len() as f64, wrong)
}

/// One round of warming, then the two in turns, each beginning every second time.
pub fn checks(graph: &Graph, questions: &[Question], samples: usize) -> anyhow::Result<Value> {
    let (writer, mut search) = (built(graph)?, Search::new(graph)?);
    let snapshot = writer.last();
    let ours = || pass(questions, |member, team| participates(snapshot, member, team));
    let mut theirs = || pass(questions, |member, team| search.participates(member, team));
    ours();
    theirs();
    let (mut ours_ns, mut theirs_ns, mut wrong) = (Vec::new(), Vec::new(), [0, 0]);
    for round in 0..samples {
        let (our, their) = if round % 2 == 0 {
            let our = ours();
            (our, theirs())
        } else {
            let their = theirs();
            (ours(), their)
        };
        ours_ns.push(our.0);
        theirs_ns.push(their.0);
        wrong = [wrong[0] + our.1, wrong[1] + their.1];
    }
    Ok(json!({
        "teamgraph_ns": ours_ns, "petgraph_ns": theirs_ns, "questions": questions.len(),
        "teamgraph_wrong": wrong[0], "petgraph_wrong": wrong[1],
    }))
}

/// Built anew for each change: a `Csr` takes no edge in the middle.
pub fn build(graph: &Graph, samples: usize) -> anyhow::Result<Value> {
    let before = resident_bytes();
    let first = Search::new(graph)?;
    let bytes = resident_bytes().saturating_sub(before);
    let mut build_s = Vec::new();
    for _ in 0..samples {
        let begin = Instant::now();
        black_box(Search::new(graph)?);
        build_s.push(begin.elapsed().as_secs_f64());
    }
    drop(first);
    Ok(json!({ "build_s": build_s, "bytes": bytes }))
}
