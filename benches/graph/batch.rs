//! `Snapshot::relations`: many pairs at once, so that waits for memory overlap.
//!
//! | workload | why |
//! |---|---|
//! | `16` | one group: what a page of a web application asks |
//! | `1000` | a batch of the service |
//! | `one_by_one` | the same 1,000 by `Snapshot::relation`, to compare with |
//!
//! A quarter of the pairs of each part of a check; ids are known, as lookups are `check`'s matter.

use crate::world::{PARTS, World, member, pairs};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use teamgraph::graph::Relation;
use teamgraph::id::{MemberId, TeamId};

pub fn bench(criterion: &mut Criterion, world: &World) {
    let snapshot = world.snapshot();
    let parts: Vec<_> = PARTS.iter().map(|part| pairs(world, part, 4_000)).collect();
    let mixed = (0..4_000).flat_map(|place| parts.iter().filter_map(move |part| part.get(place)));
    let pairs: Vec<(MemberId, TeamId)> = mixed
        .map(|&(person, team)| {
            (member(&snapshot, person), snapshot.team(member(&snapshot, team)).unwrap())
        })
        .collect();
    let mut group = criterion.benchmark_group("batch");
    let mut relations = vec![Relation::None; 1_000];
    for size in [16, 1_000] {
        group.throughput(Throughput::Elements(u64::try_from(size).unwrap()));
        let mut next = pairs.chunks_exact(size).cycle();
        group.bench_function(size.to_string(), |bencher| {
            bencher.iter(|| {
                snapshot.relations(next.next().unwrap(), &mut relations);
                black_box(&relations);
            });
        });
    }
    let mut next = pairs.chunks_exact(1_000).cycle();
    group.bench_function("one_by_one", |bencher| {
        bencher.iter(|| {
            for &(member, team) in next.next().unwrap() {
                black_box(snapshot.relation(member, team));
            }
        });
    });
    group.finish();
}
