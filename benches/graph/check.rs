//! `Snapshot::relation` by source keys, their lookup included.
//!
//! | workload | why |
//! |---|---|
//! | `direct` | the team is among the person's own: the cheapest yes |
//! | `indirect` | it is above one of them: the closure's yes |
//! | `near_miss` | a sibling of an ancestor, so that no shortcut for small teams helps: the dearest no |
//! | `random` | any team: mostly a cheap no |
//!
//! One person in 100 is the one in very many teams.

use crate::world::{PARTS, World, pairs, relation};
use criterion::Criterion;
use std::hint::black_box;

pub fn bench(criterion: &mut Criterion, world: &World) {
    let snapshot = world.snapshot();
    let mut group = criterion.benchmark_group("check");
    for part in PARTS {
        let pairs = pairs(world, part, 4_096);
        let mut next = pairs.iter().cycle();
        group.bench_function(part, |bencher| {
            bencher.iter(|| {
                let &(person, team) = next.next().unwrap();
                black_box(relation(&snapshot, person, team))
            });
        });
    }
    group.finish();
}
