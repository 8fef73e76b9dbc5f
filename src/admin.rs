//! What an operator asks of the running process: the desk where orders come in.
//!
//! Owns that there is one run of a kind at a time, and what is known of the last one. It must not know
//! how anything is compared, nor who asks.

mod background;
mod verifying;

pub use background::verify_again_and_again;

use crate::command::{
    Admin, AdminError, AdminEvents, AdminRefused, AdminRun, LastVerify, RebuildEvent, RebuildOrder,
    VerifyEvent, VerifyOrder,
};
use crate::feed::FeedConfig;
use crate::graph::PublishedCell;
use crate::server::spawn_named;
use crate::status::{FeedStatus, StatusCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use verifying::Verifying;

/// Events that wait for the caller to take them. Progress that finds no room is not told.
const EVENTS_MAX: usize = 16;

/// What runs need of the process.
#[derive(Clone, Debug)]
pub struct DeskParts {
    /// The source.
    pub feed: FeedConfig,
    /// Where versions appear.
    pub published: Arc<PublishedCell>,
    /// The feed's report, to say why a version did not come.
    pub feed_status: Arc<StatusCell<FeedStatus>>,
    /// Ends what runs, with the process.
    pub stop: CancellationToken,
}

/// Takes orders and starts runs.
#[derive(Debug)]
pub struct Desk {
    parts: DeskParts,
    /// One permit: one verify.
    verify_turn: Arc<Semaphore>,
    last_verify: Arc<StatusCell<Option<LastVerify>>>,
}

impl Desk {
    /// Nothing runs yet.
    pub fn new(parts: DeskParts) -> Self {
        let last_verify = Arc::new(StatusCell::new(None));
        Desk { parts, verify_turn: Arc::new(Semaphore::new(1)), last_verify }
    }
}

impl Admin for Desk {
    fn verify(&self, order: VerifyOrder) -> Result<AdminRun<VerifyEvent>, AdminRefused> {
        if self.parts.published.load().is_none() {
            return Err(AdminRefused::NotReady);
        }
        let turn = Arc::clone(&self.verify_turn).try_acquire_owned();
        let turn = turn.map_err(|_| AdminRefused::AlreadyRunning)?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let verifying = Verifying::new(self.parts.clone(), order, sender, turn);
        spawn_named("verify", verifying.run(Arc::clone(&self.last_verify)));
        Ok(Box::pin(events))
    }

    fn rebuild(&self, _order: RebuildOrder) -> Result<AdminRun<RebuildEvent>, AdminRefused> {
        Err(AdminRefused::Unsupported)
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
