//! The copy of the mapped tables at the slot's snapshot.
//!
//! Owns reading [`COPY … (FORMAT binary)`](https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4).
//! Members come first, so that most memberships find both ends. It must not know the slot.

use super::error::{FeedError, Remedy};
use super::mapping::Mapping;
use super::outbox::Outbox;
use super::pgoutput::Tuple;
use super::session::{ASK_MAX, Session, too_slow};
use super::sql::quoted;
use super::tables::{Catalogue, TableFacts};
use super::translate::{Plan, WireColumn};
use super::value::Cell;
use super::wire::{Malformed, Reader};
use futures_util::{FutureExt, StreamExt};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long the server may be silent in the middle of a table.
const COPY_SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long the queue may stay full during a copy. Nobody is held up but ourselves: the snapshot's
/// connection stays idle and the slot keeps its log.
const COPY_FULL_MAX: Duration = Duration::from_secs(300);

/// A table whose rows are stored elsewhere than at the snapshot. The catalogue is read as of the
/// snapshot, and the function as of now.
const STORED_ANEW: &str = "
    SELECT c.relname::text FROM pg_class c
    WHERE c.oid = ANY ($1::oid[]) AND c.relfilenode <> pg_relation_filenode(c.oid) LIMIT 1";

/// Copies all mapped tables as they are in `snapshot`; `report` is told how many rows are read so
/// far, of all tables.
pub(crate) async fn copy(
    session: &mut Session,
    snapshot: &str,
    server_version: i32,
    mapping: &Mapping,
    catalogue: &Catalogue,
    outbox: &mut Outbox,
    report: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, FeedError> {
    let what = "copying";
    let begin = begin_at(snapshot, server_version)?;
    let Session { client, wire } = session;
    let begun = wire.within(what, ASK_MAX, client.batch_execute(&begin)).await;
    begun.map_err(|error| match error {
        // The slot's connection is lost and its snapshot with it; tables have not been looked at.
        FeedError::Definite { remedy: Remedy::Recopy, what } => FeedError::transient(what),
        error => error,
    })?;
    let mut rows = 0;
    for table in catalogue.tables() {
        let plan = plan(mapping, table)?;
        let what = format!("copying table {}", table.name());
        let copied = copy_table(client, table, &plan, outbox, rows, report);
        rows = wire.during(&what, copied).await?;
    }
    let stored = stored(catalogue);
    let asked = async { client.query_opt(STORED_ANEW, &[&stored]).await };
    let stored_anew = wire.within(what, ASK_MAX, asked).await?;
    wire.within(what, ASK_MAX, client.batch_execute("COMMIT")).await?;
    match stored_anew {
        None => Ok(rows),
        // What a truncation or a rewrite leaves is
        // [seen by every snapshot](https://www.postgresql.org/docs/current/mvcc-caveats.html), or
        // by none that is older. Since the table was read it is locked, so it came before that.
        Some(row) => {
            let table: &str = row.try_get(0).map_err(|error| FeedError::of_client(what, &error))?;
            Err(FeedError::transient(format!(
                "table {table} was truncated or rewritten just before it was copied"
            )))
        }
    }
}

/// The SQL that begins to read the database as it is in the snapshot.
pub(super) fn begin_at(snapshot: &str, server_version: i32) -> Result<String, FeedError> {
    if !snapshot.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(FeedError::transient(format!("unexpected name of a snapshot: {snapshot}")));
    }
    let timeout = if server_version >= 170_000 { "SET transaction_timeout = 0; " } else { "" };
    Ok(format!(
        "{timeout}BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SET TRANSACTION SNAPSHOT '{snapshot}'"
    ))
}

/// Everything that holds rows of a mapped table.
pub(super) fn stored(catalogue: &Catalogue) -> Vec<u32> {
    let of = |table: &TableFacts| {
        let partitions: Vec<u32> = table.partitions().iter().map(|part| part.oid).collect();
        [vec![table.oid()], partitions].concat()
    };
    catalogue.tables().iter().flat_map(of).collect()
}

/// The rows come with the mapped columns only, in our order.
fn plan(mapping: &Mapping, table: &TableFacts) -> Result<Plan, FeedError> {
    let columns = table.columns().iter();
    let columns: Vec<_> =
        columns.map(|(name, ty)| WireColumn { name, ty: *ty, in_identity: false }).collect();
    Plan::bind(mapping, table, &columns)
}

/// What `COPY` reads: the mapped columns of the table, or of all its partitions together.
fn source(table: &TableFacts) -> String {
    let name = format!("{}.{}", quoted(&table.name().schema), quoted(&table.name().table));
    let columns: Vec<String> = table.columns().iter().map(|(name, _)| quoted(name)).collect();
    let columns = columns.join(", ");
    if table.is_partitioned() {
        format!("(SELECT {columns} FROM {name})")
    } else {
        format!("{name} ({columns})")
    }
}

