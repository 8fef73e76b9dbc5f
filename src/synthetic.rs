//! Synthetic organisations of any size: the same shape and seed give the same graph, everywhere.
//!
//! Owns what the made-up teams, people and memberships are. It must not know what is done with
//! them: benchmarks, tests and `teamgraph load --synthetic` take the same ones.
//!
//! ```text
//! teams    1 ..= teams              numbered in no order that follows from the hierarchy
//!          one big tree (62 in 100 teams), and small trees for the rest
//! people   teams + 1 ..= teams + people
//!          686,402 in a million have all but a few of their memberships in the big tree;
//!          the others have none there, so that the big team has exactly that many participants
//! ```
//!
//! One team in seven has a second parent (a diamond) in its own tree, a few have one elsewhere. How
//! many memberships a person has, and how many people a team, both have heavy tails; the last
//! person is in 5,000 teams, or in a quarter of them if that is fewer.

mod hierarchy;
mod random;
mod shape;

pub use random::Random;
pub use shape::Shape;

use crate::change::{Change, Membership, NamePut, RowKey};
use crate::id::{Key, MemberKind, Role, SourceKey, TableId};
use hierarchy::Hierarchy;
use random::Permutation;

/// A member to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticMember {
    /// The source key.
    pub key: i64,
    /// A person or a team.
    pub kind: MemberKind,
    /// The directory name.
    pub name: String,
}

/// A membership to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticMembership {
    /// The member's key.
    pub member: i64,
    /// The team's key.
    pub team: i64,
    /// The role.
    pub role: Role,
}

/// A made-up organisation. Teams and their edges are held, people are made as they are asked for.
#[derive(Debug)]
pub struct Synthetic {
    shape: Shape,
    hierarchy: Hierarchy,
    /// Scatters people, but for the busiest, over their keys: neighbours have nothing in common.
    people: Permutation,
}

impl Synthetic {
    /// The organisation of this shape.
    pub fn new(shape: Shape) -> Self {
        let others = u64::from(shape.people.saturating_sub(1));
        let people = Permutation::new(others, shape.seed ^ 0x70_656f);
        Synthetic { shape, hierarchy: Hierarchy::new(&shape), people }
    }

    /// What it was made of.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The key of the big team: the root of the big tree.
    pub fn big_team(&self) -> i64 {
        self.hierarchy.key_of(0)
    }

    /// The key of a team at the top with nothing above it, nothing below it and nobody in it: room
    /// to nest a team under.
    pub fn spare_team(&self) -> i64 {
        self.hierarchy.key_of(self.shape.teams.saturating_sub(1))
    }

    /// The keys of all teams.
    pub fn teams(&self) -> std::ops::RangeInclusive<i64> {
        1..=i64::from(self.shape.teams)
    }

    /// The keys of all people.
    pub fn people(&self) -> std::ops::RangeInclusive<i64> {
        let first = i64::from(self.shape.teams) + 1;
        first..=first + i64::from(self.shape.people) - 1
    }

    /// The key of the person in very many teams.
    pub fn busiest_person(&self) -> i64 {
        *self.people().end()
    }

    /// All members: teams, then people.
    pub fn members(&self) -> impl Iterator<Item = SyntheticMember> {
        let member = |kind, word: &'static str| {
            move |key| SyntheticMember { key, kind, name: format!("{word}-{key}") }
        };
        let teams = self.teams().map(member(MemberKind::Team, "team"));
        teams.chain(self.people().map(member(MemberKind::Person, "person")))
    }

    /// The memberships of teams in teams, each once.
    pub fn team_edges(&self) -> impl Iterator<Item = SyntheticMembership> {
        let edges = self.hierarchy.edges().iter();
        edges.map(|&(member, team)| SyntheticMembership { member, team, role: Role::Member })
    }

    /// The memberships of the person with this key, each once, in no order; empty for others.
    pub fn memberships_of(&self, person: i64) -> Vec<SyntheticMembership> {
        let Ok(place) = u64::try_from(person - *self.people().start()) else { return Vec::new() };
        if person > *self.people().end() {
            return Vec::new();
        }
        let mut random = Random::new(self.shape.seed.wrapping_add(place.wrapping_mul(0x2545_f491)));
        let busiest = person == self.busiest_person();
        let wanted = if busiest {
            (self.shape.teams / 4).min(5_000)
        } else {
            self.shape.memberships_of_one(&mut random)
        };
        let rank = if busiest { 0 } else { self.people.of(place) + 1 };
        let inside = rank < self.shape.people_in_big_team();
        let mut teams: Vec<u32> = Vec::new();
        // A heavy tail repeats itself: whoever is drawn again is not drawn anew for ever.
        for draw in 0..wanted.saturating_mul(3) {
            if teams.len() >= wanted.try_into().unwrap_or(usize::MAX) {
                break;
            }
            let in_big = inside && (draw == 0 || random.below(100) < 85);
            let team = self.hierarchy.draw(in_big, busiest, &mut random);
            if !teams.contains(&team) {
                teams.push(team);
            }
        }
        let memberships = teams.into_iter().map(|team| SyntheticMembership {
            member: person,
            team: self.hierarchy.key_of(team),
            role: if random.below(50) == 0 { Role::Admin } else { Role::Member },
        });
        memberships.collect()
    }

    /// All memberships: those of teams, then those of people, whose order scatters over the keys as
    /// joining does over time.
    pub fn memberships(&self) -> impl Iterator<Item = SyntheticMembership> {
        let scattered = Permutation::new(u64::from(self.shape.people), self.shape.seed ^ 0x6f_7264);
        let first = *self.people().start();
        let order = (0..u64::from(self.shape.people)).map(move |place| scattered.of(place));
        let people = order.filter_map(move |place| Some(first + i64::try_from(place).ok()?));
        self.team_edges().chain(people.flat_map(|person| self.memberships_of(person)))
    }

    /// The changes that make the whole: members, then one row a membership, with the row keys 1, 2
    /// and so on.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let members = self.members().map(|member| Change::MemberPut {
            key: SourceKey::int(member.key),
            kind: member.kind,
            name: NamePut::Set(Some(member.name.into())),
            owner: None,
        });
        let rows = (1_i64..).zip(self.memberships());
        members.chain(rows.map(|(row, membership)| membership.put(row)))
    }
}

impl SyntheticMembership {
    /// The change that states it as the row with this key.
    pub fn put(self, row: i64) -> Change {
        let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
        let states = Membership {
            member: SourceKey::int(self.member),
            team: SourceKey::int(self.team),
            role: self.role,
        };
        Change::RowPut { row, states: Some(states) }
    }
}

#[cfg(test)]
mod tests;
