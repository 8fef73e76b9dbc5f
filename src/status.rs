//! What each part of the process reports of itself, for `GetStatus`, health and the command line.
//!
//! Owns the reports' types and the cell that holds the newest one. It must know nothing of those
//! who report nor of those who read.

use crate::id::{History, Lsn, Version};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What the feed is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeedState {
    /// Nothing yet.
    #[default]
    Starting,
    /// Connecting and checking settings, rights and tables.
    Checking,
    /// Waiting for the slot's consistent point, which waits for open transactions.
    CreatingSlot,
    /// Reading the tables at the slot's snapshot.
    Copying {
        /// Rows read so far, of all tables.
        rows: u64,
    },
    /// Following the change feed from behind: not yet where the source was when the stream began.
    CatchingUp,
    /// Following the change feed, caught up.
    Streaming,
    /// The connection is lost; it is tried again.
    BackingOff {
        /// What went wrong.
        error: String,
        /// How long until the next try.
        retry_in_ms: u64,
    },
    /// Given up: an operator must act.
    Failed {
        /// What is wrong, and the fix.
        error: String,
    },
}

impl FeedState {
    /// The state's name, as shown to people and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            FeedState::Starting => "starting",
            FeedState::Checking => "checking",
            FeedState::CreatingSlot => "creating-slot",
            FeedState::Copying { .. } => "copying",
            FeedState::CatchingUp => "catching-up",
            FeedState::Streaming => "streaming",
            FeedState::BackingOff { .. } => "backing-off",
            FeedState::Failed { .. } => "failed",
        }
    }
}

/// The feed's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStatus {
    /// What it is doing.
    pub state: FeedState,
    /// The cluster and timeline it follows; none before the first connection.
    pub history: Option<History>,
    /// The replication slot's name.
    pub slot: String,
    /// The publication's name.
    pub publication: String,
    /// The newest position of the source that the feed has heard of.
    pub source_lsn: Lsn,
    /// How many times the stream was resumed after a loss.
    pub reconnects: u64,
    /// How many fresh copies were taken.
    pub copies: u64,
    /// How many transactions were received and are not applied yet.
    pub transactions_behind: u64,
    /// When the oldest of them was committed, by the source's clock.
    pub behind_since: Option<SystemTime>,
    /// Since when what is served may be behind the source for want of contact: set when the
    /// connection is lost or silent for too long, none again once the stream has caught up.
    pub stale_since: Option<SystemTime>,
}

/// The report of those who keep the graph on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStatus {
    /// Where it is kept.
    pub directory: String,
    /// What came of the start: from where the stream went on, or why a fresh copy was necessary.
    pub start: String,
    /// Up to where the next process could go on; none while nothing is kept.
    pub position: Option<Lsn>,
    /// When that position was kept.
    pub kept_at: Option<SystemTime>,
    /// The checkpoint's size.
    pub bytes: u64,
    /// How long the newest checkpoint took to be written, in milliseconds.
    pub took_ms: u64,
    /// Why the newest try failed; empty if it did not.
    pub error: String,
}

/// What a projection is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProjectionState {
    /// Waiting for a version, or for the target: connecting, and looking at the table.
    #[default]
    Starting,
    /// Making a table that is not there yet.
    Filling,
    /// Reading a table that is there beside a version, to mend what differs.
    Reconciling,
    /// Merging what comes and goes.
    Following,
    /// Something is wrong; it is tried again.
    BackingOff {
        /// How long until the next try.
        retry_in_ms: u64,
    },
    /// It has ended, and the table stands still.
    Failed,
}

impl ProjectionState {
    /// The state's name, as shown to people and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            ProjectionState::Starting => "starting",
            ProjectionState::Filling => "filling",
            ProjectionState::Reconciling => "reconciling",
            ProjectionState::Following => "following",
            ProjectionState::BackingOff { .. } => "backing-off",
            ProjectionState::Failed => "failed",
        }
    }
}

/// The report of whoever keeps a participation table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// The table, as it was asked for until it was found, then with its schema.
    pub table: String,
    /// What is being done.
    pub state: ProjectionState,
    /// The version whose participations the table holds; none while that is not known.
    pub version: Option<Version>,
    /// Everything committed in the source before this position is in the table.
    pub applied_lsn: Lsn,
    /// When the table was last known to lack nothing; none if it never was in this process.
    pub current_at: Option<SystemTime>,
    /// What went wrong last, with the fix, and when; it stays when that is overcome.
    pub last_error: Option<(String, SystemTime)>,
}

impl ProjectionStatus {
    /// What the table holds is not known any more.
    pub fn forget(&mut self) {
        self.version = None;
        self.applied_lsn = Lsn::default();
    }

    /// Says what went wrong just now, and what comes of it.
    pub fn fail(&mut self, error: String, state: ProjectionState) {
        self.state = state;
        self.last_error = Some((error, SystemTime::now()));
    }
}

/// Holds the newest report of one part: written by that part, read by anybody.
///
/// A mutex, because reports are rare and small and no query reads them on its way.
#[derive(Debug, Default)]
pub struct StatusCell<T>(Mutex<Arc<T>>);

impl<T: Clone> StatusCell<T> {
    /// A cell that holds `report`.
    pub fn new(report: T) -> Self {
        StatusCell(Mutex::new(Arc::new(report)))
    }

    /// The newest report.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces parts of the report.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held));
    }
}

/// The position up to which changes are applied and published: what the feed may confirm to the
/// source, and where it resumes. It only grows.
#[derive(Debug, Default)]
pub struct AppliedLsn(AtomicU64);

impl AppliedLsn {
    /// The newest applied position; zero before the first.
    pub fn get(&self) -> Lsn {
        Lsn(self.0.load(Ordering::Acquire))
    }

    /// Raises the position.
    pub fn raise(&self, lsn: Lsn) {
        self.0.fetch_max(lsn.0, Ordering::AcqRel);
    }

    /// Starts anew, for a fresh copy (of another history, perhaps).
    pub fn reset(&self, lsn: Lsn) {
        self.0.store(lsn.0, Ordering::Release);
    }
}
