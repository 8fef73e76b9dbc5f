//! The words of the product: keys, ids, positions and versions.
//!
//! Owns the small value types that every other module speaks: [`SourceKey`] (a member as the
//! source database names it), [`MemberId`] and [`TeamId`] (as the graph numbers them), [`Lsn`],
//! [`History`] and [`Version`]. It must know nothing of the graph, the feed, the service or their
//! libraries: standard library only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One table of members in the source is one key space: its keys are unique within it.
///
/// The built-in schema keeps people and teams in one table, so it has one space,
/// [`KeySpace::DEFAULT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySpace(pub u16);

impl KeySpace {
    /// The only key space of the built-in schema.
    pub const DEFAULT: KeySpace = KeySpace(0);
}

/// The value of a key column of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `int2`, `int4` or `int8`.
    Int(i64),
    /// `uuid`, as its 16 bytes in network order.
    Uuid([u8; 16]),
    /// `text` and the types that PostgreSQL sends as text.
    Text(Arc<str>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Int(key) => write!(f, "{key}"),
            Key::Text(key) => f.write_str(key),
            Key::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// A member as the source names it: the key within its key space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey {
    /// Which table of members the key belongs to.
    pub space: KeySpace,
    /// The value of that table's key column.
    pub key: Key,
}

impl SourceKey {
    /// An integer key of the built-in schema's `person` table.
    pub const fn int(key: i64) -> Self {
        SourceKey { space: KeySpace::DEFAULT, key: Key::Int(key) }
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.key, f)
    }
}

/// A member (a person or a team) as the graph numbers it: dense, append-only within one copy of
/// the source; its meaning never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

/// A member in its part as a team, numbered densely among all that ever had that part (were of
/// kind team, or were named as the team of a membership). Append-only within one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TeamId(pub u32);

/// What a member is in one version of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// A person: a leaf, which can hold no members.
    Person,
    /// A team: members of either kind may join it.
    Team,
}

/// The role that a direct membership gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An ordinary member.
    Member,
    /// A member that also administers the team.
    Admin,
}

/// A table of memberships in the source; rows are attributed to theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u16);

/// A position in PostgreSQL's write-ahead log, in bytes. Printed as PostgreSQL prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Text that is not an LSN such as `0/16B3748`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LsnError(pub String);

impl fmt::Display for LsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an LSN: write it as PostgreSQL does, such as 0/16B3748", self.0)
    }
}

impl std::error::Error for LsnError {}

impl FromStr for Lsn {
    type Err = LsnError;

    fn from_str(text: &str) -> Result<Self, LsnError> {
        let half = |part: &str| {
            let hex = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { u64::from_str_radix(part, 16).ok() } else { None }
        };
        let halves = text.split_once('/').and_then(|(hi, lo)| Some((half(hi)?, half(lo)?)));
        halves.map(|(hi, lo)| Lsn(hi << 32 | lo)).ok_or_else(|| LsnError(text.to_owned()))
    }
}

/// One line of development of one PostgreSQL cluster: LSNs compare only within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History {
    /// The cluster's system identifier.
    pub system_id: u64,
    /// The timeline, which a promotion of a standby raises.
    pub timeline: u32,
}

/// Names the state of the graph after one whole committed transaction.
///
/// INVARIANT (version): within a history versions never go back; a later timeline is later;
/// another system starts anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// Where `end_lsn` counts.
    pub history: History,
    /// The end LSN of the Commit message: the position *after* the commit record, so that a
    /// watermark at the commit's start cannot be taken for it.
    pub end_lsn: Lsn,
    /// Counts changes that time alone made at this LSN; 0 until memberships can expire.
    pub tick: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History { system_id, timeline } = self.history;
        write!(f, "{system_id}/{timeline}:{}+{}", self.end_lsn, self.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsn_prints_and_parses_as_postgresql_does() {
        for (text, value) in [("0/16B3748", 0x16B_3748), ("1/0", 1 << 32), ("FF/A", 0xFF_0000_000A)]
        {
            assert_eq!(text.parse(), Ok(Lsn(value)));
            assert_eq!(Lsn(value).to_string(), text);
        }
        for text in ["", "0", "/", "0/", "0/123456789", "0/+1", "x/1", "0/1/2", " 0/1"] {
            assert_eq!(text.parse::<Lsn>(), Err(LsnError(text.to_owned())));
        }
    }

    #[test]
    fn uuid_key_prints_in_groups() {
        let bytes = [0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 1, 2, 3, 4, 5, 6];
        assert_eq!(Key::Uuid(bytes).to_string(), "a0eebc99-9c0b-4ef8-bb6d-010203040506");
    }
}
