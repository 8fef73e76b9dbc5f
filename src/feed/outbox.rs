//! The way out: events gathered into batches for one bounded queue, in order.
//!
//! Owns what has been handed on: up to which position, and whether a transaction or a copy is
//! half handed on. It must not know where events come from.

use super::error::FeedError;
use crate::change::FeedEvent;
use crate::id::Lsn;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// Events a batch: large enough that the queue's cost vanishes, small enough that the one who
/// applies starts early on a big transaction.
pub(crate) const BATCH_EVENTS_MAX: usize = 1_024;

/// How often the caller is asked to do its duties while the queue is full.
const DUTY_INTERVAL: Duration = Duration::from_millis(20);

/// The way out.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Vec<FeedEvent>>,
    batch: Vec<FeedEvent>,
    /// The newest boundary (commit, watermark or end of copy) pushed.
    pushed: Lsn,
    /// The newest boundary in the queue: everything up to it will be applied.
    sent: Lsn,
    /// The queue ends within a transaction or a copy.
    open: bool,
}

impl Outbox {
    pub(crate) fn new(queue: mpsc::Sender<Vec<FeedEvent>>) -> Self {
        Outbox { queue, batch: Vec::new(), pushed: Lsn(0), sent: Lsn(0), open: false }
    }

    /// The newest boundary pushed.
    pub(crate) fn pushed(&self) -> Lsn {
        self.pushed
    }

    /// The newest boundary in the queue: where a stream resumes.
    pub(crate) fn sent(&self) -> Lsn {
        self.sent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.batch.len() >= BATCH_EVENTS_MAX
    }

    /// Adds an event to the batch.
    pub(crate) fn push(&mut self, event: FeedEvent) {
        match event {
            // Positions of a fresh copy may be lower: of another history, perhaps.
            FeedEvent::CopyEnd { consistent_point } => self.pushed = consistent_point,
            FeedEvent::Resume { lsn, .. }
            | FeedEvent::Commit { end_lsn: lsn }
            | FeedEvent::Watermark { lsn } => self.pushed = lsn,
            FeedEvent::CopyBegin { .. } | FeedEvent::Change(_) | FeedEvent::Abort => {}
        }
        self.batch.push(event);
    }

    /// The batch, for whoever adds many events without a boundary.
    pub(crate) fn changes(&mut self) -> &mut Vec<FeedEvent> {
        &mut self.batch
    }

    /// Puts the batch into the queue. While the queue is full `duties` runs again and again;
    /// after `full_max` it is an error, and the batch is kept.
    pub(crate) async fn flush(
        &mut self,
        full_max: Duration,
        mut duties: impl FnMut(),
    ) -> Result<(), FeedError> {
        let Some(last) = self.batch.last() else {
            return Ok(());
        };
        let open = matches!(last, FeedEvent::Change(_) | FeedEvent::CopyBegin { .. });
        let deadline = Instant::now() + full_max;
        let permit = loop {
            tokio::select! {
                biased;
                permit = self.queue.reserve() => break permit.map_err(|_| applier_gone())?,
                () = sleep(DUTY_INTERVAL) => duties(),
            }
            if Instant::now() >= deadline {
                return Err(queue_full(full_max));
            }
        };
        permit.send(std::mem::take(&mut self.batch));
        self.open = open;
        self.sent = self.pushed;
        Ok(())
    }

    /// The connection is lost: forgets what is not in the queue yet, and takes back what is in it
    /// without its commit. If the queue stays full for `full_max` it is an error, and must be done
    /// again before anything else is handed on.
    pub(crate) async fn abort(&mut self, full_max: Duration) -> Result<(), FeedError> {
        self.batch.clear();
        self.pushed = self.sent;
        if self.open {
            let permit = timeout(full_max, self.queue.reserve()).await;
            let permit = permit.map_err(|_| queue_full(full_max))?.map_err(|_| applier_gone())?;
            permit.send(vec![FeedEvent::Abort]);
            self.open = false;
        }
        Ok(())
    }
}

fn queue_full(full_max: Duration) -> FeedError {
    FeedError::stuck(format!(
        "changes were not applied for {} s: the queue is full",
        full_max.as_secs()
    ))
}

fn applier_gone() -> FeedError {
    FeedError::restart("the part that applies changes has ended; fix: restart the process")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::id::SourceKey;

    const FULL_MAX: Duration = Duration::from_secs(5);

    fn change(key: i64) -> FeedEvent {
        FeedEvent::Change(Change::MemberDelete { key: SourceKey::int(key) })
    }

    #[tokio::test]
    async fn only_what_is_in_the_queue_counts_as_sent() {
        let (queue, mut received) = mpsc::channel(4);
        let mut outbox = Outbox::new(queue);
        outbox.push(change(1));
        outbox.push(FeedEvent::Commit { end_lsn: Lsn(10) });
        assert_eq!((outbox.pushed(), outbox.sent()), (Lsn(10), Lsn(0)));
        outbox.flush(FULL_MAX, || {}).await.unwrap();
        assert_eq!(outbox.sent(), Lsn(10));
        // A commit that never left is forgotten; nothing was half sent, so nothing is taken back.
        outbox.push(change(2));
        outbox.push(FeedEvent::Commit { end_lsn: Lsn(20) });
        outbox.abort(FULL_MAX).await.unwrap();
        assert_eq!((outbox.pushed(), outbox.sent()), (Lsn(10), Lsn(10)));
        // Half a transaction is taken back, once.
        outbox.push(change(2));
        outbox.flush(FULL_MAX, || {}).await.unwrap();
        outbox.abort(FULL_MAX).await.unwrap();
        outbox.abort(FULL_MAX).await.unwrap();
        assert_eq!(received.recv().await.unwrap().len(), 2);
        assert_eq!(received.recv().await.unwrap(), [change(2)]);
        assert_eq!(received.recv().await.unwrap(), [FeedEvent::Abort]);
        assert!(received.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_full_queue_is_an_error_after_its_bound() {
        let (queue, mut received) = mpsc::channel(1);
        let mut outbox = Outbox::new(queue);
        outbox.push(change(1));
        outbox.flush(FULL_MAX, || {}).await.unwrap();
        outbox.push(FeedEvent::Commit { end_lsn: Lsn(10) });
        let mut duties = 0;
        let full = outbox.flush(Duration::ZERO, || duties += 1).await;
        assert!(matches!(full, Err(FeedError::Stuck { .. })));
        assert!(duties > 0);
        // Nor can half a transaction be taken back yet; it still must be.
        let full = outbox.abort(Duration::ZERO).await;
        assert!(matches!(full, Err(FeedError::Stuck { .. })));
        assert_eq!(received.recv().await.unwrap(), [change(1)]);
        outbox.abort(FULL_MAX).await.unwrap();
        assert_eq!(received.recv().await.unwrap(), [FeedEvent::Abort]);
        assert_eq!(outbox.sent(), Lsn(0));
    }

    #[tokio::test]
    async fn a_receiver_that_ended_is_definite() {
        let (queue, received) = mpsc::channel(1);
        drop(received);
        let mut outbox = Outbox::new(queue);
        outbox.push(change(1));
        let gone = outbox.flush(FULL_MAX, || {}).await;
        assert!(matches!(gone, Err(FeedError::Definite { .. })));
    }
}
