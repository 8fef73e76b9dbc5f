//! What changes a digest and what does not.

use super::*;
use crate::change::{Change, Membership, NamePut, RowKey};
use crate::graph::{GraphLimits, GraphWriter, Snapshot};
use crate::id::{History, KeySpace, Lsn, TableId};
use crate::synthetic::{Random, Shape, Synthetic};
use std::collections::BTreeMap;
use std::sync::Arc;

fn key_of(space: u16, key: Key) -> SourceKey {
    SourceKey { space: KeySpace(space), key }
}

fn put(key: SourceKey, kind: MemberKind, name: Option<&str>, owner: Option<i64>) -> Change {
    let name = NamePut::Set(name.map(Arc::from));
    Change::MemberPut { key, kind, name, owner: owner.map(SourceKey::int) }
}

fn person(key: i64, name: &str) -> Change {
    put(SourceKey::int(key), MemberKind::Person, Some(name), None)
}

fn team(key: i64, name: &str, owner: Option<i64>) -> Change {
    put(SourceKey::int(key), MemberKind::Team, Some(name), owner)
}

fn gone(key: SourceKey) -> Change {
    Change::MemberDelete { key }
}

fn row_key(row: i64) -> RowKey {
    RowKey { table: TableId(0), key: Key::Int(row).into() }
}

fn row(row: i64, member: i64, team: i64, role: Role) -> Change {
    let (member, team) = (SourceKey::int(member), SourceKey::int(team));
    Change::RowPut { row: row_key(row), states: Some(Membership { member, team, role }) }
}

fn no_row(row: i64) -> Change {
    Change::RowDelete { row: row_key(row) }
}

fn writer() -> GraphWriter {
    GraphWriter::new(1, History::default(), GraphLimits::default())
}

fn commit(writer: &mut GraphWriter, changes: &[Change]) -> Arc<Snapshot> {
    changes.iter().for_each(|change| writer.apply(change.clone()).unwrap());
    writer.commit(Lsn(8))
}

/// A person in two teams by three rows, a chain of teams with an owner.
fn base() -> Vec<Change> {
    vec![
        person(1, "ann"),
        team(2, "b", Some(1)),
        team(3, "c", None),
        put(SourceKey::int(4), MemberKind::Team, None, None),
        row(1, 1, 2, Role::Member),
        row(2, 2, 3, Role::Admin),
        row(3, 3, 4, Role::Member),
        row(4, 1, 2, Role::Member),
        row(5, 1, 4, Role::Admin),
    ]
}

