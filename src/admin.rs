//! What an operator asks of a running server.
//!
//! Owns the way from a run's channel to the stream that the service tells. It must not know how
//! anything is compared or built.

use crate::command::{
    Admin, AdminError, AdminEvents, AdminRefused, AdminRun, RebuildEvent, RebuildOrder,
    VerifyEvent, VerifyOrder,
};
use crate::rebuild::Rebuilder;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Who does it.
#[derive(Debug)]
pub struct Administration {
    rebuilder: Rebuilder,
}

impl Administration {
    /// Nothing runs yet.
    pub const fn new(rebuilder: Rebuilder) -> Self {
        Administration { rebuilder }
    }
}

impl Admin for Administration {
    fn verify(&self, _: VerifyOrder) -> Result<AdminRun<VerifyEvent>, AdminRefused> {
        Err(AdminRefused::Unsupported)
    }

    fn rebuild(&self, order: RebuildOrder) -> Result<AdminRun<RebuildEvent>, AdminRefused> {
        Ok(Box::pin(Events(self.rebuilder.start(order)?)))
    }
}

/// A run's events, as they come; dropped, it is cancelled.
struct Events<E>(mpsc::Receiver<Result<E, AdminError>>);

impl<E: Send> AdminEvents<E> for Events<E> {
    fn poll_event(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<E, AdminError>>> {
        self.0.poll_recv(context)
    }
}
