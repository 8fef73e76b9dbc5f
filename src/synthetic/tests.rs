//! What an organisation promises: the same every time, each membership once, the big team's size.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Teams below the big team, itself included, and the people directly in one of them.
fn big_team(synthetic: &Synthetic) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let mut children: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for edge in synthetic.team_edges() {
        children.entry(edge.team).or_default().push(edge.member);
    }
    let mut below = BTreeSet::from([synthetic.big_team()]);
    let mut open = vec![synthetic.big_team()];
    while let Some(team) = open.pop() {
        let next = children.get(&team).into_iter().flatten();
        open.extend(next.copied().filter(|&child| below.insert(child)));
    }
    let people = synthetic.people();
    let rows = synthetic.memberships().filter(|row| below.contains(&row.team));
    let inside = rows.map(|row| row.member).filter(|member| people.contains(member)).collect();
    (below, inside)
}

#[test]
fn the_big_team_is_as_big_as_it_says() {
    let synthetic = Synthetic::new(Shape::S);
    let (teams, people) = big_team(&synthetic);
    assert_eq!(teams.len(), 310);
    assert_eq!(u64::try_from(people.len()).unwrap(), Shape::S.people_in_big_team());
    assert!(people.contains(&synthetic.busiest_person()));
}

#[test]
fn nothing_is_stated_twice_and_nothing_is_left_out() {
    let synthetic = Synthetic::new(Shape::S);
    let rows: Vec<_> = synthetic.memberships().collect();
    let pairs: BTreeSet<_> = rows.iter().map(|row| (row.member, row.team)).collect();
    assert_eq!(pairs.len(), rows.len());
    let target = usize::try_from(Shape::S.memberships).unwrap();
    assert!(rows.len().abs_diff(target) * 20 < target, "{}", rows.len());
    let members: BTreeSet<_> = rows.iter().map(|row| row.member).collect();
    assert!(synthetic.people().all(|person| members.contains(&person)));
    let busiest = rows.iter().filter(|row| row.member == synthetic.busiest_person()).count();
    assert_eq!(busiest, 125);
    assert!(!pairs.iter().any(|&(member, team)| {
        member == synthetic.spare_team() || team == synthetic.spare_team()
    }));
}

#[test]
fn a_seed_gives_the_same_and_another_gives_another() {
    let changes = |seed| Synthetic::new(Shape { seed, ..Shape::S }).changes().collect::<Vec<_>>();
    let first = changes(1);
    assert!(first == changes(1));
    assert!(first != changes(2));
}

#[test]
fn cycles_are_closed_where_they_are_asked_for() {
    let edges = |cycles| Synthetic::new(Shape { cycles, ..Shape::S }).team_edges().count();
    assert_eq!(edges(5), edges(0) + 5);
}
