//! Finds the member that a reference of a request names.
//!
//! Owns what a `MemberRef` means: by key or by directory name, of a wanted kind. It must not know
//! which call asks. Nothing here allocates where the reference is an integer key or a name.

use super::errors::{Failure, Reason};
use super::limits;
use crate::graph::{GROUP, Named, Snapshot};
use crate::id::{Key, MemberId, MemberKind, SourceKey, TeamId};
use crate::pb;
use pb::member_ref::Ref;

/// Bytes of a caller's text that an error repeats: clients bound the size of all trailers together
/// (8 KiB in gRPC's C core), and text takes up to three times its size there.
const QUOTED_BYTES: usize = 100;

/// Which part of a question a reference plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The member.
    Member,
    /// The team.
    Team,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Part::Member => "member",
            Part::Team => "team",
        }
    }
}

/// Why a reference names no member (or team). Light, because a batch may hold 100,000 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefFault {
    /// It is absent, or nothing in it is set.
    Missing,
    /// The uuid has this many bytes.
    UuidLength(usize),
    /// The text has this many bytes.
    TextTooLong(usize),
    /// The kind has this value.
    KindUnknown(i32),
    /// No member has this key or name.
    Unknown,
    /// The member with this key or name is of this kind, not of the wanted one.
    OtherKind(MemberKind),
    /// Several members match.
    Ambiguous,
    /// It is a person where a team is asked about.
    NotATeam,
}

impl RefFault {
    /// The row of the error table.
    pub(crate) const fn reason(self, part: Part) -> Reason {
        match (self, part) {
            (RefFault::Missing | RefFault::UuidLength(_), _) => Reason::ReferenceMalformed,
            (RefFault::TextTooLong(_), _) => Reason::LimitExceeded,
            (RefFault::KindUnknown(_), _) => Reason::ValueUnknown,
            (RefFault::Unknown | RefFault::OtherKind(_), Part::Member) => Reason::MemberUnknown,
            (RefFault::Unknown | RefFault::OtherKind(_), Part::Team) => Reason::TeamUnknown,
            (RefFault::Ambiguous, _) => Reason::AmbiguousMember,
            (RefFault::NotATeam, _) => Reason::NotATeam,
        }
    }

    /// Whether a lenient question takes it for a plain no.
    pub(crate) const fn is_a_lenient_no(self) -> bool {
        matches!(self, RefFault::Unknown | RefFault::OtherKind(_) | RefFault::NotATeam)
    }

    /// The error of a call that asked about `reference` alone.
    pub(crate) fn failure(self, part: Part, reference: Option<&pb::MemberRef>) -> Failure {
        let what = part.name();
        let quoted = reference.map_or_else(|| "nothing".to_owned(), describe);
        let message = match self {
            RefFault::Missing => format!("the {what} is not said: the reference is empty"),
            RefFault::UuidLength(length) => {
                format!("the {what}'s uuid has {length} bytes, not 16")
            }
            RefFault::TextTooLong(length) => {
                return Failure::past(limits::REF_TEXT_BYTES, "the reference's text", length)
                    .with("part", what);
            }
            RefFault::KindUnknown(kind) => format!("the {what}'s kind {kind} is not known"),
            RefFault::Unknown => format!("no {what} has {quoted}"),
            RefFault::OtherKind(kind) => {
                format!("{quoted} is a {}, not of the kind asked for", kind_name(kind))
            }
            RefFault::Ambiguous => format!("several members match {quoted}"),
            RefFault::NotATeam => format!("{quoted} is a person, not a team"),
        };
        let failure =
            Failure::new(self.reason(part), message).with("part", what).with("reference", quoted);
        match self {
            RefFault::OtherKind(kind) => failure.with("is", kind_name(kind)),
            RefFault::NotATeam => failure.with("is", kind_name(MemberKind::Person)),
            RefFault::KindUnknown(kind) => failure.with("value", kind),
            RefFault::Missing
            | RefFault::UuidLength(_)
            | RefFault::TextTooLong(_)
            | RefFault::Unknown
            | RefFault::Ambiguous => failure,
        }
    }
}

/// One end of a pair, found or not.
pub(crate) type End = Result<MemberId, RefFault>;

/// The member that the reference names.
pub(crate) fn find_member(snapshot: &Snapshot, reference: Option<&pb::MemberRef>) -> End {
    let reference = reference.ok_or(RefFault::Missing)?;
    let wanted = wanted_kind(reference.kind)?;
    match reference.r#ref.as_ref().ok_or(RefFault::Missing)? {
        Ref::Id(id) => find_key(snapshot, &Key::Int(*id), wanted),
        Ref::Key(text) => find_key(snapshot, &Key::Text(bounded(text)?.into()), wanted),
        Ref::Uuid(bytes) => {
            let uuid = <[u8; 16]>::try_from(bytes.as_slice())
                .map_err(|_| RefFault::UuidLength(bytes.len()))?;
            find_key(snapshot, &Key::Uuid(uuid), wanted)
        }
        Ref::Name(name) => find_name(snapshot, bounded(name)?, wanted),
    }
}

