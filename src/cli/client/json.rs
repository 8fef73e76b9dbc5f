//! Answers as JSON.
//!
//! Owns the documents' fields, which programs rely on. A system identifier is text, because JSON
//! readers lose digits of numbers so large.

use super::member::kind_text;
use crate::id::Key;
use crate::pb;
use serde_json::{Map, Value, json};

/// `{"id": 42, "name": "alice", "kind": "person"}`; `key` or `uuid` in place of `id`.
pub(super) fn member(member: &pb::Member) -> Value {
    use pb::member_key::Value as Of;
    let mut document = Map::new();
    let key = match member.key.as_ref().and_then(|key| key.value.as_ref()) {
        None => None,
        Some(Of::Id(id)) => Some(("id", json!(id))),
        Some(Of::Key(key)) => Some(("key", json!(key))),
        Some(Of::Uuid(bytes)) => <[u8; 16]>::try_from(bytes.as_slice())
            .ok()
            .map(|uuid| ("uuid", json!(Key::Uuid(uuid).to_string()))),
    };
    document.extend(key.map(|(field, key)| (field.to_owned(), key)));
    document.insert("name".to_owned(), json!(member.name));
    document.insert("kind".to_owned(), json!(kind_text(member.kind())));
    Value::Object(document)
}

/// A version's name.
pub(super) fn version(version: &pb::Version) -> Value {
    json!({
        "system_id": version.system_id.to_string(),
        "timeline": version.timeline,
        "end_lsn": crate::id::Lsn(version.end_lsn).to_string(),
        "tick": version.tick,
    })
}

/// The state that answered.
pub(super) fn answered_at(at: Option<&pb::AnsweredAt>) -> Value {
    let Some(at) = at else { return Value::Null };
    json!({
        "version": at.version.as_ref().map(version),
        "applied_lsn": at.applied_lsn,
        "token": at.token,
        "stale_for_ms": at.stale_for_ms,
        "instance": at.instance,
        "copy": at.copy,
    })
}

/// `none`, `self`, `direct` or `indirect`.
pub(super) const fn relation(relation: pb::Relation) -> &'static str {
    match relation {
        pb::Relation::Unspecified => "unknown",
        pb::Relation::None => "none",
        pb::Relation::Self_ => "self",
        pb::Relation::Direct => "direct",
        pb::Relation::Indirect => "indirect",
    }
}

/// `member` or `admin`; null where there is no membership.
pub(super) const fn role(role: pb::Role) -> Option<&'static str> {
    match role {
        pb::Role::Unspecified => None,
        pb::Role::Member => Some("member"),
        pb::Role::Admin => Some("admin"),
    }
}
