//! What an active row states, in one word.
//!
//! Owns the packing. Words sort by member, then team, then role, which is how edges are built in
//! bulk.

use super::Edge;
use crate::id::{MemberId, Role, TeamId};
use std::num::NonZeroU64;

/// An edge and the role that a row gives it: 31 bits of the member below a bit that is always set
/// (so that "no row" is zero and takes no room), 31 of the team, one of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::graph) struct StatedRow(NonZeroU64);

/// Members are numbered below 2^31, so the topmost bit is free.
const PRESENT: NonZeroU64 = match NonZeroU64::new(1 << 63) {
    Some(bit) => bit,
    None => NonZeroU64::MIN,
};

impl StatedRow {
    pub(in crate::graph) fn new((member, team): Edge, role: Role) -> Self {
        let is_admin = u64::from(role == Role::Admin);
        StatedRow(PRESENT | u64::from(member.0) << 32 | u64::from(team.0) << 1 | is_admin)
    }

    pub(in crate::graph) const fn edge(self) -> Edge {
        (self.member(), self.team())
    }

    #[expect(clippy::as_conversions, reason = "the upper half of 64 bits")]
    pub(in crate::graph) const fn member(self) -> MemberId {
        MemberId((self.0.get() >> 32) as u32 & (u32::MAX >> 1))
    }

    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "the lower half of 64 bits, without its lowest"
    )]
    pub(in crate::graph) const fn team(self) -> TeamId {
        TeamId(self.0.get() as u32 >> 1)
    }

    pub(in crate::graph) const fn role(self) -> Role {
        if self.0.get() & 1 == 1 { Role::Admin } else { Role::Member }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_comes_back_as_it_went_in() {
        let numbers = [0, 1, 77, (1 << 31) - 1];
        for (member, team) in numbers.into_iter().flat_map(|m| numbers.map(|t| (m, t))) {
            for role in [Role::Member, Role::Admin] {
                let edge = (MemberId(member), TeamId(team));
                let row = StatedRow::new(edge, role);
                assert_eq!((row.edge(), row.role()), (edge, role));
            }
        }
        assert_eq!(size_of::<Option<StatedRow>>(), 8);
    }
}
