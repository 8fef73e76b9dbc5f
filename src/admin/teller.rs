//! How a run tells its caller how far it is.
//!
//! Owns how often. It never waits for the caller: one who is slow is told less.

use crate::command::{AdminError, AdminPhase, AdminProgress};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often progress is told, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// What a run tells, in order.
pub(crate) type Events<E> = mpsc::Sender<Result<E, AdminError>>;

/// Tells progress.
#[derive(Clone, Debug)]
pub(crate) struct Teller<E> {
    events: Events<E>,
    /// What was told last, and when.
    told: Option<(AdminPhase, Instant)>,
}

impl<E: From<AdminProgress>> Teller<E> {
    /// Nothing is told yet.
    pub(crate) const fn new(events: Events<E>) -> Self {
        Teller { events, told: None }
    }

    /// Where all else is told.
    pub(crate) fn events(&self) -> Events<E> {
        self.events.clone()
    }

    /// Tells it, unless the same was told just before.
    pub(crate) fn tell(&mut self, phase: AdminPhase, done: u64, total: u64) {
        let now = Instant::now();
        if self.told.is_none_or(|(told, at)| told != phase || now >= at + PROGRESS_INTERVAL) {
            self.told = Some((phase, now));
            let progress = AdminProgress { phase, done, total };
            let _told = self.events.try_send(Ok(progress.into()));
        }
    }

    /// The caller is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.events.is_closed()
    }
}
