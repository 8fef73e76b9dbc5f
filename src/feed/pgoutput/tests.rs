//! Each message by hand, and any bytes at all. Knows the wire only.

use super::*;
use proptest::prelude::*;

fn relation() -> Vec<u8> {
    let mut bytes = b"R\0\0\0\x07teamgraph\0person\0d\0\x02".to_vec();
    bytes.extend(b"\x01id\0\0\0\0\x14\xff\xff\xff\xff");
    bytes.extend(b"\0name\0\0\0\0\x19\xff\xff\xff\xff");
    bytes
}

fn begin() -> Vec<u8> {
    let mut bytes = vec![b'B'];
    bytes.extend(0x16B_3748_u64.to_be_bytes());
    bytes.extend([0; 12]);
    bytes
}

fn commit() -> Vec<u8> {
    let mut bytes = vec![b'C', 0];
    bytes.extend(0x16B_3748_u64.to_be_bytes());
    bytes.extend(0x16B_3780_u64.to_be_bytes());
    bytes.extend([0; 8]);
    bytes
}

const INSERT: &[u8] = b"I\0\0\0\x07N\0\x03b\0\0\0\x02hiut\0\0\0\x01x";
const UPDATE: &[u8] = b"U\0\0\0\x07N\0\x01n";
const UPDATE_KEY: &[u8] = b"U\0\0\0\x07K\0\x01b\0\0\0\x01aN\0\x01b\0\0\0\x01b";
const UPDATE_FULL: &[u8] = b"U\0\0\0\x07O\0\x01b\0\0\0\x01aN\0\x01u";
const DELETE: &[u8] = b"D\0\0\0\x07K\0\x02b\0\0\0\x01an";
const TRUNCATE: &[u8] = b"T\0\0\0\x02\x01\0\0\0\x07\0\0\0\x08";
const ORIGIN: &[u8] = b"O\0\0\0\0\0\0\0\x01upstream\0";
const TYPE: &[u8] = b"Y\0\0\x40\0public\0citext\0";
const LOGICAL: &[u8] = b"M\x01\0\0\0\0\0\0\0\x01prefix\0\0\0\0\x02hi";

fn all() -> Vec<Vec<u8>> {
    let fixed = [INSERT, UPDATE, UPDATE_KEY, UPDATE_FULL, DELETE, TRUNCATE, ORIGIN, TYPE, LOGICAL];
    let mut all: Vec<Vec<u8>> = fixed.iter().map(|bytes| bytes.to_vec()).collect();
    all.extend([relation(), begin(), commit()]);
    all
}

#[test]
fn boundaries_of_transactions() {
    let begins = Message::Begin { final_lsn: Lsn(0x16B_3748) };
    assert_eq!(Message::decode(&begin()), Ok(begins));
    let bytes = commit();
    let Ok(Message::Commit { end_lsn, committed_at_us }) = Message::decode(&bytes) else {
        panic!("no commit")
    };
    assert_eq!(end_lsn, Lsn(0x16B_3780));
    assert_eq!(committed_at_us.to_be_bytes(), bytes[18..]);
}

#[test]
fn a_relation_names_its_columns() {
    let bytes = relation();
    let Ok(Message::Relation(relation)) = Message::decode(&bytes) else { panic!("no relation") };
    assert_eq!((relation.id, relation.schema, relation.table), (7, "teamgraph", "person"));
    let id = Column { name: "id", type_oid: 20, in_identity: true };
    let name = Column { name: "name", type_oid: 25, in_identity: false };
    assert_eq!(relation.columns, [id, name]);
    let bare = Message::decode(b"R\0\0\0\x01\0pg_class\0n\0\0");
    assert!(matches!(bare, Ok(Message::Relation(Relation { schema: "pg_catalog", .. }))));
}

