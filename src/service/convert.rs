//! Between the graph's words and the wire's.
//!
//! Owns the conversions, and nothing that decides anything. Every field is set here by hand, so
//! that neither side's types leak into the other.

use super::errors::{Failure, Reason};
use crate::command::NamedMember;
use crate::graph::{Kinds, Relation, Scope, Snapshot};
use crate::id::{History, Key, Lsn, MemberId, MemberKind, Role, SourceKey, Version};
use crate::pb;
use std::borrow::Cow;

/// The view that a list is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Keys alone.
    Keys,
    /// Keys, names and kinds.
    Members,
}

/// What is asked of a member and a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Does the member participate in the team?
    Participant,
    /// Does the member administer the team?
    Administrator,
}

pub(crate) fn version_to_wire(version: Version) -> pb::Version {
    pb::Version {
        system_id: version.history.system_id,
        timeline: version.history.timeline,
        end_lsn: version.end_lsn.0,
        tick: version.tick,
    }
}

pub(crate) fn version_from_wire(version: &pb::Version) -> Version {
    Version {
        history: History { system_id: version.system_id, timeline: version.timeline },
        end_lsn: Lsn(version.end_lsn),
        tick: version.tick,
    }
}

pub(crate) const fn relation(relation: Relation) -> pb::Relation {
    match relation {
        Relation::None => pb::Relation::None,
        Relation::Itself => pb::Relation::Self_,
        Relation::Direct => pb::Relation::Direct,
        Relation::Indirect => pb::Relation::Indirect,
    }
}

pub(crate) const fn role(role: Option<Role>) -> pb::Role {
    match role {
        None => pb::Role::Unspecified,
        Some(Role::Member) => pb::Role::Member,
        Some(Role::Admin) => pb::Role::Admin,
    }
}

fn key(key: &SourceKey) -> pb::MemberKey {
    use pb::member_key::Value;
    let value = match &key.key {
        Key::Int(id) => Value::Id(*id),
        Key::Text(text) => Value::Key(text.as_ref().to_owned()),
        Key::Uuid(bytes) => Value::Uuid(bytes.to_vec()),
    };
    pb::MemberKey { value: Some(value) }
}

/// The member as the directory of this version has it.
pub(crate) fn member(snapshot: &Snapshot, member: MemberId) -> Result<pb::Member, Failure> {
    let kind = match snapshot.kind(member).ok_or_else(lost)? {
        MemberKind::Person => pb::MemberKind::Person,
        MemberKind::Team => pb::MemberKind::Team,
    };
    Ok(pb::Member {
        key: Some(key(&snapshot.key(member).ok_or_else(lost)?)),
        name: snapshot.name(member).map(str::to_owned),
        kind: kind.into(),
    })
}

/// A member as a report has it, whether or not it exists.
pub(crate) fn named(NamedMember { key: of, name, kind }: &NamedMember) -> pb::Member {
    let kind = match kind {
        None => pb::MemberKind::Unspecified,
        Some(MemberKind::Person) => pb::MemberKind::Person,
        Some(MemberKind::Team) => pb::MemberKind::Team,
    };
    pb::Member { key: Some(key(of)), name: name.as_deref().map(str::to_owned), kind: kind.into() }
}

/// A version answered with a member that it does not have.
pub(crate) fn lost() -> Failure {
    Failure::new(Reason::Internal, "a version names a member that it does not have")
}

pub(crate) fn asked(asked: i32) -> Result<Asked, Failure> {
    match pb::AskedRelation::try_from(asked) {
        Ok(pb::AskedRelation::Unspecified | pb::AskedRelation::Participant) => {
            Ok(Asked::Participant)
        }
        Ok(pb::AskedRelation::Administrator) => Ok(Asked::Administrator),
        Err(_) => Err(unknown_value("relation", asked)),
    }
}

pub(crate) fn scope(scope: i32) -> Result<Scope, Failure> {
    match pb::ListScope::try_from(scope) {
        Ok(pb::ListScope::Unspecified | pb::ListScope::All) => Ok(Scope::All),
        Ok(pb::ListScope::Direct) => Ok(Scope::Direct),
        Err(_) => Err(unknown_value("scope", scope)),
    }
}

pub(crate) fn view(view: i32) -> Result<View, Failure> {
    match pb::ListView::try_from(view) {
        Ok(pb::ListView::Unspecified | pb::ListView::Keys) => Ok(View::Keys),
        Ok(pb::ListView::Members) => Ok(View::Members),
        Err(_) => Err(unknown_value("view", view)),
    }
}

pub(crate) fn kinds(kinds: i32) -> Result<Kinds, Failure> {
    match pb::ListKinds::try_from(kinds) {
        Ok(pb::ListKinds::Unspecified | pb::ListKinds::All) => {
            Ok(Kinds { people: true, teams: true })
        }
        Ok(pb::ListKinds::People) => Ok(Kinds { people: true, teams: false }),
        Ok(pb::ListKinds::Teams) => Ok(Kinds { people: false, teams: true }),
        Err(_) => Err(unknown_value("kinds", kinds)),
    }
}

/// Arguments exclude one another.
pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Failure {
    Failure::new(Reason::ArgumentsConflict, message)
}

fn unknown_value(field: &'static str, value: i32) -> Failure {
    let message =
        format!("the field {field} has the value {value}, which this server does not know");
    Failure::new(Reason::ValueUnknown, message).with("field", field).with("value", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_survives_the_wire() {
        let version = Version {
            history: History { system_id: u64::MAX, timeline: 7 },
            end_lsn: Lsn(u64::MAX),
            tick: 3,
        };
        assert_eq!(version_from_wire(&version_to_wire(version)), version);
    }

    #[test]
    fn unspecified_means_the_documented_default_and_unknown_is_refused() {
        assert_eq!(scope(0), Ok(Scope::All));
        assert_eq!(view(0), Ok(View::Keys));
        assert_eq!(kinds(0), Ok(Kinds { people: true, teams: true }));
        assert_eq!(asked(0), Ok(Asked::Participant));
        for failure in [
            scope(9).unwrap_err(),
            view(9).unwrap_err(),
            kinds(9).unwrap_err(),
            asked(9).unwrap_err(),
        ] {
            assert_eq!(failure.reason, Reason::ValueUnknown);
        }
    }

    #[test]
    fn keys_keep_their_type() {
        use pb::member_key::Value;
        let of = |value: Key| key(&SourceKey { space: crate::id::KeySpace::DEFAULT, key: value });
        assert_eq!(of(Key::Int(-1)).value, Some(Value::Id(-1)));
        assert_eq!(of(Key::Text("a".into())).value, Some(Value::Key("a".into())));
        assert_eq!(of(Key::Uuid([7; 16])).value, Some(Value::Uuid(vec![7; 16])));
    }
}
