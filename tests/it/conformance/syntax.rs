//! The text of cases: keys and changes, read and written.
//!
//! Owns the syntax of changes; questions are [`super::check`]'s. A key is an integer, a
//! `uuid:…`, or a word; `1/` before it puts it into key space 1.

use std::collections::BTreeMap;
use teamgraph::change::{Change, Membership, NamePut, RowId, RowKey};
use teamgraph::id::{Key, KeySpace, MemberKind, Role, SourceKey, TableId};

/// The status of a membership, as the built-in schema numbers them: only these two are active.
fn role_of_status(status: &str) -> Result<Option<Role>, String> {
    match status {
        "2" => Ok(Some(Role::Member)),
        "3" => Ok(Some(Role::Admin)),
        "1" | "4" | "5" | "6" | "7" | "8" => Ok(None),
        _ => Err(format!("status `{status}` is not one of 1 to 8")),
    }
}

fn status_of_role(role: Option<Role>) -> u8 {
    match role {
        Some(Role::Member) => 2,
        Some(Role::Admin) => 3,
        None => 4,
    }
}

fn plain_key(text: &str) -> Result<Key, String> {
    if let Some(uuid) = text.strip_prefix("uuid:") {
        let digits: String = uuid.chars().filter(|it| *it != '-').collect();
        let value = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32);
        let value = value.ok_or_else(|| format!("`{text}` is not a uuid"))?;
        return Ok(Key::Uuid(value.to_be_bytes()));
    }
    let is_word = |text: &str| text.chars().all(|it| it.is_alphanumeric() || "-_<".contains(it));
    match text.parse() {
        Ok(number) => Ok(Key::Int(number)),
        Err(_) if !text.is_empty() && is_word(text) => Ok(Key::Text(text.into())),
        Err(_) => Err(format!("`{text}` is not a key")),
    }
}

fn plain_key_text(key: &Key) -> String {
    match key {
        Key::Uuid(_) => format!("uuid:{key}"),
        Key::Int(_) | Key::Text(_) => key.to_string(),
    }
}

pub fn key(text: &str) -> Result<SourceKey, String> {
    let (space, key) = text.split_once('/').unwrap_or(("0", text));
    let space = space.parse().map_err(|_| format!("`{space}` is not a key space"))?;
    Ok(SourceKey { space: KeySpace(space), key: plain_key(key)? })
}

pub fn key_text(key: &SourceKey) -> String {
    let text = plain_key_text(&key.key);
    if key.space == KeySpace::DEFAULT { text } else { format!("{}/{text}", key.space.0) }
}

fn row(text: &str) -> Result<RowKey, String> {
    let (table, key) = text.split_once('.').ok_or_else(|| format!("`{text}` is not TABLE.ROW"))?;
    let key = match key.split_once('+') {
        Some((member, team)) => RowId::Pair(plain_key(member)?, plain_key(team)?),
        None => plain_key(key)?.into(),
    };
    Ok(RowKey { table: table_id(table)?, key })
}

fn table_id(text: &str) -> Result<TableId, String> {
    text.parse().map(TableId).map_err(|_| format!("`{text}` is not a table's number"))
}

/// The row of an edge in a table whose rows are unique by member and team.
fn row_of_edge(team: &str, member: &str) -> RowKey {
    RowKey { table: TableId(0), key: Key::Text(format!("{team}<{member}").into()).into() }
}

/// `name=value` words, each at most once and of the known ones.
fn options<'a>(words: &[&'a str], known: &[&str]) -> Result<BTreeMap<&'a str, &'a str>, String> {
    let mut options = BTreeMap::new();
    for word in words {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no option"))?;
        if !known.contains(&name) || options.insert(name, value).is_some() {
            return Err(format!("`{word}` is unknown here, or given twice"));
        }
    }
    Ok(options)
}

/// The change that the line makes; `None` if the line is no change.
pub fn change(line: &str) -> Result<Option<Change>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let change = match words.as_slice() {
        [verb @ ("person" | "team"), member, rest @ ..] => put(verb, member, rest)?,
        ["delete", member] => Change::MemberDelete { key: key(member)? },
        ["truncate-members", space] => {
            let space = space.parse().map_err(|_| format!("`{space}` is not a key space"))?;
            Change::MembersTruncate { space: KeySpace(space) }
        }
        ["+", team, member, rest @ ..] => row_put(row_of_edge(team, member), member, team, rest)?,
        ["row", at, member, team, rest @ ..] => row_put(row(at)?, member, team, rest)?,
        ["row", at, "inactive"] => Change::RowPut { row: row(at)?, states: None },
        ["-", team, member] => Change::RowDelete { row: row_of_edge(team, member) },
        ["delete-row", at] => Change::RowDelete { row: row(at)? },
        ["truncate-rows", table] => Change::RowsTruncate { table: table_id(table)? },
        _ => return Ok(None),
    };
    Ok(Some(change))
}

fn put(verb: &str, member: &str, rest: &[&str]) -> Result<Change, String> {
    let kind = if verb == "team" { MemberKind::Team } else { MemberKind::Person };
    let (name, rest) = match rest {
        ["keep-name", rest @ ..] => (Some(NamePut::Keep), rest),
        _ => (None, rest),
    };
    let options = options(rest, &["name", "owner"])?;
    let given = options.get("name").map(|name| (*name).into());
    if name.is_some() && given.is_some() {
        return Err("a name is kept or given, not both".to_owned());
    }
    let name = name.unwrap_or(NamePut::Set(given));
    let owner = options.get("owner").map(|owner| key(owner)).transpose()?;
    Ok(Change::MemberPut { key: key(member)?, kind, name, owner })
}

fn row_put(row: RowKey, member: &str, team: &str, rest: &[&str]) -> Result<Change, String> {
    let options = options(rest, &["status"])?;
    let role = role_of_status(options.get("status").unwrap_or(&"2"))?;
    let (member, team) = (key(member)?, key(team)?);
    Ok(Change::RowPut { row, states: role.map(|role| Membership { member, team, role }) })
}

/// The line that makes this change.
pub fn change_text(change: &Change) -> String {
    let row_text = |row: &RowKey| match &row.key {
        RowId::Key(key) => format!("{}.{}", row.table.0, plain_key_text(key)),
        RowId::Pair(member, team) => {
            format!("{}.{}+{}", row.table.0, plain_key_text(member), plain_key_text(team))
        }
    };
    match change {
        Change::MemberPut { key, kind, name, owner } => {
            let verb = if *kind == MemberKind::Team { "team" } else { "person" };
            let name = match name {
                NamePut::Keep => " keep-name".to_owned(),
                NamePut::Set(Some(name)) => format!(" name={name}"),
                NamePut::Set(None) => String::new(),
            };
            let owner = owner.as_ref().map(|it| format!(" owner={}", key_text(it)));
            format!("{verb} {}{name}{}", key_text(key), owner.unwrap_or_default())
        }
        Change::MemberDelete { key } => format!("delete {}", key_text(key)),
        Change::MembersTruncate { space } => format!("truncate-members {}", space.0),
        Change::RowPut { row, states: Some(Membership { member, team, role }) } => {
            let (member, team) = (key_text(member), key_text(team));
            let status = status_of_role(Some(*role));
            format!("row {} {member} {team} status={status}", row_text(row))
        }
        Change::RowPut { row, states: None } => format!("row {} inactive", row_text(row)),
        Change::RowDelete { row } => format!("delete-row {}", row_text(row)),
        Change::RowsTruncate { table } => format!("truncate-rows {}", table.0),
    }
}
