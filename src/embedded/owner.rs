//! Whose directory it is, and the sweep of what dead owners left.
//!
//! The server gets a signal when its owner dies, but a directory gets none. So every directory has
//! a file that its owner holds locked: the lock ends with the owner, however that ends and in
//! whatever container it ran, and the next start removes the temporary directories that nobody
//! holds.

use super::account::Account;
use super::error::EmbeddedError;
use super::postmaster::{Signal, send};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// What the names of our temporary directories begin with.
pub(super) const DIRECTORY_PREFIX: &str = "teamgraph-pg-";
/// The file that is locked. It also tells a directory of ours from others', so it stays in one that
/// is kept.
const OWNER_FILE: &str = "teamgraph.owner";
/// What the file says, behind the owner's number, of a directory that ends with its owner.
const TEMPORARY: &str = "temporary";
/// What it says of another.
const KEPT: &str = "kept";
/// How long a server whose owner died may take to end once it is told to: it has no sessions that
/// it would wait for, and after 5 s it kills its own children.
const ORPHAN_END_MAX: Duration = Duration::from_secs(10);
/// How often to look whether it has ended: it takes some tens of milliseconds.
const ORPHAN_POLL: Duration = Duration::from_millis(20);

/// Owning a directory. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
}

impl Claim {
    /// Makes this process the owner of `directory`, unless another one is.
    ///
    /// The file is never removed from a directory that is kept: who had opened it before could then
    /// lock what nobody else finds any more.
    pub(super) fn take(directory: &Path, temporary: bool) -> Result<Self, EmbeddedError> {
        let path = directory.join(OWNER_FILE);
        let cannot = || EmbeddedError::io(format!("write to {}", path.display()));
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(cannot())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(cannot())?;
                let pid = text.split_whitespace().next().unwrap_or("(unknown)").to_owned();
                return Err(EmbeddedError::InUse { path: directory.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(cannot()(error)),
        }
        file.set_len(0).map_err(cannot())?;
        let word = if temporary { TEMPORARY } else { KEPT };
        // The number is for people: the lock alone tells whether the owner lives.
        file.write_all(format!("{} {word}\n", std::process::id()).as_bytes()).map_err(cannot())?;
        Ok(Claim { file })
    }

    /// Makes this process the owner of a temporary directory that a dead process left; none if the
    /// owner lives, or has only just made it: what locks the file writes to it next.
    fn inherit(directory: &Path) -> Option<Self> {
        let mut file = File::open(directory.join(OWNER_FILE)).ok()?;
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        if text.split_whitespace().nth(1) != Some(TEMPORARY) {
            return None;
        }
        file.try_lock().ok()?;
        Some(Claim { file })
    }

    /// Lets go, as the death of the process does.
    #[cfg(test)]
    pub(super) fn lose(&self) {
        self.file.unlock().unwrap();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing the file unlocks it in any case.
        self.file.unlock().unwrap_or_default();
    }
}

/// Refuses a directory that holds something which is not ours.
pub(super) fn refuse_foreign(directory: &Path) -> Result<(), EmbeddedError> {
    if directory.join(OWNER_FILE).is_file() {
        return Ok(());
    }
    let cannot = || EmbeddedError::io(format!("read {}", directory.display()));
    for entry in directory.read_dir().map_err(cannot())? {
        // What an empty file system has at its root.
        if entry.map_err(cannot())?.file_name() != "lost+found" {
            return Err(EmbeddedError::Foreign(directory.to_owned()));
        }
    }
    Ok(())
}

/// Ends the server that a dead owner left in `data`, if one still runs, and waits for its end.
pub(super) async fn stop_orphan(data: &Path) -> Result<(), EmbeddedError> {
    let Some(pid) = postmaster_of(data) else { return Ok(()) };
    // It got this signal already when its owner died, unless the owner died while starting it.
    for signal in [Signal::Quit, Signal::Kill] {
        send(signal, pid)?;
        let deadline = Instant::now() + ORPHAN_END_MAX;
        while Instant::now() < deadline {
            if !is_at_home(pid, data) {
                return Ok(());
            }
            tokio::time::sleep(ORPHAN_POLL).await;
        }
    }
    Err(EmbeddedError::NotStopped { pid, seconds: 2 * ORPHAN_END_MAX.as_secs() })
}

/// The live process that serves `data`, an absolute path without symbolic links.
fn postmaster_of(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    is_at_home(pid, data).then_some(pid)
}

/// Whether the process is the server of `data`: its number may be another's by now, but a
/// postmaster's working directory is its data. A process that has ended has none.
fn is_at_home(pid: u32, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data)
}

/// Removes the temporary directories in `parent` whose owners are gone, and stops their servers.
/// What cannot be removed is left: it is somebody else's, or the next sweep's.
pub(super) async fn sweep(parent: &Path, account: Account) {
    // A process's working directory is told without symbolic links.
    let Ok(entries) = parent.canonicalize().and_then(|parent| parent.read_dir()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(DIRECTORY_PREFIX)
            && entry.metadata().is_ok_and(|found| found.is_dir() && account.owns(found.uid()));
        if !ours {
            continue;
        }
        let Some(_claim) = Claim::inherit(&path) else { continue };
        match remove(&path).await {
            Ok(()) => tracing::info!("removed {}, left by a dead process", path.display()),
            Err(error) => tracing::debug!("could not sweep {}: {error}", path.display()),
        }
    }
}

async fn remove(path: &PathBuf) -> Result<(), EmbeddedError> {
    stop_orphan(&path.join("data")).await?;
    fs::remove_dir_all(path).map_err(EmbeddedError::io(format!("remove {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_and_the_loser_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let first = Claim::take(directory.path(), false).unwrap();
        for _ in 0..2 {
            let refused = Claim::take(directory.path(), false).unwrap_err();
            let EmbeddedError::InUse { pid, .. } = refused else { panic!("{refused}") };
            assert_eq!(pid, std::process::id().to_string());
        }
        drop(first);
        Claim::take(directory.path(), false).unwrap();
    }

    #[test]
    fn only_empty_directories_and_our_own_are_taken() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("lost+found")).unwrap();
        refuse_foreign(directory.path()).unwrap();
        fs::create_dir(directory.path().join("data")).unwrap();
        let refused = refuse_foreign(directory.path()).unwrap_err();
        assert!(matches!(refused, EmbeddedError::Foreign(_)), "{refused}");
        drop(Claim::take(directory.path(), false).unwrap());
        refuse_foreign(directory.path()).unwrap();
    }

    #[tokio::test]
    async fn only_directories_of_dead_owners_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let directory = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let _live = Claim::take(&directory("teamgraph-pg-live"), true).unwrap();
        drop(Claim::take(&directory("teamgraph-pg-dead"), true).unwrap());
        drop(Claim::take(&directory("teamgraph-pg-kept"), false).unwrap());
        drop(Claim::take(&directory("unrelated"), true).unwrap());
        directory("teamgraph-pg-new");
        File::create(directory("teamgraph-pg-unlocked-yet").join(OWNER_FILE)).unwrap();
        sweep(parent.path(), Account::choose().unwrap()).await;
        let names = parent.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        left.sort();
        let expected =
            ["kept", "live", "new", "unlocked-yet"].map(|it| format!("teamgraph-pg-{it}"));
        assert_eq!(left[..4], expected);
        assert_eq!(left[4..], ["unrelated"]);
    }
}
