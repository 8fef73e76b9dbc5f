//! A small disk for the checkpoint, so that it can be filled.
//!
//! Owns the mount: a file system in memory, which takes root's rights. Where there are none, the
//! checkpoint has a plain directory, and its disk is never full.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Room for a few checkpoints of so small a graph.
const SIZE: &str = "size=2m";

pub struct Disk {
    directory: PathBuf,
    is_small: bool,
}

impl Disk {
    /// A directory of its own, on a disk of its own if that may be.
    pub fn new(parent: &Path) -> anyhow::Result<Self> {
        let directory = parent.join("checkpoint");
        std::fs::create_dir_all(&directory)?;
        let mount = ["-t", "tmpfs", "-o", SIZE, "teamgraph-faults"];
        let is_small = run("mount", &mount.map(Path::new), &directory);
        Ok(Disk { directory, is_small })
    }

    /// Whether disks may be mounted here.
    pub fn may_be_small() -> bool {
        tempfile::tempdir()
            .is_ok_and(|parent| Disk::new(parent.path()).is_ok_and(|disk| disk.is_small))
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes all the room that is left.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut filler = std::fs::File::create(self.filler())?;
        let mut zeros = std::io::repeat(0);
        let ended = std::io::copy(&mut zeros, &mut filler).err();
        let ended = ended.context("the disk takes everything")?;
        let full = ended.kind() == std::io::ErrorKind::StorageFull;
        anyhow::ensure!(full, "the disk cannot be filled: {ended}");
        Ok(())
    }

    /// Gives it back.
    pub fn empty(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    /// Forgets what was kept.
    pub fn forget(&self) -> anyhow::Result<()> {
        for entry in self.directory.read_dir()? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_small {
            // Even if somebody still has a file of it open.
            run("umount", &[Path::new("--lazy")], &self.directory);
        }
    }
}

fn run(program: &str, arguments: &[&Path], directory: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(directory).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
