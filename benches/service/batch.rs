//! `BatchCheck`, packed, 1,000 pairs a call; four calls under way, so that the server never waits.

use crate::servers::{Client, Servers};
use criterion::{Criterion, Throughput};
use std::hint::black_box;
use std::time::{Duration, Instant};
use teamgraph::pb;
use tokio::task::JoinSet;

const PAIRS: usize = 1_000;
const UNDER_WAY: u64 = 4;

pub fn bench(criterion: &mut Criterion, servers: &Servers) {
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(PAIRS.try_into().unwrap()));
    let requests: Vec<pb::BatchCheckRequest> = servers
        .pairs
        .chunks_exact(PAIRS)
        .map(|pairs| {
            let (member_ids, team_ids) = pairs.iter().copied().unzip();
            let packed_pairs = Some(pb::PackedPairs { member_kind: 0, member_ids, team_ids });
            pb::BatchCheckRequest { packed_pairs, ..Default::default() }
        })
        .collect();
    for (name, client) in servers.each() {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|calls| servers.runtime.block_on(ask(&client, &requests, calls)));
        });
    }
    group.finish();
}

async fn ask(client: &Client, requests: &[pb::BatchCheckRequest], calls: u64) -> Duration {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for task in 0..UNDER_WAY.min(calls) {
        let (mut client, requests) = (client.clone(), requests.to_vec());
        let own = calls / UNDER_WAY + u64::from(task < calls % UNDER_WAY);
        tasks.spawn(async move {
            let first = usize::try_from(task).unwrap() * 16;
            for request in requests.iter().cycle().skip(first).take(own.try_into().unwrap()) {
                black_box(client.batch_check(request.clone()).await.unwrap());
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    start.elapsed()
}
