//! What tells a table's rows from one another, and whether each delete carries it.
//!
//! Owns the rules about keys and
//! [replica identity](https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY).
//! A row is identified by one column, or, in a table of memberships, by the member and the team
//! together. Whichever it is must be unique and never NULL, and must be among the columns that the
//! replica identity makes every delete and every change of them carry.

use super::RowIdentity;
use super::read::{ColumnFacts, IndexFacts, RelationFacts};
use crate::feed::check::Findings;
use crate::feed::mapping::Identified;
use crate::feed::sql::{identifier, identifiers};

/// What deletes carry.
enum Carried<'a> {
    /// The whole row.
    All,
    /// These columns, of the index of this name for people.
    Columns(&'static str, &'a [String]),
}

impl Carried<'_> {
    fn has(&self, column: &str) -> bool {
        match self {
            Carried::All => true,
            Carried::Columns(_, columns) => columns.iter().any(|known| known == column),
        }
    }
}

/// Decides what identifies the rows; none if there is an error.
pub(super) fn check(
    what: &str,
    identified: Identified<'_>,
    relation: &RelationFacts,
    columns: &[ColumnFacts],
    indexes: &[IndexFacts],
    findings: &mut Findings,
) -> Option<RowIdentity> {
    let carried = carried(what, relation, indexes, findings)?;
    match identified {
        Identified::ByColumn(key) => {
            // A column that is not there is an error of its own.
            if columns.iter().any(|column| column.name == key) {
                by_column(what, key, &carried, indexes, findings);
            }
            Some(RowIdentity::Column(key.to_owned()))
        }
        Identified::ByIdentity { member, team } => {
            by_identity(what, (member, team), &carried, columns, indexes, findings)
        }
    }
}

fn carried<'a>(
    what: &str,
    relation: &RelationFacts,
    indexes: &'a [IndexFacts],
    findings: &mut Findings,
) -> Option<Carried<'a>> {
    let of = |name: &'static str, found: Option<&'a IndexFacts>| {
        found.map(|index| Carried::Columns(name, &index.columns))
    };
    let carried = match relation.identity.as_str() {
        "f" => return Some(Carried::All),
        "d" => of("DEFAULT, the primary key", indexes.iter().find(|index| index.primary)),
        "i" => of("an index", indexes.iter().find(|index| index.identity)),
        _ => {
            findings.error(
                what,
                "replica identity is NOTHING: the application's updates and deletes fail once the \
                 table is published",
                &format!("ALTER {what} REPLICA IDENTITY DEFAULT (or FULL)"),
            );
            return None;
        }
    };
    if carried.is_none() {
        findings.error(
            what,
            "has no replica identity (its primary key or identity index is missing): the \
             application's updates and deletes fail once the table is published",
            &format!("ALTER {what} ADD PRIMARY KEY (…), or ALTER {what} REPLICA IDENTITY FULL"),
        );
    }
    carried
}

/// The key that the mapping names.
fn by_column(
    what: &str,
    key: &str,
    carried: &Carried<'_>,
    indexes: &[IndexFacts],
    findings: &mut Findings,
) {
    let shown = identifier(key);
    if !is_unique(indexes, &[key]) {
        let text = format!("key column {shown} is not unique by itself");
        findings.error(what, &text, &format!("ALTER {what} ADD UNIQUE ({shown})"));
    }
    if let (false, Carried::Columns(kind, columns)) = (carried.has(key), carried) {
        let text = format!(
            "replica identity is {kind} ({}), without {shown}, so deletes do not carry it",
            identifiers(columns.iter().map(String::as_str))
        );
        findings.error(what, &text, &format!("ALTER {what} REPLICA IDENTITY FULL"));
    }
}

/// The replica identity's only column, or the member and the team.
fn by_identity(
    what: &str,
    (member, team): (&str, &str),
    carried: &Carried<'_>,
    columns: &[ColumnFacts],
    indexes: &[IndexFacts],
    findings: &mut Findings,
) -> Option<RowIdentity> {
    let pair_is_unique = is_unique(indexes, &[member, team]);
    let single = match carried {
        Carried::Columns(_, [one]) => Some(one),
        Carried::Columns(..) => None,
        Carried::All => match indexes.iter().find(|index| index.primary) {
            Some(IndexFacts { columns, .. }) if columns.len() == 1 => columns.first(),
            Some(_) | None => None,
        },
    };
    if let Some(one) = single {
        return Some(RowIdentity::Column(one.clone()));
    }
    let pair = identifiers([member, team]);
    if carried.has(member) && carried.has(team) && pair_is_unique {
        let nullable =
            |name: &&&str| columns.iter().any(|column| column.name == **name && !column.not_null);
        for column in [member, team].iter().filter(nullable) {
            let column = identifier(column);
            let text = format!("column {column} identifies the row with another, and may be NULL");
            let fix = format!("ALTER {what} ALTER COLUMN {column} SET NOT NULL");
            findings.error(what, &text, &fix);
        }
        return Some(RowIdentity::Pair);
    }
    let (text, fix) = match carried {
        Carried::All => (
            format!(
                "replica identity is FULL, and neither a primary key of one column nor ({pair}) \
                     is unique: nothing tells its rows from one another"
            ),
            format!(
                "ALTER {what} ADD UNIQUE ({pair}), or name a unique column as key in the mapping"
            ),
        ),
        Carried::Columns(kind, columns) if carried.has(member) && carried.has(team) => (
            format!(
                "replica identity is {kind} ({}), but ({pair}) is not unique by itself",
                identifiers(columns.iter().map(String::as_str))
            ),
            format!(
                "ALTER {what} ADD UNIQUE ({pair}), or name a unique column as key in the mapping"
            ),
        ),
        Carried::Columns(kind, columns) => (
            format!(
                "replica identity is {kind} ({}), which is neither one column nor has both {pair}: \
                 keys of several columns are not supported",
                identifiers(columns.iter().map(String::as_str))
            ),
            format!(
                "name a unique column of it as key in the mapping, or ALTER {what} REPLICA \
                     IDENTITY FULL"
            ),
        ),
    };
    findings.error(what, &text, &fix);
    None
}

/// Whether an index makes these columns, or some of them, unique.
fn is_unique(indexes: &[IndexFacts], columns: &[&str]) -> bool {
    let within =
        |index: &IndexFacts| index.columns.iter().all(|column| columns.contains(&column.as_str()));
    indexes.iter().any(|index| index.unique && !index.columns.is_empty() && within(index))
}
