//! A graph goes to disk and comes back, and whatever else comes back is refused in words.
//!
//! Owns made-up graphs with every kind of key and row, and what is asked of files on the way.

mod files;
mod mangled;

use super::{Header, load, write};
use crate::change::{Change, Membership, NamePut, RowId, RowKey};
use crate::graph::{GraphLimits, GraphWriter, Image};
use crate::id::{History, Key, KeySpace, Lsn, MemberKind, Role, SourceKey, TableId};
use crate::resume::{SourceFacts, TableMarks};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const HISTORY: History = History { system_id: u64::MAX - 3, timeline: 7 };

type Members = BTreeMap<SourceKey, (MemberKind, Option<String>, Option<SourceKey>)>;
type Rows = BTreeMap<RowKey, (SourceKey, SourceKey, Role)>;

/// What an image states, without numbers.
fn content(image: &Image) -> (Members, Rows) {
    let key = |number| image.key(number).unwrap();
    let members = (0..image.member_count()).filter_map(|number| {
        let member = image.member(number)?;
        let name = member.name.map(str::to_owned);
        Some((key(number), (member.kind, name, member.owner.map(key))))
    });
    let rows = image.rows().map(|row| (row.key, (key(row.member), key(row.team), row.role)));
    (members.collect(), rows.collect())
}

fn header() -> Header {
    let marks = TableMarks { definitions: "1:7".into(), files: String::new() };
    let facts =
        SourceFacts { mapping: "a mapping".into(), tables: "é".into(), marks: vec![marks; 2] };
    Header { history: HISTORY, version: Lsn(90), applied: Lsn(100), facts: Arc::new(facts) }
}

fn written(image: &Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write(&mut bytes, &header(), image, || Ok(())).unwrap();
    assert_eq!(written.bytes, u64::try_from(bytes.len()).unwrap());
    bytes
}

fn load_all(bytes: &[u8]) -> Result<super::Loaded, super::CheckpointError> {
    load(bytes, u64::try_from(bytes.len()).unwrap(), 3, GraphLimits::default())
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        6 => (0_i64..40).prop_map(Key::Int),
        1 => any::<i64>().prop_map(Key::Int),
        2 => (0_u8..6).prop_map(|byte| Key::Uuid([byte; 16])),
        2 => "[a-c]{0,2}".prop_map(|text| Key::Text(text.into())),
    ]
}

fn source_key() -> impl Strategy<Value = SourceKey> {
    (0_u16..3, key()).prop_map(|(space, key)| SourceKey { space: KeySpace(space), key })
}

fn row_key() -> impl Strategy<Value = RowKey> {
    let id = prop_oneof![
        key().prop_map(RowId::Key),
        (key(), key()).prop_map(|(member, team)| RowId::Pair(member, team)),
    ];
    (0_u16..3, id).prop_map(|(table, key)| RowKey { table: TableId(table), key })
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![Just(MemberKind::Person), Just(MemberKind::Team)];
    let name = prop::option::of("[a-z]{0,3}");
    let owner = prop::option::of(source_key());
    let put = (source_key(), kind, name, owner).prop_map(|(key, kind, name, owner)| {
        let name = NamePut::Set(name.map(Arc::from));
        Change::MemberPut { key, kind, name, owner }
    });
    let states = (source_key(), source_key(), any::<bool>()).prop_map(|(member, team, admin)| {
        Membership { member, team, role: if admin { Role::Admin } else { Role::Member } }
    });
    let row = (row_key(), prop::option::weighted(0.8, states));
    prop_oneof![
        4 => put,
        1 => source_key().prop_map(|key| Change::MemberDelete { key }),
        6 => row.prop_map(|(row, states)| Change::RowPut { row, states }),
    ]
}

/// A graph after a copy and some transactions.
fn graph(changes: Vec<Change>) -> GraphWriter {
    let mut writer = GraphWriter::new(1, HISTORY, GraphLimits::default());
    for (lsn, change) in (1..).zip(changes) {
        writer.apply(change).unwrap();
        if lsn % 8 == 0 {
            writer.commit(Lsn(lsn));
        }
    }
    writer.commit(Lsn(90_000));
    writer
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 0..120)
}

proptest! {
    #[test]
    fn what_is_stated_comes_back(changes in changes(), more in changes()) {
        let mut writer = graph(changes);
        let image = writer.image();
        let (expected, digest) = (content(&image), writer.last().digest());
        // The graph goes on; its image does not.
        for change in more {
            writer.apply(change).unwrap();
        }
        writer.commit(Lsn(99_000));
        let loaded = load_all(&written(&image)).unwrap();
        prop_assert_eq!(&loaded.header, &header());
        prop_assert_eq!(loaded.writer.validate(), Ok(()));
        prop_assert_eq!(content(&loaded.writer.image()), expected);
        let snapshot = loaded.writer.last();
        prop_assert_eq!(snapshot.version().end_lsn, Lsn(90));
        prop_assert_eq!((snapshot.copy(), snapshot.sequence()), (3, 1));
        prop_assert_eq!(snapshot.digest(), digest);
    }
}

/// Blocks end and begin between records of all kinds.
#[test]
fn a_graph_of_many_blocks_comes_back() {
    let int = |key| SourceKey::int(key);
    let text =
        |key: i64| SourceKey { space: KeySpace(1), key: Key::Text(format!("t{key}").into()) };
    let mut changes = Vec::new();
    for key in 0..40_000_i64 {
        let name = NamePut::Set(Some(format!("name-{key}").into()));
        let (kind, owner) = (MemberKind::Person, None);
        changes.push(Change::MemberPut { key: int(key), kind, name, owner });
        let (member, team, role) = (int(key), text(key % 50), Role::Member);
        let states = Some(Membership { member, team, role });
        let id = match key % 3 {
            0 => RowId::Key(Key::Int(key)),
            1 => RowId::Key(text(key).key),
            _ => RowId::Pair(int(key).key, text(key % 50).key),
        };
        let row = RowKey { table: TableId(u16::try_from(key % 3).unwrap()), key: id };
        changes.push(Change::RowPut { row, states });
    }
    let mut writer = GraphWriter::new(1, HISTORY, GraphLimits::default());
    changes.into_iter().for_each(|change| writer.apply(change).unwrap());
    writer.commit(Lsn(5));
    let bytes = written(&writer.image());
    let loaded = load_all(&bytes).unwrap();
    assert!(content(&loaded.writer.image()) == content(&writer.image()));
    assert!(bytes.len() < 40_000 * 30, "{}", bytes.len());
}
