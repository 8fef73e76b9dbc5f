//! The graph built anew from the source's rows, beside the one that is served.
//!
//! Owns the order of a rebuild's steps, that there is one at a time, and its end when the caller
//! leaves. It must not know how rows are read, applied or compared, nor who asks.
//!
//! ```text
//!                          what is committed from before P on
//! apply thread ─────────────────────────tee──────────────────────┐
//!     ▲   graph that is served                                   ▼
//!     │                              thread "rebuild": graph as of P, then level ─┐
//!     │   reading at P ──────rows──────────▲                                      │
//!     └────────────────────swap, between two transactions─────────────────────────┘
//! ```
//!
//! The stream goes on meanwhile, and what it brings is shown at once. Then the graph that was served
//! is compared, as of P, with the rows (`drift`). `offline` is the other form: a checkpoint for a
//! server that does not run yet.

mod build;
mod offline;

pub use offline::{OfflineError, OfflineOptions, OfflineReport, rebuild_offline};

use crate::admin::{
    Apart, DeskParts, Events, Opening, QUEUED_BATCHES_MAX, Seen, Teller, Turn, rows_and_version,
};
use crate::apply::{RebuildRequest, TeeBegun};
use crate::change::{Change, FeedEvent};
use crate::command::{AdminError, AdminPhase, RebuildEvent, RebuildOrder, RebuildReport};
use crate::feed::{FeedError, Remedy, UnknownStatuses};
use crate::graph::GraphWriter;
use crate::server::spawn_thread;
use build::Build;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// How long the transaction under way may take to be applied: one of the size that is still
/// followed takes about as long.
const BOUNDARY_MAX: Duration = Duration::from_secs(120);

/// A rebuild under way.
#[derive(Debug)]
pub(crate) struct Rebuilding {
    parts: DeskParts,
    order: RebuildOrder,
    teller: Teller<RebuildEvent>,
    opening: Opening,
    turn: Turn,
}

/// What the thread is told once all rows are read.
struct Whole {
    /// How many rows there are.
    rows: u64,
    /// What none of them tells.
    statuses: UnknownStatuses,
    /// The version that their position shows; or why it cannot be had.
    seen: Seen,
}

impl Rebuilding {
    /// To be run.
    pub(crate) fn new(
        parts: DeskParts,
        order: RebuildOrder,
        events: Events<RebuildEvent>,
        turn: Turn,
    ) -> Self {
        let teller = Teller::new(events);
        Rebuilding { parts, order, teller, opening: Opening::default(), turn }
    }

    /// Runs to its end, or until nobody waits for it any more.
    pub(crate) async fn run(mut self) {
        let (stop, events) = (self.parts.stop.clone(), self.teller.events());
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Err(AdminError::Stopping),
            () = events.closed() => Err(AdminError::NotRebuilt("the caller is gone".to_owned())),
            ended = Box::pin(self.rebuild()) => ended,
        };
        if let Err(error) = &ended {
            tracing::warn!(%error, "the rebuild ended");
        }
        self.opening.abandon().await;
        // Whoever is told may begin another at once; and a process that stops need not wait for them.
        drop(self);
        // Nobody to tell: the caller is gone.
        let _told = events.send(ended.map(|report| RebuildEvent::Report(Box::new(report)))).await;
    }

    async fn rebuild(&mut self) -> Result<RebuildReport, AdminError> {
        let began = Instant::now();
        self.teller.tell(AdminPhase::Opening, 0, 0);
        let begun = self.begin_tee().await?;
        let ended = begun.teed.ended();
        // It ends what is built of it too, wherever that is.
        let mut report = tokio::select! {
            biased;
            end = ended => return Err(AdminError::NotRebuilt(end.to_string())),
            report = Box::pin(self.build(begun)) => report?,
        };
        report.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }

    async fn begin_tee(&self) -> Result<TeeBegun, AdminError> {
        let (reply, begun) = oneshot::channel();
        let asked = self.parts.rebuilds.send(RebuildRequest::Tee(reply)).await;
        asked.map_err(|_| AdminError::Stopping)?;
        match timeout(BOUNDARY_MAX, begun).await {
            Ok(Ok(begun)) => begun.map_err(|end| AdminError::NotRebuilt(end.to_string())),
            Ok(Err(_gone)) => Err(AdminError::Stopping),
            Err(_) => Err(AdminError::NotRebuilt(format!(
                "a transaction was under way for {} s",
                BOUNDARY_MAX.as_secs()
            ))),
        }
    }

    /// Reads the rows and has them built; the thread does the rest.
    async fn build(&mut self, begun: TeeBegun) -> Result<RebuildReport, AdminError> {
        let TeeBegun { history, copy, teed } = begun;
        let mut reading = self.opening.open(&self.parts.feed).await.map_err(of_feed)?;
        if reading.history() != history {
            return Err(AdminError::NotRebuilt(
                "the database is of another history than the graph: a fresh copy is due".to_owned(),
            ));
        }
        let point = reading.consistent_point();
        tracing::info!(copy, %point, "rebuilding");
        let statuses = reading.unknown_statuses().await.map_err(of_feed)?;
        let (sender, rows) = mpsc::channel(QUEUED_BATCHES_MAX);
        let (tell, whole) = oneshot::channel();
        let build = Build {
            rows,
            whole,
            teed,
            writer: GraphWriter::new(copy, history, self.parts.graph),
            facts: reading.facts(),
            point,
            order: self.order,
            published: Arc::clone(&self.parts.published),
            rebuilds: self.parts.rebuilds.clone(),
            teller: self.teller.clone(),
            _turn: Arc::clone(&self.turn.alone),
        };
        let built = spawn_thread("rebuild", move || build.run());
        let built = built.map_err(|error| AdminError::NotRebuilt(error.to_string()))?;
        let read = rows_and_version(&self.parts, &mut self.teller, reading, sender).await;
        let failed = match read {
            Ok((rows, seen)) => {
                // Where it has ended, it says why.
                let _told = tell.send(Whole { rows, statuses, seen });
                None
            }
            Err(apart) => {
                drop(tell);
                Some(match apart {
                    Apart::Reading(error) => of_feed(error),
                    Apart::Late(why) => AdminError::NotRebuilt(why),
                })
            }
        };
        match built.await {
            Ok(Ok(Some(report))) => Ok(report),
            Ok(Ok(None)) => Err(failed.unwrap_or(AdminError::Stopping)),
            Ok(Err(error)) => Err(error),
            Err(_gone) => Err(AdminError::Defect("the rebuild thread failed".to_owned())),
        }
    }
}

/// Takes in all rows, until nobody sends any more.
fn take_in<E>(
    rows: &mut mpsc::Receiver<Vec<FeedEvent>>,
    mut take: impl FnMut(Change) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(batch) = rows.blocking_recv() {
        for event in batch {
            // A reading sends nothing else.
            if let FeedEvent::Change(change) = event {
                take(change)?;
            }
        }
    }
    Ok(())
}

fn of_feed(error: FeedError) -> AdminError {
    match error {
        FeedError::Definite { remedy: Remedy::Operator, what } => AdminError::Source(what),
        error => AdminError::NotRebuilt(error.to_string()),
    }
}
