//! Does the table hold what it should?
//!
//! Owns the comparison that touches nothing, at the version at which the table says that it stands,
//! and the one that mends. It must not know who asks.

use super::compare;
use super::error::ProjectError;
use super::options::ProjectOptions;
use super::progress;
use super::report::TableReport;
use super::session::Session;
use super::table::Table;
use super::target::{Step, Target};
use super::view::{Spaces, View};
use crate::graph::{Published, PublishedCell, Snapshot};
use crate::id::{Lsn, Version};
use crate::status::StatusCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a table's version may be ahead of ours.
const REACH_MAX: Duration = Duration::from_secs(30);

/// Whether the target can be reached, and the table used if it is there; writes nothing.
///
/// # Errors
/// Why not.
pub async fn look(options: &ProjectOptions) -> Result<(), ProjectError> {
    let session = Session::connect(&options.target).await?;
    Table::find(&session.client, &options.table).await.map(drop)
}

/// Compares the table with the version at which it stands, or with the newest one if it does not
/// say; writes nothing. What somebody else is about to write into the table, or has written before
/// it got here, counts as a difference; and so does what was written into the source since the
/// table's version, if no version so old is known.
///
/// # Errors
/// Why they cannot be compared.
pub async fn check(
    published: &PublishedCell,
    options: &ProjectOptions,
) -> Result<TableReport, ProjectError> {
    let first = newest(published).await;
    let mut session = Session::connect(&options.target).await?;
    let transaction = compare::begin(&mut session).await?;
    // The row and the table are seen as of one moment.
    let client = transaction.client();
    let table = Table::find(client, &options.table).await?;
    let missing = || ProjectError::Missing { table: options.table.table.clone() };
    let table = table.ok_or_else(missing)?;
    let progress = progress::read(client, &table).await?;
    let stands = progress.and_then(|progress| progress.stands(&table, &options.words()));
    let snapshot = match stands {
        Some(version) => at(published, &first, version).await?,
        None => Arc::clone(&newest(published).await.snapshot),
    };
    let spaces = Spaces::of(&snapshot, &options.filter)?;
    let view = View { snapshot: &snapshot, filter: &options.filter, table: &table, spaces };
    let report = compare::read_through(&transaction, view, None).await?;
    Ok(TableReport { stands, ..report })
}

/// Makes the table equal to the newest version, and says what differed. A table that is not there
/// is filled.
///
/// # Errors
/// Why it cannot be; then the table is as it was.
pub async fn mend(
    published: &PublishedCell,
    options: &ProjectOptions,
) -> Result<TableReport, ProjectError> {
    // Nobody looks: what is done is reported at the end.
    let status = StatusCell::default();
    let mut target = Target::open(options, &newest(published).await.snapshot, &status).await?;
    let stands = target.stands().map(|(_, version)| version);
    level_with(published, target.stated()).await;
    let newest = newest(published).await;
    let version = newest.snapshot.version();
    let report = match target.bring(None, &newest, None).await? {
        Step::Reconciled(report) => report,
        Step::Filled(rows) => {
            let report = TableReport::new(target.table(), version);
            TableReport { rows_expected: rows, missing: rows, ..report }
        }
        Step::Merged(_) => TableReport::new(target.table(), version),
    };
    Ok(TableReport { stands, ..report })
}

/// The newest value, once there is one.
pub(super) async fn newest(published: &PublishedCell) -> Arc<Published> {
    loop {
        let mut waiter = published.wait_for(Lsn(u64::MAX));
        if let Some(newest) = published.load() {
            return newest;
        }
        waiter.reached().await;
    }
}

/// What the source looked like at the version, or as near to it as is known.
async fn at(
    published: &PublishedCell,
    first: &Published,
    version: Version,
) -> Result<Arc<Snapshot>, ProjectError> {
    if version.history != first.snapshot.version().history {
        return Ok(Arc::clone(&newest(published).await.snapshot));
    }
    if !level_with(published, Some(version)).await {
        let (version, waited_s) = (version.to_string(), REACH_MAX.as_secs());
        return Err(ProjectError::NotReached { version, waited_s });
    }
    match published.recent_at(version.end_lsn) {
        Some(snapshot) => Ok(snapshot),
        // It is of before our copy, or of the time of it: the first that is known is the nearest.
        None => Ok(Arc::clone(&first.snapshot)),
    }
}

/// Waits until what is published is as new as the version, if it is of the same history: a table
/// that another process kept may be ahead of us, and must not be taken back. Not for ever: the
/// source may have been set back. Whether it is.
pub(super) async fn level_with(published: &PublishedCell, version: Option<Version>) -> bool {
    let Some(version) = version else { return true };
    let level = async {
        loop {
            let mut waiter = published.wait_for(version.end_lsn);
            let now = newest(published).await;
            let is_other = now.snapshot.version().history != version.history;
            if is_other || now.applied_lsn >= version.end_lsn {
                return;
            }
            drop(now);
            waiter.reached().await;
        }
    };
    timeout(REACH_MAX, level).await.is_ok()
}
