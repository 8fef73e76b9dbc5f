//! By which to tell that rows changed, or may have, in a way that no change feed carries.
//!
//! Owns what is read of the catalogue for it. It must not know what is done about a change.

use crate::resume::TableMarks;
use tokio_postgres::Client;

/// One table's marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The table's persistence and the mapped columns' numbers: a column that was dropped and
    /// added anew has another.
    places: String,
    /// The last writer of each mapped column's definition.
    definitions: String,
    /// The files of the table and of its partitions.
    files: String,
}

// One query, because definitions and files must be of one moment.
const MARKS: &str = "
    SELECT concat_ws(' ', c.relpersistence,
               (SELECT string_agg(a.attnum::text, ' ' ORDER BY a.attnum)
                FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY ($2))) AS places,
           coalesce(
               (SELECT string_agg(concat_ws(':', a.attnum, a.xmin), ' ' ORDER BY a.attnum)
                FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY ($2)), '')
               AS definitions,
           (WITH RECURSIVE part(oid) AS (
                SELECT c.oid UNION ALL
                SELECT i.inhrelid FROM pg_inherits i JOIN part ON i.inhparent = part.oid)
            SELECT string_agg(f.relfilenode::text, ' ' ORDER BY f.oid)
            FROM part JOIN pg_class f ON f.oid = part.oid) AS files
    FROM pg_class c WHERE c.oid = $1";

impl Marks {
    /// The marks of a table; none, which are another's, if it is gone just now.
    pub(crate) async fn of_table(
        client: &Client,
        oid: u32,
        columns: &[&str],
    ) -> Result<Self, tokio_postgres::Error> {
        let Some(row) = client.query_opt(MARKS, &[&oid, &columns]).await? else {
            return Ok(Marks::default());
        };
        Ok(Marks {
            places: row.try_get("places")?,
            definitions: row.try_get("definitions")?,
            files: row.try_get("files")?,
        })
    }

    /// What must be the same.
    pub(crate) fn places(&self) -> &str {
        &self.places
    }

    /// What differs in both parts after a rewriting.
    pub(crate) fn of_rewriting(&self) -> TableMarks {
        TableMarks { definitions: self.definitions.clone(), files: self.files.clone() }
    }

    /// Rows may not be what they were `earlier`.
    pub(crate) fn differ(&self, earlier: &Marks) -> bool {
        // An ALTER COLUMN … TYPE … USING leaves a new definition and new files. Each of the two
        // alone is harmless: a default or a storage strategy; a TRUNCATE, which is in the stream,
        // or a VACUUM FULL.
        let rewritten = self.definitions != earlier.definitions && self.files != earlier.files;
        self.places != earlier.places || rewritten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_definition_with_new_files_tells_of_rewritten_values() {
        let marks = |places: &str, definitions: &str, files: &str| Marks {
            places: places.into(),
            definitions: definitions.into(),
            files: files.into(),
        };
        let before = marks("p 1 2", "1:700 2:700", "100");
        assert!(!before.differ(&before));
        assert!(!marks("p 1 2", "1:700 2:701", "100").differ(&before));
        assert!(!marks("p 1 2", "1:700 2:700", "101").differ(&before));
        assert!(marks("p 1 2", "1:700 2:701", "101").differ(&before));
        assert!(marks("p 1 3", "1:700 3:701", "100").differ(&before));
        assert!(marks("u 1 2", "1:700 2:700", "100").differ(&before));
        assert!(Marks::default().differ(&before));
    }
}