/// An end that is asked about as a team: who it is and, if it is one, the team.
pub(crate) type TeamEnd = Result<(MemberId, Option<TeamId>), RefFault>;

/// The end in its part as a team.
pub(crate) fn as_team_end(snapshot: &Snapshot, end: End) -> TeamEnd {
    end.map(|member| (member, snapshot.team(member)))
}

/// [`find_member`] for each of at most [`GROUP`] references; waits for integer keys overlap. What it
/// gives past their number means nothing.
pub(crate) fn find_members<'a>(
    snapshot: &Snapshot,
    references: impl Iterator<Item = Option<&'a pb::MemberRef>>,
) -> [End; GROUP] {
    let by_keys = |keys: &[i64], kinds: &[Option<MemberKind>]| {
        find_keys(snapshot, keys, |place| kinds.get(place).copied().flatten())
    };
    find_each(references, by_keys, |reference| find_member(snapshot, reference))
}

/// [`find_members`], as teams.
pub(crate) fn find_teams<'a>(
    snapshot: &Snapshot,
    references: impl Iterator<Item = Option<&'a pb::MemberRef>>,
) -> [TeamEnd; GROUP] {
    let by_keys = |keys: &[i64], kinds: &[Option<MemberKind>]| {
        find_keys_of_teams(snapshot, keys, |place| kinds.get(place).copied().flatten())
    };
    find_each(references, by_keys, |reference| {
        as_team_end(snapshot, find_member(snapshot, reference))
    })
}

/// References by integer key all at once, others one by one.
fn find_each<'a, T: Copy>(
    references: impl Iterator<Item = Option<&'a pb::MemberRef>>,
    by_keys: impl Fn(&[i64], &[Option<MemberKind>]) -> [Result<T, RefFault>; GROUP],
    one: impl Fn(Option<&'a pb::MemberRef>) -> Result<T, RefFault>,
) -> [Result<T, RefFault>; GROUP] {
    let mut ends = [Err(RefFault::Missing); GROUP];
    let (mut keys, mut kinds, mut places) = ([0; GROUP], [None; GROUP], [0; GROUP]);
    let mut count = 0;
    for (place, (end, reference)) in ends.iter_mut().zip(references).enumerate() {
        let id = reference.and_then(|it| match it.r#ref {
            Some(Ref::Id(id)) => Some((id, wanted_kind(it.kind).ok()?)),
            _ => None,
        });
        let slots = keys.get_mut(count).zip(kinds.get_mut(count)).zip(places.get_mut(count));
        if let (Some((id, wanted)), Some(((key, kind), of))) = (id, slots) {
            (*key, *kind, *of) = (id, wanted, place);
            count += 1;
        } else {
            *end = one(reference);
        }
    }
    let found = by_keys(keys.get(..count).unwrap_or_default(), &kinds);
    for (place, found) in places.into_iter().zip(found).take(count) {
        if let Some(end) = ends.get_mut(place) {
            *end = found;
        }
    }
    ends
}

/// The member with this directory name; of several, the one of the wanted kind.
fn find_name(snapshot: &Snapshot, name: &str, wanted: Option<MemberKind>) -> End {
    let found = match (snapshot.find_named(name), wanted) {
        (Named::Ambiguous, Some(kind)) => snapshot.find_named_as(name, kind),
        (found, _) => found,
    };
    match found {
        Named::Unknown => Err(RefFault::Unknown),
        Named::Ambiguous => Err(RefFault::Ambiguous),
        Named::One(member) => of_kind(snapshot, member, wanted),
    }
}

/// The member with this key in any key space.
pub(crate) fn find_key(snapshot: &Snapshot, key: &Key, wanted: Option<MemberKind>) -> End {
    let mut found = Err(RefFault::Unknown);
    for space in snapshot.key_spaces() {
        let Some(member) = snapshot.find(&SourceKey { space, key: key.clone() }) else { continue };
        found = joined(found, of_kind(snapshot, member, wanted));
    }
    found
}

/// [`find_key`] for each of at most [`GROUP`] integer keys and the kind that is wanted there; their
/// waits for memory overlap. What it gives past their number means nothing.
pub(crate) fn find_keys(
    snapshot: &Snapshot,
    keys: &[i64],
    wanted: impl Fn(usize) -> Option<MemberKind>,
) -> [End; GROUP] {
    let mut ends = [Err(RefFault::Unknown); GROUP];
    for space in snapshot.key_spaces() {
        let mut found = [None; GROUP];
        snapshot.find_ints(space, keys, &mut found);
        for (place, (end, member)) in ends.iter_mut().zip(found).enumerate() {
            let Some((member, kind)) = member else { continue };
            *end = joined(*end, as_wanted(member, kind, wanted(place)));
        }
    }
    ends
}

