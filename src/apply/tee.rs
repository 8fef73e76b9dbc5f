//! What is committed while another graph is built of the source's rows: handed to that one too, a
//! whole transaction at a time.
//!
//! Owns the bound on what waits there. Whoever applies never waits for it: past the bound the tee
//! ends, and says why. It must not know when the other graph takes the place of the one that is
//! served.

use crate::change::Change;
use crate::graph::{GraphFull, GraphWriter};
use crate::id::Lsn;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, watch};

/// How many changes may wait, a transaction's end counted as one: at 160 bytes at most beside the
/// text of names and keys, which is shared, some 160 MB.
pub const TEE_CHANGES_MAX: usize = 1 << 20;

/// Why nothing more will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TeeEnd {
    /// More came than may wait.
    #[error(
        "more than {TEE_CHANGES_MAX} changes came before the new graph was level with the one that \
         is served: try again when the database is quieter"
    )]
    Overflow,
    /// What is served is about to be replaced.
    #[error("a fresh copy of the database began, which builds the graph anew too")]
    FreshCopy,
}

/// A whole committed transaction.
#[derive(Debug)]
struct Transaction {
    changes: Vec<Change>,
    end_lsn: Lsn,
}

impl Transaction {
    fn weight(&self) -> usize {
        self.changes.len() + 1
    }
}

/// The end of whoever applies.
#[derive(Debug)]
pub(super) struct Tee {
    changes_max: usize,
    /// Those of the transaction under way.
    changes: Vec<Change>,
    transactions: mpsc::UnboundedSender<Transaction>,
    waiting: Arc<AtomicUsize>,
    end: watch::Sender<Option<TeeEnd>>,
}

/// The end of whoever builds.
#[derive(Debug)]
pub struct Teed {
    /// Bounded by `waiting`.
    transactions: mpsc::UnboundedReceiver<Transaction>,
    waiting: Arc<AtomicUsize>,
    end: watch::Receiver<Option<TeeEnd>>,
}

impl Tee {
    /// Both ends; at most so many changes wait between them.
    pub(super) fn new(changes_max: usize) -> (Self, Teed) {
        let (sender, transactions) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let waiting = Arc::<AtomicUsize>::default();
        let teed = Teed { transactions, waiting: Arc::clone(&waiting), end: ended };
        (Tee { changes_max, changes: Vec::new(), transactions: sender, waiting, end }, teed)
    }

    /// Notes a change of the transaction under way; the tee ends if there is no room.
    pub(super) fn note(tee: &mut Option<Self>, change: &Change) {
        let Some(held) = tee else { return };
        if held.waiting.load(Ordering::Acquire) + held.changes.len() + 1 < held.changes_max {
            held.changes.push(change.clone());
        } else {
            Self::end(tee, TeeEnd::Overflow);
        }
    }

    /// Hands on the transaction under way; the tee ends if nobody is there to take it.
    pub(super) fn commit(tee: &mut Option<Self>, end_lsn: Lsn) {
        let Some(held) = tee else { return };
        let mut changes = std::mem::take(&mut held.changes);
        changes.shrink_to_fit();
        let transaction = Transaction { changes, end_lsn };
        let weight = transaction.weight();
        if held.waiting.fetch_add(weight, Ordering::AcqRel) + weight > held.changes_max {
            Self::end(tee, TeeEnd::Overflow);
        } else if held.transactions.send(transaction).is_err() {
            *tee = None;
        }
    }

    /// Forgets the transaction under way: it never happened.
    pub(super) fn abort(tee: &mut Option<Self>) {
        if let Some(held) = tee {
            held.changes = Vec::new();
        }
    }

    /// Ends it for a reason.
    pub(super) fn end(tee: &mut Option<Self>, why: TeeEnd) {
        if let Some(held) = tee.take() {
            held.end.send_replace(Some(why));
        }
    }
}

impl Teed {
    /// Applies the next transaction that waits, if any does and the graph does not have it yet: of
    /// those that ended before its rows were read nothing is left to do. False if none waits.
    ///
    /// # Errors
    /// [`GraphFull`]
    pub fn advance(&mut self, writer: &mut GraphWriter) -> Result<bool, GraphFull> {
        let Ok(transaction) = self.transactions.try_recv() else { return Ok(false) };
        self.waiting.fetch_sub(transaction.weight(), Ordering::AcqRel);
        let Transaction { changes, end_lsn } = transaction;
        if end_lsn > writer.last().version().end_lsn {
            for change in changes {
                writer.apply(change)?;
            }
            writer.commit(end_lsn);
        }
        Ok(true)
    }

    /// How many changes wait, each transaction's end counted as one.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether whatever is committed comes here still.
    pub fn is_live(&self) -> bool {
        !self.transactions.is_closed()
    }

    /// Why it ended, if it did for a reason.
    pub fn end(&self) -> Option<TeeEnd> {
        *self.end.borrow()
    }

    /// Completes when it ends for a reason.
    pub fn ended(&self) -> impl Future<Output = TeeEnd> + Send + use<> {
        let mut end = self.end.clone();
        async move {
            let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
            match ended {
                Some(end) => end,
                // The one who applies is gone, or has let go since the graph is level.
                None => pending().await,
            }
        }
    }
}
