//! What is demanded of each mapped table and its columns.
//!
//! Owns the order of the checks and those that concern columns. It must not know publications.

use super::identity;
use super::marks::Marks;
use super::partitions;
use super::read::{self, ColumnFacts, RelationFacts};
use super::{Catalogue, RowIdentity, TableFacts};
use crate::feed::check::Findings;
use crate::feed::mapping::{Identified, MappedTable, Mapping, TableName, Use};
use crate::feed::sql::identifier;
use crate::feed::value::{ColumnType, Family};
use crate::id::KeySpace;
use std::collections::HashMap;
use tokio_postgres::{Client, Error};

/// Checks each mapped table; the facts are whole only if no finding is an error.
pub(crate) async fn check(
    client: &Client,
    server_version: i32,
    mapping: &Mapping,
    publication: &str,
    findings: &mut Findings,
) -> Result<Catalogue, Error> {
    let mut catalogue = Catalogue::default();
    let mut families = Families::new(mapping);
    for mapped in mapping.tables() {
        let what = format!("table {}", mapped.name);
        let Some(relation) = read::relation(client, mapped.name).await? else {
            findings.error(&what, "does not exist", "create it, or correct the mapping");
            continue;
        };
        let columns = read::columns(client, relation.oid).await?;
        let errors = findings.errors();
        check_relation(&what, mapped.name, &relation, findings);
        let table = check_table(client, &what, &mapped, &relation, &columns, findings).await?;
        let used =
            |column: &&ColumnFacts| table.columns.iter().any(|(name, _)| column.name == *name);
        for column in columns.iter().filter(used) {
            if ColumnType::of_oid(column.type_oid).is_none() {
                catalogue.types.insert(column.type_oid, column.ty);
            }
        }
        families.note(&what, &mapped, &columns);
        if findings.errors() == errors {
            findings.ok(&what, "columns, key, replica identity and rights are right");
        }
        catalogue.tables.push(table);
    }
    families.check(findings);
    let tables = catalogue.tables.iter();
    let oids: Vec<u32> = tables
        .flat_map(|table| {
            std::iter::once(table.oid).chain(table.partitions().iter().map(|p| p.oid))
        })
        .collect();
    if let Some(facts) = read::publication(client, server_version, publication, &oids).await? {
        catalogue.via_root = facts.via_root;
        if !facts.via_root {
            catalogue.forget_storage();
        }
        catalogue.publication = facts.state;
        partitions::check_publishing(&catalogue, findings);
    }
    Ok(catalogue)
}

/// Columns, identity and partitions.
async fn check_table(
    client: &Client,
    what: &str,
    mapped: &MappedTable<'_>,
    relation: &RelationFacts,
    columns: &[ColumnFacts],
    findings: &mut Findings,
) -> Result<TableFacts, Error> {
    let indexes = read::indexes(client, relation.oid).await?;
    let identity = identity::check(what, mapped.identified, relation, columns, &indexes, findings);
    let mut uses = Vec::new();
    match (&identity, mapped.identified) {
        (Some(RowIdentity::Column(key)), _) => uses.push((key.as_str(), Use::Key)),
        (None, Identified::ByColumn(key)) => uses.push((key, Use::Key)),
        (Some(RowIdentity::Pair) | None, _) => {}
    }
    uses.extend(&mapped.uses);
    for (column, used) in &uses {
        check_column(what, &relation.role, (column, *used), columns, findings);
    }
    let names: Vec<&str> = uses.iter().map(|(name, _)| *name).collect();
    let marks = Marks::of_table(client, relation.oid, &names).await?;
    let partitions = if relation.kind == "p" {
        let found = read::partitions(client, relation.oid).await?;
        Some(partitions::check(what, relation, &indexes, found, findings))
    } else {
        None
    };
    Ok(TableFacts {
        oid: relation.oid,
        name: mapped.name.clone(),
        columns: in_order(&uses, columns),
        // Without one there is an error, and nothing is read.
        identity: identity.unwrap_or(RowIdentity::Pair),
        partitions,
        marks,
    })
}

/// Kind, persistence, row security, schema.
fn check_relation(what: &str, name: &TableName, relation: &RelationFacts, findings: &mut Findings) {
    let role = &relation.role;
    if !matches!(relation.kind.as_str(), "r" | "p") {
        let text = "is a view or a foreign table, whose changes are not in the log";
        findings.error(what, text, "map the table itself");
    } else if relation.is_partition {
        let text = "is a partition: a truncated or detached one would go unnoticed";
        findings.error(what, text, "map the partitioned table that it belongs to");
    } else if !relation.is_logged {
        let text = "is unlogged or temporary, so its changes are not in the log";
        findings.error(what, text, &format!("ALTER {what} SET LOGGED"));
    }
    if relation.row_security {
        let text = "row-level security would hide rows from the copy but not from the stream";
        findings.error(what, text, &format!("ALTER ROLE {role} BYPASSRLS"));
    }
    if !relation.usable {
        let fix = format!("GRANT USAGE ON SCHEMA {} TO {role}", identifier(&name.schema));
        findings.error(what, "the role may not use its schema", &fix);
    }
}

