//! The graph alone, in process.
//!
//! | workload | why |
//! |---|---|
//! | `check/*` | the point question, source keys looked up: direct hits, indirect hits, random pairs |
//! | `apply/join_leave` | one person joins and leaves a random team, a version published for each |
//! | `apply/nest` | a team edge near the top comes and goes: the closures below it |
//! | `list/teams` | all teams of a random person: the question asked most |
//! | `build` | the whole graph from its changes, as a copy makes it |
//!
//! Size S by default; `TEAMGRAPH_BENCH_SIZE=M` for a million people.

#![allow(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark, not the product"
)]

mod organisation;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use organisation::{M, Organisation, Random, S, Size};
use std::hint::black_box;
use std::sync::Arc;
use teamgraph::graph::{HistoryLimits, Published, PublishedCell, Relation, Scope, Snapshot};
use teamgraph::id::{Lsn, SourceKey};

fn size() -> Size {
    if std::env::var("TEAMGRAPH_BENCH_SIZE").as_deref() == Ok("M") { M } else { S }
}

fn relation(snapshot: &Snapshot, member: i64, team: i64) -> Relation {
    let member = snapshot.find(&SourceKey::int(member)).unwrap();
    let team = snapshot.find(&SourceKey::int(team)).and_then(|team| snapshot.team(team)).unwrap();
    snapshot.relation(member, team)
}

/// Pairs of each kind, drawn until there are enough.
fn pairs(snapshot: &Snapshot, size: Size, wanted: Option<Relation>) -> Vec<(i64, i64)> {
    let mut random = Random(11);
    let mut pairs = Vec::new();
    while pairs.len() < 4_096 {
        let person = size.teams + 1 + random.below(size.people);
        let member = snapshot.find(&SourceKey::int(person)).unwrap();
        let team = match wanted {
            None => 1 + random.below(size.teams),
            Some(Relation::Direct) => pick(snapshot, member, Scope::Direct, &mut random),
            Some(_) => pick(snapshot, member, Scope::All, &mut random),
        };
        if wanted.is_none_or(|wanted| relation(snapshot, person, team) == wanted) {
            pairs.push((person, team));
        }
    }
    pairs
}

fn pick(
    snapshot: &Snapshot,
    member: teamgraph::id::MemberId,
    scope: Scope,
    random: &mut Random,
) -> i64 {
    let teams = snapshot.list_teams(member, scope, None, usize::MAX).teams;
    let team = teams[random.below(teams.len() as i64) as usize];
    let key = snapshot.key(snapshot.member(team).unwrap()).unwrap();
    key.to_string().parse().unwrap()
}

fn bench(c: &mut Criterion) {
    let size = size();
    let mut organisation = Organisation::build(size);
    let snapshot = Arc::clone(organisation.writer.last());
    let mut group = c.benchmark_group(format!("graph_{}", size.name));

    let kinds = [
        ("check/direct", Some(Relation::Direct)),
        ("check/indirect", Some(Relation::Indirect)),
        ("check/random", None),
    ];
    for (name, wanted) in kinds {
        let pairs = pairs(&snapshot, size, wanted);
        let mut next = pairs.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let &(member, team) = next.next().unwrap();
                black_box(relation(&snapshot, member, team))
            });
        });
    }

    let mut random = Random(13);
    group.bench_function("list/teams", |b| {
        b.iter(|| {
            let person = SourceKey::int(size.teams + 1 + random.below(size.people));
            let member = snapshot.find(&person).unwrap();
            black_box(snapshot.list_teams(member, Scope::All, None, 10_000))
        });
    });

    let cell = PublishedCell::new(HistoryLimits::default());
    let mut now_ms = 0;
    let mut publish = |organisation: &mut Organisation| {
        organisation.commit();
        now_ms += 1;
        let snapshot = Arc::clone(organisation.writer.last());
        let applied_lsn = Lsn(organisation.next_lsn);
        cell.store(Published { snapshot, applied_lsn }, now_ms);
    };
    group.bench_function("apply/join_leave", |b| {
        b.iter(|| {
            let person = size.teams + 1 + random.below(size.people);
            let row = organisation.join(person, 1 + random.skewed(size.teams));
            publish(&mut organisation);
            organisation.leave(row);
            publish(&mut organisation);
        });
    });
    // The team with the most below it, under a new parent that is below nothing.
    group.bench_function("apply/nest", |b| {
        b.iter(|| {
            let row = organisation.join(1, size.teams);
            publish(&mut organisation);
            organisation.leave(row);
            publish(&mut organisation);
        });
    });

    group.sample_size(10);
    group.bench_function("build", |b| {
        b.iter_batched(|| S, |size| black_box(Organisation::build(size)), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
