//! Who there is: the keys that writers change and readers ask about.
//!
//! Few, so that changes meet one another. The *core* is never deleted, renamed or made another
//! kind, so that questions about it always have an answer; the rest comes and goes.

use std::ops::Range;
use teamgraph::synthetic::Random;

/// Beside these there is the owner of most teams, with key 1.
pub const CORE_PEOPLE: Range<i64> = 2..22;
pub const OTHER_PEOPLE: Range<i64> = 22..82;
pub const CORE_TEAMS: Range<i64> = 100..116;
pub const OTHER_TEAMS: Range<i64> = 116..140;

/// By how much a member's key moves when it changes, there and back.
pub const KEY_SHIFT: i64 = 1_000;

pub fn insert_all() -> String {
    let first = "INSERT INTO teamgraph.person (id, name, display_name) VALUES (1, 'm1', '')";
    let insert = |range: Range<i64>, owner: &str| {
        format!(
            "INSERT INTO teamgraph.person (id, name, display_name, team_owner)
             SELECT g, 'm' || g, '', {owner} FROM generate_series({}, {}) g",
            range.start,
            range.end - 1
        )
    };
    let people = insert(CORE_PEOPLE.start..OTHER_PEOPLE.end, "NULL");
    let teams = insert(CORE_TEAMS.start..OTHER_TEAMS.end, "1");
    format!("{first}; {people}; {teams}")
}

fn of(random: &mut Random, range: &Range<i64>) -> i64 {
    let length = u64::try_from(range.end - range.start).unwrap();
    range.start + i64::try_from(random.below(length)).unwrap()
}

pub fn core_person(random: &mut Random) -> i64 {
    of(random, &CORE_PEOPLE)
}

pub fn core_team(random: &mut Random) -> i64 {
    of(random, &CORE_TEAMS)
}

pub fn other_person(random: &mut Random) -> i64 {
    of(random, &OTHER_PEOPLE)
}

pub fn other_team(random: &mut Random) -> i64 {
    of(random, &OTHER_TEAMS)
}

pub fn person(random: &mut Random) -> i64 {
    of(random, &(CORE_PEOPLE.start..OTHER_PEOPLE.end))
}

pub fn team(random: &mut Random) -> i64 {
    of(random, &(CORE_TEAMS.start..OTHER_TEAMS.end))
}

pub fn member(random: &mut Random) -> i64 {
    if random.below(4) == 0 { team(random) } else { person(random) }
}

/// Anybody, also one who may not exist.
pub fn anybody(random: &mut Random) -> i64 {
    let member = member(random);
    if random.below(12) == 0 { member + KEY_SHIFT } else { member }
}
