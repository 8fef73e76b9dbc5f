//! Directory names to members.
//!
//! Owns [`NameIndex`], one map that all versions of a copy share: for each name, the members that
//! have it in *some* version that is still alive. Which of them has it in a given version, the
//! version's own names decide: a rename alice → bob beside a new alice never answers for the wrong
//! person, in no version. It must not know the versions' contents.

use super::numbers::SHARDS;
use crate::id::MemberId;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use std::collections::VecDeque;
use std::sync::Arc;

/// A member that has, or had, a name.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    member: MemberId,
    /// The first version without the name on this member; none while the newest version has it.
    retired_at: Option<u64>,
}

/// Members that have, or had, one name: nearly always a single one, which takes no allocation.
#[derive(Debug)]
enum Candidates {
    One(Candidate),
    Several(Vec<Candidate>),
}

impl Candidates {
    fn as_slice(&self) -> &[Candidate] {
        match self {
            Candidates::One(candidate) => std::slice::from_ref(candidate),
            Candidates::Several(candidates) => candidates,
        }
    }

    fn of(&mut self, member: MemberId) -> Option<&mut Candidate> {
        let all = match self {
            Candidates::One(candidate) => std::slice::from_mut(candidate),
            Candidates::Several(candidates) => candidates.as_mut_slice(),
        };
        all.iter_mut().find(|candidate| candidate.member == member)
    }

    fn push(&mut self, candidate: Candidate) {
        match self {
            Candidates::One(first) => *self = Candidates::Several(vec![*first, candidate]),
            Candidates::Several(candidates) => candidates.push(candidate),
        }
    }

    /// Takes out those that are not kept; whether none is left.
    fn retain(&mut self, keep: impl Fn(&Candidate) -> bool) -> bool {
        match self {
            Candidates::One(candidate) => !keep(candidate),
            Candidates::Several(candidates) => {
                candidates.retain(keep);
                candidates.is_empty()
            }
        }
    }
}

/// Name → members that have it in some living version.
#[derive(Debug)]
pub(super) struct NameIndex(DashMap<Arc<str>, Candidates, foldhash::fast::RandomState>);

impl Default for NameIndex {
    fn default() -> Self {
        let hasher = foldhash::fast::RandomState::default();
        NameIndex(DashMap::with_capacity_and_hasher_and_shard_amount(0, hasher, SHARDS))
    }
}

impl NameIndex {
    /// The first two members with the name that `has_it` (in the asker's version) confirms.
    pub(super) fn find_two(
        &self,
        name: &str,
        has_it: impl Fn(MemberId) -> bool,
    ) -> (Option<MemberId>, Option<MemberId>) {
        let Some(candidates) = self.0.get(name) else { return (None, None) };
        let members = candidates.as_slice().iter().map(|candidate| candidate.member);
        let mut holders = members.filter(|&member| has_it(member));
        (holders.next(), holders.next())
    }

    /// The member has the name in the version being made.
    pub(super) fn add(&self, name: &Arc<str>, member: MemberId) {
        let new = Candidate { member, retired_at: None };
        let mut candidates = match self.0.entry(Arc::clone(name)) {
            Entry::Occupied(held) => held.into_ref(),
            Entry::Vacant(free) => {
                free.insert(Candidates::One(new));
                return;
            }
        };
        match candidates.of(member) {
            Some(candidate) => candidate.retired_at = None,
            None => candidates.push(new),
        }
    }

    /// The members have the names in the first version of a copy: nothing was known before.
    ///
    /// In the order of the map's shards, so that one small table after the other is filled and grown
    /// while it is near: in the members' order each name waits for memory, several times where a
    /// table grows. The map chooses a shard by a hash's bits after the first seven; should it ever
    /// choose otherwise, the order is no use, and no harm.
    pub(super) fn add_all<'a>(&self, names: impl Iterator<Item = (&'a Arc<str>, MemberId)>) {
        let mut order: Vec<(usize, &Arc<str>, MemberId)> =
            names.map(|(name, member)| (self.0.hash_usize(name) << 7, name, member)).collect();
        order.sort_unstable_by_key(|&(place, _, member)| (place, member));
        for (_, name, member) in order {
            self.add(name, member);
        }
    }

    /// From version `sequence` on the member has not the name any more.
    fn retire(&self, name: &str, member: MemberId, sequence: u64) {
        if let Some(mut candidates) = self.0.get_mut(name)
            && let Some(candidate) = candidates.of(member)
        {
            candidate.retired_at = Some(sequence);
        }
    }

    /// Forgets the member under the name, if it is still retired since that version.
    fn forget(&self, name: &str, member: MemberId, sequence: u64) {
        let keep = |c: &Candidate| c.member != member || c.retired_at != Some(sequence);
        self.0.remove_if_mut(name, |_, candidates| candidates.retain(keep));
    }
}

/// A name that a member lost, to be forgotten when no version is left that shows it.
#[derive(Debug)]
struct Retired {
    name: Arc<str>,
    member: MemberId,
    sequence: u64,
}

/// The writer's side of the index: what to forget, and when.
#[derive(Debug, Default)]
pub(super) struct NameKeeper {
    /// Given or taken in the transaction under way.
    touched: Vec<(Arc<str>, MemberId)>,
    retired: VecDeque<Retired>,
}

impl NameKeeper {
    /// Notes that the transaction gave or took the name.
    pub(super) fn touch(&mut self, name: &Arc<str>, member: MemberId) {
        self.touched.push((Arc::clone(name), member));
    }

    /// The transaction ended, well or not; `sequence` is the version that now counts, and
    /// `has_it` says what it shows.
    pub(super) fn settle(
        &mut self,
        index: &NameIndex,
        sequence: u64,
        has_it: impl Fn(&str, MemberId) -> bool,
    ) {
        for (name, member) in self.touched.drain(..) {
            if has_it(&name, member) {
                index.add(&name, member);
            } else {
                index.retire(&name, member, sequence);
                self.retired.push_back(Retired { name, member, sequence });
            }
        }
    }

    /// Forgets what no version from `oldest` on can show.
    pub(super) fn forget_before(&mut self, index: &NameIndex, oldest: u64) {
        while let Some(retired) = self.retired.pop_front_if(|retired| retired.sequence <= oldest) {
            index.forget(&retired.name, retired.member, retired.sequence);
        }
    }
}