async fn copy_table(
    client: &Client,
    table: &TableFacts,
    plan: &Plan,
    outbox: &mut Outbox,
    mut rows: u64,
    report: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, FeedError> {
    let what = format!("copying table {}", table.name());
    let sql = format!("COPY {} TO STDOUT (FORMAT binary)", source(table));
    let started = timeout(ASK_MAX, client.copy_out(&sql)).await;
    let stream = started
        .map_err(|_| too_slow(&what, ASK_MAX))?
        .map_err(|error| FeedError::of_client(&what, &error))?;
    tokio::pin!(stream);
    let mut place = Place::Header;
    loop {
        // A timer for each row would cost as much as to read it: most rows are there already.
        let next = match stream.next().now_or_never() {
            Some(next) => next,
            None => timeout(COPY_SILENCE_MAX, stream.next())
                .await
                .map_err(|_| too_slow(&what, COPY_SILENCE_MAX))?,
        };
        let Some(bytes) = next else { break };
        let bytes = bytes.map_err(|error| FeedError::of_client(&what, &error))?;
        let mut message = Reader::new(&bytes);
        let garbled = |error| FeedError::transient(format!("{what}: {error}"));
        while let Some(row) = place.next_row(&mut message).map_err(garbled)? {
            plan.put(&row, None, outbox.changes())?;
            rows += 1;
        }
        if outbox.is_full() {
            outbox.flush(COPY_FULL_MAX, || {}).await?;
            report(rows);
        }
    }
    if place != Place::End {
        return Err(FeedError::transient(format!("{what}: the copy ended before its end mark")));
    }
    outbox.flush(COPY_FULL_MAX, || {}).await?;
    report(rows);
    Ok(rows)
}

/// Where in the format the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Rows,
    End,
}

/// The 11 bytes that every binary copy begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

impl Place {
    /// The next row of a message; none at its end. Messages hold whole rows: the protocol sends
    /// [one message a row](https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY),
    /// and the header or the end mark with or without one.
    fn next_row<'a>(&mut self, message: &mut Reader<'a>) -> Result<Option<Tuple<'a>>, Malformed> {
        if *self == Place::Header {
            for byte in SIGNATURE {
                message.expect(*byte, "signature of a copy")?;
            }
            message.take(4)?; // flags: none that we need
            let extension = message.length()?;
            message.take(extension)?;
            *self = Place::Rows;
        }
        if message.end().is_ok() {
            return Ok(None);
        }
        if *self == Place::End {
            message.end()?;
        }
        let count = message.u16()?;
        if count == u16::MAX {
            *self = Place::End;
            message.end()?;
            return Ok(None);
        }
        let count = message.count(usize::from(count), 4)?;
        let mut cells = Vec::with_capacity(count);
        for _ in 0..count {
            cells.push(match message.value_or_null()? {
                None => Cell::Null,
                Some(bytes) => Cell::Binary(bytes),
            });
        }
        Ok(Some(cells))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::mapping::TableName;
    use crate::feed::value::ColumnType;

    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    const ROW: &[u8] = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";

    fn rows(place: &mut Place, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut message = Reader::new(bytes);
        let mut rows = 0;
        while let Some(row) = place.next_row(&mut message)? {
            assert_eq!(row, [Cell::Binary(b"a"), Cell::Null]);
            rows += 1;
        }
        Ok(rows)
    }

    #[test]
    fn header_rows_and_end_in_any_packing() {
        let together = [HEADER, ROW, ROW, b"\xff\xff"].concat();
        let mut place = Place::Header;
        assert_eq!(rows(&mut place, &together), Ok(2));
        assert_eq!(place, Place::End);
        let mut place = Place::Header;
        let apart = [HEADER, ROW, ROW, b"\xff\xff"].map(|part| rows(&mut place, part));
        assert_eq!(apart, [Ok(0), Ok(1), Ok(1), Ok(0)]);
        assert_eq!(place, Place::End);
    }

    #[test]
    fn cuts_and_leftovers_are_errors() {
        for len in 1..ROW.len() {
            assert!(rows(&mut Place::Rows, &ROW[..len]).is_err(), "{len}");
        }
        assert!(rows(&mut Place::Header, b"PGCOPX").is_err());
        assert!(rows(&mut Place::Rows, b"\xff\xff\0").is_err());
        assert!(rows(&mut Place::End, ROW).is_err());
        // A count far beyond the bytes that follow allocates nothing.
        assert_eq!(rows(&mut Place::Rows, b"\x7f\xff\0"), Err(Malformed::Truncated));
    }

    #[test]
    fn names_are_quoted_and_partitions_are_read_through_their_root() {
        let name = TableName { schema: "my".into(), table: "A\"b".into() };
        let columns = [("id", ColumnType::Int4), ("Name", ColumnType::Text)];
        let table = TableFacts::of(1, name, &columns);
        assert_eq!(source(&table), "\"my\".\"A\"\"b\" (\"id\", \"Name\")");
        let table = table.with_partitions(&[2]);
        assert_eq!(source(&table), "(SELECT \"id\", \"Name\" FROM \"my\".\"A\"\"b\")");
    }
}
