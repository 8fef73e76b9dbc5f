//! The text of PostgreSQL's `test_decoding`, read.
//!
//! Owns its grammar as far as the two tables need it. See
//! [the manual](https://www.postgresql.org/docs/current/test-decoding.html) and the plugin's
//! `expected/` files for what it prints.

use crate::rows::{Change, Membership, Person};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;

const PERSON: &str = "teamgraph.person";
const MEMBERSHIP: &str = "teamgraph.team_membership";

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Begin,
    Commit,
    Changes(Vec<Change>),
}

type Columns<'a> = BTreeMap<&'a str, Option<String>>;

pub fn read(text: &str) -> anyhow::Result<Line> {
    let line = read_line(text);
    line.with_context(|| format!("test_decoding: {text}"))
}

fn read_line(text: &str) -> anyhow::Result<Line> {
    if text.starts_with("BEGIN") {
        return Ok(Line::Begin);
    }
    if text.starts_with("COMMIT") {
        return Ok(Line::Commit);
    }
    let Some(rest) = text.strip_prefix("table ") else {
        // Messages, which nobody is interested in here.
        return Ok(Line::Changes(Vec::new()));
    };
    let (tables, rest) = rest.split_once(": ").context("no table")?;
    if rest.starts_with("TRUNCATE") {
        return Ok(Line::Changes(tables.split(", ").filter_map(truncated).collect()));
    }
    let (what, rest) = rest.split_once(": ").context("no action")?;
    let changes = match tables {
        PERSON | MEMBERSHIP if rest == "(no-tuple-data)" => bail!("a row without its key"),
        PERSON => row(what, rest, &person, Change::PersonDelete)?,
        MEMBERSHIP => row(what, rest, &membership, Change::MembershipDelete)?,
        _ => Vec::new(),
    };
    Ok(Line::Changes(changes))
}

fn truncated(table: &str) -> Option<Change> {
    match table {
        PERSON => Some(Change::PeopleTruncate),
        MEMBERSHIP => Some(Change::MembershipsTruncate),
        _ => None,
    }
}

fn row(
    what: &str,
    rest: &str,
    put: &impl Fn(&Columns<'_>) -> anyhow::Result<Change>,
    delete: impl Fn(i64) -> Change,
) -> anyhow::Result<Vec<Change>> {
    Ok(match what {
        "INSERT" => vec![put(&columns(rest)?)?],
        "DELETE" => vec![delete(number(&columns(rest)?, "id")?)],
        "UPDATE" => match rest.strip_prefix("old-key: ") {
            None => vec![put(&columns(rest)?)?],
            Some(rest) => {
                let (old, new) = rest.split_once(" new-tuple: ").context("no new row")?;
                vec![delete(number(&columns(old)?, "id")?), put(&columns(new)?)?]
            }
        },
        other => bail!("unknown action {other}"),
    })
}

fn person(columns: &Columns<'_>) -> anyhow::Result<Change> {
    let name = columns.get("name").cloned().flatten().context("no name")?;
    let owner = columns.get("team_owner").context("no owner")?.as_deref();
    let owner = owner.map(str::parse).transpose()?;
    Ok(Change::PersonPut(number(columns, "id")?, Person { name, owner }))
}

fn membership(columns: &Columns<'_>) -> anyhow::Result<Change> {
    // Renamed for a while by one of the faults.
    let status = if columns.contains_key("status") { "status" } else { "standing" };
    let membership = Membership {
        person: number(columns, "person")?,
        team: number(columns, "team")?,
        status: number(columns, status)?,
    };
    Ok(Change::MembershipPut(number(columns, "id")?, membership))
}

fn number(columns: &Columns<'_>, name: &str) -> anyhow::Result<i64> {
    let value = columns.get(name).cloned().flatten();
    Ok(value.with_context(|| format!("no {name}"))?.parse()?)
}

/// `name[type]:value`, with a space between one and the next; text is in quotes, and a quote in it
/// doubled.
fn columns(mut rest: &str) -> anyhow::Result<Columns<'_>> {
    let mut columns = Columns::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('[').context("no column")?;
        let (_type, after) = after.split_once("]:").context("no type")?;
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let (value, after) = after.split_once(' ').unwrap_or((after, ""));
                ensure!(value != "unchanged-toast-datum", "a value that is not there");
                ((value != "null").then(|| value.to_owned()), after)
            }
        };
        columns.insert(name, value);
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Ok(columns)
}

fn quoted_value(quoted: &str) -> anyhow::Result<(Option<String>, &str)> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'').context("a quote without its end")?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Ok((Some(value), after)),
        }
    }
}

/// Reads lines of every kind once, at each start: a harness has no tests of its own.
pub fn prove() -> anyhow::Result<()> {
    let inserted = "table teamgraph.person: INSERT: id[bigint]:7 name[text]:'o''x [a]:b' \
                    team_owner[bigint]:null date_created[timestamp with time zone]:'2026-01-01'";
    let person = Person { name: "o'x [a]:b".into(), owner: None };
    let moved = "table teamgraph.team_membership: UPDATE: old-key: id[bigint]:1 new-tuple: \
                 id[bigint]:2 person[bigint]:3 team[bigint]:4 status[integer]:2";
    let membership = Membership { person: 3, team: 4, status: 2 };
    let both = "table teamgraph.team_membership, teamgraph.person: TRUNCATE: cascade";
    for (text, expected) in [
        (inserted, vec![Change::PersonPut(7, person)]),
        (moved, vec![Change::MembershipDelete(1), Change::MembershipPut(2, membership)]),
        ("table teamgraph.person: DELETE: id[bigint]:-5", vec![Change::PersonDelete(-5)]),
        ("table public.other: INSERT: a[text]:'b'", vec![]),
        (both, vec![Change::MembershipsTruncate, Change::PeopleTruncate]),
    ] {
        let found = read(text)?;
        ensure!(found == Line::Changes(expected), "{text} was read as {found:?}");
    }
    Ok(())
}