fn check_column(
    what: &str,
    role: &str,
    (name, used): (&str, Use<'_>),
    columns: &[ColumnFacts],
    findings: &mut Findings,
) {
    let shown = identifier(name);
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let text = format!("has no column {shown}");
        findings.error(what, &text, "create it, or correct the mapping");
        return;
    };
    check_type(what, column, used, findings);
    if column.generated {
        let text = format!("column {shown} is generated, so the change feed does not carry it");
        findings.error(what, &text, "map an ordinary column");
    }
    if used == Use::Key && !column.not_null {
        let text = format!("key column {shown} may be NULL");
        findings.error(what, &text, &format!("ALTER {what} ALTER COLUMN {shown} SET NOT NULL"));
    }
    if !column.selectable {
        let text = format!("the role may not read column {shown}");
        findings.error(what, &text, &format!("GRANT SELECT ON {what} TO {role}"));
    }
}

fn check_type(what: &str, column: &ColumnFacts, used: Use<'_>, findings: &mut Findings) {
    let shown = identifier(&column.name);
    let is_key = column.ty.family().is_some();
    let (supported, fix) = match used {
        Use::Key | Use::Reference(_) => (is_key, "use an integer, a uuid or a text type"),
        Use::Compared(_) => (
            is_key,
            "compare an integer, uuid, text or enum column; for a boolean one write the column \
             alone, or NOT and the column",
        ),
        Use::Name => {
            (column.ty.family() == Some(Family::Text), "use text, varchar or citext for names")
        }
        Use::Flag => (column.ty == ColumnType::Bool, "use a boolean column, or another condition"),
        Use::Presence => (true, ""),
    };
    if !supported {
        let text = format!("column {shown} has the type {}", column.type_name);
        findings.error(what, &text, fix);
        return;
    }
    if !column.sendable {
        let text =
            format!("column {shown} has the type {}, which cannot be copied", column.type_name);
        findings.error(what, &text, "map a column whose type has a send function");
    }
    if column.loose && matches!(used, Use::Key | Use::Reference(_) | Use::Compared(_)) {
        let text = format!("column {shown} has a collation that calls different texts equal");
        let fix =
            format!("ALTER {what} ALTER COLUMN {shown} TYPE text COLLATE \"C\", or use citext");
        findings.error(what, &text, &fix);
    }
    let Use::Compared(values) = used else { return };
    for value in values {
        if column.ty.literal(value).is_none() {
            let text =
                format!("column {shown} has the type {}, which {value} is not", column.type_name);
            findings.error(
                what,
                &text,
                "write an integer, or a text in single quotes, as the type is",
            );
        } else if !column.labels.is_empty() && !column.labels.contains(&value.to_string()) {
            let text = format!("the enum of column {shown} has no label '{value}'");
            findings.error(what, &text, &format!("its labels are {}", column.labels.join(", ")));
        }
    }
}

/// Each column that is used, once, in the order of first use.
fn in_order(uses: &[(&str, Use<'_>)], columns: &[ColumnFacts]) -> Vec<(String, ColumnType)> {
    let mut mapped: Vec<(String, ColumnType)> = Vec::new();
    for (name, _) in uses {
        let known = mapped.iter().any(|(known, _)| known == name);
        if let (false, Some(column)) = (known, columns.iter().find(|column| column.name == *name)) {
            mapped.push((column.name.clone(), column.ty));
        }
    }
    mapped
}

/// References must be comparable with the keys that they refer to: or they never meet.
struct Families<'a> {
    /// The key columns by key space.
    mapping: &'a Mapping,
    keys: HashMap<KeySpace, Comparison>,
    references: Vec<(String, String, KeySpace, Comparison)>,
}

/// How keys of a type compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Comparison {
    family: Family,
    /// Texts of this type are equal when their canonical forms are.
    text: Option<ColumnType>,
}

impl Comparison {
    fn of(ty: ColumnType) -> Option<Self> {
        let family = ty.family()?;
        Some(Comparison { family, text: (family == Family::Text).then_some(ty) })
    }
}

impl<'a> Families<'a> {
    fn new(mapping: &'a Mapping) -> Self {
        Families { mapping, keys: HashMap::new(), references: Vec::new() }
    }

    fn note(&mut self, what: &str, mapped: &MappedTable<'_>, columns: &[ColumnFacts]) {
        let of = |name: &str| {
            let column = columns.iter().find(|column| column.name == name);
            column.and_then(|column| Comparison::of(column.ty))
        };
        let members = self.mapping.members.iter().find(|members| members.table == *mapped.name);
        if let Some(members) = members
            && let Some(comparison) = of(&members.key)
        {
            self.keys.insert(members.space, comparison);
        }
        for (name, used) in &mapped.uses {
            if let Use::Reference(space) = used
                && let Some(comparison) = of(name)
            {
                self.references.push((what.to_owned(), identifier(name), *space, comparison));
            }
        }
    }

    fn check(&self, findings: &mut Findings) {
        for (what, column, space, comparison) in &self.references {
            if self.keys.get(space).is_some_and(|key| key != comparison) {
                let text = format!("column {column} cannot equal the keys that it refers to");
                findings.error(what, &text, "give both columns the same type");
            }
        }
    }
}
