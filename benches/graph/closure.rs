//! One team edge comes and goes, each published, at shapes that make a closure work.
//!
//! | workload | why |
//! |---|---|
//! | `chain` | in the middle of a chain of 1,000: all below meets all above |
//! | `tree` | the big team under the spare one: many below, one above |
//! | `mesh` | in the middle of 12 layers of 24, all to all: every removal leaves other paths |
//! | `wide` | one of 5,000 teams under one |
//! | `cycle` | closes and opens a ring of 1,000 |
//!
//! All but the tree are made of teams of their own beside the organisation.

use crate::world::World;
use criterion::Criterion;

pub fn bench(criterion: &mut Criterion, world: &mut World) {
    let mut group = criterion.benchmark_group("closure");
    group.sample_size(10);
    let (big, spare) = (world.synthetic.big_team(), world.synthetic.spare_team());
    let mut next = *world.synthetic.people().end() + 1;
    let mut teams = |world: &mut World, count: i64| {
        let first = next;
        next += count;
        (first..next).for_each(|key| world.put_team(key, &format!("own-{key}"), None));
        first
    };
    let chain = teams(world, 1_000);
    // The middle edge is the one that comes and goes.
    for key in chain..chain + 999 {
        if key != chain + 499 {
            world.join(key, key + 1);
        }
    }
    let mesh = teams(world, 12 * 24);
    for layer in 0..11 {
        for (child, parent) in (0..24).flat_map(|it| (0..24).map(move |other| (it, other))) {
            if (layer, child, parent) != (5, 0, 0) {
                world.join(mesh + layer * 24 + child, mesh + (layer + 1) * 24 + parent);
            }
        }
    }
    let wide = teams(world, 5_001);
    (2..=5_000).for_each(|child| {
        world.join(wide + child, wide);
    });
    let ring = teams(world, 1_000);
    (ring..ring + 999).for_each(|key| {
        world.join(key, key + 1);
    });
    world.publish();
    for (name, child, parent) in [
        ("chain", chain + 499, chain + 500),
        ("tree", big, spare),
        ("mesh", mesh + 5 * 24, mesh + 6 * 24),
        ("wide", wide + 1, wide),
        ("cycle", ring + 999, ring),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let row = world.join(child, parent);
                world.publish();
                world.leave(row);
                world.publish();
            });
        });
    }
    group.finish();
}
