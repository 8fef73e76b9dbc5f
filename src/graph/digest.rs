//! The digest of a version: two sums by which replicas at one version are compared with one call.
//!
//! Owns what weighs how much, and the sums over what is stated. The sum over the closure's pairs
//! is kept beside their count ([`super::closure`]). It must not know who compares.
//!
//! All that a version holds has a weight of 128 bits, and each sum is that of the weights, modulo
//! 2^128. So it depends on nothing but the rows: not on their order, nor on numbers, hash seeds or
//! what was there before; and a change costs its own weights. A sum, since in an exclusive or two
//! of a kind would be none.
//!
//! | sum | over | each weighs |
//! |---|---|---|
//! | `rows` | members that exist | lower(member) × (kind + name + owner) |
//! | `rows` | stated edges | lower(member) × upper(team) × the edge's role |
//! | `rows` | the rows that state them | lower(member) × upper(team) × the row's role |
//! | `closure` | teams in other teams, through any chain | lower(team) × upper(other) |
//!
//! Products, because a sum of them can be taken apart: what one team gains of thousands below it is
//! one multiplication, and a cycle of thousands costs them once and not squared. Were hashes
//! random, two versions that differ would have one digest with a probability of about 2^-120: the
//! difference is a polynomial of a low degree, and it would have to be zero just there. What names a
//! row among the rows that state one edge has no weight.
//!
//! Lower, upper, name and owner are hashes by XXH3 with 128 bits, the same on every machine and
//! from now on (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>), under seeds that
//! differ. It is not cryptographic: the digest is proof against accidents, not against someone who
//! chooses keys and names.

use super::adjacency::Standing;
use super::numbers::Numbers;
use super::pages::at;
use super::rows::{Edge, StatedRow};
use super::state::State;
use crate::id::{Key, MemberId, MemberKind, Role, SourceKey, TeamId};
use std::num::Wrapping;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// What something adds to a sum.
pub(super) type Weight = Wrapping<u128>;

/// Tells versions apart: two of equal rows have the same, whatever became of them before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    /// Over what is stated: members with kinds, names and owners, edges with roles, and rows.
    pub rows: u128,
    /// Over the participations of teams in teams; `None` while the closure is not materialised.
    pub closure: Option<u128>,
}

// Seeds and weights that mean nothing: digits of pi (and an odd factor). Seeds that are near one
// another would map keys that are near one another to the same.
const LOWER: u64 = 0x243f_6a88_85a3_08d3;
const UPPER: u64 = 0x1319_8a2e_0370_7344;
const OWNER: u64 = 0xa409_3822_299f_31d0;
const NAME: u64 = 0x082e_fa98_ec4e_6c89;
const APART: u64 = 0x0801_f2e2_858e_fc17;
const PERSON: Weight = Wrapping(0x4528_21e6_38d0_1377_be54_66cf_34e9_0c6c);
const TEAM: Weight = Wrapping(0xc0ac_29b7_c97c_50dd_3f84_d5b5_b547_0917);
const MEMBER_EDGE: Weight = Wrapping(0x9216_d5d9_8979_fb1b_d131_0ba6_98df_b5ac);
const ADMIN_EDGE: Weight = Wrapping(0x2ffd_72db_d01a_dfb7_b8e1_afed_6a26_7e96);
const MEMBER_ROW: Weight = Wrapping(0xba7c_9045_f12c_7f99_24a1_9947_b391_6cf7);
const ADMIN_ROW: Weight = Wrapping(0x6369_20d8_7157_4e69_a458_fea3_f493_3d7e);

/// The member as the lower end of an edge or of a pair, and in what its own row says.
pub(super) fn lower(key: &SourceKey) -> Weight {
    of_key(LOWER, key)
}

/// The team as the upper end of an edge or of a pair.
fn upper(key: &SourceKey) -> Weight {
    of_key(UPPER, key)
}

/// The two as the ends of an edge.
pub(super) fn ends(member: &SourceKey, team: &SourceKey) -> Weight {
    lower(member) * upper(team)
}

fn of_key(seed: u64, key: &SourceKey) -> Weight {
    // A key of another type or space is another key, whatever its bytes: its seed lies far off, too.
    let of = |kind: u64, bytes: &[u8]| {
        let kind = kind | u64::from(key.space.0) << 8;
        of_bytes(seed ^ kind.wrapping_mul(APART), bytes)
    };
    match &key.key {
        Key::Int(int) => of(0, &int.to_le_bytes()),
        Key::Uuid(bytes) => of(1, bytes),
        Key::Text(text) => of(2, text.as_bytes()),
    }
}

fn of_bytes(seed: u64, bytes: &[u8]) -> Weight {
    Wrapping(xxh3_128_with_seed(bytes, seed))
}

const fn of_edge(role: Role) -> Weight {
    match role {
        Role::Member => MEMBER_EDGE,
        Role::Admin => ADMIN_EDGE,
    }
}

const fn of_row(role: Role) -> Weight {
    match role {
        Role::Member => MEMBER_ROW,
        Role::Admin => ADMIN_ROW,
    }
}

