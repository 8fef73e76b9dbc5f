//! Publishing a version, and nothing else: the swap and the ring of recent versions.
//!
//! | workload | why |
//! |---|---|
//! | `1_kept` | every version pushes the one before it out: the cost of letting go |
//! | `10000_kept` | a full ring of many: must cost the same |

use crate::world::World;
use criterion::{BatchSize, Criterion};
use teamgraph::graph::{HistoryLimits, Published, PublishedCell};
use teamgraph::id::Lsn;

pub fn bench(criterion: &mut Criterion, world: &mut World) {
    let mut group = criterion.benchmark_group("publish");
    for kept in [1, 10_000] {
        let limits =
            HistoryLimits { versions_max: kept, bytes_max: u64::MAX, age_max_ms: u64::MAX };
        let cell = PublishedCell::new(limits);
        let applied_lsn = Lsn(u64::MAX);
        for _ in 0..kept {
            world.publish();
            cell.store(Published { snapshot: world.snapshot(), applied_lsn }, 0);
        }
        group.bench_function(format!("{kept}_kept"), |bencher| {
            bencher.iter_batched(
                || {
                    let (person, team) = (world.person(), world.team());
                    let row = world.join(person, team);
                    world.publish();
                    world.leave(row);
                    Published { snapshot: world.snapshot(), applied_lsn }
                },
                |published| cell.store(published, 0),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
