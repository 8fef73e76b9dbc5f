//! A version against its rows: gathering them (one by one, as they are read, with what puts them in
//! order at the end), and comparing, whole and with a sample of participations. And the memory that
//! the rows take.

use crate::world::World;
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;
use teamgraph::synthetic::Synthetic;
use teamgraph::verify::{CompareOptions, Expected, Gathering, compare};
use tokio::time::Instant;

/// Rows made up before the clock runs.
const BATCH: usize = 8_192;

pub fn bench(criterion: &mut Criterion, world: &World) {
    let mut group = criterion.benchmark_group("verify");
    group.sample_size(10);
    let before = resident();
    let (expected, _) = gathered(&world.synthetic);
    println!("the rows take {} kB", resident().saturating_sub(before));
    let rows = expected.member_count() + expected.membership_count();
    group.throughput(Throughput::Elements(rows));
    group.bench_function("gather", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| gathered(&world.synthetic).1).sum());
    });
    let snapshot = world.snapshot();
    for (name, sample) in [("whole", None), ("sample_1000", Some(1_000))] {
        let options = CompareOptions { sample, seed: 1 };
        group.bench_function(format!("compare_{name}"), |bencher| {
            bencher.iter(|| {
                let go_on = &mut |_: u64, _: u64| ControlFlow::Continue(());
                black_box(compare(&expected, &snapshot, options, go_on).unwrap())
            });
        });
    }
    let report = compare(&expected, &snapshot, CompareOptions::default(), &mut |_, _| {
        ControlFlow::Continue(())
    });
    println!("{} participations are compared", report.unwrap().participations);
    group.finish();
}

/// The rows in order, and how long that took.
fn gathered(synthetic: &Synthetic) -> (Expected, Duration) {
    let (mut gathering, mut spent) = (Gathering::new(), Duration::ZERO);
    let mut changes = synthetic.changes();
    loop {
        let batch: Vec<_> = changes.by_ref().take(BATCH).collect();
        let begin = Instant::now();
        batch.iter().for_each(|change| gathering.apply(change).unwrap());
        spent += begin.elapsed();
        if batch.is_empty() {
            break;
        }
    }
    let begin = Instant::now();
    let expected = gathering.finish();
    (expected, spent + begin.elapsed())
}

/// This process's memory, in kB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
