//! Who owns which teams, seen from the owner.
//!
//! Owns the way back from an owner to its teams; the owner column itself stands in the member's
//! record. It must not know whether an owner exists: a row may name one that comes later.
//!
//! INVARIANT (mirror): a team that exists is among its owner's, and no other team is.

use super::chunks::ChunkedSet;
use super::pages::{POINTERS, Pages, shared_bytes};
use crate::id::{MemberId, TeamId};
use std::sync::Arc;

/// Every owner's teams, by owner; only teams that exist.
#[derive(Clone, Debug, Default)]
pub(super) struct Owned {
    owners: Pages<Option<Arc<ChunkedSet>>, POINTERS>,
    copied_bytes: u64,
}

impl Owned {
    /// The teams that the member owns, ascending.
    pub(super) fn of(&self, owner: MemberId) -> impl Iterator<Item = TeamId> {
        let held = self.owners.get(owner.0).and_then(|held| held.as_deref());
        held.into_iter().flat_map(|teams| teams.iter_from(0)).map(TeamId)
    }

    /// Notes that the member owns the team, or that it does not any more.
    pub(super) fn set(&mut self, owner: MemberId, team: TeamId, owns: bool) {
        let held = self.owners.get_mut(owner.0).get_or_insert_with(Arc::default);
        if Arc::strong_count(held) > 1 {
            self.copied_bytes += shared_bytes(size_of::<ChunkedSet>());
        }
        Arc::make_mut(held).put(team.0, owns, &mut self.copied_bytes);
    }

    /// See [`super::pages::PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.owners.copied_bytes() + self.copied_bytes
    }
}
