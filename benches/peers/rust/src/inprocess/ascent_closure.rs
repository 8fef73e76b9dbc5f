//! ascent: the closure as two Datalog rules, compiled into this program. A change means to run
//! them again.

use super::resident_bytes;
use crate::graph_files::Graph;
use ascent::ascent;
use serde_json::{Value, json};
use std::time::Instant;

ascent! {
    struct Participation;
    relation nested(u32, u32);
    relation member(u32, u32);
    relation above(u32, u32);
    relation participates(u32, u32);
    above(team, top) <-- nested(team, top);
    above(team, top) <-- above(team, middle), nested(middle, top);
    participates(person, team) <-- member(person, team);
    participates(person, top) <-- member(person, team), above(team, top);
}

/// The closure over teams, or every participation.
pub fn run(graph: &Graph, all: bool, samples: usize) -> anyhow::Result<Value> {
    let edge = |it: &(i64, i64)| (it.0 as u32, it.1 as u32);
    let is_nested = |it: &&(i64, i64)| graph.meta.is_team(it.0);
    let nested: Vec<_> = graph.edges.iter().filter(is_nested).map(edge).collect();
    let people = graph.edges.iter().filter(|it| all && !is_nested(it)).map(edge);
    let people: Vec<_> = people.collect();
    let (mut seconds, mut bytes, mut pairs) = (Vec::new(), 0, 0);
    let before = resident_bytes();
    for sample in 0..samples {
        let (nested, member) = (nested.clone(), people.clone());
        let mut program = Participation { nested, member, ..Default::default() };
        let begin = Instant::now();
        program.run();
        seconds.push(begin.elapsed().as_secs_f64());
        pairs = program.above.iter().filter(|it| it.0 != it.1).count() + program.participates.len();
        if sample == 0 {
            bytes = resident_bytes().saturating_sub(before);
        }
    }
    Ok(json!({ "build_s": seconds, "bytes": bytes, "pairs": pairs }))
}
