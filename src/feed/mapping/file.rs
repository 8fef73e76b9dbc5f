//! The mapping file: an application's tables in TOML, one entry for each.
//!
//! Owns the keys, their defaults and every rule that needs no database. What is not written is
//! what can harm nobody: no names, no owners, no administrators; which rows are active, and what is
//! a team, must be written.

use super::{Condition, Mapping, MembersTable, MembershipsTable, Reference, TableName, Teams};
use crate::feed::sql::{Lexer, SyntaxError, Token};
use crate::id::{KeySpace, TableId};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Tables of each sort: each check of a catalogue asks some questions of each, and an
/// organisation's directory has a few.
const TABLES_MAX: usize = 64;

/// A mapping file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// It is not TOML, or has keys or values that are none of a mapping's.
    #[error("line {line}: {reason}")]
    File {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An entry is wrong.
    #[error("{place}: {reason}")]
    Entry {
        /// Which entry, and which key of it.
        place: String,
        /// What is wrong with it, and what to write.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    members: Vec<MembersEntry>,
    #[serde(default)]
    memberships: Vec<MembershipsEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersEntry {
    space: String,
    table: String,
    key: String,
    name: Option<String>,
    kind: Option<Kind>,
    team_when: Option<String>,
    owner: Option<String>,
    owner_in: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Person,
    Team,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipsEntry {
    table: String,
    key: Option<String>,
    member: String,
    member_in: Option<String>,
    team: String,
    team_in: Option<String>,
    active_when: Option<toml::Value>,
    admin_when: Option<String>,
}

/// Reads a mapping file's text.
pub(super) fn parse(text: &str) -> Result<Mapping, MappingError> {
    let at = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        MappingError::File { line, reason: error.message().to_owned() }
    };
    refuse_expiry(&text.parse().map_err(|error| at(&error))?)?;
    let file: File = toml::from_str(text).map_err(|error| at(&error))?;
    let spaces = Spaces::new(&file.members)?;
    if file.memberships.is_empty() || file.memberships.len() > TABLES_MAX {
        return Err(entry("[[memberships]]", format!("write 1 to {TABLES_MAX} of them")));
    }
    let members = file.members.iter().enumerate();
    let members: Vec<_> =
        members.map(|(at, it)| members_table(at, it, &spaces)).collect::<Result<_, _>>()?;
    let memberships = file.memberships.iter().enumerate();
    let memberships: Vec<_> =
        memberships.map(|(at, it)| memberships_table(at, it, &spaces)).collect::<Result<_, _>>()?;
    let mapping = Mapping { members, memberships };
    let mut seen = BTreeSet::new();
    for table in mapping.tables() {
        if !seen.insert(table.name.to_string()) {
            let reason = "is mapped twice: a row is a member or a membership, once".to_owned();
            return Err(entry(&format!("table {}", table.name), reason));
        }
    }
    Ok(mapping)
}

fn entry(place: &str, reason: String) -> MappingError {
    MappingError::Entry { place: place.to_owned(), reason }
}

/// Before unknown keys are refused, so that this one is refused with its reason.
fn refuse_expiry(file: &toml::Table) -> Result<(), MappingError> {
    let memberships = file.get("memberships").and_then(toml::Value::as_array);
    for (at, it) in memberships.into_iter().flatten().enumerate() {
        let keys = it.as_table().into_iter().flat_map(toml::Table::keys);
        if let Some(key) = keys.into_iter().find(|key| key.starts_with("expir")) {
            let reason = "expiry is not built yet: a membership counts until its row says otherwise, \
                          so let a job change the status, and leave this key out";
            return Err(entry(&memberships_place(at, key), reason.to_owned()));
        }
    }
    Ok(())
}

fn members_place(at: usize, key: &str) -> String {
    format!("[[members]] no. {}, {key}", at + 1)
}

fn memberships_place(at: usize, key: &str) -> String {
    format!("[[memberships]] no. {}, {key}", at + 1)
}

/// The key spaces by name, in the order of their entries.
struct Spaces<'a>(Vec<(&'a str, KeySpace, Option<Kind>)>);

impl<'a> Spaces<'a> {
    fn new(members: &'a [MembersEntry]) -> Result<Self, MappingError> {
        if members.is_empty() || members.len() > TABLES_MAX {
            return Err(entry("[[members]]", format!("write 1 to {TABLES_MAX} of them")));
        }
        let mut spaces: Vec<(&str, KeySpace, Option<Kind>)> = Vec::new();
        for (number, (at, it)) in (0_u16..).zip(members.iter().enumerate()) {
            let name = it.space.as_str();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let wrong = if name.is_empty() || !name.chars().all(plain) {
                "a key space is named by letters, digits, `_` and `-`"
            } else if spaces.iter().any(|(known, ..)| *known == name) {
                "another entry has this key space: each table is one of its own"
            } else {
                spaces.push((name, KeySpace(number), it.kind));
                continue;
            };
            return Err(entry(&members_place(at, "space"), wrong.to_owned()));
        }
        Ok(Spaces(spaces))
    }

