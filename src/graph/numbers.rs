//! Source keys to dense numbers and back.
//!
//! Owns [`KeyIndex`] (key → number, one index that all versions of a copy share) and [`Numbers`]
//! (number → key, and the numbers of teams, a part of each version). It must not know whether a
//! member exists: that belongs to the version.
//!
//! Numbers are handed out in order and never change their meaning, so the index may be ahead of a
//! version: INVARIANT (count): a number at or past a version's count is unknown to that version.

use super::GraphFull;
use super::digest::{self, Weight};
use super::direct_index::DirectIndex;
use super::key_page::KeyPage;
use super::pages::{PageTree, Pages, page_of, slot_of};
use crate::id::{Key, KeySpace, MemberId, SourceKey, TeamId};
use dashmap::DashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

/// One growing shard blocks its readers for as long as it takes to move it, so the shards are many
/// and small: beside 10 million inserts a lookup waited 25 ms with few.
pub(super) const SHARDS: usize = 1_024;

/// Teams are packed beside a role bit, so numbers stay below 2^31.
const NUMBERS_MAX: u32 = 1 << 31;

/// Key spaces that have a direct index; a schema with more tables of members than this finds those
/// of the others in the map.
const DIRECT_SPACES: usize = 16;

/// Key → number, shared by all versions of a copy.
#[derive(Debug)]
pub(super) struct KeyIndex {
    ints: [OnceLock<IntIndex>; DIRECT_SPACES],
    /// Keys that are no integers, and integers that lie too far apart.
    others: DashMap<SourceKey, MemberId, foldhash::fast::RandomState>,
    /// How many key spaces there are: one more than the highest that a key was of.
    spaces: AtomicU16,
}

/// The integer keys of one space.
#[derive(Debug, Default)]
struct IntIndex {
    direct: DirectIndex,
    /// Whether any is among the others.
    has_others: AtomicBool,
}

impl Default for KeyIndex {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        KeyIndex {
            ints: [const { OnceLock::new() }; DIRECT_SPACES],
            others: DashMap::with_capacity_and_hasher_and_shard_amount(0, hasher, SHARDS),
            spaces: AtomicU16::new(0),
        }
    }
}

impl KeyIndex {
    /// The number that was ever given to the key, in whatever version.
    pub(super) fn get(&self, key: &SourceKey) -> Option<MemberId> {
        match key.key {
            Key::Int(int) => self.get_int(key.space, int),
            Key::Uuid(_) | Key::Text(_) => self.get_other(key),
        }
    }

    /// As [`KeyIndex::get`]; takes no lock where keys lie close together.
    pub(super) fn get_int(&self, space: KeySpace, key: i64) -> Option<MemberId> {
        if let Some(ints) = self.ints.get(usize::from(space.0)) {
            let ints = ints.get()?;
            let found = ints.direct.get(key);
            // Relaxed: whoever learnt of a version with such a key has synchronised with its writer.
            if found.is_some() || !ints.has_others.load(Ordering::Relaxed) {
                return found;
            }
        }
        self.get_other(&SourceKey { space, key: Key::Int(key) })
    }

    fn get_other(&self, key: &SourceKey) -> Option<MemberId> {
        self.others.get(key).map(|entry| *entry)
    }

    /// The key spaces that any key was ever of.
    pub(super) fn spaces(&self) -> impl Iterator<Item = KeySpace> {
        // Whoever learnt of a version with a key of a space has synchronised with its writer.
        (0..self.spaces.load(Ordering::Relaxed)).map(KeySpace)
    }

    /// Bytes of the direct indexes, as allocated, and of the others' entries, roughly.
    pub(super) fn bytes(&self) -> u64 {
        let ints = self.ints.iter().filter_map(OnceLock::get).map(|ints| ints.direct.bytes());
        ints.sum::<u64>() + super::pages::count(self.others.capacity() * OTHER_BYTES)
    }

