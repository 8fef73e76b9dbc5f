//! What the publication must be: there, whole, and alike for copy and stream.
//!
//! Owns the checks of the publication. It must not know settings, nor what identifies rows.

use super::check::Findings;
use super::config::FeedConfig;
use super::mapping::TableName;
use super::sql::identifier;
use super::tables::{Catalogue, TableFacts};
use tokio_postgres::{Client, Error};

/// Row filters and column lists of publications exist from here on.
const FILTERS_SINCE: i32 = 150_000;

const ACTIONS: &str = "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AS all_actions
                       FROM pg_publication WHERE pubname = $1";

/// A table that is published.
struct Published {
    name: TableName,
    /// The columns, if not all are.
    columns: Option<Vec<String>>,
    is_filtered: bool,
}

/// Checks the publication against the tables that were found.
pub(crate) async fn check(
    client: &Client,
    server_version: i32,
    config: &FeedConfig,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Result<(), Error> {
    let name = &config.publication;
    let what = format!("publication {}", identifier(name));
    let Some(row) = client.query_opt(ACTIONS, &[name]).await? else {
        let tables = config.mapping.tables();
        let tables: Vec<_> = tables.iter().map(|table| table.name.to_string()).collect();
        let fix =
            format!("CREATE PUBLICATION {} FOR TABLE {}", identifier(name), tables.join(", "));
        findings.error(&what, "does not exist in this database", &fix);
        return Ok(());
    };
    let all_actions = row.try_get("all_actions")?;
    let text = if all_actions { "publishes all actions" } else { "leaves out some actions" };
    let fix = format!(
        "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate')",
        identifier(name)
    );
    findings.require(all_actions, &what, text, &fix);
    let published = published(client, server_version, name).await?;
    for table in catalogue.tables() {
        check_table(&identifier(name), table, catalogue.via_root(), &published, findings);
    }
    Ok(())
}

async fn published(
    client: &Client,
    server_version: i32,
    publication: &str,
) -> Result<Vec<Published>, Error> {
    let filters = if server_version >= FILTERS_SINCE {
        "attnames::text[] AS columns, rowfilter IS NOT NULL AS filtered"
    } else {
        "NULL::text[] AS columns, false AS filtered"
    };
    let sql = format!(
        "SELECT schemaname::text AS schema, tablename::text AS table, {filters}
         FROM pg_publication_tables WHERE pubname = $1"
    );
    let mut published = Vec::new();
    for row in client.query(&sql, &[&publication]).await? {
        published.push(Published {
            name: TableName { schema: row.try_get("schema")?, table: row.try_get("table")? },
            columns: row.try_get("columns")?,
            is_filtered: row.try_get("filtered")?,
        });
    }
    Ok(published)
}

/// The table, or each of its partitions, must be published whole.
fn check_table(
    publication: &str,
    table: &TableFacts,
    via_root: bool,
    published: &[Published],
    findings: &mut Findings,
) {
    let what = &format!("publication {publication}");
    let root = table.name();
    let partitions = table.partitions().iter().map(|partition| &partition.name);
    let names: Vec<&TableName> =
        if table.is_partitioned() && !via_root { partitions.collect() } else { vec![root] };
    for name in names {
        let shown = if name == root {
            format!("table {root}")
        } else {
            format!("partition {name} of {root}")
        };
        let Some(found) = published.iter().find(|published| published.name == *name) else {
            let fix = format!("ALTER PUBLICATION {publication} ADD TABLE {root}");
            findings.error(what, &format!("lacks {shown}"), &fix);
            continue;
        };
        for (column, _) in table.columns() {
            let left_out = |columns: &Vec<String>| !columns.contains(column);
            if found.columns.as_ref().is_some_and(left_out) {
                let text = format!("leaves out column {} of {shown}", identifier(column));
                findings.error(what, &text, &format!("publish {root} without a column list"));
            }
        }
        if found.is_filtered {
            let text = format!("filters the rows of {shown}");
            findings.error(what, &text, &format!("publish {root} without WHERE"));
        }
    }
}