    /// The space of that name; without a name the only one.
    fn find(
        &self,
        name: Option<&str>,
        place: &str,
    ) -> Result<(KeySpace, Option<Kind>), MappingError> {
        let names: Vec<_> = self.0.iter().map(|(name, ..)| *name).collect();
        let choice = names.join(", ");
        match (name, self.0.as_slice()) {
            (None, [(_, space, kind)]) => Ok((*space, *kind)),
            (None, _) => {
                Err(entry(place, format!("must say which key space is meant, one of: {choice}")))
            }
            (Some(name), spaces) => spaces
                .iter()
                .find(|(known, ..)| *known == name)
                .map(|(_, space, kind)| (*space, *kind))
                .ok_or_else(|| {
                    entry(place, format!("`{name}` is no key space; there are: {choice}"))
                }),
        }
    }

    fn of_teams(&self, name: Option<&str>, place: &str) -> Result<KeySpace, MappingError> {
        match self.find(name, place)? {
            (_, Some(Kind::Person)) => {
                Err(entry(place, "this key space holds people only, whom nobody can join".into()))
            }
            (space, Some(Kind::Team) | None) => Ok(space),
        }
    }
}

fn members_table(
    at: usize,
    it: &MembersEntry,
    spaces: &Spaces<'_>,
) -> Result<MembersTable, MappingError> {
    let place = |key: &str| members_place(at, key);
    let teams = match (it.kind, &it.team_when) {
        (Some(Kind::Person), None) => Teams::None,
        (Some(Kind::Team), None) => Teams::All,
        (None, Some(when)) => Teams::Where(condition(when, &place("team_when"))?),
        (Some(_), Some(_)) => {
            let reason = "one of kind and team_when says what is a team, not both";
            return Err(entry(&place("kind"), reason.to_owned()));
        }
        (None, None) => {
            let reason = "write kind = \"person\" or kind = \"team\", or team_when = \"CONDITION\" \
                          where the table holds both";
            return Err(entry(&place("kind"), reason.to_owned()));
        }
    };
    let owner = match (&it.owner, &it.owner_in) {
        (Some(_), _) if teams == Teams::None => {
            return Err(entry(&place("owner"), "people have no owner".to_owned()));
        }
        (Some(owner), space) => Some(Reference {
            column: column(owner, &place("owner"))?,
            space: spaces.find(space.as_deref(), &place("owner_in"))?.0,
        }),
        (None, Some(_)) => {
            return Err(entry(&place("owner_in"), "there is no owner column".to_owned()));
        }
        (None, None) => None,
    };
    Ok(MembersTable {
        table: table(&it.table, &place("table"))?,
        space: spaces.find(Some(&it.space), &place("space"))?.0,
        key: column(&it.key, &place("key"))?,
        name: it.name.as_deref().map(|name| column(name, &place("name"))).transpose()?,
        teams,
        owner,
    })
}

fn memberships_table(
    at: usize,
    it: &MembershipsEntry,
    spaces: &Spaces<'_>,
) -> Result<MembershipsTable, MappingError> {
    let place = |key: &str| memberships_place(at, key);
    let active = match &it.active_when {
        Some(toml::Value::Boolean(true)) => None,
        Some(toml::Value::String(when)) => Some(condition(when, &place("active_when"))?),
        Some(_) | None => {
            let reason = "say which rows count: active_when = \"CONDITION\", such as \"status = \
                          'active'\", or active_when = true if every row does";
            return Err(entry(&place("active_when"), reason.to_owned()));
        }
    };
    let admin = it.admin_when.as_deref();
    let member_in = it.member_in.as_deref();
    Ok(MembershipsTable {
        table: table(&it.table, &place("table"))?,
        // At most `TABLES_MAX`.
        id: TableId(u16::try_from(at).unwrap_or(u16::MAX)),
        key: it.key.as_deref().map(|key| column(key, &place("key"))).transpose()?,
        member: Reference {
            column: column(&it.member, &place("member"))?,
            space: spaces.find(member_in, &place("member_in"))?.0,
        },
        team: Reference {
            column: column(&it.team, &place("team"))?,
            space: spaces.of_teams(it.team_in.as_deref(), &place("team_in"))?,
        },
        active,
        admin: admin.map(|when| condition(when, &place("admin_when"))).transpose()?,
    })
}

fn of_syntax(place: &str, text: &str, error: &SyntaxError) -> MappingError {
    entry(place, format!("`{text}`: {error}"))
}

fn condition(text: &str, place: &str) -> Result<Condition, MappingError> {
    Condition::parse(text).map_err(|error| of_syntax(place, text, &error))
}

fn column(text: &str, place: &str) -> Result<String, MappingError> {
    let read = |mut lexer: Lexer<'_>| {
        let name = lexer.identifier("a column")?;
        lexer.end("the end: one column (keys of several columns are not supported)")?;
        Ok(name)
    };
    read(Lexer::new(text)).map_err(|error| of_syntax(place, text, &error))
}

fn table(text: &str, place: &str) -> Result<TableName, MappingError> {
    let read = |mut lexer: Lexer<'_>| {
        let schema = lexer.identifier("a schema")?;
        let dot = lexer.take()?;
        if dot.token != Token::Mark('.') {
            return Err(dot.unexpected("`.` (write SCHEMA.TABLE, such as public.person)"));
        }
        let table = lexer.identifier("a table")?;
        lexer.end("the end")?;
        Ok(TableName { schema, table })
    };
    read(Lexer::new(text)).map_err(|error| of_syntax(place, text, &error))
}

#[cfg(test)]
mod tests;
