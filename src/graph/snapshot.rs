//! One immutable version of the graph.
//!
//! Owns the version's name and its directory: keys, names, kinds. How it answers questions about
//! participations stands in [`super::check`], [`super::list`] and [`super::path`]. It must not know
//! the writer, nor who asks.

use super::adjacency::Standing;
use super::answer::{Named, Stats};
use super::digest::Digest;
use super::names::NameIndex;
use super::numbers::KeyIndex;
use super::state::State;
use crate::id::{KeySpace, MemberId, MemberKind, SourceKey, TeamId, Version};
use std::sync::Arc;

/// What all versions of one copy share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) copy: u64,
    pub(super) keys: KeyIndex,
    pub(super) names: NameIndex,
}

/// One immutable version of the graph.
///
/// Ids ([`MemberId`], [`TeamId`]) mean the same in all versions of one copy; one that a version
/// does not know is answered as unknown.
#[derive(Debug)]
pub struct Snapshot {
    shared: Arc<Shared>,
    version: Version,
    sequence: u64,
    state: State,
}

impl Snapshot {
    pub(super) const fn new(
        shared: Arc<Shared>,
        version: Version,
        sequence: u64,
        state: State,
    ) -> Self {
        Snapshot { shared, version, sequence, state }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Bytes copied, since the copy began, because an older version shared them.
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.state.copied_bytes()
    }

    /// The version's name.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Which fresh copy or rebuild this version descends from, counted from 1 in this process.
    pub fn copy(&self) -> u64 {
        self.shared.copy
    }

    /// Counts the versions of one copy, from 1.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The member with this key, if it exists in this version.
    pub fn find(&self, key: &SourceKey) -> Option<MemberId> {
        self.shared.keys.get(key).filter(|&member| self.exists(member))
    }

    /// The member with this integer key, if it exists in this version. Takes no lock where keys lie
    /// close together.
    pub fn find_int(&self, space: KeySpace, key: i64) -> Option<MemberId> {
        self.shared.keys.get_int(space, key).filter(|&member| self.exists(member))
    }

    /// The team with this key, if it exists in this version: [`Snapshot::find`] and
    /// [`Snapshot::team`] by fewer looks.
    pub fn find_team(&self, key: &SourceKey) -> Option<TeamId> {
        // A member is a team if and only if its team exists: its page is not asked.
        self.shared.keys.get(key).and_then(|member| self.team(member))
    }

    /// The key spaces that a key may be of.
    pub fn key_spaces(&self) -> impl Iterator<Item = KeySpace> {
        self.shared.keys.spaces()
    }

    /// The member with this directory name.
    pub fn find_named(&self, name: &str) -> Named {
        // Names of the version decide; the index only proposes (INVARIANT (count) holds, since
        // what the version does not know has no name in it).
        let has_it = |member| self.name(member) == Some(name);
        Named::of(self.shared.names.find_two(name, has_it))
    }

    /// The member of this kind with this directory name.
    pub fn find_named_as(&self, name: &str, kind: MemberKind) -> Named {
        let has_it = |member| self.name(member) == Some(name) && self.kind(member) == Some(kind);
        Named::of(self.shared.names.find_two(name, has_it))
    }

    fn exists(&self, member: MemberId) -> bool {
        self.state.standing(member) != Standing::Absent
    }

    /// A person or a team; `None` if it does not exist in this version.
    pub fn kind(&self, member: MemberId) -> Option<MemberKind> {
        self.state.standing(member).kind()
    }

    /// The directory name, if the member exists and has one.
    pub fn name(&self, member: MemberId) -> Option<&str> {
        self.state.name(member).map(|name| &**name)
    }

    /// The member's key in the source; `None` for an id that this version does not know.
    pub fn key(&self, member: MemberId) -> Option<SourceKey> {
        self.state.numbers.key(member)
    }

    /// The member's key in the source, if it is an integer; `None` for an id that this version does
    /// not know.
    pub fn int_key(&self, member: MemberId) -> Option<i64> {
        self.state().numbers.int_key(member)
    }

    /// The member in its part as a team; `None` unless it exists and is a team.
    pub fn team(&self, member: MemberId) -> Option<TeamId> {
        self.state.numbers.team(member).filter(|&team| self.state.closure.exists(team))
    }

    /// The team as a member.
    pub fn member(&self, team: TeamId) -> Option<MemberId> {
        self.state.numbers.member(team)
    }

    /// The cycles: the teams of each component of more than one, at most `limit` cycles.
    pub fn cycles(&self, limit: usize) -> Vec<Vec<TeamId>> {
        self.state.closure.cycles(limit)
    }

    /// The digest: two versions of equal rows have the same, in whatever process and after
    /// whatever history.
    pub fn digest(&self) -> Digest {
        self.state.digest()
    }

    /// Sizes and peculiarities.
    pub fn stats(&self) -> Stats {
        let counts = self.state.counts;
        let closure = &self.state.closure;
        Stats {
            people: counts.people,
            teams: counts.teams,
            memberships: counts.memberships,
            rows: counts.rows,
            rows_bytes: counts.rows_bytes,
            key_index_bytes: self.shared.keys.bytes(),
            team_edges: counts.team_edges,
            closure_pairs: closure.pairs(),
            closure_materialised: closure.is_materialised(),
            cycles: closure.cycle_count(),
            teams_on_cycles: closure.teams_on_cycles(),
            self_memberships: counts.self_memberships,
        }
    }
}