#[test]
fn rows_of_each_kind() {
    let cells = vec![Cell::Binary(b"hi"), Cell::Unchanged, Cell::Text(b"x")];
    assert_eq!(Message::decode(INSERT), Ok(Message::Insert { relation: 7, new: cells }));
    let update = Message::Update { relation: 7, old: None, new: vec![Cell::Null] };
    assert_eq!(Message::decode(UPDATE), Ok(update));
    let old = |whole| Some(Old { whole, tuple: vec![Cell::Binary(b"a")] });
    let key = Message::Update { relation: 7, old: old(false), new: vec![Cell::Binary(b"b")] };
    assert_eq!(Message::decode(UPDATE_KEY), Ok(key));
    let full = Message::Update { relation: 7, old: old(true), new: vec![Cell::Unchanged] };
    assert_eq!(Message::decode(UPDATE_FULL), Ok(full));
    let old = Old { whole: false, tuple: vec![Cell::Binary(b"a"), Cell::Null] };
    assert_eq!(Message::decode(DELETE), Ok(Message::Delete { relation: 7, old }));
    assert_eq!(Message::decode(TRUNCATE), Ok(Message::Truncate { relations: vec![7, 8] }));
}

#[test]
fn what_means_nothing_to_us_is_still_read() {
    assert_eq!(Message::decode(ORIGIN), Ok(Message::Origin));
    assert_eq!(Message::decode(TYPE), Ok(Message::Type));
    assert_eq!(Message::decode(LOGICAL), Ok(Message::Logical));
}

#[test]
fn every_cut_is_an_error() {
    for bytes in all() {
        assert!(Message::decode(&bytes).is_ok());
        for len in 0..bytes.len() {
            let cut = Message::decode(&bytes[..len]);
            assert_eq!(cut, Err(Malformed::Truncated), "{bytes:?} at {len}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Message::decode(&longer), Err(Malformed::Leftover(1)));
    }
}

#[test]
fn wrong_marks_and_lengths_are_errors() {
    let unknown = |what, byte| Err(Malformed::Unknown { what, byte });
    assert_eq!(Message::decode(b"S"), unknown("message", b'S'));
    let mark = Message::decode(b"I\0\0\0\x07O\0\0");
    assert_eq!(mark, unknown("mark before a new row", b'O'));
    let mark = Message::decode(b"D\0\0\0\x07N\0\0");
    assert_eq!(mark, unknown("mark before an old row", b'N'));
    let value = Message::decode(b"I\0\0\0\x07N\0\x01z");
    assert_eq!(value, unknown("kind of value", b'z'));
    let length = Message::decode(b"I\0\0\0\x07N\0\x01b\xff\xff\xff\xff");
    assert_eq!(length, Err(Malformed::Length));
    // A count far beyond the bytes that follow allocates nothing.
    let count = Message::decode(b"T\x7f\xff\xff\xff\0\0\0\0\x07");
    assert_eq!(count, Err(Malformed::Truncated));
    let name = Message::decode(b"R\0\0\0\x01\xff\0person\0d\0\0");
    assert_eq!(name, Err(Malformed::NotUtf8));
}

/// No more cells than bytes, whatever the bytes say.
fn cells(message: &Message<'_>) -> usize {
    let old = |old: &Old<'_>| old.tuple.capacity();
    match message {
        Message::Insert { new, .. } => new.capacity(),
        Message::Update { old: before, new, .. } => before.as_ref().map_or(0, old) + new.capacity(),
        Message::Delete { old: before, .. } => old(before),
        Message::Truncate { relations } => relations.capacity(),
        Message::Relation(relation) => relation.columns.capacity(),
        Message::Begin { .. }
        | Message::Commit { .. }
        | Message::Origin
        | Message::Type
        | Message::Logical => 0,
    }
}

proptest! {
    #[test]
    fn mangled_messages_never_panic(
        which in 0..12_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = all().swap_remove(which);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert!(cells(&message) <= bytes.len());
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert!(cells(&message) <= bytes.len());
        }
    }
}
