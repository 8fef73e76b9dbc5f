//! differential-dataflow: the closure kept while edges come and go, on one worker.
//!
//! ```text
//! above         = nested ∪ above ⋈ nested, to the fixed point, each pair once
//! participates  = member ∪ member ⋈ above, each pair once
//! ```

use super::resident_bytes;
use crate::graph_files::Graph;
use differential_dataflow::input::Input;
use differential_dataflow::operators::Iterate;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;
use timely::dataflow::operators::probe::Handle;

type Pair = (u32, u32);

/// The closure over teams, or every participation.
pub fn run(graph: Graph, all: bool, samples: usize) -> anyhow::Result<Value> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let guards = timely::execute(timely::Config::thread(), move |worker| {
        let result = keep(worker, &graph, all, samples);
        let _ = sender.send(result);
    });
    guards.map_err(|error| anyhow::anyhow!(error))?.join();
    Ok(receiver.recv()?)
}

fn keep(worker: &mut timely::worker::Worker, graph: &Graph, all: bool, samples: usize) -> Value {
    let before = resident_bytes();
    let begin = Instant::now();
    let (pairs, probe) = (Rc::new(Cell::new(0_i64)), Handle::new());
    let counted = Rc::clone(&pairs);
    let (mut nested, mut member) = worker.dataflow::<u32, _, _>(|scope| {
        let (nested_input, nested) = scope.new_collection::<Pair, isize>();
        let (member_input, member) = scope.new_collection::<Pair, isize>();
        let above = nested.clone().iterate(|scope, above| {
            let nested = nested.enter(scope);
            let longer = above.map(|(team, middle)| (middle, team));
            let longer = longer.join_map(nested.clone(), |_, &team, &top| (team, top));
            longer.concat(nested).distinct()
        });
        let through = member.clone().map(|(person, team)| (team, person));
        let through = through.join_map(above.clone(), |_, &person, &top| (person, top));
        let participates = member.concat(through).distinct();
        let results = if all { participates.concat(above) } else { above };
        results
            .filter(|pair| pair.0 != pair.1)
            .inspect(move |(_, _, change)| counted.set(counted.get() + *change as i64))
            .probe_with(&probe);
        (nested_input, member_input)
    });
    for &(low, high) in &graph.edges {
        let pair = (low as u32, high as u32);
        if graph.meta.is_team(low) {
            nested.insert(pair);
        } else if all {
            member.insert(pair);
        }
    }
    let mut time = 0;
    let mut settle = |nested: &mut differential_dataflow::input::InputSession<u32, Pair, isize>| {
        time += 1;
        nested.advance_to(time);
        nested.flush();
        member.advance_to(time);
        member.flush();
        worker.step_while(|| probe.less_than(&time));
    };
    settle(&mut nested);
    let build_s = begin.elapsed().as_secs_f64();
    let bytes = resident_bytes().saturating_sub(before);
    let at_rest = pairs.get();
    let edge = (graph.meta.big_team as u32, graph.meta.spare_team as u32);
    let (mut add_ms, mut remove_ms, mut nested_pairs) = (Vec::new(), Vec::new(), 0);
    for _ in 0..samples {
        let begin = Instant::now();
        nested.insert(edge);
        settle(&mut nested);
        add_ms.push(begin.elapsed().as_secs_f64() * 1e3);
        nested_pairs = pairs.get();
        let begin = Instant::now();
        nested.remove(edge);
        settle(&mut nested);
        remove_ms.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    json!({
        "build_s": build_s, "bytes": bytes, "add_ms": add_ms, "remove_ms": remove_ms,
        "pairs": at_rest, "pairs_nested": nested_pairs, "pairs_after": pairs.get(),
    })
}
