//! A member as people write it on the command line.
//!
//! Owns the small grammar `name`, `id:42`, `key:…`, `uuid:…`, and how members are shown.

use crate::id::Key;
use crate::pb;
use std::fmt;
use std::str::FromStr;

/// A reference to a member or a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberArg {
    text: String,
    reference: Reference,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reference {
    Id(i64),
    Key(String),
    Uuid([u8; 16]),
    Name(String),
}

/// Text that names no member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberArgError {
    /// Nothing is named.
    #[error("a member is a name, id:42, uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 or key:text")]
    Empty,
    /// `id:` is followed by no integer.
    #[error("`{0}` is not an integer key; for a name that begins with `id:` write name:id:…")]
    Id(String),
    /// `uuid:` is followed by no uuid.
    #[error("`{0}` is not a uuid: write its 32 hexadecimal digits, in groups or not")]
    Uuid(String),
}

impl MemberArg {
    pub(super) fn to_wire(&self) -> pb::MemberRef {
        use pb::member_ref::Ref;
        let reference = match &self.reference {
            Reference::Id(id) => Ref::Id(*id),
            Reference::Key(key) => Ref::Key(key.clone()),
            Reference::Uuid(uuid) => Ref::Uuid(uuid.to_vec()),
            Reference::Name(name) => Ref::Name(name.clone()),
        };
        pb::MemberRef { kind: pb::MemberKind::Unspecified.into(), r#ref: Some(reference) }
    }
}

impl fmt::Display for MemberArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for MemberArg {
    type Err = MemberArgError;

    fn from_str(text: &str) -> Result<Self, MemberArgError> {
        let reference = match text.split_once(':') {
            Some((_, "")) | None if text.is_empty() || text.ends_with(':') => {
                return Err(MemberArgError::Empty);
            }
            Some(("id", id)) => {
                Reference::Id(id.parse().map_err(|_| MemberArgError::Id(id.to_owned()))?)
            }
            Some(("uuid", uuid)) => Reference::Uuid(
                parse_uuid(uuid).ok_or_else(|| MemberArgError::Uuid(uuid.to_owned()))?,
            ),
            Some(("key", key)) => Reference::Key(key.to_owned()),
            Some(("name", name)) => Reference::Name(name.to_owned()),
            Some(_) | None => Reference::Name(text.to_owned()),
        };
        Ok(MemberArg { text: text.to_owned(), reference })
    }
}

/// Hexadecimal digits, with hyphens at the usual places or none.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|&letter| letter != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let uuid = u128::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    let grouped = Key::Uuid(uuid).to_string();
    (text.len() == 32 || text.eq_ignore_ascii_case(&grouped)).then_some(uuid)
}

/// The key, as text: as the reference grammar writes it, but for the prefix of integers.
pub(super) fn key_text(member: &pb::Member) -> String {
    use pb::member_key::Value;
    match member.key.as_ref().and_then(|key| key.value.as_ref()) {
        Some(Value::Id(id)) => id.to_string(),
        Some(Value::Key(key)) => format!("key:{key}"),
        Some(Value::Uuid(bytes)) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(uuid) => format!("uuid:{}", Key::Uuid(uuid)),
            Err(_) => "?".to_owned(),
        },
        None => "?".to_owned(),
    }
}

/// The name, or the key of a member without one.
pub(super) fn name_text(member: &pb::Member) -> String {
    member.name.clone().unwrap_or_else(|| key_text(member))
}

/// `person` or `team`.
pub(super) const fn kind_text(kind: pb::MemberKind) -> &'static str {
    match kind {
        pb::MemberKind::Unspecified => "member",
        pb::MemberKind::Person => "person",
        pb::MemberKind::Team => "team",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let of = |text: &str| text.parse::<MemberArg>().map(|member| member.reference);
        let uuid = u128::from_str_radix("a0eebc999c0b4ef8bb6d6bb9bd380a11", 16).unwrap();
        let uuid = Ok(Reference::Uuid(uuid.to_be_bytes()));
        assert_eq!(of("alice"), Ok(Reference::Name("alice".into())));
        assert_eq!(of("a:b"), Ok(Reference::Name("a:b".into())));
        assert_eq!(of("name:id:1"), Ok(Reference::Name("id:1".into())));
        assert_eq!(of("id:-42"), Ok(Reference::Id(-42)));
        assert_eq!(of("key:a:b"), Ok(Reference::Key("a:b".into())));
        assert_eq!(of("uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), uuid);
        assert_eq!(of("uuid:A0EEBC999C0B4EF8BB6D6BB9BD380A11"), uuid);
        assert_eq!(of("id:x"), Err(MemberArgError::Id("x".into())));
        for wrong in
            ["a0", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "-a0eebc999c0b4ef8bb6d6bb9bd380a11"]
        {
            assert_eq!(of(&format!("uuid:{wrong}")), Err(MemberArgError::Uuid(wrong.into())));
        }
        for empty in ["", "id:", "name:", "key:", "uuid:"] {
            assert_eq!(of(empty), Err(MemberArgError::Empty), "{empty}");
        }
        assert_eq!("id:7".parse::<MemberArg>().unwrap().to_string(), "id:7");
    }
}
