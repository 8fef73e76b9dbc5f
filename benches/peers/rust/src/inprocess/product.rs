//! The product's own graph, in process.

use super::resident_bytes;
use crate::graph_files::{Edge, Graph};
use serde_json::{Value, json};
use std::time::Instant;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter, Relation, Snapshot};
use teamgraph::id::{History, Key, Lsn, MemberKind, Role, SourceKey, TableId};

/// The key of a row that the graph's own files do not use.
const EDGE_ROW: i64 = i64::MAX;

pub fn built(graph: &Graph) -> anyhow::Result<GraphWriter> {
    let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
    for key in 1..=graph.meta.teams + graph.meta.people {
        let kind = if graph.meta.is_team(key) { MemberKind::Team } else { MemberKind::Person };
        let name = NamePut::Set(None);
        writer.apply(Change::MemberPut { key: SourceKey::int(key), kind, name, owner: None })?;
    }
    for (row, &edge) in (1_i64..).zip(&graph.edges) {
        writer.apply(put(row, edge))?;
    }
    writer.commit(Lsn(8));
    Ok(writer)
}

fn put(row: i64, (member, team): Edge) -> Change {
    let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
    let states = Membership {
        member: SourceKey::int(member),
        team: SourceKey::int(team),
        role: Role::Member,
    };
    Change::RowPut { row, states: Some(states) }
}

/// By source keys, both looked up.
pub fn participates(snapshot: &Snapshot, member: i64, team: i64) -> bool {
    let relation = || {
        let member = snapshot.find(&SourceKey::int(member))?;
        let team = snapshot.find(&SourceKey::int(team))?;
        Some(snapshot.relation(member, snapshot.team(team)?))
    };
    relation().is_some_and(|it| it != Relation::None)
}

/// Builds, then puts the big team under the spare team and takes it back.
pub fn changes(graph: &Graph, samples: usize) -> anyhow::Result<Value> {
    let before = resident_bytes();
    let begin = Instant::now();
    let mut writer = built(graph)?;
    let build_s = begin.elapsed().as_secs_f64();
    let bytes = resident_bytes().saturating_sub(before);
    let edge = (graph.meta.big_team, graph.meta.spare_team);
    let (mut add_ms, mut remove_ms, mut wrong, mut lsn) = (Vec::new(), Vec::new(), 0, 8);
    for _ in 0..samples {
        for is_added in [true, false] {
            lsn += 8;
            let begin = Instant::now();
            let row = RowKey { table: TableId(0), key: Key::Int(EDGE_ROW).into() };
            writer.apply(if is_added { put(EDGE_ROW, edge) } else { Change::RowDelete { row } })?;
            let snapshot = writer.commit(Lsn(lsn));
            let millis = begin.elapsed().as_secs_f64() * 1e3;
            if is_added {
                add_ms.push(millis)
            } else {
                remove_ms.push(millis)
            }
            let seen = participates(&snapshot, edge.0, edge.1);
            wrong += u64::from(seen != is_added);
        }
    }
    Ok(json!({
        "build_s": build_s, "bytes": bytes, "add_ms": add_ms, "remove_ms": remove_ms,
        "wrong": wrong, "pairs": writer.last().stats().closure_pairs,
    }))
}
