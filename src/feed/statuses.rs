//! Rows of the built-in schema whose status is none that it knows. They count for nothing, so no copy
//! and no stream tells of them; whoever verifies does.
//!
//! Owns the question. Other tables than the built-in schema's have no statuses of ours.

use super::copy::begin_at;
use super::error::FeedError;
use super::mapping::Mapping;
use super::session::{ASK_MAX, Session};
use crate::command::EXAMPLES_MAX;
use crate::id::SourceKey;
use std::time::Duration;
use tokio_postgres::Row;

/// How many there are, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownStatuses {
    /// How many rows.
    pub count: u64,
    /// The first ones, at most [`EXAMPLES_MAX`].
    pub examples: Vec<UnknownStatus>,
}

/// A row whose status is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStatus {
    /// Who would join.
    pub member: SourceKey,
    /// What would be joined.
    pub team: SourceKey,
    /// The status, as text.
    pub status: String,
}

/// The whole table is read: as long as a slot's creation may take.
const SCAN_MAX: Duration = Duration::from_secs(900);

const UNKNOWN: &str = "
    SELECT count(*) OVER (), person::int8, team::int8, coalesce(status::text, 'NULL')
    FROM teamgraph.team_membership
    WHERE (status BETWEEN 1 AND 8) IS NOT TRUE ORDER BY id LIMIT $1";

/// Asks for them as of the snapshot.
pub(super) async fn unknown(
    session: &mut Session,
    snapshot: &str,
    server_version: i32,
    mapping: &Mapping,
) -> Result<UnknownStatuses, FeedError> {
    if *mapping != Mapping::built_in() {
        return Ok(UnknownStatuses::default());
    }
    let what = "looking for unknown statuses";
    let begin = begin_at(snapshot, server_version)?;
    let most = i64::try_from(EXAMPLES_MAX).unwrap_or(i64::MAX);
    let Session { client, wire } = session;
    wire.within(what, ASK_MAX, client.batch_execute(&begin)).await?;
    let rows = wire.within(what, SCAN_MAX, client.query(UNKNOWN, &[&most])).await?;
    wire.within(what, ASK_MAX, client.batch_execute("COMMIT")).await?;
    let count = rows.first().map(|row| row.try_get::<_, i64>(0)).transpose();
    let examples: Result<Vec<_>, _> = rows.iter().map(read).collect();
    let count = count.map_err(|error| FeedError::of_client(what, &error))?.unwrap_or_default();
    let examples = examples.map_err(|error| FeedError::of_client(what, &error))?;
    Ok(UnknownStatuses { count: u64::try_from(count).unwrap_or_default(), examples })
}

fn read(row: &Row) -> Result<UnknownStatus, tokio_postgres::Error> {
    Ok(UnknownStatus {
        member: SourceKey::int(row.try_get(1)?),
        team: SourceKey::int(row.try_get(2)?),
        status: row.try_get(3)?,
    })
}
