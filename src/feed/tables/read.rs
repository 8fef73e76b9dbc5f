//! Questions to the catalogue.
//!
//! Owns the SQL. It must not know what is demanded.

use super::Partition;
use crate::feed::mapping::TableName;
use crate::feed::value::ColumnType;
use tokio_postgres::{Client, Error, Row};

/// A table as the catalogue has it.
pub(super) struct RelationFacts {
    pub(super) oid: u32,
    pub(super) kind: String,
    /// `d`efault, `f`ull, `i`ndex or `n`othing.
    pub(super) identity: String,
    pub(super) is_partition: bool,
    pub(super) is_logged: bool,
    pub(super) row_security: bool,
    pub(super) usable: bool,
    /// Ours, quoted.
    pub(super) role: String,
}

/// A column as the catalogue has it.
pub(super) struct ColumnFacts {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) type_name: String,
    pub(super) ty: ColumnType,
    /// An enum's labels.
    pub(super) labels: Vec<String>,
    pub(super) not_null: bool,
    pub(super) generated: bool,
    /// Its collation calls different texts equal.
    pub(super) loose: bool,
    pub(super) selectable: bool,
    /// Its type has a binary format.
    pub(super) sendable: bool,
}

/// An index as the catalogue has it.
pub(super) struct IndexFacts {
    pub(super) primary: bool,
    pub(super) identity: bool,
    /// Unique at every moment over all rows.
    pub(super) unique: bool,
    pub(super) columns: Vec<String>,
}

/// A partition that holds rows, as the catalogue has it.
pub(super) struct PartitionFacts {
    pub(super) partition: Partition,
    pub(super) is_table: bool,
    pub(super) is_logged: bool,
    pub(super) identity: String,
    /// The columns of the index that its identity is.
    pub(super) identity_columns: Vec<String>,
}

/// A publication as the catalogue has it.
pub(super) struct PublicationFacts {
    pub(super) via_root: bool,
    /// The identities and the last writers of its rows in the catalogue.
    pub(super) state: String,
}

const RELATION: &str = "
    SELECT c.oid, c.relkind::text AS kind, c.relreplident::text AS identity, c.relispartition,
           c.relpersistence = 'p' AS logged, row_security_active(c.oid) AS row_security,
           has_schema_privilege(n.oid, 'USAGE') AS usable, quote_ident(current_user) AS role
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

// A domain counts as the type below it, an enum as the text that is sent for it.
const COLUMNS: &str = "
    SELECT a.attname::text AS name, a.atttypid AS type_oid,
           format_type(a.atttypid, a.atttypmod) AS type_name, b.typname::text AS base_name,
           b.typtype::text AS base_kind, b.oid AS base_oid,
           a.attnotnull OR t.typnotnull AS not_null, a.attgenerated <> '' AS generated,
           coalesce(NOT c.collisdeterministic, false) AS loose,
           ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.oid
                 ORDER BY e.enumsortorder) AS labels,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS selectable,
           b.typsend <> 0 AS sendable
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
         LEFT JOIN pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped";

const INDEXES: &str = "
    SELECT i.indisprimary AS primary, i.indisreplident AS identity,
           i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
               AND i.indexprs IS NULL AS unique,
           ARRAY(SELECT a.attname::text FROM generate_series(0, i.indnkeyatts - 1) k
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k])
               AS columns
    FROM pg_index i WHERE i.indrelid = $1";

const PARTITIONS: &str = "
    SELECT c.oid, n.nspname::text AS schema, c.relname::text AS table, c.relfilenode AS storage,
           c.relkind = 'r' AS is_table, c.relpersistence = 'p' AS logged,
           c.relreplident::text AS identity,
           ARRAY(SELECT a.attname::text
                 FROM pg_index i CROSS JOIN generate_series(0, i.indnkeyatts - 1) k
                      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k]
                 WHERE i.indrelid = c.oid AND CASE c.relreplident
                     WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident
                     ELSE false END) AS identity_columns
    FROM pg_partition_tree($1::oid::regclass) p JOIN pg_class c ON c.oid = p.relid
         JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.isleaf AND c.oid <> $1 ORDER BY c.oid";