/// What is said of a member by its row.
pub(super) fn said(kind: MemberKind, name: Option<&str>, owner: Option<&SourceKey>) -> Weight {
    let kind = match kind {
        MemberKind::Person => PERSON,
        MemberKind::Team => TEAM,
    };
    let name = name.map(|name| of_bytes(NAME, name.as_bytes()));
    let owner = owner.map(|owner| of_key(OWNER, owner));
    kind + name.unwrap_or_default() + owner.unwrap_or_default()
}

/// The sum over what is stated, as changes arrive, in two parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StatedSums {
    members: Weight,
    /// With the rows that state them.
    edges: Weight,
}

impl StatedSums {
    /// What is said of a member, which weighs so much as a lower end, is something else.
    pub(super) fn change_said(&mut self, lower: Weight, before: Weight, after: Weight) {
        self.members += lower * (after - before);
    }

    /// The role of an edge is another, or the edge came or went; `ends` is what its ends weigh.
    pub(super) fn change_edge(&mut self, ends: Weight, held: Option<Role>, role: Option<Role>) {
        let weight = |role: Option<Role>| role.map(of_edge).unwrap_or_default();
        self.edges += ends * (weight(role) - weight(held));
    }

    /// There are these edges, too.
    pub(super) fn add_edges(&mut self, edges: Weight) {
        self.edges += edges;
    }

    /// One more row states an edge.
    pub(super) fn add_row(&mut self, ends: Weight, role: Role) {
        self.edges += ends * of_row(role);
    }

    /// A row states an edge no more.
    pub(super) fn remove_row(&mut self, ends: Weight, role: Role) {
        self.edges -= ends * of_row(role);
    }

    /// No edge is stated any more.
    pub(super) fn clear_edges(&mut self) {
        self.edges = Weight::default();
    }
}

/// What these edges (sorted) weigh, with one row each that states them.
pub(super) fn of_edges(numbers: &Numbers, edges: &[StatedRow]) -> Weight {
    let roles = [Role::Member, Role::Admin].map(|role| of_edge(role) + of_row(role));
    let teams = (0..numbers.team_count()).map(|team| upper_of(numbers, TeamId(team)));
    let weights: Vec<Weight> = teams.flat_map(|upper| roles.map(|role| upper * role)).collect();
    let weight = |edge: &StatedRow| {
        let place = 2 * at(edge.team().0) + usize::from(edge.role() == Role::Admin);
        weights.get(place).copied().unwrap_or_default()
    };
    let of_member = |edges: &[StatedRow]| {
        let lower = edges.first().map(|edge| lower_of(numbers, edge.member()));
        lower.unwrap_or_default() * edges.iter().map(weight).sum::<Weight>()
    };
    edges.chunk_by(|a, b| a.member() == b.member()).map(of_member).sum()
}

fn lower_of(numbers: &Numbers, member: MemberId) -> Weight {
    numbers.key(member).map(|key| lower(&key)).unwrap_or_default()
}

fn upper_of(numbers: &Numbers, team: TeamId) -> Weight {
    let key = numbers.member(team).and_then(|member| numbers.key(member));
    key.map(|key| upper(&key)).unwrap_or_default()
}

impl State {
    /// The digest of what is here.
    pub(super) fn digest(&self) -> Digest {
        let StatedSums { members, edges } = self.sums;
        Digest { rows: (members + edges).0, closure: self.closure.digest() }
    }

    /// What the member weighs as a lower end.
    pub(super) fn lower_of(&self, member: MemberId) -> Weight {
        lower_of(&self.numbers, member)
    }

    /// What the team weighs as the upper end of an edge or of a pair.
    pub(super) fn upper_of(&self, team: TeamId) -> Weight {
        upper_of(&self.numbers, team)
    }

    /// What the edge's ends weigh.
    pub(super) fn ends_weight(&self, (member, team): Edge) -> Weight {
        self.lower_of(member) * self.upper_of(team)
    }

    /// What is said of the member by its row; nothing if there is none.
    pub(super) fn said_weight(&self, member: MemberId) -> Weight {
        let kind = match self.standing(member) {
            Standing::Absent => return Weight::default(),
            Standing::Person => MemberKind::Person,
            Standing::Team => MemberKind::Team,
        };
        let owner = self.owner(member).and_then(|owner| self.numbers.key(owner));
        said(kind, self.name(member).map(|name| &**name), owner.as_ref())
    }

    /// The sums over what is stated, from nothing; `rows` are all that are active.
    pub(super) fn recounted_sums(&self, rows: impl Iterator<Item = StatedRow>) -> StatedSums {
        let mut sums = StatedSums::default();
        for member in (0..self.numbers.member_count()).map(MemberId) {
            let said = self.said_weight(member);
            sums.change_said(self.lower_of(member), Weight::default(), said);
            for edge in self.up.of(member).iter() {
                let ends = self.ends_weight((member, edge.team()));
                sums.change_edge(ends, None, Some(edge.role()));
            }
        }
        rows.for_each(|row| sums.add_row(self.ends_weight(row.edge()), row.role()));
        sums
    }
}

#[cfg(test)]
mod tests;
