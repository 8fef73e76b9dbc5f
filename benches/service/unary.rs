//! `Check`: 64 calls under way on one connection, each with another pair.

use crate::servers::{Client, Servers, id};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use teamgraph::pb;
use tokio::task::JoinSet;

const UNDER_WAY: u64 = 64;

pub fn bench(criterion: &mut Criterion, servers: &Servers) {
    let mut group = criterion.benchmark_group("unary");
    group.throughput(Throughput::Elements(1));
    let pairs = Arc::new(servers.pairs.clone());
    for (name, client) in servers.each() {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|calls| servers.runtime.block_on(ask(&client, &pairs, calls)));
        });
    }
    group.finish();
}

async fn ask(client: &Client, pairs: &Arc<Vec<(i64, i64)>>, calls: u64) -> Duration {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for task in 0..UNDER_WAY.min(calls) {
        let (mut client, pairs) = (client.clone(), Arc::clone(pairs));
        let own = calls / UNDER_WAY + u64::from(task < calls % UNDER_WAY);
        tasks.spawn(async move {
            let first = usize::try_from(task).unwrap() * 1_000;
            for &(member, team) in pairs.iter().cycle().skip(first).take(own.try_into().unwrap()) {
                let (member, team) = (id(member), id(team));
                let request = pb::CheckRequest { member, team, ..Default::default() };
                black_box(client.check(request).await.unwrap());
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    start.elapsed()
}