/// Publications of whole schemas exist from here on.
const PUBLISHED_SCHEMAS_SINCE: i32 = 150_000;

const PUBLICATION: &str = "
    SELECT p.pubviaroot AS via_root, concat_ws(' ', p.oid, p.xmin,
        (SELECT string_agg(concat_ws(':', r.oid, r.xmin), ' ' ORDER BY r.oid)
         FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = ANY ($2))";

const PUBLISHED_SCHEMAS: &str = ",
        (SELECT string_agg(concat_ws(':', s.oid, s.xmin), ' ' ORDER BY s.oid)
         FROM pg_publication_namespace s WHERE s.pnpubid = p.oid)";

pub(super) async fn relation(
    client: &Client,
    name: &TableName,
) -> Result<Option<RelationFacts>, Error> {
    let read = |row: Row| {
        Ok(RelationFacts {
            oid: row.try_get("oid")?,
            kind: row.try_get("kind")?,
            identity: row.try_get("identity")?,
            is_partition: row.try_get("relispartition")?,
            is_logged: row.try_get("logged")?,
            row_security: row.try_get("row_security")?,
            usable: row.try_get("usable")?,
            role: row.try_get("role")?,
        })
    };
    client.query_opt(RELATION, &[&name.schema, &name.table]).await?.map(read).transpose()
}

pub(super) async fn columns(client: &Client, oid: u32) -> Result<Vec<ColumnFacts>, Error> {
    let read = |row: &Row| {
        let base_oid: u32 = row.try_get("base_oid")?;
        let (base, kind): (&str, &str) = (row.try_get("base_name")?, row.try_get("base_kind")?);
        let ty = match ColumnType::of_oid(base_oid) {
            Some(ty) => ty,
            None if base == "citext" => ColumnType::CaselessText,
            None if kind == "e" => ColumnType::Text,
            None => ColumnType::Other,
        };
        Ok(ColumnFacts {
            name: row.try_get("name")?,
            type_oid: row.try_get("type_oid")?,
            type_name: row.try_get("type_name")?,
            ty,
            labels: row.try_get("labels")?,
            not_null: row.try_get("not_null")?,
            generated: row.try_get("generated")?,
            loose: row.try_get("loose")?,
            selectable: row.try_get("selectable")?,
            sendable: row.try_get("sendable")?,
        })
    };
    client.query(COLUMNS, &[&oid]).await?.iter().map(read).collect()
}

pub(super) async fn indexes(client: &Client, oid: u32) -> Result<Vec<IndexFacts>, Error> {
    let read = |row: &Row| {
        Ok(IndexFacts {
            primary: row.try_get("primary")?,
            identity: row.try_get("identity")?,
            unique: row.try_get("unique")?,
            columns: row.try_get("columns")?,
        })
    };
    client.query(INDEXES, &[&oid]).await?.iter().map(read).collect()
}

pub(super) async fn partitions(client: &Client, oid: u32) -> Result<Vec<PartitionFacts>, Error> {
    let read = |row: &Row| {
        let name = TableName { schema: row.try_get("schema")?, table: row.try_get("table")? };
        Ok(PartitionFacts {
            partition: Partition {
                oid: row.try_get("oid")?,
                name,
                storage: Some(row.try_get("storage")?),
            },
            is_table: row.try_get("is_table")?,
            is_logged: row.try_get("logged")?,
            identity: row.try_get("identity")?,
            identity_columns: row.try_get("identity_columns")?,
        })
    };
    client.query(PARTITIONS, &[&oid]).await?.iter().map(read).collect()
}

/// The publication, as far as it concerns these tables.
pub(super) async fn publication(
    client: &Client,
    server_version: i32,
    name: &str,
    oids: &[u32],
) -> Result<Option<PublicationFacts>, Error> {
    let schemas = if server_version >= PUBLISHED_SCHEMAS_SINCE { PUBLISHED_SCHEMAS } else { "" };
    let sql =
        format!("{PUBLICATION}{schemas}) AS state FROM pg_publication p WHERE p.pubname = $1");
    let read = |row: Row| {
        Ok(PublicationFacts { via_root: row.try_get("via_root")?, state: row.try_get("state")? })
    };
    client.query_opt(&sql, &[&name, &oids]).await?.map(read).transpose()
}
