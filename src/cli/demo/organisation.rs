//! A generated organisation that reads like one: the same for the same seed and size.
//!
//! ```text
//! acme                                                     1
//! └ payments                       division                8
//!   ├ payments-leads               administers it          8
//!   └ payments-risk                department             64
//!     ├ payments-risk-admins       administers it         64
//!     └ payments-risk-billing      team                  320
//!       └ payments-risk-billing-otters   squad         1,280
//! communities                                              1
//! └ guild-security                 guild                  40
//!   └ guild-security-payments      chapter               200
//! offices                                                  1
//! └ office-lisbon                                         24
//! ```
//!
//! Everybody is in a squad (a few in a team or a department) and in an office; one in six is in
//! the chapter of a guild. So there are several paths to many teams.

use super::names::{CHAPTERS, DEPARTMENTS, DIVISIONS, FIRST, GUILDS, LAST, OFFICES, SQUADS, TEAMS};
use crate::cli::load::{NewMember, NewMembership, Roster, Standing};
use crate::id::Role;
use crate::synthetic::Random;
use std::collections::HashSet;

/// The team that everybody is in.
pub(super) const COMPANY: &str = "acme";
/// A team with a story: a division, which gets a new parent.
pub(super) const DIVISION: &str = "payments";
/// A squad of that division, one of whom the tour follows.
pub(super) const SQUAD: &str = "payments-risk-billing-otters";
/// A guild that has a chapter in that division.
pub(super) const GUILD: &str = "guild-security";

/// One in so many is in a guild.
const GUILD_SHARE: u64 = 6;
/// One in so many is not in a squad but directly in a team, or in a department.
const UNSQUADDED_SHARE: u64 = 20;
/// How many administer a department, or lead a division.
const ADMINS: usize = 4;

/// Generates the organisation.
pub(super) fn generate(seed: u64, people: u32) -> Roster {
    let mut builder = Builder::new(seed, people);
    builder.hierarchy();
    builder.communities();
    builder.offices();
    builder.people(people);
    builder.admins();
    builder.roster
}

fn one_in(random: &mut Random, share: u64) -> bool {
    random.below(share) == 0
}

/// One of a list.
#[expect(clippy::indexing_slicing, reason = "the lists are constants, or filled from them")]
fn one_of<'a, T>(random: &mut Random, list: &'a [T]) -> &'a T {
    let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
    &list[usize::try_from(random.below(length)).unwrap_or_default()]
}

/// The organisation so far. Teams come first; people, who are many, last.
struct Builder {
    roster: Roster,
    random: Random,
    /// The index of the first person, and their number.
    first_person: u32,
    people: u32,
    names: HashSet<String>,
    divisions: Vec<u32>,
    departments: Vec<u32>,
    teams: Vec<u32>,
    squads: Vec<u32>,
    chapters: Vec<u32>,
    offices: Vec<u32>,
    /// Teams that administer another: that other is known to be joined with the role already.
    admin_teams: Vec<u32>,
}

impl Builder {
    fn new(seed: u64, people: u32) -> Self {
        Builder {
            roster: Roster::default(),
            random: Random::new(seed),
            first_person: 0,
            people,
            names: HashSet::new(),
            divisions: Vec::new(),
            departments: Vec::new(),
            teams: Vec::new(),
            squads: Vec::new(),
            chapters: Vec::new(),
            offices: Vec::new(),
            admin_teams: Vec::new(),
        }
    }

    fn member(&mut self, name: String, display_name: String, standing: Standing) -> u32 {
        let index = u32::try_from(self.roster.members.len()).unwrap_or(u32::MAX);
        self.roster.members.push(NewMember { name, display_name, standing, place: None });
        index
    }

    /// A new team within `parent`.
    fn team(&mut self, name: String, parent: Option<u32>, role: Role) -> u32 {
        let display_name = title(&name);
        let team = self.member(name, display_name, Standing::Team { owner: None });
        if let Some(parent) = parent {
            self.join(team, parent, role);
        }
        team
    }

    fn join(&mut self, member: u32, team: u32, role: Role) {
        self.roster.memberships.push(NewMembership { member, team, role, line: 0 });
    }

    fn hierarchy(&mut self) {
        let company = self.team(COMPANY.to_owned(), None, Role::Member);
        for division_name in DIVISIONS {
            let division = self.team(division_name.to_owned(), Some(company), Role::Member);
            self.divisions.push(division);
            let leads = self.team(format!("{division_name}-leads"), Some(division), Role::Admin);
            self.admin_teams.push(leads);
            for department_name in DEPARTMENTS {
                self.department(&format!("{division_name}-{department_name}"), division);
            }
        }
    }