    fn add(&self, key: SourceKey, member: MemberId) {
        self.spaces.fetch_max(key.space.0.saturating_add(1), Ordering::Relaxed);
        if let (Key::Int(int), Some(ints)) = (&key.key, self.ints.get(usize::from(key.space.0))) {
            let ints = ints.get_or_init(IntIndex::default);
            if ints.direct.add(*int, member) {
                return;
            }
            ints.has_others.store(true, Ordering::Relaxed);
        }
        self.others.insert(key, member);
    }
}

/// An entry of the map, with its control byte.
const OTHER_BYTES: usize = size_of::<(SourceKey, MemberId)>() + 1;

/// Number → key, and the numbers of members in their part as teams.
///
/// Append-only: an aborted transaction leaves its numbers behind, which then name nothing that
/// exists.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    keys: PageTree<KeyPage>,
    /// Member → team, plus one; zero where the member never was a team.
    teams: Pages<u32>,
    /// Team → member.
    members: Pages<u32>,
    /// Team → what it weighs as the lower one of a pair: hashed once, since thousands are summed
    /// where many teams come below one.
    weights: Pages<Weight>,
    member_count: u32,
    team_count: u32,
}

impl Numbers {
    /// How many members this version knows, existing or not.
    pub(super) const fn member_count(&self) -> u32 {
        self.member_count
    }

    /// How many teams this version knows, existing or not.
    pub(super) const fn team_count(&self) -> u32 {
        self.team_count
    }

    /// The member's key.
    pub(super) fn key(&self, member: MemberId) -> Option<SourceKey> {
        self.keys.get(page_of(member.0))?.get(slot_of(member.0))
    }

    /// The member's key, if it is an integer.
    pub(super) fn int_key(&self, member: MemberId) -> Option<i64> {
        self.keys.get(page_of(member.0))?.int(slot_of(member.0))
    }

    /// The member in its part as a team, if it ever had one.
    pub(super) fn team(&self, member: MemberId) -> Option<TeamId> {
        self.teams.get(member.0)?.checked_sub(1).map(TeamId)
    }

    /// The team as a member.
    pub(super) fn member(&self, team: TeamId) -> Option<MemberId> {
        if team.0 >= self.team_count {
            return None;
        }
        self.members.get(team.0).copied().map(MemberId)
    }

    /// Tells what a team weighs as the lower one of a pair; soonest where it is asked for one page
    /// after the other.
    pub(super) fn lower_weights(&self) -> impl FnMut(TeamId) -> Weight {
        let mut held = (u32::MAX, None);
        move |team| {
            let page = page_of(team.0);
            if held.0 != page {
                held = (page, self.weights.page(page));
            }
            let weight = held.1.and_then(|weights| weights.get(slot_of(team.0)));
            weight.copied().unwrap_or_default()
        }
    }

    /// The key's number, given now if it has none.
    pub(super) fn intern(
        &mut self,
        index: &KeyIndex,
        key: SourceKey,
    ) -> Result<MemberId, GraphFull> {
        if let Some(member) = index.get(&key) {
            return Ok(member);
        }
        if self.member_count >= NUMBERS_MAX {
            return Err(GraphFull);
        }
        let member = MemberId(self.member_count);
        self.member_count += 1;
        self.keys.get_mut(page_of(member.0)).push(key.clone());
        index.add(key, member);
        Ok(member)
    }

    /// The member's number as a team, given now if it has none.
    pub(super) fn intern_team(&mut self, member: MemberId) -> TeamId {
        if let Some(team) = self.team(member) {
            return team;
        }
        let team = TeamId(self.team_count);
        self.team_count += 1;
        *self.teams.get_mut(member.0) = self.team_count;
        *self.members.get_mut(team.0) = member.0;
        let weight = self.key(member).map(|key| digest::lower(&key));
        *self.weights.get_mut(team.0) = weight.unwrap_or_default();
        team
    }

    /// See [`super::pages::PageTree::copied_bytes`].
    pub(super) const fn copied_bytes(&self) -> u64 {
        self.keys.copied_bytes()
            + self.teams.copied_bytes()
            + self.members.copied_bytes()
            + self.weights.copied_bytes()
    }
}
