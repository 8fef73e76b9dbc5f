//! The service over real sockets, against a server whose handlers do nothing.
//!
//! | file | workloads and why |
//! |---|---|
//! | `unary` | `Check`, 64 calls under way: what most callers send; all but the transport is ours |
//! | `batch` | `BatchCheck`, packed, 1,000 pairs a call: where the graph itself must show |
//! | `stream` | `StreamChecks`: questions pipelined, so that the transport costs little each |
//!
//! Every workload runs against both servers, with the same requests and answers of the same size:
//! `ours` beside `empty`. One connection; a server has one thread, and the clients another.
//!
//! Size S by default; `TEAMGRAPH_BENCH_SIZE=m` or `l` for more.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark, not the product"
)]

mod batch;
mod empty;
mod servers;
mod stream;
mod unary;

use criterion::{Criterion, criterion_group, criterion_main};
use servers::Servers;

fn bench(criterion: &mut Criterion) {
    let servers = Servers::start();
    unary::bench(criterion, &servers);
    batch::bench(criterion, &servers);
    stream::bench(criterion, &servers);
}

criterion_group!(benches, bench);
criterion_main!(benches);
