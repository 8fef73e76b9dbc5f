//! Bytes that are not what was written.

use super::{changes, graph, load_all, written};
use crate::checkpoint::CheckpointError;
use crc32fast::Hasher;
use proptest::prelude::*;

/// One thing done to bytes.
#[derive(Clone, Debug)]
enum Harm {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

impl Harm {
    fn on(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match self {
            _ if bytes.is_empty() => {}
            Harm::Flip(at, bit) => bytes[at.index(len)] ^= 1 << (bit % 8),
            Harm::Cut(at) => bytes.truncate(at.index(len)),
            Harm::Insert(at, more) => {
                let at = at.index(len);
                bytes.splice(at..at, more.iter().copied());
            }
            Harm::Remove(at, many) => {
                let at = at.index(len);
                bytes.drain(at..(at + many).min(len));
            }
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        1 => at().prop_map(Harm::Cut),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, it)| Harm::Insert(at, it)),
        1 => (at(), 1_usize..40).prop_map(|(at, many)| Harm::Remove(at, many)),
    ]
}

/// The payloads of the blocks, with their kinds.
fn blocks(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut blocks) = (12, Vec::new());
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 1..at + 5].try_into().unwrap());
        let end = at + 9 + usize::try_from(length).unwrap();
        blocks.push((bytes[at], bytes[at + 9..end].to_vec()));
        at = end;
    }
    blocks
}

/// A file of these blocks, whose checks are right whatever is in them.
fn sealed(blocks: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"TGCHKPT\n\x01\0\0\0".to_vec();
    let mut all = Hasher::new();
    for (number, (kind, payload)) in (0_u64..).zip(blocks) {
        let mut payload = payload.clone();
        // The last one holds the check over all before it.
        if *kind == 5 && payload.len() >= 4 {
            let at = payload.len() - 4;
            payload[at..].copy_from_slice(&all.clone().finalize().to_le_bytes());
        }
        let length = u32::try_from(payload.len()).unwrap();
        let mut hasher = Hasher::new();
        hasher.update(&number.to_le_bytes());
        hasher.update(&[*kind]);
        hasher.update(&u64::from(length).to_le_bytes());
        hasher.update(&payload);
        let check = hasher.finalize();
        all.update(&check.to_le_bytes());
        bytes.push(*kind);
        bytes.extend(length.to_le_bytes());
        bytes.extend(check.to_le_bytes());
        bytes.extend(payload);
    }
    bytes
}

proptest! {
    #[test]
    fn mangled_bytes_are_refused(
        changes in changes(),
        harms in prop::collection::vec(harm(), 1..4),
    ) {
        let bytes = written(&graph(changes).image());
        let mut mangled = bytes.clone();
        harms.iter().for_each(|harm| harm.on(&mut mangled));
        prop_assert_eq!(load_all(&mangled).is_ok(), mangled == bytes);
    }

    /// Whatever a file says whose checks are right, it is a graph or an error.
    #[test]
    fn mangled_content_never_panics(
        changes in changes(),
        harms in prop::collection::vec((any::<prop::sample::Index>(), harm()), 1..4),
        swap in any::<Option<(prop::sample::Index, prop::sample::Index)>>(),
    ) {
        let mut blocks = blocks(&written(&graph(changes).image()));
        for (at, harm) in harms {
            let at = at.index(blocks.len());
            harm.on(&mut blocks[at].1);
        }
        if let Some((a, b)) = swap {
            let (a, b) = (a.index(blocks.len()), b.index(blocks.len()));
            blocks.swap(a, b);
        }
        if let Ok(loaded) = load_all(&sealed(&blocks)) {
            prop_assert_eq!(loaded.writer.validate(), Ok(()));
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(load_all(&bytes).is_err());
        let with_head = [b"TGCHKPT\n\x01\0\0\0".to_vec(), bytes].concat();
        prop_assert!(load_all(&with_head).is_err());
    }
}

fn small() -> Vec<u8> {
    use crate::change::{Change, NamePut};
    use crate::id::{MemberKind, SourceKey};
    let (key, kind, name) = (SourceKey::int(1), MemberKind::Person, NamePut::Set(Some("a".into())));
    written(&graph(vec![Change::MemberPut { key, kind, name, owner: None }]).image())
}

#[test]
fn each_error_says_what_it_is() {
    let bytes = small();
    let said = |bytes: &[u8]| load_all(bytes).unwrap_err();
    for len in 12..bytes.len() {
        assert!(matches!(said(&bytes[..len]), CheckpointError::Truncated { .. }), "{len}");
    }
    assert!(matches!(said(&bytes[..11]), CheckpointError::Foreign));
    assert!(matches!(said(b"SQLite format 3\0 and more"), CheckpointError::Foreign));
    let mut other = bytes.clone();
    other[8] = 2;
    assert!(matches!(said(&other), CheckpointError::Format { found: 2, known: 1 }));
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(matches!(said(&other), CheckpointError::Corrupt { .. }));
    let longer = [&bytes[..], b"x"].concat();
    assert!(said(&longer).to_string().contains("follows the end"), "{}", said(&longer));
}

#[test]
fn a_block_that_is_missing_or_repeated_is_seen() {
    let all = blocks(&small());
    assert_eq!(sealed(&all), small());
    for at in 0..all.len() {
        let mut fewer = all.clone();
        fewer.remove(at);
        assert!(load_all(&sealed(&fewer)).is_err(), "without block {at}");
        let mut more = all.clone();
        more.insert(at, all[at].clone());
        assert!(load_all(&sealed(&more)).is_err(), "block {at} twice");
    }
}

/// A length is believed no further than the bytes go.
#[test]
fn nothing_is_set_aside_for_what_is_only_said() {
    let mut bytes = b"TGCHKPT\n\x01\0\0\0".to_vec();
    bytes.push(1);
    bytes.extend(u32::MAX.to_le_bytes());
    bytes.extend([0; 40]);
    assert!(matches!(load_all(&bytes), Err(CheckpointError::Truncated { block: 0 })));
}
