//! The graph alone, in process, over one synthetic organisation; and the feed's decoder.
//!
//! | file | what |
//! |---|---|
//! | `check` | the point question: direct, indirect, near miss, random |
//! | `batch` | many pairs at once, 16 and 1,000 |
//! | `list` | teams of a person, members of a team |
//! | `apply` | one change of a person, published |
//! | `closure` | one team edge, at chain, tree, mesh, wide and cycle |
//! | `publish` | a swap with one and with many versions kept |
//! | `build` | the whole graph from its changes |
//! | `decode` | messages of the change feed, of the organisation's rows |
//! | `checkpoint` | the graph to disk and back, and what that costs the one who applies |
//! | `verify` | a version compared with its rows |
//!
//! Size S by default; `TEAMGRAPH_BENCH_SIZE=m` or `l` for more.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark"
)]

mod apply;
mod batch;
mod build;
mod check;
mod checkpoint;
mod closure;
mod decode;
mod list;
mod publish;
mod verify;
mod world;

use criterion::{Criterion, criterion_group, criterion_main};
use world::World;

fn bench(criterion: &mut Criterion) {
    let mut world = World::new();
    // First, since it says how much memory it takes.
    verify::bench(criterion, &world);
    check::bench(criterion, &world);
    batch::bench(criterion, &world);
    list::bench(criterion, &world);
    apply::bench(criterion, &mut world);
    closure::bench(criterion, &mut world);
    publish::bench(criterion, &mut world);
    build::bench(criterion, &world);
    decode::bench(criterion);
    checkpoint::bench(criterion, &mut world);
}

criterion_group!(benches, bench);
criterion_main!(benches);
