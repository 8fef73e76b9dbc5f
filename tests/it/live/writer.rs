//! A writer that does everything an application may do to memberships, at random.
//!
//! Owns the SQL. What collides (with constraints, with other writers) is rolled back, which is
//! as good a test as what is not.

use super::dice::Dice;
use super::source::{LOOK, try_connect};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

/// What a writer came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Transactions whose commit was acknowledged.
    pub committed: u32,
    /// Transactions that were rolled back.
    pub rolled_back: u32,
    /// Connections that were lost.
    pub lost: u32,
}

/// Writes until told to stop, on a new connection whenever one is lost. With `truncates`, seldom
/// everything goes at once; otherwise what has a negative key is left alone.
pub async fn write_at_random(
    url: String,
    mut dice: Dice,
    truncates: bool,
    done: CancellationToken,
) -> Tally {
    let mut tally = Tally::default();
    while !done.is_cancelled() {
        let Ok(sql) = try_connect(&url).await else {
            tokio::time::sleep(LOOK * 4).await;
            continue;
        };
        while !done.is_cancelled() {
            match transaction(&sql, &mut dice, truncates).await {
                Some(true) => tally.committed += 1,
                Some(false) => tally.rolled_back += 1,
                None => {
                    tally.lost += 1;
                    break;
                }
            }
            tokio::time::sleep(LOOK / 2).await;
        }
    }
    tally
}

/// One transaction: whether it was committed; none if the connection is lost.
async fn transaction(sql: &Client, dice: &mut Dice, truncates: bool) -> Option<bool> {
    let mut steps: Vec<String> = (0..=dice.below(4)).map(|_| step(dice)).collect();
    if truncates && dice.below(200) == 0 {
        let again = [everybody_joins(dice), everybody_joins(dice)];
        steps.splice(
            0..0,
            ["TRUNCATE teamgraph.team_membership".to_owned()].into_iter().chain(again),
        );
    }
    let end = if dice.below(12) == 0 { "ROLLBACK" } else { "COMMIT" };
    match sql.batch_execute(&format!("BEGIN; {}; {end}", steps.join("; "))).await {
        Ok(()) => Some(end == "COMMIT"),
        Err(error) => {
            if let Some(error) = error.as_db_error() {
                let expected = [
                    "23502", // nobody was found at that place
                    "23503", // somebody is still referred to
                    "23505", // it is there already
                    "23514", // an owner of itself
                    "40P01", // deadlock
                    "57P01", // the server shuts down
                ];
                assert!(expected.contains(&error.code().code()), "{steps:?}: {error:?}");
            }
            sql.batch_execute("ROLLBACK").await.ok()?;
            Some(false)
        }
    }
}

/// The key of some person or team: the first one from a place of the table on.
fn someone(dice: &mut Dice, which: &str) -> String {
    let share = dice.share();
    format!(
        "(SELECT id FROM teamgraph.person WHERE team_owner {which} AND id >=
          (SELECT (max(id) * {share})::bigint FROM teamgraph.person) ORDER BY id LIMIT 1)"
    )
}

fn person(dice: &mut Dice) -> String {
    someone(dice, "IS NULL")
}

fn team(dice: &mut Dice) -> String {
    someone(dice, "IS NOT NULL")
}

/// The keys of some neighbouring memberships.
fn rows(dice: &mut Dice, limit: u64) -> String {
    let (share, limit) = (dice.share(), 1 + dice.below(limit));
    format!(
        "(SELECT id FROM teamgraph.team_membership WHERE id >=
          (SELECT (max(id) * {share})::bigint FROM teamgraph.team_membership)
          ORDER BY id LIMIT {limit})"
    )
}

/// Joins `member` to `team`, both SQL, whatever was between them.
fn join(member: &str, team: &str, status: u64) -> String {
    format!(
        "INSERT INTO teamgraph.team_membership (person, team, status)
         SELECT m, t, {status} FROM (SELECT {member} AS m, {team} AS t) AS pair
         ON CONFLICT (person, team) DO UPDATE SET status = excluded.status"
    )
}

/// Mostly one that counts.
fn status(dice: &mut Dice) -> u64 {
    if dice.below(4) == 0 { 1 + dice.below(8) } else { 2 + dice.below(2) }
}

