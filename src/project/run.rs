//! The table follows the graph for as long as the process lives.
//!
//! Owns when something is merged, how often the progress row says that nothing came, and what
//! happens when the target is away. It must not know SQL.
//!
//! Whatever goes wrong with the target is told in the log and in the report, and tried again: neither
//! the feed nor readers notice. Between tries no version is held, so that a target that is away for
//! long costs no memory; if the version at which the table stands has left the history meanwhile, the
//! table is read through.

use super::check::{level_with, newest};
use super::error::ProjectError;
use super::options::ProjectOptions;
use super::progress::{self, Progress};
use super::target::{Step, Target};
use crate::graph::{Published, PublishedCell, Snapshot};
use crate::id::{Lsn, Version};
use crate::status::{FeedState, FeedStatus, ProjectionState, ProjectionStatus, StatusCell};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long to wait before the target is tried again: at first, and at most.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How often the progress row is moved where nothing changes, so that its age means something.
const MOVE_INTERVAL: Duration = Duration::from_secs(5);

/// Keeps a table.
#[derive(Debug)]
pub struct Projector {
    options: ProjectOptions,
    published: Arc<PublishedCell>,
    feed: Arc<StatusCell<FeedStatus>>,
    status: Arc<StatusCell<ProjectionStatus>>,
    /// The version that was merged last, and of which copy.
    merged: Option<(u64, Version)>,
    /// Whether the table was found to be not what its row says, or may be of another graph.
    is_doubtful: bool,
    /// Whether anything was brought into the table since the last failure.
    has_brought: bool,
}

impl Projector {
    /// Of what is published, as the feed says how current it is; reports to `status`.
    pub fn new(
        options: ProjectOptions,
        published: Arc<PublishedCell>,
        feed: Arc<StatusCell<FeedStatus>>,
        status: Arc<StatusCell<ProjectionStatus>>,
    ) -> Self {
        status.update(|status| status.table.clone_from(&options.table.table));
        let (merged, is_doubtful, has_brought) = (None, false, false);
        Projector { options, published, feed, status, merged, is_doubtful, has_brought }
    }

    /// Keeps the table until told to stop. What is large is computed in between: give it a thread of
    /// its own. It may be dropped at any time; what was begun is then not done.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = self.again_and_again() => {}
            () = stop.cancelled() => {}
        }
    }

    async fn again_and_again(&mut self) {
        let mut retry_in = RETRY_MIN;
        loop {
            let Err(error) = self.follow().await;
            self.is_doubtful |= matches!(error, ProjectError::Changed { .. });
            // Time alone is no success: a large table takes long to fail.
            if std::mem::take(&mut self.has_brought) {
                retry_in = RETRY_MIN;
            }
            tracing::warn!(%error, ?retry_in, "the participation table is not kept up");
            let retry_in_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
            let state = ProjectionState::BackingOff { retry_in_ms };
            self.status.update(|status| {
                // A table that cannot be reached stays as it was; otherwise nobody knows.
                if !error.is_lost() {
                    status.forget();
                }
                status.fail(error.to_string(), state);
            });
            sleep(retry_in).await;
            retry_in = (retry_in * 2).min(RETRY_MAX);
        }
    }

    /// Follows by one session until something is wrong with it.
    async fn follow(&mut self) -> Result<Infallible, ProjectError> {
        let Projector { options, published, feed, status, merged, is_doubtful, has_brought } = self;
        status.update(|status| status.state = ProjectionState::Starting);
        let first = newest(published).await;
        let mut target = Target::open(options, &first.snapshot, status).await?;
        drop(first);
        tracing::info!(table = %target.table(), filter = %options.filter.text(), "projecting");
        level_with(published, target.stated()).await;
        let stands = target.stands();
        let kept = stands.and_then(|(row, at)| Some((row, published.recent_version(at)?)));
        *is_doubtful |= kept.as_ref().is_some_and(|(row, kept)| !holds(row, kept, *merged));
        let stands = stands.map(|(_, at)| at).filter(|_| !*is_doubtful);
        let mut before = kept.map(|(_, kept)| kept).filter(|_| !*is_doubtful);
        status.update(|status| {
            status.version = stands;
            status.applied_lsn = stands.map(|at| at.end_lsn).unwrap_or_default();
        });
        loop {
            let begin = Instant::now();
            let current_at = is_current(&feed.get()).then_some(begin);
            let now = newest(published).await;
            // A whole graph that shares nothing with this one is too much to hold while reading.
            if let Some(gone) = before.take_if(|it| it.copy() != now.snapshot.copy()) {
                published.let_go(gone);
                // A graph that was built anew may show the one before to have been wrong.
                status.update(ProjectionStatus::forget);
            }
            let step = target.bring(before.as_deref(), &now, current_at).await?;
            *has_brought = true;
            tell(&target.table(), &step, begin);
            *is_doubtful = false;
            *merged = Some((now.snapshot.copy(), now.snapshot.version()));
            before = Some(Arc::clone(&now.snapshot));
            sleep_until(begin + options.interval).await;
            news(published, &now, begin + MOVE_INTERVAL).await;
        }
    }
}

/// Whether the version that the row names is the one that was merged, as far as can be told.
fn holds(row: &Progress, named: &Snapshot, merged: Option<(u64, Version)>) -> bool {
    // A fresh copy, or a graph that was rebuilt, may begin where the one before ended, and differ
    // from it: that is what they are for.
    let is_other = merged.is_some_and(|(copy, _)| copy != named.copy());
    !is_other && progress::digest(named) == row.digest
}

/// Whether everything that the source is known to have is in what is published after this was
/// asked.
fn is_current(feed: &FeedStatus) -> bool {
    feed.state == FeedState::Streaming
        && feed.stale_since.is_none()
        && feed.transactions_behind == 0
}

/// Waits for another version than the one seen, or until it is time to move the row.
async fn news(published: &PublishedCell, seen: &Published, until: Instant) {
    let mut applied = seen.applied_lsn;
    loop {
        let mut waiter = published.wait_for(Lsn(applied.0.saturating_add(1)));
        let Some(now) = published.load() else { return };
        if !Arc::ptr_eq(&now.snapshot, &seen.snapshot) {
            return;
        }
        // A position alone is no news.
        applied = now.applied_lsn;
        drop(now);
        if timeout_at(until, waiter.reached()).await.is_err() {
            return;
        }
    }
}

fn tell(table: &str, step: &Step, begin: Instant) {
    let took = begin.elapsed();
    match step {
        Step::Filled(rows) => tracing::info!(table, rows, ?took, "filled"),
        Step::Reconciled(report) => {
            let (missing, spurious) = (report.missing, report.spurious);
            tracing::info!(table, missing, spurious, ?took, "read through, and mended");
        }
        Step::Merged(merged) => {
            tracing::debug!(table, merged.inserted, merged.deleted, ?took, "merged");
        }
    }
}
