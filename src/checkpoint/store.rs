//! The directory that a graph is kept in.
//!
//! Owns the files' names and their atomic replacement: a new file is written beside the old one,
//! synced, and renamed, so that whatever happens there is one that is whole, or none. It must not
//! know when anything is written.

use super::CheckpointError;
use super::content::{Header, Loaded, Stamp, Written, load, write};
use super::position;
use crate::graph::{GraphLimits, Image};
use crate::id::Lsn;
use crate::resume::{Forgotten, Keeper, PersistedLsn};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long to wait for a disk to forget: that is a matter of milliseconds, or of a broken disk.
const FORGET_MAX: Duration = Duration::from_secs(5);

/// Bytes that go to the system at once.
const WRITE_BYTES: usize = 256 << 10;

/// Where, and how often, a graph is kept.
#[derive(Clone, Debug)]
pub struct CheckpointOptions {
    /// The directory; it is made if it is not there.
    pub directory: PathBuf,
    /// How long from the end of one checkpoint to the next.
    pub interval: Duration,
}

/// What is in the directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// The copy and version that the checkpoint is of.
    pub(super) sequence: (u64, u64),
    pub(super) stamp: Stamp,
    /// Up to where that version is the newest, as the directory says.
    pub(super) position: Lsn,
    pub(super) bytes: u64,
}

/// The directory, for one slot.
#[derive(Debug)]
pub struct Store {
    checkpoint: PathBuf,
    position: PathBuf,
    directory: PathBuf,
    persisted: Arc<PersistedLsn>,
    /// What is in the directory. Held while a file is put in its place or taken away, so that
    /// nothing is put there after it was told to forget.
    held: Mutex<Option<Held>>,
}

impl Store {
    /// The files of the slot in the directory; `persisted` is raised with what is kept.
    pub fn new(directory: &Path, slot: &str, persisted: Arc<PersistedLsn>) -> Self {
        Store {
            checkpoint: directory.join(format!("{slot}.checkpoint")),
            position: directory.join(format!("{slot}.position")),
            directory: directory.to_owned(),
            persisted,
            held: Mutex::new(None),
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is kept into a graph, as copy number `copy` of its source. The header's position
    /// is the newest that the directory has for it.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn load(&self, copy: u64, limits: GraphLimits) -> Result<Loaded, CheckpointError> {
        let file = match File::open(&self.checkpoint) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CheckpointError::Missing);
            }
            file => file?,
        };
        let bytes = file.metadata()?.len();
        let mut loaded = load(io::BufReader::new(file), bytes, copy, limits)?;
        if let Some(moved) = self.read_position()
            && let Some(lsn) = position::decode(&moved, &loaded.stamp)
        {
            loaded.header.applied = lsn;
        }
        let snapshot = loaded.writer.last();
        *self.held() = Some(Held {
            sequence: (snapshot.copy(), snapshot.sequence()),
            stamp: loaded.stamp,
            position: loaded.header.applied,
            bytes,
        });
        Ok(loaded)
    }

    /// The position file. One that is gone or harmed is as good as none:
    /// the checkpoint has a position of its own.
    fn read_position(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(position::BYTES).unwrap_or(u64::MAX) + 1;
        let file = File::open(&self.position).ok()?;
        file.take(limit).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Writes a checkpoint and puts it in the place of the one before, unless it may not be kept
    /// any more. `goes_on` is asked before each block.
    ///
    /// # Errors
    /// Those of the disk and of `goes_on`; the checkpoint before is as it was.
    pub fn write(
        &self,
        header: &Header,
        image: &Image,
        goes_on: impl Fn() -> io::Result<()>,
    ) -> io::Result<Written> {
        let new = self.checkpoint.with_extension("checkpoint.new");
        let file = self.create(&new)?;
        let mut out = BufWriter::with_capacity(WRITE_BYTES, &file);
        let written = write(&mut out, header, image, goes_on).and_then(|written| {
            out.flush()?;
            drop(out);
            file.sync_all()?;
            Ok(written)
        });
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                // What it takes is needed; if it cannot be freed, the next one overwrites it.
                let _freed = fs::remove_file(&new);
                return Err(error);
            }
        };
        let mut held = self.held();
        let sequence = image.sequence();
        if self.persisted.copy() != Some(sequence.0) {
            let _freed = fs::remove_file(&new);
            return Err(io::Error::other("a fresh copy takes its place"));
        }
        fs::rename(&new, &self.checkpoint)?;
        self.sync_directory()?;
        let (stamp, bytes) = (written.stamp, written.bytes);
        *held = Some(Held { sequence, stamp, position: header.applied, bytes });
        self.persisted.raise(sequence.0, header.applied);
        Ok(written)
    }

    /// Notes that the checkpoint holds up to this position too, unless it is not there any more.
    ///
    /// # Errors
    /// Those of the disk; the position before is as it was.
    pub fn move_position(&self, stamp: Stamp, lsn: Lsn) -> io::Result<()> {
        let new = self.position.with_extension("position.new");
        let mut file = self.create(&new)?;
        file.write_all(&position::encode(&stamp, lsn))?;
        file.sync_all()?;
        let mut held = self.held();
        let Some(held) = held.as_mut().filter(|held| held.stamp == stamp) else {
            return fs::remove_file(&new);
        };
        fs::rename(&new, &self.position)?;
        self.sync_directory()?;
        held.position = lsn;
        self.persisted.raise(held.sequence.0, lsn);
        Ok(())
    }

    /// A new file, for our eyes alone: it holds people's names.
    fn create(&self, path: &Path) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// Takes away what is kept.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remove(&self) -> io::Result<()> {
        let mut held = self.held();
        *held = None;
        let mut removed = Ok(());
        for path in [&self.checkpoint, &self.position] {
            match remove(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => removed = Err(error),
                Ok(()) => self.sync_directory()?,
            }
        }
        removed
    }
}

/// Removes the file, or what is in it, where the directory lets no file go.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Err(error),
        _ => OpenOptions::new().write(true).truncate(true).open(path)?.sync_all(),
    })
}

/// [`Store`], as the feed knows it.
#[derive(Clone, Debug)]
pub(super) struct Forgetful(pub(super) Arc<Store>);

impl Keeper for Forgetful {
    fn forget(&self) -> Forgotten {
        let store = Arc::clone(&self.0);
        Box::pin(async move {
            let removing = tokio::task::spawn_blocking(move || store.remove());
            let error = match tokio::time::timeout(FORGET_MAX, removing).await {
                Ok(Ok(Ok(()))) => return,
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("the disk did not answer within {} s", FORGET_MAX.as_secs()),
            };
            tracing::warn!(error, "the checkpoint could not be removed before a fresh copy");
        })
    }
}
