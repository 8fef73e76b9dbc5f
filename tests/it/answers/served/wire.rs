//! Between the proof's words and the API's.
//!
//! Owns the conversions, which share nothing with those of the service.

use crate::answers::{Listed, Reach, Standing};
use teamgraph::id::{Key, KeySpace, SourceKey};
use teamgraph::pb;

/// The largest page that the API gives.
const PAGE_MAX: usize = 100_000;

pub(super) fn reference(key: &SourceKey) -> pb::MemberRef {
    use pb::member_ref::Ref;
    assert_eq!(key.space, KeySpace::DEFAULT, "only the default key space can be asked about");
    let r#ref = match &key.key {
        Key::Int(id) => Ref::Id(*id),
        Key::Text(text) => Ref::Key(text.to_string()),
        Key::Uuid(uuid) => Ref::Uuid(uuid.to_vec()),
    };
    pb::MemberRef { kind: 0, r#ref: Some(r#ref) }
}

pub(super) fn source_key(member: &pb::Member) -> SourceKey {
    use pb::member_key::Value;
    let key = match member.key.as_ref().unwrap().value.as_ref().unwrap() {
        Value::Id(id) => Key::Int(*id),
        Value::Key(text) => Key::Text(text.as_str().into()),
        Value::Uuid(uuid) => Key::Uuid(uuid.as_slice().try_into().unwrap()),
    };
    SourceKey { space: KeySpace::DEFAULT, key }
}

pub(super) fn source_keys(members: &[pb::Member]) -> Vec<SourceKey> {
    members.iter().map(source_key).collect()
}

pub(super) fn standing(relation: pb::Relation) -> Standing {
    match relation {
        pb::Relation::Unspecified => panic!("no relation in an answer"),
        pb::Relation::None => Standing::None,
        pb::Relation::Self_ => Standing::Itself,
        pb::Relation::Direct => Standing::Direct,
        pb::Relation::Indirect => Standing::Indirect,
    }
}

pub(super) fn scope(reach: Reach) -> i32 {
    match reach {
        Reach::Direct => pb::ListScope::Direct.into(),
        Reach::All => pb::ListScope::All.into(),
    }
}

pub(super) fn kinds(listed: Listed) -> i32 {
    match listed {
        Listed::People => pb::ListKinds::People.into(),
        Listed::Teams => pb::ListKinds::Teams.into(),
        Listed::Both => pb::ListKinds::All.into(),
    }
}

pub(super) fn page_size(page: usize) -> u32 {
    u32::try_from(page.min(PAGE_MAX)).unwrap()
}

/// Adds what one page of a batch of lists holds to the lists.
pub(super) fn unpack(
    first: u32,
    counts: &[u32],
    members: &[pb::Member],
    lists: &mut [Vec<SourceKey>],
) {
    let mut members = members.iter();
    let first = usize::try_from(first).unwrap();
    for (list, &count) in lists[first..].iter_mut().zip(counts) {
        let count = usize::try_from(count).unwrap();
        list.extend(members.by_ref().take(count).map(source_key));
    }
    assert_eq!(members.next(), None, "a page holds more than it counts");
}
