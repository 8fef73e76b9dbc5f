//! A graph made of other rows than it is compared with: every kind of difference is found.

use super::{CompareOptions, Expected, Gathering, GatheringError, compare};
use crate::change::{Change, Membership, NamePut, RowKey};
use crate::command::{DriftReport, FindingKind, NamedMember};
use crate::graph::{GraphLimits, GraphWriter, Snapshot};
use crate::id::{History, Key, KeySpace, Lsn, MemberKind, Role, SourceKey, TableId};
use crate::synthetic::{Shape, Synthetic};
use std::ops::ControlFlow;
use std::sync::Arc;

fn member(key: i64, kind: MemberKind, name: &str, owner: Option<i64>) -> Change {
    let (key, owner) = (SourceKey::int(key), owner.map(SourceKey::int));
    Change::MemberPut { key, kind, name: NamePut::Set(Some(name.into())), owner }
}

fn row(row: i64, member: i64, team: i64, role: Role) -> Change {
    let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
    let (member, team) = (SourceKey::int(member), SourceKey::int(team));
    Change::RowPut { row, states: Some(Membership { member, team, role }) }
}

/// People 1 to 6; team 14 ⊃ team 13 ⊃ teams 11 and 12; teams 15 and 16 in one another; rows that
/// count for nothing.
fn rows() -> Vec<Change> {
    let people = (1..=6).map(|key| member(key, MemberKind::Person, &format!("p{key}"), None));
    let teams = (11..=16).map(|key| member(key, MemberKind::Team, &format!("t{key}"), Some(1)));
    let edges = [
        (1, 11, Role::Admin),
        (2, 11, Role::Member),
        (3, 12, Role::Member),
        (11, 13, Role::Member),
        (12, 13, Role::Member),
        (13, 14, Role::Member),
        (4, 14, Role::Member),
        (15, 16, Role::Member),
        (16, 15, Role::Member),
        (5, 15, Role::Member),
        // Dangling, and of a team in itself.
        (99, 11, Role::Member),
        (1, 98, Role::Member),
        (1, 2, Role::Member),
        (14, 14, Role::Member),
        // The same edge once more, with a lower role.
        (1, 11, Role::Member),
    ];
    let edges = edges.into_iter().zip(0..);
    let edges = edges.map(|((member, team, role), place)| row(place, member, team, role));
    people.chain(teams).chain(edges).collect()
}

fn gathered(rows: &[Change]) -> Expected {
    let mut gathering = Gathering::new();
    rows.iter().for_each(|change| gathering.apply(change).unwrap());
    gathering.finish()
}

fn version(changes: impl IntoIterator<Item = Change>) -> Arc<Snapshot> {
    let history = History { system_id: 1, timeline: 1 };
    let mut writer = GraphWriter::new(1, history, GraphLimits::default());
    changes.into_iter().for_each(|change| writer.apply(change).unwrap());
    writer.commit(Lsn(100))
}