    fn department(&mut self, name: &str, division: u32) {
        let department = self.team(name.to_owned(), Some(division), Role::Member);
        self.departments.push(department);
        let admins = self.team(format!("{name}-admins"), Some(department), Role::Admin);
        self.admin_teams.push(admins);
        for team_name in TEAMS {
            let team = self.team(format!("{name}-{team_name}"), Some(department), Role::Member);
            self.teams.push(team);
            for squad_name in SQUADS {
                let squad = format!("{name}-{team_name}-{squad_name}");
                let squad = self.team(squad, Some(team), Role::Member);
                self.squads.push(squad);
            }
        }
    }

    fn communities(&mut self) {
        let communities = self.team("communities".to_owned(), None, Role::Member);
        for name in GUILDS {
            let guild = self.team(format!("guild-{name}"), Some(communities), Role::Member);
            for division in DIVISIONS.iter().take(CHAPTERS) {
                let chapter = format!("guild-{name}-{division}");
                let chapter = self.team(chapter, Some(guild), Role::Member);
                self.chapters.push(chapter);
            }
        }
    }

    fn offices(&mut self) {
        let all = self.team("offices".to_owned(), None, Role::Member);
        for name in OFFICES {
            let office = self.team(format!("office-{name}"), Some(all), Role::Member);
            self.offices.push(office);
        }
    }

    fn people(&mut self, count: u32) {
        self.first_person = u32::try_from(self.roster.members.len()).unwrap_or(u32::MAX);
        for nth in 0..count {
            let (name, display_name) = self.person_name();
            let person = self.member(name, display_name, Standing::Person);
            let home = self.home(nth);
            self.join(person, home, Role::Member);
            let office = *one_of(&mut self.random, &self.offices);
            self.join(person, office, Role::Member);
            if one_in(&mut self.random, GUILD_SHARE) {
                let chapter = *one_of(&mut self.random, &self.chapters);
                self.join(person, chapter, Role::Member);
            }
        }
    }

    /// Where a person works. The first people fill each squad once, so that none is empty.
    fn home(&mut self, nth: u32) -> u32 {
        let filled = usize::try_from(nth).ok().and_then(|nth| self.squads.get(nth).copied());
        if let Some(squad) = filled {
            return squad;
        }
        match one_in(&mut self.random, UNSQUADDED_SHARE) {
            false => *one_of(&mut self.random, &self.squads),
            true if one_in(&mut self.random, 5) => *one_of(&mut self.random, &self.departments),
            true => *one_of(&mut self.random, &self.teams),
        }
    }

    /// A name that nobody has yet, with as many middle initials as that takes.
    fn person_name(&mut self) -> (String, String) {
        let (first, last) = (*one_of(&mut self.random, &FIRST), *one_of(&mut self.random, &LAST));
        let mut initials = String::new();
        loop {
            let display_name = match initials.as_str() {
                "" => format!("{first} {last}"),
                initials => format!("{first} {initials} {last}"),
            };
            let name = display_name.to_ascii_lowercase().replace(". ", ".").replace(' ', ".");
            if self.names.insert(name.clone()) {
                return (name, display_name);
            }
            let letter = *one_of(&mut self.random, b"ABCDEFGHIJKLMNOPRSTVWYZ");
            initials.push(char::from(letter));
            initials.push('.');
        }
    }

    fn admins(&mut self) {
        if self.people == 0 {
            return;
        }
        for team in self.admin_teams.clone() {
            let mut chosen = HashSet::new();
            for _ in 0..ADMINS {
                let nth = self.random.below(u64::from(self.people));
                let person = self.first_person + u32::try_from(nth).unwrap_or_default();
                if chosen.insert(person) {
                    self.join(person, team, Role::Member);
                }
            }
        }
    }
}

/// `payments-risk` as `Payments risk`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_organisation() {
        let (one, same) = (generate(1, 3_000), generate(1, 3_000));
        assert_eq!(one, same);
        assert_ne!(one, generate(2, 3_000));
    }

    #[test]
    fn it_has_the_size_and_shape_that_it_claims() {
        let roster = generate(7, 5_000);
        let is_team = |member: &&NewMember| matches!(member.standing, Standing::Team { .. });
        assert_eq!(roster.members.iter().filter(is_team).count(), 2_011);
        assert_eq!(roster.members.len(), 7_011);
        let names: HashSet<&str> = roster.members.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.len(), roster.members.len(), "names are unique");
        for name in [COMPANY, DIVISION, SQUAD, GUILD, "guild-security-payments"] {
            assert!(names.contains(name), "{name}");
        }
        let pairs: HashSet<(u32, u32)> =
            roster.memberships.iter().map(|stated| (stated.member, stated.team)).collect();
        assert_eq!(pairs.len(), roster.memberships.len(), "no membership is stated twice");
    }
}
