//! How large an organisation is, and how it is nested.
//!
//! Owns the sizes that benchmarks and documents speak of. It must not know how they are filled.

use super::random::Random;

/// What an organisation is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The seed: another one gives another organisation of the same size.
    pub seed: u64,
    /// People.
    pub people: u32,
    /// Teams.
    pub teams: u32,
    /// Memberships in all, hit within a few in a hundred.
    pub memberships: u64,
    /// The most teams on a way down from a top team, that team not counted.
    pub depth_max: u32,
    /// How many memberships of a team in a team below it there are: each closes a cycle of two or
    /// three teams.
    pub cycles: u32,
}

impl Shape {
    /// Size S: 10 thousand people, 500 teams, 50 thousand memberships.
    pub const S: Shape = Shape::sized(10_000, 500, 50_000);
    /// Size M: 1 million people, 20 thousand teams, 5 million memberships.
    pub const M: Shape = Shape::sized(1_000_000, 20_000, 5_000_000);
    /// Size L: 10 million people, 200 thousand teams, 50 million memberships.
    pub const L: Shape = Shape::sized(10_000_000, 200_000, 50_000_000);
    /// Size XL: 20 million people, 400 thousand teams, 100 million memberships.
    pub const XL: Shape = Shape::sized(20_000_000, 400_000, 100_000_000);

    const fn sized(people: u32, teams: u32, memberships: u64) -> Self {
        Shape { seed: 1, people, teams, memberships, depth_max: 12, cycles: 0 }
    }

    /// The shape of this name: `s`, `m`, `l` or `xl`, in whatever case.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "s" => Some(Shape::S),
            "m" => Some(Shape::M),
            "l" => Some(Shape::L),
            "xl" => Some(Shape::XL),
            _ => None,
        }
    }

    /// Teams of the big tree: 62 in 100.
    pub(super) fn teams_in_big_tree(&self) -> u32 {
        u32::try_from(u64::from(self.teams) * 62 / 100).unwrap_or(u32::MAX)
    }

    /// People who participate in the big team: 686,402 in a million.
    pub fn people_in_big_team(&self) -> u64 {
        u64::from(self.people) * 686_402 / 1_000_000
    }

    /// How many memberships a person has: a few, mostly; sometimes a dozen, seldom a hundred.
    pub(super) fn memberships_of_one(&self, random: &mut Random) -> u32 {
        // The draws below have a mean of 4.99.
        let drawn = match random.below(100) {
            0 => 20 + random.below(81),
            1..=19 => 6 + random.below(10),
            _ => 1 + random.below(5),
        };
        let mean_hundredths = self.memberships * 100 / u64::from(self.people.max(1));
        // Whole memberships, with the fraction left to chance.
        let scaled = drawn * mean_hundredths + random.below(499);
        u32::try_from((scaled / 499).max(1)).unwrap_or(u32::MAX)
    }
}