const fn go_on(_done: u64, _total: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn whole(expected: &Expected, seen: &Snapshot) -> DriftReport {
    compare(expected, seen, CompareOptions::default(), &mut go_on).unwrap()
}

/// What was found, by kind and number.
fn counts(report: &DriftReport) -> Vec<(FindingKind, u64)> {
    report.findings.iter().map(|it| (it.kind, it.count)).collect()
}

/// The differences alone.
fn differences(report: &DriftReport) -> Vec<(FindingKind, u64)> {
    counts(report).into_iter().filter(|(kind, _)| kind.is_difference()).collect()
}

fn names(members: &[NamedMember]) -> Vec<String> {
    let name = |it: &NamedMember| it.name.as_deref().map_or(it.key.to_string(), str::to_owned);
    members.iter().map(name).collect()
}

#[test]
fn a_right_graph_has_no_differences_and_its_peculiarities_are_told() {
    let report = whole(&gathered(&rows()), &version(rows()));
    assert_eq!(
        counts(&report),
        [(FindingKind::Cycle, 1), (FindingKind::DanglingEnd, 3), (FindingKind::SelfMembership, 1)]
    );
    assert_eq!(report.differences(), 0);
    assert_eq!((report.members, report.memberships), (12, 14));
    assert_eq!((report.members_compared, report.whole), (12, true));
    // 11, 12: 2 each; 13: 1; 15, 16: 1 each; 1, 2, 3: 3 each; 4: 1; 5: 2.
    assert_eq!(report.participations, 19);
    assert_eq!(report.version.end_lsn, Lsn(100));
    let cycle = &report.findings[0].examples[0];
    assert_eq!(
        (names(&cycle.members), cycle.source.as_str()),
        (vec!["t15".into(), "t16".into()], "2 teams")
    );
    let dangling: Vec<_> =
        report.findings[1].examples.iter().map(|it| (names(&it.members), &*it.source)).collect();
    for (members, said) in [
        (["99", "t11"], "the member has no row"),
        (["p1", "98"], "the team has no row"),
        (["p1", "p2"], "the team is a person"),
    ] {
        assert!(dangling.contains(&(members.map(str::to_owned).to_vec(), said)), "{dangling:?}");
    }
}

/// What the graph gets on top of the rows, and what must be found then, and nothing else.
type Corruption = (&'static str, Vec<Change>, Vec<(FindingKind, u64)>);

fn corruptions_of_edges() -> Vec<Corruption> {
    use FindingKind as Kind;
    let gone = |row| {
        vec![Change::RowDelete { row: RowKey { table: TableId(0), key: Key::Int(row).into() } }]
    };
    vec![
        // 2 is in 11 by row 1, and so in 13 and 14.
        (
            "a missing row",
            gone(1),
            vec![(Kind::MembershipMissing, 1), (Kind::ParticipationMissing, 3)],
        ),
        (
            "a row too many",
            vec![row(50, 6, 12, Role::Member)],
            vec![(Kind::MembershipSpurious, 1), (Kind::ParticipationSpurious, 3)],
        ),
        ("another role", vec![row(1, 2, 11, Role::Admin)], vec![(Kind::RoleDiffers, 1)]),
        ("the lower of two roles", gone(0), vec![(Kind::RoleDiffers, 1)]),
        ("one of two rows of an edge", gone(14), vec![]),
        (
            "another member",
            vec![row(1, 6, 11, Role::Member)],
            vec![
                (Kind::MembershipMissing, 1),
                (Kind::MembershipSpurious, 1),
                (Kind::ParticipationMissing, 3),
                (Kind::ParticipationSpurious, 3),
            ],
        ),
        // 1, 2, 3, 11, 12 and 13 are in 14 by it.
        (
            "a missing team edge",
            gone(5),
            vec![(Kind::MembershipMissing, 1), (Kind::ParticipationMissing, 6)],
        ),
        (
            "a broken cycle",
            gone(8),
            vec![(Kind::MembershipMissing, 1), (Kind::ParticipationMissing, 1)],
        ),
        (
            "a cycle that is none",
            vec![row(50, 14, 11, Role::Member)],
            // 11 in 11 is not told. 12, 13, 14, 3 and 4 are in 11; 14 in 13, 4 in 13.
            vec![(Kind::MembershipSpurious, 1), (Kind::ParticipationSpurious, 7)],
        ),
        ("a dangling row", gone(10), vec![(Kind::MembershipMissing, 1)]),
        ("a row to nowhere", gone(11), vec![(Kind::MembershipMissing, 1)]),
        ("a row into a person", gone(12), vec![(Kind::MembershipMissing, 1)]),
        ("a membership in itself", gone(13), vec![(Kind::MembershipMissing, 1)]),
    ]
}

fn corruptions_of_members() -> Vec<Corruption> {
    use FindingKind as Kind;
    let put = |key, kind, name, owner| vec![member(key, kind, name, owner)];
    let forget = |key| vec![Change::MemberDelete { key: SourceKey::int(key) }];
    let (person, team) = (MemberKind::Person, MemberKind::Team);
    vec![
        ("a person as a team", put(6, team, "p6", None), vec![(Kind::KindDiffers, 1)]),
        // All seven below it are in it no more.
        (
            "a team as a person",
            put(14, person, "t14", Some(1)),
            vec![(Kind::KindDiffers, 1), (Kind::ParticipationMissing, 7)],
        ),
        ("another name", put(6, person, "p7", None), vec![(Kind::NameDiffers, 1)]),
        // p5 is not to be found by its name either.
        ("somebody else's name", put(6, person, "p5", None), vec![(Kind::NameDiffers, 2)]),
        ("another owner", put(14, team, "t14", Some(2)), vec![(Kind::OwnerDiffers, 1)]),
        ("no owner", put(14, team, "t14", None), vec![(Kind::OwnerDiffers, 1)]),
        (
            "an owner that does not exist",
            put(14, team, "t14", Some(97)),
            vec![(Kind::OwnerDiffers, 1)],
        ),
        ("a missing member", forget(2), vec![(Kind::MemberMissing, 1)]),
        ("a member too many", put(7, person, "p7", None), vec![(Kind::MemberSpurious, 1)]),
    ]
}

#[test]
fn every_corruption_of_the_graph_is_found_and_nothing_else() {
    let members = corruptions_of_members();
    for (what, changes, expected) in corruptions_of_edges().into_iter().chain(members) {
        let graph = version(rows().into_iter().chain(changes));
        let report = whole(&gathered(&rows()), &graph);
        assert_eq!(differences(&report), expected, "{what}");
        for finding in &report.findings {
            assert!(!finding.examples.is_empty(), "{what}: {finding:?}");
        }
    }
}

/// What the owners' side alone has wrong: no change makes that.
#[test]
fn what_an_owner_has_beyond_what_teams_say_is_found_and_what_it_lacks() {
    let (right, lacking) = ("key 1", "key 1 has it not");
    for (owner, team, owns, told) in [
        (1, 14, true, None),
        (1, 14, false, Some(("t14", right, lacking))),
        (2, 14, true, Some(("t14", right, "key 2 has it"))),
        // A person, one that has no row, and oneself.
        (1, 6, true, Some(("p6", "absent", "key 1 has it"))),
        (1, 99, true, Some(("99", "absent", "key 1 has it"))),
        (14, 14, true, Some(("t14", right, "key 14 has it"))),
        (99, 11, true, Some(("t11", right, "key 99 has it"))),
    ] {
        let history = History { system_id: 1, timeline: 1 };
        let mut writer = GraphWriter::new(1, history, GraphLimits::default());
        rows().into_iter().for_each(|change| writer.apply(change).unwrap());
        writer.spoil_owned(&SourceKey::int(owner), &SourceKey::int(team), owns).unwrap();
        let report = whole(&gathered(&rows()), &writer.commit(Lsn(100)));
        let differences: Vec<_> =
            report.findings.iter().filter(|it| it.kind.is_difference()).collect();
        let said: Vec<_> = differences
            .iter()
            .map(|finding| {
                let example = &finding.examples[0];
                let said = (names(&example.members), &*example.source, &*example.graph);
                (finding.kind, finding.count, said)
            })
            .collect();
        let expected = told.map(|(team, source, graph)| {
            (FindingKind::OwnerDiffers, 1, (vec![team.to_owned()], source, graph))
        });
        assert_eq!(said, Vec::from_iter(expected), "{owner}, {team}, {owns}");
    }
}

#[test]
fn examples_name_both_ends_and_say_what_either_side_has() {
    let graph = version(rows().into_iter().chain([row(1, 6, 11, Role::Admin)]));
    let report = whole(&gathered(&rows()), &graph);
    let example = |kind| {
        let finding = report.findings.iter().find(|it| it.kind == kind).unwrap();
        let example = &finding.examples[0];
        (names(&example.members), example.source.clone(), example.graph.clone())
    };
    let told = |members: [&str; 2], source: &str, graph: &str| {
        (members.map(str::to_owned).to_vec(), source.to_owned(), graph.to_owned())
    };
    assert_eq!(example(FindingKind::MembershipMissing), told(["p2", "t11"], "member", "absent"));
    assert_eq!(example(FindingKind::MembershipSpurious), told(["p6", "t11"], "absent", "admin"));
    let missing = example(FindingKind::ParticipationMissing);
    assert_eq!((missing.0[0].as_str(), &*missing.1, &*missing.2), ("p2", "in it", "not in it"));
}

/// Many of a kind are counted, and ten of them shown.
#[test]
fn examples_are_few_and_counts_are_whole() {
    let mut changes = rows();
    changes.extend((100..150).map(|key| member(key, MemberKind::Person, &format!("p{key}"), None)));
    changes.extend((100..150).map(|key| row(key, key, 13, Role::Member)));
    let report = whole(&gathered(&changes), &version(rows()));
    assert_eq!(
        differences(&report),
        [(FindingKind::MemberMissing, 50), (FindingKind::MembershipMissing, 50)]
    );
    assert!(report.findings.iter().take(2).all(|it| it.examples.len() == 10));
}

#[test]
fn a_sample_compares_all_memberships_and_the_participations_of_a_few() {
    let synthetic = Synthetic::new(Shape { cycles: 3, ..Shape::S });
    let changes: Vec<Change> = synthetic.changes().collect();
    let (expected, graph) = (gathered(&changes), version(changes.clone()));
    let options = CompareOptions { sample: Some(300), seed: 5 };
    let report = compare(&expected, &graph, options, &mut go_on).unwrap();
    assert_eq!((report.members_compared, report.whole, report.differences()), (300, false, 0));
    let all = whole(&expected, &graph);
    assert!(all.whole && all.differences() == 0, "{all:?}");
    assert_eq!(all.members, all.members_compared);
    assert!(report.participations < all.participations);
    assert_eq!((report.members, report.memberships), (all.members, all.memberships));
    let stats = graph.stats();
    let cycles = counts(&all).into_iter().find(|(kind, _)| *kind == FindingKind::Cycle).unwrap();
    assert_eq!((cycles.1, all.memberships), (stats.cycles, stats.memberships));
    // More than there are is all.
    let options = CompareOptions { sample: Some(u64::MAX), seed: 5 };
    let most = compare(&expected, &graph, options, &mut go_on).unwrap();
    assert_eq!((most.whole, most.participations), (true, all.participations));
}

#[test]
fn a_comparison_ends_when_it_is_told_to() {
    let changes: Vec<Change> = Synthetic::new(Shape::S).changes().collect();
    let (expected, graph) = (gathered(&changes), version(changes));
    let (mut last, mut most) = (0, 0);
    let mut reports = 0;
    let ended = compare(&expected, &graph, CompareOptions::default(), &mut |done, total| {
        assert!(done >= last && done <= total, "{done} of {total} after {last}");
        (last, most, reports) = (done, total, reports + 1);
        if reports == 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((ended, reports), (None, 20));
    assert!(last < most);
}

/// One person in two tables of members, by keys that look alike and one name.
#[test]
fn key_spaces_are_apart_and_one_name_of_two_is_no_difference() {
    let key = |space, key| SourceKey { space: KeySpace(space), key };
    let put = |key, name: &str| Change::MemberPut {
        key,
        kind: MemberKind::Person,
        name: NamePut::Set(Some(name.into())),
        owner: None,
    };
    let uuid = Key::Uuid([7; 16]);
    let changes = vec![
        put(key(0, Key::Int(1)), "same"),
        put(key(1, Key::Int(1)), "same"),
        put(key(2, uuid), "other"),
        put(key(3, Key::Text("1".into())), "text"),
    ];
    let expected = gathered(&changes);
    assert!(whole(&expected, &version(changes.clone())).findings.is_empty());
    // The graph finds two by a name that only one has by its rows.
    let mut renamed = changes;
    renamed.push(put(key(3, Key::Text("1".into())), "other"));
    let report = whole(&expected, &version(renamed));
    assert_eq!(differences(&report), [(FindingKind::NameDiffers, 2)]);
}

#[test]
fn what_is_no_row_is_refused() {
    let mut gathering = Gathering::new();
    for change in [
        Change::MemberDelete { key: SourceKey::int(1) },
        Change::RowsTruncate { table: TableId(0) },
        Change::MembersTruncate { space: KeySpace::DEFAULT },
        Change::RowDelete { row: RowKey { table: TableId(0), key: Key::Int(1).into() } },
        Change::MemberPut {
            key: SourceKey::int(1),
            kind: MemberKind::Person,
            name: NamePut::Keep,
            owner: None,
        },
    ] {
        assert_eq!(gathering.apply(&change), Err(GatheringError::NotARow), "{change:?}");
    }
    let inactive = RowKey { table: TableId(0), key: Key::Int(1).into() };
    assert_eq!(gathering.apply(&Change::RowPut { row: inactive, states: None }), Ok(()));
    assert_eq!(gathering.finish().membership_count(), 0);
}
