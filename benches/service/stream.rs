//! `StreamChecks`: one stream, as many questions under way as the transport holds.

use crate::servers::{Client, Servers, id};
use criterion::{Criterion, Throughput};
use std::sync::Arc;
use std::time::{Duration, Instant};
use teamgraph::pb;

pub fn bench(criterion: &mut Criterion, servers: &Servers) {
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(1));
    let pairs = Arc::new(servers.pairs.clone());
    for (name, client) in servers.each() {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|questions| {
                servers.runtime.block_on(ask(client.clone(), Arc::clone(&pairs), questions))
            });
        });
    }
    group.finish();
}

async fn ask(mut client: Client, pairs: Arc<Vec<(i64, i64)>>, questions: u64) -> Duration {
    let start = Instant::now();
    let questions_sent = (0..questions).map(move |number| {
        let place = usize::try_from(number).unwrap() % pairs.len();
        let &(member, team) = pairs.get(place).unwrap();
        let (member, team) = (id(member), id(team));
        pb::StreamChecksRequest { id: number, member, team, ..Default::default() }
    });
    let stream = client.stream_checks(tokio_stream::iter(questions_sent)).await.unwrap();
    let (mut answers, mut answered) = (stream.into_inner(), 0);
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!(answer.id, answered);
        answered += 1;
    }
    assert_eq!(answered, questions);
    start.elapsed()
}
