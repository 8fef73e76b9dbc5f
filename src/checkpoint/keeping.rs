//! When a graph is kept, and what of it.
//!
//! Owns the schedule: a checkpoint when something changed, a position alone when nothing did, and a
//! last time when the feed has ended. Writing has a thread of its own, since a disk may take as long
//! as it likes. It must not know how images are made: it asks whoever applies.

use super::content::{Header, Stamp};
use super::store::{CheckpointOptions, Forgetful, Store};
use crate::graph::{Image, PublishedCell};
use crate::id::Lsn;
use crate::resume::{Keeper, PersistedLsn};
use crate::status::{CheckpointStatus, StatusCell};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How long the last checkpoint may take, at a clean stop; else the one before stays.
const LAST_MAX: Duration = Duration::from_secs(15);

/// How often to look for a copy that was never kept: its first checkpoint waits for no interval.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// After a checkpoint at least so many times what it took passes before the next.
const REST_PER_WORK: u32 = 4;

/// A graph to be kept.
#[derive(Debug)]
pub struct Kept {
    /// Its content.
    pub image: Image,
    /// What the checkpoint will say of itself.
    pub header: Header,
}

/// Asks whoever applies for the graph as of the next commit.
pub type ImageRequest = oneshot::Sender<Kept>;

/// The schedule.
#[derive(Debug)]
pub struct Keeping {
    kept_by: KeptBy,
    published: Arc<PublishedCell>,
    interval: Duration,
    images: mpsc::Sender<ImageRequest>,
    jobs: mpsc::Sender<Job>,
    /// Ends the worker's work, however much of it is left.
    abandon: CancellationToken,
}

/// What those who keep a graph share with others.
#[derive(Clone, Debug)]
pub struct KeptBy {
    /// The directory.
    pub store: Arc<Store>,
    /// What may be confirmed.
    pub persisted: Arc<PersistedLsn>,
    /// The report.
    pub status: Arc<StatusCell<CheckpointStatus>>,
}

impl KeptBy {
    /// For the slot of that name. Nothing is read or written yet.
    pub fn new(options: &CheckpointOptions, slot: &str) -> Self {
        let persisted = Arc::<PersistedLsn>::default();
        let store = Store::new(&options.directory, slot, Arc::clone(&persisted));
        let status = StatusCell::new(CheckpointStatus {
            directory: options.directory.display().to_string(),
            ..CheckpointStatus::default()
        });
        KeptBy { store: Arc::new(store), persisted, status: Arc::new(status) }
    }

    /// The store as the feed knows it.
    pub fn keeper(&self) -> Arc<dyn Keeper> {
        Arc::new(Forgetful(Arc::clone(&self.store)))
    }
}

/// The thread's side.
#[derive(Debug)]
pub struct Worker {
    store: Arc<Store>,
    jobs: mpsc::Receiver<Job>,
    abandon: CancellationToken,
}

#[derive(Debug)]
struct Job {
    what: Work,
    done: oneshot::Sender<io::Result<()>>,
}

#[derive(Debug)]
enum Work {
    Write(Box<Kept>),
    Move(Stamp, Lsn),
}

impl Worker {
    /// Works until nobody is left who could give work. Blocks the thread.
    pub fn run(mut self) {
        while let Some(Job { what, done }) = self.jobs.blocking_recv() {
            let goes_on = || match self.abandon.is_cancelled() {
                true => Err(io::Error::other("given up: the process ends")),
                false => Ok(()),
            };
            let worked = match what {
                Work::Write(kept) => self.store.write(&kept.header, &kept.image, goes_on).map(drop),
                Work::Move(stamp, lsn) => self.store.move_position(stamp, lsn),
            };
            // Nobody to tell: the schedule went on to its last step.
            let _told = done.send(worked);
        }
    }
}

impl Keeping {
    /// The schedule of what `published` shows, and the work of its thread. Images are asked for
    /// through `images`.
    pub fn new(
        kept_by: KeptBy,
        published: Arc<PublishedCell>,
        interval: Duration,
        images: mpsc::Sender<ImageRequest>,
    ) -> (Self, Worker) {
        let (sender, jobs) = mpsc::channel(1);
        let abandon = CancellationToken::new();
        let store = Arc::clone(&kept_by.store);
        let worker = Worker { store, jobs, abandon: abandon.clone() };
        (Keeping { kept_by, published, interval, images, jobs: sender, abandon }, worker)
    }

    /// Keeps the graph until the feed is gone, then a last time.
    pub async fn run(self, feed_gone: CancellationToken) {
        tokio::select! {
            () = self.again_and_again() => {}
            () = feed_gone.cancelled() => {}
        }
        if timeout(LAST_MAX, self.step()).await.is_err() {
            tracing::warn!("the last checkpoint was not written within {LAST_MAX:?}");
        }
        self.abandon.cancel();
    }

    async fn again_and_again(&self) {
        let (mut rest, mut tried) = (Duration::ZERO, None);
        loop {
            self.rest(rest, tried).await;
            tried = self.kept_by.persisted.copy();
            let begin = Instant::now();
            self.step().await;
            rest = self.interval.max(begin.elapsed() * REST_PER_WORK);
        }
    }

    /// Rests so long, unless there is a copy that was not tried yet.
    async fn rest(&self, rest: Duration, tried: Option<u64>) {
        let end = Instant::now() + rest;
        while Instant::now() < end {
            sleep_until(end.min(Instant::now() + LOOK_INTERVAL)).await;
            let copy = self.kept_by.persisted.copy();
            if copy.is_some() && copy != tried {
                return;
            }
        }
    }

    /// Keeps what is not kept yet.
    async fn step(&self) {
        let Some(published) = self.published.load() else { return };
        let newest = (published.snapshot.copy(), published.snapshot.sequence());
        if self.kept_by.persisted.copy() != Some(newest.0) {
            return;
        }
        let held = *self.kept_by.store.held();
        let work = match held {
            Some(held) if held.sequence == newest => {
                if held.position == published.applied_lsn {
                    self.report(None);
                    return;
                }
                // One value was published: nothing changed from the one position to the other.
                Work::Move(held.stamp, published.applied_lsn)
            }
            _ => match self.image().await {
                Some(kept) => Work::Write(Box::new(kept)),
                None => return,
            },
        };
        let is_checkpoint = matches!(work, Work::Write(_));
        let begin = Instant::now();
        let (done, worked) = oneshot::channel();
        if self.jobs.send(Job { what: work, done }).await.is_err() {
            return;
        }
        match worked.await {
            Ok(Ok(())) => self.report(is_checkpoint.then(|| begin.elapsed())),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the checkpoint cannot be written; the one before stays");
                self.kept_by.status.update(|status| status.error = error.to_string());
            }
            Err(_gone) => {}
        }
    }

    async fn image(&self) -> Option<Kept> {
        let (request, image) = oneshot::channel();
        self.images.send(request).await.ok()?;
        image.await.ok()
    }

    fn report(&self, took: Option<Duration>) {
        let Some(held) = *self.kept_by.store.held() else { return };
        if let Some(took) = took {
            tracing::info!(lsn = %held.position, bytes = held.bytes, ?took, "checkpoint written");
        }
        self.kept_by.status.update(|status| {
            status.position = Some(held.position);
            status.kept_at = Some(SystemTime::now());
            status.bytes = held.bytes;
            status.error.clear();
            if let Some(took) = took {
                status.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            }
        });
    }
}
