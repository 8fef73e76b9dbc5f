//! What an operator asks of the running process: the desk where orders come in.
//!
//! Owns that there is one run of a kind at a time, what is known of the last one, and when none is
//! left. It must not know how anything is compared or built, nor who asks.

mod background;
mod opening;
mod position;
mod report;
mod teller;
mod verifying;

pub use background::verify_again_and_again;
pub(crate) use opening::Opening;
pub(crate) use position::{Apart, Seen, rows_and_version};
pub(crate) use report::finished;
pub(crate) use teller::{Events, Teller};

use crate::apply::RebuildRequest;
use crate::command::{
    Admin, AdminError, AdminEvents, AdminRefused, AdminRun, LastVerify, RebuildEvent, RebuildOrder,
    VerifyEvent, VerifyOrder,
};
use crate::feed::FeedConfig;
use crate::graph::{GraphLimits, PublishedCell};
use crate::rebuild::Rebuilding;
use crate::server::spawn_named;
use crate::status::{FeedStatus, StatusCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use verifying::Verifying;

/// Events that wait for the caller to take them. Progress that finds no room is not told.
const EVENTS_MAX: usize = 16;

/// Batches of rows between their reading and the thread that takes them: as many as between the feed
/// and the one who applies.
pub(crate) const QUEUED_BATCHES_MAX: usize = 64;

/// How long, once the rows are read, until all up to their position must be applied: about as long as
/// a transaction of the largest size that is followed takes.
const APPLIED_MAX: Duration = Duration::from_secs(120);

/// What runs need of the process.
#[derive(Clone, Debug)]
pub struct DeskParts {
    /// The source.
    pub feed: FeedConfig,
    /// Limits of a graph that is built.
    pub graph: GraphLimits,
    /// Where versions appear.
    pub published: Arc<PublishedCell>,
    /// The feed's report, to say why a version did not come.
    pub feed_status: Arc<StatusCell<FeedStatus>>,
    /// To the one who applies.
    pub rebuilds: mpsc::Sender<RebuildRequest>,
    /// Ends what runs, with the process.
    pub stop: CancellationToken,
}

/// What a run holds.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Until the slot is gone that it waited for: the process does not end before.
    _here: OwnedRwLockReadGuard<()>,
    /// Until its thread has ended, too, which holds memory: no other of its kind begins before.
    pub(crate) alone: Arc<OwnedSemaphorePermit>,
}

/// Takes orders and starts runs.
#[derive(Debug)]
pub struct Desk {
    parts: DeskParts,
    /// One permit: one verify.
    verify_turn: Arc<Semaphore>,
    /// One permit: one rebuild.
    rebuild_turn: Arc<Semaphore>,
    /// Read by each run, so that whoever may write knows that there is none.
    here: Arc<RwLock<()>>,
    last_verify: Arc<StatusCell<Option<LastVerify>>>,
}

impl Desk {
    /// Nothing runs yet.
    pub fn new(parts: DeskParts) -> Self {
        let last_verify = Arc::new(StatusCell::new(None));
        let turn = || Arc::new(Semaphore::new(1));
        Desk { parts, verify_turn: turn(), rebuild_turn: turn(), here: Arc::default(), last_verify }
    }

    /// Waits until no run is left, nor a slot that one waited for. Runs end soon after the process is
    /// told to stop, and those that begin then open nothing.
    pub async fn at_rest(&self) {
        drop(self.here.write().await);
    }

    /// The one run of its kind, if there is a graph and no other has the turn.
    fn turn(&self, of: &Arc<Semaphore>) -> Result<Turn, AdminRefused> {
        if self.parts.published.load().is_none() {
            return Err(AdminRefused::NotReady);
        }
        let alone = Arc::clone(of).try_acquire_owned().map_err(|_| AdminRefused::AlreadyRunning)?;
        // Refused only while a process that stops waits for runs to end.
        let here = Arc::clone(&self.here).try_read_owned();
        let here = here.map_err(|_| AdminRefused::AlreadyRunning)?;
        Ok(Turn { _here: here, alone: Arc::new(alone) })
    }
}

impl Admin for Desk {
    fn verify(&self, order: VerifyOrder) -> Result<AdminRun<VerifyEvent>, AdminRefused> {
        let turn = self.turn(&self.verify_turn)?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let verifying = Verifying::new(self.parts.clone(), order, sender, turn);
        spawn_named("verify", verifying.run(Arc::clone(&self.last_verify)));
        Ok(Box::pin(events))
    }

    fn rebuild(&self, order: RebuildOrder) -> Result<AdminRun<RebuildEvent>, AdminRefused> {
        let turn = self.turn(&self.rebuild_turn)?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        spawn_named("rebuild", Rebuilding::new(self.parts.clone(), order, sender, turn).run());
        Ok(Box::pin(events))
    }

    fn last_verify(&self) -> Option<LastVerify> {
        (*self.last_verify.get()).clone()
    }
}

impl<E: Send> AdminEvents<E> for mpsc::Receiver<Result<E, AdminError>> {
    fn poll_event(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<E, AdminError>>> {
        self.get_mut().poll_recv(context)
    }
}
