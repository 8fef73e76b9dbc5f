//! One change, applied and published: what each small transaction costs.
//!
//! | workload | why |
//! |---|---|
//! | `join_leave` | a random person joins a random team, and leaves it: two versions |
//! | `owner` | a random team's owner changes |
//! | `rename` | a random team's name changes |

use crate::world::World;
use criterion::Criterion;

pub fn bench(criterion: &mut Criterion, world: &mut World) {
    let mut group = criterion.benchmark_group("apply");
    group.bench_function("join_leave", |bencher| {
        bencher.iter(|| {
            let (person, team) = (world.person(), world.team());
            let row = world.join(person, team);
            world.publish();
            world.leave(row);
            world.publish();
        });
    });
    group.bench_function("owner", |bencher| {
        bencher.iter(|| {
            let (team, owner) = (world.team(), world.person());
            world.put_team(team, &format!("team-{team}"), Some(owner));
            world.publish();
        });
    });
    let mut renamed = 0;
    group.bench_function("rename", |bencher| {
        bencher.iter(|| {
            renamed += 1;
            let team = world.team();
            world.put_team(team, &format!("team-{team}-{renamed}"), None);
            world.publish();
        });
    });
    group.finish();
}
