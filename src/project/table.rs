//! The projected table, as the target's catalogue has it.
//!
//! Owns finding the table and what it must be like: an ordinary table whose two key columns are
//! never NULL and have a unique index. It must not know what is written into it.

use super::error::ProjectError;
use super::keys::{fits, is_key_type, is_text, type_for, type_name_for};
use super::options::{SourceNames, TableNames};
use crate::id::Key;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A table of two columns of keys, and perhaps others that fill themselves.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// None for a table that is still to be made.
    pub(super) oid: Option<u32>,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) team: Column,
    pub(super) person: Column,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) of_type: Type,
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// The table, if there is one; an error if there is something that cannot be used.
    pub(super) async fn find(
        client: &Client,
        names: &TableNames,
    ) -> Result<Option<Self>, ProjectError> {
        let shown = match &names.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&names.table)),
            None => quoted(&names.table),
        };
        let looked = ProjectError::statement("look for the table");
        let found = client
            .query_opt(
                "SELECT n.nspname::text, c.relkind::text, c.oid FROM pg_class c
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
                &[&shown],
            )
            .await
            .map_err(looked)?;
        let Some(found) = found else { return Ok(None) };
        let (schema, kind, oid): (String, String, u32) = (found.get(0), found.get(1), found.get(2));
        let shown = format!("{}.{}", quoted(&schema), quoted(&names.table));
        if !matches!(kind.as_str(), "r" | "p") {
            return Err(ProjectError::NoTable { table: shown });
        }
        let (team, team_at) = column(client, oid, &shown, &names.team).await?;
        let (person, person_at) = column(client, oid, &shown, &names.person).await?;
        let looked = ProjectError::statement("look for the table's unique indexes");
        let unique = client
            .query_one(
                "SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = $1 AND indisunique
                    AND indisvalid AND indpred IS NULL AND indnkeyatts = 2
                    AND (indkey[0], indkey[1]) IN (($2, $3), ($3, $2)))",
                &[&oid, &team_at, &person_at],
            )
            .await
            .map_err(looked)?;
        if !unique.get::<_, bool>(0) {
            let (team, person) = (quoted(&names.team), quoted(&names.person));
            return Err(ProjectError::NotUnique { table: shown, team, person });
        }
        Ok(Some(Table { oid: Some(oid), schema, name: names.table.clone(), team, person }))
    }

    /// The table that there is to be, for such keys.
    pub(super) async fn planned(
        client: &Client,
        names: &TableNames,
        team: &Key,
        person: &Key,
    ) -> Result<Self, ProjectError> {
        let schema = match &names.schema {
            Some(schema) => schema.clone(),
            None => current_schema(client).await?,
        };
        let column = |name: &String, key| Column { name: name.clone(), of_type: type_for(key) };
        let (team, person) = (column(&names.team, team), column(&names.person, person));
        Ok(Table { oid: None, schema, name: names.table.clone(), team, person })
    }

    /// Its name as SQL has it.
    pub(super) fn sql(&self) -> String {
        self.beside(&self.name)
    }

    /// Another name of its schema, as SQL has it.
    pub(super) fn beside(&self, name: &str) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(name))
    }

    /// Refuses a key that its column cannot hold.
    pub(super) fn check_key(&self, column: &Column, key: &Key) -> Result<(), ProjectError> {
        if fits(key, &column.of_type) {
            return Ok(());
        }
        Err(ProjectError::Key {
            table: self.sql(),
            column: quoted(&column.name),
            of_type: column.of_type.name().to_owned(),
            key: key.to_string(),
            fix: type_name_for(key),
        })
    }

    /// Refuses if one of the tables of this schema is in the publication that is followed.
    pub(super) async fn refuse_published(
        &self,
        client: &Client,
        source: &SourceNames,
        tables: &[&str],
    ) -> Result<(), ProjectError> {
        let found = client
            .query_opt(
                "SELECT tablename::text FROM pg_publication_tables
                 WHERE pubname = $1 AND schemaname = $2 AND tablename = ANY($3) LIMIT 1",
                &[&source.publication, &self.schema, &tables],
            )
            .await
            .map_err(ProjectError::statement("look into the publication"))?;
        let Some(found) = found else { return Ok(()) };
        Err(ProjectError::Published {
            table: self.beside(found.get(0)),
            publication: source.publication.clone(),
        })
    }
}

impl Column {
    /// Its name as SQL has it.
    pub(super) fn sql(&self) -> String {
        quoted(&self.name)
    }

    /// How to order by it as keys are ordered here.
    pub(super) fn order(&self) -> String {
        let collation = if is_text(&self.of_type) { " COLLATE \"C\"" } else { "" };
        format!("{}{collation}", self.sql())
    }
}

/// Where a table without a schema is made.
async fn current_schema(client: &Client) -> Result<String, ProjectError> {
    let found = client
        .query_one("SELECT coalesce(current_schema()::text, 'public')", &[])
        .await
        .map_err(ProjectError::statement("ask for the schema"))?;
    Ok(found.get(0))
}

/// The column, and its number in the table.
async fn column(
    client: &Client,
    oid: u32,
    table: &str,
    name: &str,
) -> Result<(Column, i16), ProjectError> {
    let found = client
        .query_opt(
            "SELECT atttypid, attnotnull, attnum, format_type(atttypid, atttypmod)
             FROM pg_attribute
             WHERE attrelid = $1 AND attname = $2 AND attnum > 0 AND NOT attisdropped",
            &[&oid, &name],
        )
        .await
        .map_err(ProjectError::statement("look for the table's columns"))?;
    let unfit = |problem: String| ProjectError::Column {
        table: table.to_owned(),
        column: quoted(name),
        problem,
    };
    let found = found.ok_or_else(|| unfit("does not exist".to_owned()))?;
    let of_type = Type::from_oid(found.get(0)).filter(is_key_type);
    let of_type = of_type.ok_or_else(|| {
        let shown: String = found.get(3);
        unfit(format!("is of type {shown}, which holds no keys"))
    })?;
    if !found.get::<_, bool>(1) {
        return Err(unfit("can be NULL (ALTER COLUMN … SET NOT NULL)".to_owned()));
    }
    Ok((Column { name: name.to_owned(), of_type }, found.get(2)))
}
