//! Row changes in, product's words out. Knows the built-in schema.

use super::*;
use crate::change::{Change, Membership, NamePut, RowId, RowKey};
use crate::feed::error::Remedy;
use crate::feed::mapping::Condition;
use crate::feed::pgoutput::Column as RelationColumn;
use crate::feed::pgoutput::Old;
use crate::feed::value::{Cell, ColumnType};
use crate::id::{Key, KeySpace, MemberKind, Role, SourceKey, TableId};

const PERSON: u32 = 100;
const MEMBERSHIP: u32 = 200;
const UNMAPPED: u32 = 300;

fn catalogue() -> Catalogue {
    let name = |table: &str| TableName { schema: "teamgraph".into(), table: table.into() };
    let (long, text, int) = (ColumnType::Int8, ColumnType::Text, ColumnType::Int4);
    Catalogue::of(vec![
        TableFacts::of(
            PERSON,
            name("person"),
            &[("id", long), ("name", text), ("team_owner", long)],
        ),
        TableFacts::of(
            MEMBERSHIP,
            name("team_membership"),
            &[("id", long), ("person", long), ("team", long), ("status", int)],
        ),
    ])
}

fn relation<'a>(id: u32, table: &'a str, columns: &[(&'a str, u32, bool)]) -> Relation<'a> {
    let column = |(name, type_oid, in_identity)| RelationColumn { name, type_oid, in_identity };
    let columns = columns.iter().copied().map(column).collect();
    Relation { id, schema: "teamgraph", table, columns }
}

/// Columns in another order than the mapping's, and one that is not mapped.
const PERSON_COLUMNS: [(&str, u32, bool); 4] =
    [("display_name", 25, false), ("team_owner", 20, false), ("id", 20, true), ("name", 25, false)];
const MEMBERSHIP_COLUMNS: [(&str, u32, bool); 4] =
    [("id", 20, true), ("person", 20, false), ("team", 20, false), ("status", 23, false)];

struct Fixture {
    mapping: Mapping,
    catalogue: Catalogue,
}

impl Fixture {
    fn new() -> Self {
        Fixture { mapping: Mapping::built_in(), catalogue: catalogue() }
    }

    fn translator(&self) -> Translator<'_> {
        let mut translator = Translator::new(&self.mapping, &self.catalogue);
        translator.relation(&relation(PERSON, "person", &PERSON_COLUMNS)).unwrap();
        let memberships = relation(MEMBERSHIP, "team_membership", &MEMBERSHIP_COLUMNS);
        translator.relation(&memberships).unwrap();
        translator.relation(&relation(UNMAPPED, "elsewhere", &[("id", 25, true)])).unwrap();
        translator
    }

    fn changes(&self, message: &Message<'_>) -> Result<Vec<Change>, FeedError> {
        let mut out = Vec::new();
        self.translator().change(message, &mut out)?;
        let change = |event| match event {
            FeedEvent::Change(change) => change,
            other => panic!("{other:?}"),
        };
        Ok(out.into_iter().map(change).collect())
    }
}

fn long(value: i64) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

fn int(value: i32) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

fn put(key: i64, kind: MemberKind, name: &str, owner: Option<i64>) -> Change {
    let name = NamePut::Set(Some(name.into()));
    Change::MemberPut { key: SourceKey::int(key), kind, name, owner: owner.map(SourceKey::int) }
}

fn row(key: i64, states: Option<(i64, i64, Role)>) -> Change {
    let states = states.map(|(member, team, role)| Membership {
        member: SourceKey::int(member),
        team: SourceKey::int(team),
        role,
    });
    Change::RowPut { row: RowKey { table: TableId(0), key: Key::Int(key).into() }, states }
}

fn row_gone(key: i64) -> Change {
    Change::RowDelete { row: RowKey { table: TableId(0), key: Key::Int(key).into() } }
}

#[test]
fn people_and_teams() {
    let fixture = Fixture::new();
    let (seven, one) = (long(7), long(1));
    let person = vec![Cell::Null, Cell::Null, Cell::Binary(&seven), Cell::Binary(b"ann")];
    let insert = Message::Insert { relation: PERSON, new: person };
    let person = put(7, MemberKind::Person, "ann", None);
    assert_eq!(fixture.changes(&insert), Ok(vec![person]));
    let team = vec![Cell::Null, Cell::Binary(&one), Cell::Text(b"7"), Cell::Text(b"ann")];
    let update = Message::Update { relation: PERSON, old: None, new: team };
    assert_eq!(fixture.changes(&update), Ok(vec![put(7, MemberKind::Team, "ann", Some(1))]));
}

#[test]
fn every_status_and_both_formats() {
    let fixture = Fixture::new();
    let (key, person, team) = (long(5), long(1), long(2));
    for status in 0..9 {
        let states = match status {
            2 => Some((1, 2, Role::Member)),
            3 => Some((1, 2, Role::Admin)),
            _ => None,
        };
        let binary = int(status);
        let text = status.to_string();
        for status in [Cell::Binary(&binary), Cell::Text(text.as_bytes())] {
            let new = vec![Cell::Binary(&key), Cell::Binary(&person), Cell::Binary(&team), status];
            let update = Message::Update { relation: MEMBERSHIP, old: None, new };
            assert_eq!(fixture.changes(&update), Ok(vec![row(5, states)]));
        }
    }
}

#[test]
fn a_membership_without_member_or_team_states_nothing() {
    let fixture = Fixture::new();
    let (key, end, status) = (long(5), long(1), int(2));
    let (end, status) = (Cell::Binary(&end), Cell::Binary(&status));
    for (member, team) in [(Cell::Null, end), (end, Cell::Null)] {
        let new = vec![Cell::Binary(&key), member, team, status];
        let insert = Message::Insert { relation: MEMBERSHIP, new };
        assert_eq!(fixture.changes(&insert), Ok(vec![row(5, None)]));
    }
}

/// Identity DEFAULT sends the old key, FULL the whole old row: alike to us.
#[test]
fn an_update_of_the_key_is_the_end_of_the_old_one() {
    let fixture = Fixture::new();
    let (old_key, new_key, person, team, status) = (long(5), long(6), long(1), long(2), int(2));
    let rest = [Cell::Binary(&person), Cell::Binary(&team), Cell::Binary(&status)];
    let new: Vec<_> = [Cell::Binary(&new_key)].into_iter().chain(rest).collect();
    let key_only = vec![Cell::Binary(&old_key), Cell::Null, Cell::Null, Cell::Null];
    let whole: Vec<_> = [Cell::Binary(&old_key)].into_iter().chain(rest).collect();
    for old in [Old { whole: false, tuple: key_only }, Old { whole: true, tuple: whole }] {
        let delete = Message::Delete { relation: MEMBERSHIP, old: old.clone() };
        assert_eq!(fixture.changes(&delete), Ok(vec![row_gone(5)]));
        let update = Message::Update { relation: MEMBERSHIP, old: Some(old), new: new.clone() };
        let moved = vec![row_gone(5), row(6, Some((1, 2, Role::Member)))];
        assert_eq!(fixture.changes(&update), Ok(moved));
    }
    let same = Some(Old { whole: true, tuple: new.clone() });
    let update = Message::Update { relation: MEMBERSHIP, old: same, new };
    assert_eq!(fixture.changes(&update), Ok(vec![row(6, Some((1, 2, Role::Member)))]));
}

#[test]
fn an_unchanged_name_is_kept_or_taken_from_the_old_row() {
    let fixture = Fixture::new();
    let (one, two) = (long(1), long(2));
    let new = vec![Cell::Unchanged, Cell::Null, Cell::Binary(&one), Cell::Unchanged];
    let keep = |key| Change::MemberPut {
        key: SourceKey::int(key),
        kind: MemberKind::Person,
        name: NamePut::Keep,
        owner: None,
    };
    let update = Message::Update { relation: PERSON, old: None, new: new.clone() };
    assert_eq!(fixture.changes(&update), Ok(vec![keep(1)]));
    // FULL has it.
    let tuple = vec![Cell::Null, Cell::Null, Cell::Binary(&one), Cell::Binary(b"ann")];
    let old = Some(Old { whole: true, tuple });
    let update = Message::Update { relation: PERSON, old, new: new.clone() };
    assert_eq!(fixture.changes(&update), Ok(vec![put(1, MemberKind::Person, "ann", None)]));
    // The NULLs of an old key are not values; and under a new key nobody has a name to keep.
    let tuple = vec![Cell::Null, Cell::Null, Cell::Binary(&two), Cell::Null];
    let old = Some(Old { whole: false, tuple });
    let update = Message::Update { relation: PERSON, old, new };
    let error = fixture.changes(&update).unwrap_err();
    let FeedError::Definite { remedy: Remedy::Recopy, what } = error else { panic!("{error:?}") };
    assert!(what.contains("teamgraph.person, column name"), "{what}");
}

/// A key can be stored out of line too: then the identity's old value is sent, and is the key.
#[test]
fn an_unchanged_key_is_taken_from_the_old_key() {
    let fixture = Fixture::new();
    let one = long(1);
    let new = vec![Cell::Null, Cell::Null, Cell::Unchanged, Cell::Binary(b"ann")];
    let tuple = vec![Cell::Null, Cell::Null, Cell::Binary(&one), Cell::Null];
    let old = Some(Old { whole: false, tuple });
    let update = Message::Update { relation: PERSON, old, new: new.clone() };
    assert_eq!(fixture.changes(&update), Ok(vec![put(1, MemberKind::Person, "ann", None)]));
    let update = Message::Update { relation: PERSON, old: None, new };
    assert!(fixture.changes(&update).is_err());
}

#[test]
fn truncate_of_mapped_tables_only() {
    let fixture = Fixture::new();
    let truncate = Message::Truncate { relations: vec![UNMAPPED, MEMBERSHIP, PERSON] };
    let changes = vec![
        Change::RowsTruncate { table: TableId(0) },
        Change::MembersTruncate { space: KeySpace::DEFAULT },
    ];
    assert_eq!(fixture.changes(&truncate), Ok(changes));
    let insert = Message::Insert { relation: UNMAPPED, new: vec![] };
    assert_eq!(fixture.changes(&insert), Ok(vec![]));
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_table_and_column() {
    let fixture = Fixture::new();
    let what = |message: &Message<'_>| fixture.changes(message).unwrap_err().to_string();
    let (key, short) = (long(5), int(1));
    let new = vec![Cell::Binary(&short), Cell::Null, Cell::Null, Cell::Null];
    let text = what(&Message::Insert { relation: MEMBERSHIP, new });
    assert!(text.contains("teamgraph.team_membership, column id"), "{text}");
    let new = vec![Cell::Null, Cell::Null, Cell::Null, Cell::Null];
    let text = what(&Message::Insert { relation: MEMBERSHIP, new });
    assert!(text.contains("without a key"), "{text}");
    let text = what(&Message::Insert { relation: MEMBERSHIP, new: vec![Cell::Binary(&key)] });
    assert!(text.contains("teamgraph.team_membership, column status"), "{text}");
    let old = Old { whole: false, tuple: vec![] };
    let text = what(&Message::Delete { relation: MEMBERSHIP, old });
    assert!(text.contains("without a key"), "{text}");
    let text = what(&Message::Insert { relation: 999, new: vec![] });
    assert!(text.contains("before its columns"), "{text}");
}

#[test]
fn a_table_that_is_not_the_one_copied_calls_for_a_fresh_copy() {
    let fixture = Fixture::new();
    let error = |relation: &Relation<'_>| {
        let error = fixture.translator().relation(relation).unwrap_err();
        let FeedError::Definite { remedy: Remedy::Follow, what } = error else { panic!() };
        what
    };
    let mut columns = MEMBERSHIP_COLUMNS;
    columns[3].0 = "state";
    let gone = error(&relation(MEMBERSHIP, "team_membership", &columns));
    assert!(gone.contains("teamgraph.team_membership: column status is gone"), "{gone}");
    let mut columns = MEMBERSHIP_COLUMNS;
    columns[1].1 = 25;
    let changed = error(&relation(MEMBERSHIP, "team_membership", &columns));
    assert!(changed.contains("column person has another type"), "{changed}");
    let renamed = error(&relation(MEMBERSHIP, "old_membership", &MEMBERSHIP_COLUMNS));
    assert!(renamed.contains("renamed"), "{renamed}");
    let recreated = error(&relation(MEMBERSHIP + 1, "team_membership", &MEMBERSHIP_COLUMNS));
    assert!(recreated.contains("created anew"), "{recreated}");
}

/// The built-in tables, the memberships identified by person and team.
fn by_pair() -> Fixture {
    let mut mapping = Mapping::built_in();
    mapping.memberships[0].key = None;
    let tables = catalogue().tables().to_vec();
    let tables = tables.into_iter().map(|table| match table.oid() {
        MEMBERSHIP => table.by_pair(),
        _ => table,
    });
    Fixture { mapping, catalogue: Catalogue::of(tables.collect()) }
}

fn pair_row(member: i64, team: i64) -> RowKey {
    RowKey { table: TableId(0), key: RowId::Pair(Key::Int(member), Key::Int(team)) }
}

#[test]
fn a_row_may_be_identified_by_member_and_team() {
    let fixture = by_pair();
    let (key, one, two, three, status) = (long(5), long(1), long(2), long(3), int(3));
    let tuple =
        |member, status| vec![Cell::Binary(&key), Cell::Binary(member), Cell::Binary(&two), status];
    let status = Cell::Binary(&status);
    let there = |member| Change::RowPut {
        row: pair_row(member, 2),
        states: Some(Membership {
            member: SourceKey::int(member),
            team: SourceKey::int(2),
            role: Role::Admin,
        }),
    };
    let insert = Message::Insert { relation: MEMBERSHIP, new: tuple(&one, status) };
    assert_eq!(fixture.changes(&insert), Ok(vec![there(1)]));
    // An identity of exactly these columns carries no other.
    let old = Old {
        whole: false,
        tuple: vec![Cell::Null, Cell::Binary(&one), Cell::Binary(&two), Cell::Null],
    };
    let gone = Change::RowDelete { row: pair_row(1, 2) };
    let delete = Message::Delete { relation: MEMBERSHIP, old: old.clone() };
    assert_eq!(fixture.changes(&delete), Ok(vec![gone.clone()]));
    let new = tuple(&three, status);
    let update = Message::Update { relation: MEMBERSHIP, old: Some(old), new };
    assert_eq!(fixture.changes(&update), Ok(vec![gone, there(3)]));
    let same = Some(Old { whole: true, tuple: tuple(&one, Cell::Null) });
    let update = Message::Update { relation: MEMBERSHIP, old: same, new: tuple(&one, status) };
    assert_eq!(fixture.changes(&update), Ok(vec![there(1)]));
    let new = vec![Cell::Binary(&key), Cell::Null, Cell::Binary(&two), status];
    let error = fixture.changes(&Message::Insert { relation: MEMBERSHIP, new }).unwrap_err();
    assert!(error.to_string().contains("column person: a row without a key"), "{error}");
}

const PARTS: [u32; 2] = [201, 202];

fn partitioned() -> Fixture {
    let tables = catalogue().tables().to_vec();
    let tables = tables.into_iter().map(|table| match table.oid() {
        MEMBERSHIP => table.with_partitions(&PARTS),
        _ => table,
    });
    Fixture { mapping: Mapping::built_in(), catalogue: Catalogue::of(tables.collect()) }
}

#[test]
fn rows_of_a_partition_are_rows_of_its_root() {
    let fixture = partitioned();
    let mut translator = fixture.translator();
    let mut columns = MEMBERSHIP_COLUMNS;
    columns.reverse();
    for part in PARTS {
        translator.relation(&relation(part, "whatever", &columns)).unwrap();
    }
    let (key, one, two, status) = (long(5), long(1), long(2), int(2));
    let new = [&status, &two, &one, &key].map(|value| Cell::Binary(value)).to_vec();
    let mut out = Vec::new();
    translator.change(&Message::Insert { relation: PARTS[1], new }, &mut out).unwrap();
    assert_eq!(out, [FeedEvent::Change(row(5, Some((1, 2, Role::Member))))]);
    // All of its partitions are the whole table; some of them are rows that nobody can name.
    out.clear();
    translator.change(&Message::Truncate { relations: PARTS.to_vec() }, &mut out).unwrap();
    assert_eq!(out, [FeedEvent::Change(Change::RowsTruncate { table: TableId(0) })]);
    let some = Message::Truncate { relations: vec![PARTS[0]] };
    let error = translator.change(&some, &mut out).unwrap_err();
    let FeedError::Definite { remedy: Remedy::Follow, what } = error else { panic!("{error:?}") };
    assert!(what.contains("some partitions of table teamgraph.team_membership"), "{what}");
    // A column that is gone from a partition is named with the table.
    columns[0].0 = "state";
    let error = translator.relation(&relation(PARTS[0], "whatever", &columns)).unwrap_err();
    assert!(error.to_string().contains("team_membership: column status is gone"), "{error}");
}

#[test]
fn a_relation_that_may_be_a_new_partition_is_asked_about_once() {
    let fixture = partitioned();
    let mut translator = fixture.translator();
    assert_eq!(translator.stranger(), Some(UNMAPPED));
    assert_eq!(translator.partitioned(), [MEMBERSHIP]);
    translator.relation(&relation(UNMAPPED, "elsewhere", &[("id", 25, true)])).unwrap();
    assert_eq!(translator.stranger(), None);
    // Without partitions nobody asks.
    assert_eq!(Fixture::new().translator().stranger(), None);
}

#[test]
fn each_condition_in_both_formats() {
    let holds = |condition: Condition, column: (&'static str, u32), cell: Cell<'_>| {
        let mut mapping = Mapping::built_in();
        mapping.memberships[0].active = Some(condition);
        mapping.memberships[0].admin = None;
        let ty = ColumnType::of_oid(column.1).unwrap_or(ColumnType::Other);
        let long = ColumnType::Int8;
        let columns = [("id", long), ("person", long), ("team", long), (column.0, ty)];
        let name = TableName { schema: "teamgraph".into(), table: "team_membership".into() };
        let catalogue = Catalogue::of(vec![TableFacts::of(MEMBERSHIP, name, &columns)]);
        let mut translator = Translator::new(&mapping, &catalogue);
        let mut columns = MEMBERSHIP_COLUMNS;
        columns[3] = (column.0, column.1, false);
        translator.relation(&relation(MEMBERSHIP, "team_membership", &columns)).unwrap();
        let one = 1_i64.to_be_bytes();
        let new = vec![Cell::Binary(&one), Cell::Binary(&one), Cell::Binary(&one), cell];
        let mut out = Vec::new();
        translator.change(&Message::Insert { relation: MEMBERSHIP, new }, &mut out).unwrap();
        matches!(&out[..], [FeedEvent::Change(Change::RowPut { states: Some(_), .. })])
    };
    let (flag, day, word) = (("flag", 16), ("day", 1082), ("word", 25));
    let parse = |text: &str| Condition::parse(text).unwrap();
    for (text, column, cell, expected) in [
        ("flag", flag, Cell::Binary(&[1]), true),
        ("flag", flag, Cell::Binary(&[0]), false),
        ("flag", flag, Cell::Null, false),
        ("NOT flag", flag, Cell::Text(b"f"), true),
        ("NOT flag", flag, Cell::Text(b"t"), false),
        ("NOT flag", flag, Cell::Null, false),
        ("day IS NULL", day, Cell::Null, true),
        ("day IS NULL", day, Cell::Binary(&[0; 4]), false),
        ("day IS NOT NULL", day, Cell::Unchanged, true),
        ("day IS NOT NULL", day, Cell::Null, false),
        ("word IN ('a', 'b')", word, Cell::Text(b"b"), true),
        ("word IN ('a', 'b')", word, Cell::Binary(b"B"), false),
        ("word = 'a'", word, Cell::Null, false),
    ] {
        assert_eq!(holds(parse(text), column, cell), expected, "{text} of {cell:?}");
    }
}