/// [`find_keys`], as teams. A member that is a team is known by its team: its page is not read.
fn find_keys_of_teams(
    snapshot: &Snapshot,
    keys: &[i64],
    wanted: impl Fn(usize) -> Option<MemberKind>,
) -> [TeamEnd; GROUP] {
    let mut ends = [Err(RefFault::Unknown); GROUP];
    for space in snapshot.key_spaces() {
        let mut found = [None; GROUP];
        snapshot.find_int_teams(space, keys, &mut found);
        for (place, ((end, team), &key)) in ends.iter_mut().zip(found).zip(keys).enumerate() {
            let this = match team {
                Some((member, team)) => as_wanted(member, MemberKind::Team, wanted(place))
                    .map(|member| (member, Some(team))),
                None => match snapshot.find_int(space, key) {
                    Some(person) => as_wanted(person, MemberKind::Person, wanted(place))
                        .map(|person| (person, None)),
                    None => continue,
                },
            };
            *end = joined(*end, this);
        }
    }
    ends
}

/// What a key means, once it is known what it means in one more key space.
fn joined<T>(found: Result<T, RefFault>, this: Result<T, RefFault>) -> Result<T, RefFault> {
    match (found, this) {
        (Ok(_), Ok(_)) | (Err(RefFault::Ambiguous), _) => Err(RefFault::Ambiguous),
        (Ok(found), Err(_)) => Ok(found),
        (Err(_), this) => this,
    }
}

/// The team with each of the keys, as [`find_keys`]: where ids of people and teams collide, a key
/// that can only mean a team does. Where there is none, whoever has it, to be told apart from
/// nobody.
pub(crate) fn find_team_keys(snapshot: &Snapshot, keys: &[i64]) -> [TeamEnd; GROUP] {
    let mut ends = find_keys_of_teams(snapshot, keys, |_| Some(MemberKind::Team));
    for (end, &key) in ends.iter_mut().zip(keys) {
        if let Err(RefFault::OtherKind(_)) = end {
            *end = as_team_end(snapshot, find_key(snapshot, &Key::Int(key), None));
        }
    }
    ends
}

/// The kind that a request's field asks for; `None` for whichever.
pub(crate) fn wanted_kind(kind: i32) -> Result<Option<MemberKind>, RefFault> {
    match pb::MemberKind::try_from(kind) {
        Ok(pb::MemberKind::Unspecified) => Ok(None),
        Ok(pb::MemberKind::Person) => Ok(Some(MemberKind::Person)),
        Ok(pb::MemberKind::Team) => Ok(Some(MemberKind::Team)),
        Err(_) => Err(RefFault::KindUnknown(kind)),
    }
}

/// The member in its part as a team.
pub(crate) fn as_team(snapshot: &Snapshot, member: MemberId) -> Result<TeamId, RefFault> {
    snapshot.team(member).ok_or(RefFault::NotATeam)
}

fn of_kind(snapshot: &Snapshot, member: MemberId, wanted: Option<MemberKind>) -> End {
    // Whoever was found exists: where any kind will do, it is not looked up.
    if wanted.is_none() {
        return Ok(member);
    }
    let kind = snapshot.kind(member).ok_or(RefFault::Unknown)?;
    as_wanted(member, kind, wanted)
}

const fn as_wanted(member: MemberId, kind: MemberKind, wanted: Option<MemberKind>) -> End {
    match (kind, wanted) {
        (MemberKind::Person, Some(MemberKind::Team))
        | (MemberKind::Team, Some(MemberKind::Person)) => Err(RefFault::OtherKind(kind)),
        (MemberKind::Person | MemberKind::Team, _) => Ok(member),
    }
}

fn bounded(text: &str) -> Result<&str, RefFault> {
    match text.len() {
        0 => Err(RefFault::Missing),
        length if length > limits::REF_TEXT_BYTES.count() => Err(RefFault::TextTooLong(length)),
        _ => Ok(text),
    }
}

const fn kind_name(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::Person => "person",
        MemberKind::Team => "team",
    }
}

fn describe(reference: &pb::MemberRef) -> String {
    match &reference.r#ref {
        None => "nothing".to_owned(),
        Some(Ref::Id(id)) => format!("id {id}"),
        Some(Ref::Key(key)) => format!("key `{}`", quote(key)),
        Some(Ref::Name(name)) => format!("name `{}`", quote(name)),
        Some(Ref::Uuid(bytes)) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(uuid) => format!("uuid {}", Key::Uuid(uuid)),
            Err(_) => format!("a uuid of {} bytes", bytes.len()),
        },
    }
}

/// The text, or its beginning.
pub(crate) fn quote(text: &str) -> String {
    let mut end = QUOTED_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    match text.get(..end) {
        Some(start) if end < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(quote("alice"), "alice");
        let long = "é".repeat(80);
        assert_eq!(quote(&long), format!("{}…", "é".repeat(50)));
        let odd = format!("x{long}");
        assert_eq!(quote(&odd), format!("x{}…", "é".repeat(49)));
    }

    #[test]
    fn an_unknown_kind_is_a_fault() {
        assert_eq!(wanted_kind(0), Ok(None));
        assert_eq!(wanted_kind(2), Ok(Some(MemberKind::Team)));
        assert_eq!(wanted_kind(9), Err(RefFault::KindUnknown(9)));
    }
}
