//! Lists of teams and of members.
//!
//! | workload | why |
//! |---|---|
//! | `teams_random` | all teams of a random person: the list asked most |
//! | `teams_busiest` | of the person in very many teams: the longest |
//! | `members_page` | the first 10,000 members of the big team: finding the list, and a page |
//! | `members_all` | all its members: the cost of one member |

use crate::world::{World, draw, member};
use criterion::Criterion;
use std::hint::black_box;
use teamgraph::graph::{Kinds, Scope};
use teamgraph::synthetic::Random;

const KINDS: Kinds = Kinds { people: true, teams: true };

pub fn bench(criterion: &mut Criterion, world: &World) {
    let (snapshot, people) = (world.snapshot(), world.synthetic.people());
    let mut group = criterion.benchmark_group("list");
    let mut random = Random::new(13);
    group.bench_function("teams_random", |bencher| {
        bencher.iter(|| {
            let person = draw(&mut random, *people.start(), *people.end());
            let person = member(&snapshot, person);
            black_box(snapshot.list_teams(person, Scope::All, None, 10_000))
        });
    });
    let busiest = member(&snapshot, world.synthetic.busiest_person());
    group.bench_function("teams_busiest", |bencher| {
        bencher.iter(|| black_box(snapshot.list_teams(busiest, Scope::All, None, usize::MAX)));
    });
    let big = snapshot.team(member(&snapshot, world.synthetic.big_team())).unwrap();
    group.sample_size(10);
    for (name, limit) in [("members_page", 10_000), ("members_all", usize::MAX)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(snapshot.list_members(big, Scope::All, KINDS, None, limit)));
        });
    }
    group.finish();
}
