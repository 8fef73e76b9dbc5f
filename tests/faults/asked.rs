//! Questions with the answers that a reader observed, in the judge's own words.
//!
//! Owns what an observation holds. It knows neither the wire nor how answers are found.

/// How a member stands to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    None,
    Itself,
    Direct,
    Indirect,
}

/// A member by key or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Key(i64),
    Name(String),
}

/// Which members of a team are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    People,
    Teams,
    Both,
}

/// A list that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Whose teams, or whose members.
    pub of: i64,
    /// Direct ones alone.
    pub direct: bool,
    /// Administrators, or what is administered, rather than participants and participations.
    pub admin: bool,
}

/// A question and its answer.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Asked leniently: unknown members are in nothing.
    Check {
        member: Who,
        team: Who,
        admin: bool,
        got: Relation,
    },
    /// Many pairs of keys at once, leniently: does the member participate in the team?
    Batch {
        pairs: Vec<(i64, i64)>,
        got: Vec<bool>,
    },
    Teams {
        list: Listed,
        got: Vec<i64>,
    },
    Members {
        list: Listed,
        kinds: Kinds,
        got: Vec<i64>,
    },
    Count {
        list: Listed,
        kinds: Kinds,
        got: u64,
    },
    /// Names of keys, and whether they are teams; none for who is unknown.
    Directory {
        keys: Vec<i64>,
        got: Vec<Option<(String, bool)>>,
    },
    /// People, teams, direct memberships, active rows.
    Sizes {
        got: [u64; 4],
    },
}

/// What one reader saw.
#[derive(Clone, Debug)]
pub struct Answer {
    pub asked: Asked,
    /// The version that the answer names: where its transaction ends.
    pub version: u64,
    /// Up to where the answer claims to know everything.
    pub applied: u64,
    /// The token that was handed in, as a position.
    pub token: Option<u64>,
    pub reader: usize,
}
