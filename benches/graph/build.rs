//! The whole graph from its changes, as a copy makes it: members, rows, closure, one version.

use crate::world::{World, empty};
use criterion::{BatchSize, Criterion, Throughput};
use std::hint::black_box;
use teamgraph::change::Change;
use teamgraph::id::Lsn;

pub fn bench(criterion: &mut Criterion, world: &World) {
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    group.throughput(Throughput::Elements(world.synthetic.shape().memberships));
    let changes: Vec<Change> = world.synthetic.changes().collect();
    group.bench_function("whole", |bencher| {
        bencher.iter_batched(
            || changes.clone(),
            |changes| {
                let mut writer = empty();
                for change in changes {
                    writer.apply(change).unwrap();
                }
                black_box(writer.commit(Lsn(8)))
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
