//! Members and memberships that are to be loaded, wherever they come from.

use super::error::Place;
use crate::id::Role;

/// What is to be loaded. Members are referred to by their index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Roster {
    pub(in crate::cli) members: Vec<NewMember>,
    pub(in crate::cli) memberships: Vec<NewMembership>,
}

/// A member to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct NewMember {
    pub(in crate::cli) name: String,
    pub(in crate::cli) display_name: String,
    pub(in crate::cli) standing: Standing,
    /// Where it is first named; none if no file says so.
    pub(in crate::cli) place: Option<Place>,
}

impl NewMember {
    /// The index of a new team's owner, if it is given one.
    pub(super) fn owner(&self) -> Option<u32> {
        match self.standing {
            Standing::Team { owner } => owner,
            Standing::Person | Standing::Mentioned | Standing::MentionedAsTeam => None,
        }
    }
}

/// What is known of a member's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Standing {
    /// A new person.
    Person,
    /// A new team and its owner, by index; `registry` if none.
    Team { owner: Option<u32> },
    /// Only mentioned, as an owner or a member: whatever the database has, else a new person.
    Mentioned,
    /// Mentioned as something that is joined: the database must have it as a team.
    MentionedAsTeam,
}

/// A membership to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct NewMembership {
    pub(in crate::cli) member: u32,
    pub(in crate::cli) team: u32,
    pub(in crate::cli) role: Role,
    /// The line that states it; 0 if no file does.
    pub(in crate::cli) line: u64,
}
