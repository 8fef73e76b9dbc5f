//! The signals that ask the process to end.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM and SIGINT (Ctrl-C) from its creation on: one that comes while nobody
/// waits is not lost.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Completes when the process is asked to end.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs what is left to do at the end; a further signal gives that up, too.
    pub(super) async fn unless_again<T>(
        &mut self,
        work: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        self.unless_received(work).await.ok_or_else(|| {
            anyhow::anyhow!(
                "told to stop a second time, so it ended at once: a replication slot may be left \
                 until the next start, or until pg_drop_replication_slot"
            )
        })
    }

    /// Runs work that may be given up midway; none if the process is asked to end before it is
    /// done. What the work holds is dropped, so that nothing is left behind.
    pub(super) async fn unless_received<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.received() => None,
        }
    }
}