/// The hash is the one that its specification says, and what is made of it stays what it is:
/// releases side by side are compared too. The expected values were computed by another program
/// from what the module's head says.
#[test]
fn the_values_are_the_same_everywhere_and_from_now_on() {
    assert_eq!(of_bytes(0, b"").0, 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
    let digest = commit(&mut writer(), &base()).digest();
    let text = Key::Text("ann".into());
    let others = [
        put(key_of(0, text.clone()), MemberKind::Person, Some("ann"), None),
        put(key_of(7, text), MemberKind::Team, Some(""), Some(-1)),
        put(key_of(7, Key::Uuid([9; 16])), MemberKind::Person, None, None),
    ];
    let other = commit(&mut writer(), &others).digest();
    assert_eq!(format!("{:032x}", digest.rows), "53a6eb07b44d54b49018627fc10d3170");
    assert_eq!(
        digest.closure.map(|sum| format!("{sum:032x}")),
        Some("2b2c1683f71811b1097f6658ed551496".into())
    );
    assert_eq!(format!("{:032x}", other.rows), "c96c5e9bce2e82a966c4b43dd4148f31");
    assert_eq!(other.closure, Some(0));
}

#[test]
fn any_one_difference_is_told_and_goes_with_it() {
    let int = SourceKey::int;
    let differences = [
        vec![],
        vec![person(1, "Ann")],
        vec![put(int(1), MemberKind::Person, None, None)],
        vec![put(int(1), MemberKind::Person, Some(""), None)],
        vec![put(int(1), MemberKind::Team, Some("ann"), None)],
        vec![put(int(1), MemberKind::Person, Some("ann"), Some(1))],
        vec![team(2, "b", Some(3))],
        vec![team(2, "b", None)],
        vec![gone(int(4))],
        vec![person(5, "ann")],
        vec![put(key_of(1, Key::Int(5)), MemberKind::Person, Some("ann"), None)],
        vec![put(key_of(0, Key::Text("5".into())), MemberKind::Person, Some("ann"), None)],
        vec![put(key_of(0, Key::Uuid([5; 16])), MemberKind::Person, Some("ann"), None)],
        // Names that change places.
        vec![team(2, "c", Some(1)), team(3, "b", None)],
        vec![row(2, 2, 3, Role::Member)],
        vec![row(3, 3, 4, Role::Admin)],
        vec![row(3, 4, 3, Role::Member)],
        vec![no_row(3)],
        vec![no_row(4)],
        vec![row(4, 1, 2, Role::Admin)],
        vec![row(1, 1, 2, Role::Admin), row(4, 1, 2, Role::Admin)],
        vec![row(9, 1, 2, Role::Member)],
        vec![row(9, 4, 2, Role::Member)],
        vec![row(9, 4, 4, Role::Member)],
        vec![row(9, 1, 77, Role::Member)],
        vec![row(9, 77, 4, Role::Member)],
        // Ends that change places.
        vec![row(1, 1, 4, Role::Member), row(4, 1, 4, Role::Member), row(5, 1, 2, Role::Admin)],
    ];
    let mut writer = writer();
    let first = commit(&mut writer, &base()).digest();
    let mut seen = BTreeMap::new();
    for difference in differences {
        let digest = commit(&mut writer, &difference).digest();
        assert_eq!(writer.validate(), Ok(()));
        let known = seen.insert(digest.rows, difference.clone());
        assert_eq!(known, None, "{difference:?}");
        let others = [key_of(1, Key::Int(5)), key_of(0, Key::Text("5".into()))];
        let others = others.into_iter().chain([int(5), key_of(0, Key::Uuid([5; 16]))]);
        let back: Vec<Change> = base().into_iter().chain(others.map(gone)).collect();
        let digest = commit(&mut writer, &[back, vec![no_row(9)]].concat()).digest();
        assert_eq!(digest, first, "after {difference:?}");
    }
}

/// Only what is closed over, not which rows say so; and nothing that people do.
#[test]
fn the_closure_has_a_digest_of_its_own() {
    let mut writer = writer();
    let first = commit(&mut writer, &base()).digest();
    let shortcut = commit(&mut writer, &[row(9, 2, 4, Role::Member)]).digest();
    assert_eq!(shortcut.closure, first.closure);
    assert_ne!(shortcut.rows, first.rows);
    let cycle = commit(&mut writer, &[row(9, 4, 2, Role::Member)]).digest();
    let other = commit(&mut writer, &[row(9, 4, 3, Role::Member)]).digest();
    assert_eq!([cycle, other, first].map(|digest| digest.closure.is_some()), [true; 3]);
    assert!(cycle.closure != first.closure && cycle.closure != other.closure);
    // All three teams reach one another, whichever way round.
    let round =
        [row(2, 4, 3, Role::Member), row(3, 3, 2, Role::Member), row(9, 2, 4, Role::Member)];
    let round = commit(&mut writer, &round).digest();
    assert_eq!(round.closure, cycle.closure);
    let people = commit(&mut writer, &[no_row(1), no_row(4), no_row(5)]).digest();
    assert_eq!(people.closure, round.closure);
    // What names a row says nothing.
    let moved = commit(&mut writer, &[no_row(9), row(8, 2, 4, Role::Member)]).digest();
    assert_eq!(moved, people);
    let limits = GraphLimits { closure_pairs_max: 0 };
    let mut searched = GraphWriter::new(1, History::default(), limits);
    let searched = commit(&mut searched, &base()).digest();
    assert_eq!((searched.rows, searched.closure), (first.rows, None));
}

/// One history is a copy; one the same rows the other way round, in many transactions, some of which
/// are cut off or take back what they did.
#[test]
fn the_way_to_the_rows_does_not_matter() {
    let synthetic = Synthetic::new(Shape { cycles: 3, ..Shape::S });
    let changes: Vec<Change> = synthetic.changes().collect();
    let copied = commit(&mut writer(), &changes).digest();
    let (mut streamed, mut random) = (writer(), Random::new(3));
    streamed.commit(Lsn(1));
    let turned: Vec<Change> = changes.iter().rev().cloned().collect();
    for changes in turned.chunks(2_000) {
        let some = usize::try_from(random.below(2_000)).unwrap();
        changes.iter().take(some).for_each(|change| streamed.apply(change.clone()).unwrap());
        streamed.abort();
        commit(&mut streamed, changes);
    }
    assert_eq!(streamed.last().digest(), copied);
    let table = commit(&mut streamed, &[Change::RowsTruncate { table: TableId(0) }]).digest();
    assert_eq!(table.closure, Some(0));
    let none = commit(&mut streamed, &[Change::MembersTruncate { space: KeySpace(0) }]).digest();
    assert_eq!((none.rows, none.closure), (0, Some(0)));
    assert_eq!(commit(&mut streamed, &changes).digest(), copied);
    assert_eq!(commit(&mut writer(), &turned).digest(), copied);
}
