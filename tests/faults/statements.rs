//! What a transaction may do, as SQL, from random numbers alone.
//!
//! Owns the statements. They name keys, not what the tables hold, so that a seed writes the same
//! transactions again, whatever happens in between.

use crate::population as of;
use teamgraph::synthetic::Random;

/// Which tables a statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    People,
    Memberships,
    Both,
}

pub struct Statement {
    pub touches: Touches,
    pub sql: String,
}

fn people(sql: String) -> Statement {
    Statement { touches: Touches::People, sql }
}

fn memberships(sql: String) -> Statement {
    Statement { touches: Touches::Memberships, sql }
}

fn both(sql: String) -> Statement {
    Statement { touches: Touches::Both, sql }
}

/// The statements of one transaction, and whether it is to be committed.
pub fn transaction(random: &mut Random) -> (Vec<Statement>, bool) {
    let mut statements: Vec<Statement> = (0..=random.below(3)).map(|_| one(random)).collect();
    if random.below(120) == 0 {
        let truncate = memberships("TRUNCATE teamgraph.team_membership".to_owned());
        statements.insert(0, truncate);
        statements.push(everybody_joins(random));
    }
    (statements, random.below(12) != 0)
}

fn one(random: &mut Random) -> Statement {
    match random.below(100) {
        0..24 => join(of::member(random), of::team(random), status(random)),
        24..33 => nest(random),
        33..45 => update_status(random),
        45..57 => delete(random),
        57..64 => move_rows(random),
        64..69 => merge(of::other_person(random), of::person(random)),
        69..73 => rekey_rows(random),
        73..77 => rekey_person(random),
        77..82 => newcomer(random),
        82..87 => hard_delete(random),
        87..90 => convert(random),
        90..93 => rename(random),
        93..95 => change_owner(random),
        95..98 => savepoint(random),
        98 => everybody_joins(random),
        _ => memberships(
            "DELETE FROM teamgraph.team_membership WHERE status NOT IN (2, 3)".to_owned(),
        ),
    }
}

/// Mostly one that counts.
fn status(random: &mut Random) -> u64 {
    if random.below(5) == 0 { 1 + random.below(8) } else { 2 + random.below(2) }
}

fn join(member: i64, team: i64, status: u64) -> Statement {
    memberships(format!(
        "INSERT INTO teamgraph.team_membership (person, team, status)
         SELECT m.id, t.id, {status} FROM teamgraph.person m, teamgraph.person t
         WHERE m.id = {member} AND t.id = {team}
         ON CONFLICT (person, team) DO UPDATE SET status = excluded.status"
    ))
}

/// Mostly the greater key in the smaller, so that a hierarchy emerges; seldom the other way, so
/// that cycles do.
fn nest(random: &mut Random) -> Statement {
    let (one, other) = (of::team(random), of::team(random));
    let upwards = random.below(10) > 0;
    let (member, team) = (one.max(other), one.min(other));
    if upwards { join(member, team, 2) } else { join(team, member, 2) }
}

/// A few rows: of one member, of one team, or one alone.
fn some_rows(random: &mut Random) -> String {
    match random.below(3) {
        0 => format!("person = {}", of::member(random)),
        1 => format!("team = {} AND person % 7 = {}", of::team(random), random.below(7)),
        _ => format!("person = {} AND team = {}", of::member(random), of::team(random)),
    }
}

fn update_status(random: &mut Random) -> Statement {
    let (status, rows) = (status(random), some_rows(random));
    memberships(format!("UPDATE teamgraph.team_membership SET status = {status} WHERE {rows}"))
}

fn delete(random: &mut Random) -> Statement {
    let rows = some_rows(random);
    memberships(format!("DELETE FROM teamgraph.team_membership WHERE {rows}"))
}

/// Rows that state another edge from now on, under their old keys.
fn move_rows(random: &mut Random) -> Statement {
    let (from, to) = (of::team(random), of::team(random));
    let third = random.below(3);
    memberships(format!(
        "UPDATE teamgraph.team_membership x SET team = {to}
         WHERE team = {from} AND person % 3 = {third} AND person <> {to}
         AND EXISTS (SELECT FROM teamgraph.person WHERE id = {to}) AND NOT EXISTS (
             SELECT FROM teamgraph.team_membership y WHERE y.person = x.person AND y.team = {to})"
    ))
}

/// What is one person's becomes another's: the change that carries no old key in the feed.
fn merge(from: i64, into: i64) -> Statement {
    both(format!(
        "DELETE FROM teamgraph.team_membership x USING teamgraph.team_membership y
             WHERE x.person = {from} AND y.person = {into} AND x.team = y.team AND {from} <> {into};
         UPDATE teamgraph.team_membership SET person = {into} WHERE person = {from} AND EXISTS (
             SELECT FROM teamgraph.person WHERE id = {into});
         DELETE FROM teamgraph.person p WHERE id = {from} AND {from} <> {into} AND {}",
        unreferenced("p")
    ))
}

