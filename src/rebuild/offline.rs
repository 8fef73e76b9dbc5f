//! A checkpoint made of the source's rows, for a server that does not run yet.
//!
//! Owns that the checkpoint and the slot meet: the slot of that server is made anew, the checkpoint
//! is of its position, and where there is no checkpoint in the end there is no slot either.

use super::take_in;
use crate::admin::QUEUED_BATCHES_MAX;
use crate::change::FeedEvent;
use crate::checkpoint::{CheckpointOptions, Header, KeptBy};
use crate::command::{AdminPhase, AdminProgress};
use crate::feed::{FeedConfig, FeedError, PreparedReading};
use crate::graph::{GraphFull, GraphLimits, GraphWriter, Stats};
use crate::id::Lsn;
use crate::server::{ServerError, spawn_thread};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The number of the copy: no other is made of the process that makes it.
const COPY: u64 = 1;

/// Where the checkpoint is to be, and what it is to be of.
#[derive(Debug)]
pub struct OfflineOptions {
    /// The source, and the slot of the server that is to start.
    pub feed: FeedConfig,
    /// Its directory of checkpoints.
    pub directory: PathBuf,
    /// Limits of the graph.
    pub graph: GraphLimits,
}

/// What was made.
#[derive(Clone, Copy, Debug)]
pub struct OfflineReport {
    /// The position that it holds.
    pub position: Lsn,
    /// Rows read, of all tables.
    pub rows: u64,
    /// What the graph holds.
    pub stats: Stats,
    /// The file's size.
    pub bytes: u64,
}

/// Why there is no checkpoint. What was kept before may be gone, and so may its slot: then a server
/// copies afresh.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The source cannot be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// No number is left for another member.
    #[error(transparent)]
    Full(#[from] GraphFull),
    /// The disk did not take it.
    #[error("the checkpoint cannot be written to {directory}: {source}")]
    Disk {
        /// The directory.
        directory: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The thread did not start.
    #[error(transparent)]
    Thread(#[from] ServerError),
    /// The thread ended without an answer: a defect.
    #[error("the rebuild thread failed: please report this defect")]
    ThreadGone,
    /// Told to stop.
    #[error("stopped before the checkpoint was whole: there is none")]
    Stopped,
}

/// Reads the rows at the position of the server's slot, made anew, and writes the checkpoint that a
/// server goes on from. The slot keeps the source's log until one does. `report` is told how far it
/// is.
///
/// # Errors
/// [`OfflineError`]; no slot is left then.
pub async fn rebuild_offline(
    options: &OfflineOptions,
    report: impl FnMut(AdminProgress) + Send,
    stop: &CancellationToken,
) -> Result<OfflineReport, OfflineError> {
    let OfflineOptions { feed, directory, .. } = options;
    let checkpoint = CheckpointOptions { directory: directory.clone(), interval: Duration::ZERO };
    let kept_by = KeptBy::new(&checkpoint, feed.slot());
    let keeper = kept_by.keeper();
    let prepared = tokio::select! {
        biased;
        () = stop.cancelled() => return Err(OfflineError::Stopped),
        prepared = PreparedReading::lasting(feed) => prepared?,
    };
    let slot = prepared.slot();
    let built = tokio::select! {
        biased;
        () = stop.cancelled() => Err(OfflineError::Stopped),
        built = Box::pin(build(prepared, options, &kept_by, report)) => built,
    };
    if built.is_err() {
        // Whatever the thread is at, nothing is put into its place any more.
        kept_by.persisted.close();
        keeper.forget().await;
        if let Err(error) = slot.abandon().await {
            let slot = feed.slot();
            tracing::warn!(
                slot,
                %error,
                "the slot may be left behind; drop it with SELECT pg_drop_replication_slot('{slot}')"
            );
        }
    }
    built
}

async fn build(
    mut prepared: PreparedReading,
    options: &OfflineOptions,
    kept_by: &KeptBy,
    mut report: impl FnMut(AdminProgress) + Send,
) -> Result<OfflineReport, OfflineError> {
    let mut tell = |phase, done, total| report(AdminProgress { phase, done, total });
    tell(AdminPhase::Opening, 0, 0);
    prepared.clear(&*kept_by.keeper()).await?;
    let reading = prepared.open().await?;
    let (sender, rows) = mpsc::channel(QUEUED_BATCHES_MAX);
    let (read, whole) = oneshot::channel();
    let point = reading.consistent_point();
    let header = Header {
        history: reading.history(),
        version: point,
        applied: point,
        facts: reading.facts(),
    };
    kept_by.persisted.open(COPY, point);
    let (limits, kept_by) = (options.graph, kept_by.clone());
    let written = spawn_thread("rebuild", move || write(rows, whole, header, limits, &kept_by))?;
    let total = reading.estimated_rows();
    let reading = reading.run(sender, |rows| tell(AdminPhase::Reading, rows, total.max(rows)));
    let all = reading.await;
    if let Ok(rows) = all {
        tell(AdminPhase::Building, 0, 0);
        // The thread may have ended for a reason of its own.
        let _told = read.send(rows);
    } else {
        drop(read);
    }
    let written = written.await.map_err(|_gone| OfflineError::ThreadGone)?;
    let disk =
        |source| OfflineError::Disk { directory: options.directory.display().to_string(), source };
    match written? {
        Some(written) => written.map_err(disk),
        None => all.map_err(OfflineError::Feed).and(Err(OfflineError::Stopped)),
    }
}

/// The thread's work; none if not all rows came.
fn write(
    mut rows: mpsc::Receiver<Vec<FeedEvent>>,
    whole: oneshot::Receiver<u64>,
    header: Header,
    limits: GraphLimits,
    kept_by: &KeptBy,
) -> Result<Option<io::Result<OfflineReport>>, GraphFull> {
    let mut writer = GraphWriter::new(COPY, header.history, limits);
    take_in(&mut rows, |change| writer.apply(change))?;
    let Ok(rows) = whole.blocking_recv() else { return Ok(None) };
    let snapshot = writer.commit(header.version);
    let goes_on = || match kept_by.persisted.copy() {
        Some(_) => Ok(()),
        None => Err(io::Error::other("given up")),
    };
    let written = kept_by.store.write(&header, &writer.image(), goes_on);
    Ok(Some(written.map(|written| OfflineReport {
        position: header.applied,
        rows,
        stats: snapshot.stats(),
        bytes: written.bytes,
    })))
}
