//! The graph to disk and back: what an image costs the one who applies, what a change costs while
//! one is held, and how long writing and loading take (in memory; the disk comes on top).

use crate::world::World;
use criterion::{BatchSize, Criterion, Throughput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use teamgraph::checkpoint::{Header, load, write};
use teamgraph::graph::GraphLimits;
use tokio::time::Instant;

pub fn bench(criterion: &mut Criterion, world: &mut World) {
    let mut group = criterion.benchmark_group("checkpoint");
    group.sample_size(10);
    // What it takes to let go of an image is the business of whoever writes it.
    group.bench_function("image", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let begin = Instant::now();
                let image = black_box(world.writer.image());
                spent += begin.elapsed();
                drop(image);
            }
            spent
        });
    });
    let member = *world.synthetic.people().start();
    let team = *world.synthetic.teams().start();
    group.bench_function("first_change_after_image", |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let image = world.writer.image();
                let begin = Instant::now();
                let row = world.join(member, team);
                world.leave(row);
                spent += begin.elapsed();
                drop(image);
            }
            spent
        });
    });
    group.throughput(Throughput::Elements(world.synthetic.shape().memberships));
    let image = world.writer.image();
    let version = image.version();
    let header = Header {
        history: version.history,
        version: version.end_lsn,
        applied: version.end_lsn,
        facts: Arc::default(),
    };
    let mut bytes = Vec::new();
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            write(&mut bytes, &header, &image, || Ok(())).unwrap()
        });
    });
    println!("a checkpoint has {} bytes", bytes.len());
    group.bench_function("load", |bencher| {
        let size = u64::try_from(bytes.len()).unwrap();
        bencher.iter_batched(
            || (),
            |()| load(&bytes[..], size, 1, GraphLimits::default()).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