fn unreferenced(alias: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM teamgraph.team_membership e
                     WHERE e.person = {alias}.id OR e.team = {alias}.id)
         AND NOT EXISTS (SELECT FROM teamgraph.person o WHERE o.team_owner = {alias}.id)"
    )
}

/// The key of the replica identity changes.
fn rekey_rows(random: &mut Random) -> Statement {
    let rows = some_rows(random);
    memberships(format!(
        "UPDATE teamgraph.team_membership SET id = nextval(
             pg_get_serial_sequence('teamgraph.team_membership', 'id')) WHERE {rows}"
    ))
}

fn rekey_person(random: &mut Random) -> Statement {
    let (key, shift) = (of::other_person(random), of::KEY_SHIFT);
    people(format!(
        "UPDATE teamgraph.person p SET id = {key} + {shift} - (p.id - {key})
         WHERE id IN ({key}, {key} + {shift}) AND {}
         AND (SELECT count(*) FROM teamgraph.person WHERE id IN ({key}, {key} + {shift})) = 1",
        unreferenced("p")
    ))
}

fn newcomer(random: &mut Random) -> Statement {
    let is_team = random.below(3) == 0;
    let key = if is_team { of::other_team(random) } else { of::other_person(random) };
    let owner = if is_team { "1" } else { "NULL" };
    people(format!(
        "INSERT INTO teamgraph.person (id, name, display_name, team_owner)
         VALUES ({key}, 'm{key}', '', {owner}) ON CONFLICT DO NOTHING"
    ))
}

fn hard_delete(random: &mut Random) -> Statement {
    let whom = if random.below(3) == 0 { of::other_team(random) } else { of::other_person(random) };
    both(format!(
        "DELETE FROM teamgraph.team_membership WHERE person = {whom} OR team = {whom};
         UPDATE teamgraph.person SET team_owner = 1 WHERE team_owner = {whom};
         DELETE FROM teamgraph.person WHERE id = {whom}"
    ))
}

/// A person becomes a team, or a team a person, with all its memberships.
fn convert(random: &mut Random) -> Statement {
    let whom = if random.below(2) == 0 { of::other_team(random) } else { of::other_person(random) };
    people(format!(
        "UPDATE teamgraph.person SET team_owner = CASE WHEN team_owner IS NULL THEN 1 END
         WHERE id = {whom}"
    ))
}

/// Two people swap their names, so that a name is another's from one version to the next.
fn rename(random: &mut Random) -> Statement {
    let (one, other) = (of::other_person(random), of::other_person(random));
    people(format!(
        "DO $$ DECLARE x text := (SELECT name FROM teamgraph.person WHERE id = {one});
                       y text := (SELECT name FROM teamgraph.person WHERE id = {other}); BEGIN
           IF x <> y THEN
             UPDATE teamgraph.person SET name = 'between' WHERE id = {one};
             UPDATE teamgraph.person SET name = x WHERE id = {other};
             UPDATE teamgraph.person SET name = y WHERE id = {one};
           END IF;
         END $$"
    ))
}

fn change_owner(random: &mut Random) -> Statement {
    let team = of::team(random);
    let owner = if random.below(2) == 0 { of::core_person(random) } else { of::core_team(random) };
    people(format!(
        "UPDATE teamgraph.person SET team_owner = {owner}
         WHERE id = {team} AND team_owner IS NOT NULL AND id <> {owner}"
    ))
}

fn savepoint(random: &mut Random) -> Statement {
    let (lost, kept) = (delete(random).sql, join(of::person(random), of::team(random), 2).sql);
    memberships(format!(
        "SAVEPOINT a; {lost}; DELETE FROM teamgraph.team_membership WHERE team % 2 = 0;
         ROLLBACK TO a; {kept}; RELEASE a"
    ))
}

/// Every member joins one team.
fn everybody_joins(random: &mut Random) -> Statement {
    let (factor, teams) = (1 + random.below(1_000), of::OTHER_TEAMS.end - of::CORE_TEAMS.start);
    let first = of::CORE_TEAMS.start;
    memberships(format!(
        "INSERT INTO teamgraph.team_membership (person, team, status)
         SELECT m.id, t.id, 2 + m.id % 2 FROM teamgraph.person m
         JOIN teamgraph.person t ON t.id = {first} + m.id * {factor} % {teams}
         WHERE t.id < m.id OR m.team_owner IS NULL
         ON CONFLICT (person, team) DO NOTHING"
    ))
}