fn step(dice: &mut Dice) -> String {
    match dice.below(100) {
        0..19 => join(&person(dice), &team(dice), status(dice)),
        19 => everybody_joins(dice),
        20..28 => nest(dice),
        28..36 => {
            let share = dice.share();
            format!(
                "DELETE FROM teamgraph.team_membership WHERE id IN (
                   SELECT e.id FROM teamgraph.team_membership e
                   JOIN teamgraph.person p ON p.id = e.person AND p.team_owner IS NOT NULL
                   WHERE e.id >= (SELECT (max(id) * {share})::bigint FROM teamgraph.team_membership)
                   ORDER BY e.id LIMIT 1)"
            )
        }
        36..48 => {
            let (status, rows) = (status(dice), rows(dice, 4));
            format!("UPDATE teamgraph.team_membership SET status = {status} WHERE id IN {rows}")
        }
        48..56 => format!("DELETE FROM teamgraph.team_membership WHERE id IN {}", rows(dice, 4)),
        56..64 => {
            let (team, rows) = (team(dice), rows(dice, 1));
            format!("UPDATE teamgraph.team_membership SET team = {team} WHERE id IN {rows}")
        }
        64..70 => merge(&person(dice), &person(dice)),
        70..76 => newcomers(dice),
        76..80 => hard_delete(&person(dice)),
        80..82 => hard_delete(&team(dice)),
        82..86 => {
            let whom = if dice.below(2) == 0 { person(dice) } else { team(dice) };
            format!(
                "UPDATE teamgraph.person
                 SET team_owner = CASE WHEN team_owner IS NULL THEN 1 END WHERE id = {whom}"
            )
        }
        86..90 => swap_names(&person(dice), &team(dice)),
        90..93 => {
            // The row's own key is that of its replica identity.
            let rows = rows(dice, 2);
            format!(
                "UPDATE teamgraph.team_membership SET id = nextval(
                   pg_get_serial_sequence('teamgraph.team_membership', 'id')) WHERE id IN {rows}"
            )
        }
        93..98 => {
            let (lost, kept) = (step_of_people(dice), step_of_people(dice));
            format!(
                "SAVEPOINT a; {lost}; DELETE FROM teamgraph.team_membership;
                 ROLLBACK TO a; {kept}; RELEASE a"
            )
        }
        _ => {
            "DELETE FROM teamgraph.team_membership WHERE status NOT IN (2, 3) AND id > 0".to_owned()
        }
    }
}

fn step_of_people(dice: &mut Dice) -> String {
    join(&person(dice), &team(dice), 2)
}

/// Every member joins one team, teams only one of a lower key.
fn everybody_joins(dice: &mut Dice) -> String {
    let factor = 1 + dice.below(1_000);
    format!(
        "INSERT INTO teamgraph.team_membership (person, team, status)
         SELECT m.id, t.id, 2 + m.id % 2
         FROM (SELECT id, team_owner, row_number() OVER (ORDER BY id) AS place
               FROM teamgraph.person WHERE id > 0) m
         JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS count
               FROM teamgraph.person WHERE team_owner IS NOT NULL AND id > 0) t
           ON t.place = 1 + m.place * {factor} % t.count
         WHERE m.team_owner IS NULL OR t.id < m.id
         ON CONFLICT (person, team) DO NOTHING"
    )
}

/// Mostly downwards by key, so that a hierarchy emerges; seldom against it, so that cycles do.
fn nest(dice: &mut Dice) -> String {
    let (one, other) = (team(dice), team(dice));
    let (least, greatest) =
        if dice.below(15) == 0 { ("greatest", "least") } else { ("least", "greatest") };
    let (member, team) =
        (format!("{greatest}({one}, {other})"), format!("{least}({one}, {other})"));
    join(&member, &team, 2 + dice.below(2))
}

/// What is one person's becomes another's: the change that carries no old key in the feed.
pub fn merge(from: &str, into: &str) -> String {
    format!(
        "DO $$ DECLARE a bigint := {from}; b bigint := {into}; BEGIN
           DELETE FROM teamgraph.team_membership x USING teamgraph.team_membership y
             WHERE x.person = a AND y.person = b AND x.team = y.team;
           UPDATE teamgraph.team_membership SET person = b WHERE person = a;
           DELETE FROM teamgraph.person WHERE id = a;
         END $$"
    )
}

fn newcomers(dice: &mut Dice) -> String {
    let (count, team) = (1 + dice.below(25), team(dice));
    format!(
        "WITH made AS (
           INSERT INTO teamgraph.person (name, display_name)
           SELECT 'new-' || g || '-' || gen_random_uuid(), '' FROM generate_series(1, {count}) g
           RETURNING id)
         INSERT INTO teamgraph.team_membership (person, team, status)
           SELECT id, {team}, 2 FROM made"
    )
}

fn hard_delete(whom: &str) -> String {
    format!(
        "DO $$ DECLARE a bigint := {whom}; BEGIN
           DELETE FROM teamgraph.team_membership WHERE person = a OR team = a;
           DELETE FROM teamgraph.person WHERE id = a;
         END $$"
    )
}

fn swap_names(one: &str, other: &str) -> String {
    format!(
        "DO $$ DECLARE a bigint := {one}; b bigint := {other};
                       x text := (SELECT name FROM teamgraph.person WHERE id = a);
                       y text := (SELECT name FROM teamgraph.person WHERE id = b); BEGIN
           UPDATE teamgraph.person SET name = gen_random_uuid() WHERE id = a;
           UPDATE teamgraph.person SET name = x WHERE id = b;
           UPDATE teamgraph.person SET name = y WHERE id = a;
         END $$"
    )
}
