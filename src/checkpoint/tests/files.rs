//! The directory: what is there after whatever happens.

use super::{HISTORY, header};
use crate::change::{Change, NamePut};
use crate::checkpoint::{CheckpointError, Header, Store};
use crate::graph::{GraphLimits, GraphWriter};
use crate::id::{Lsn, MemberKind, SourceKey};
use crate::resume::PersistedLsn;
use std::fs;
use std::io;
use std::sync::Arc;

struct Bench {
    directory: tempfile::TempDir,
    persisted: Arc<PersistedLsn>,
    store: Store,
    writer: GraphWriter,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let persisted = Arc::<PersistedLsn>::default();
        persisted.open(1, Lsn(10));
        let store = Store::new(&directory.path().join("new"), "tg_a", Arc::clone(&persisted));
        let writer = GraphWriter::new(1, HISTORY, GraphLimits::default());
        Bench { directory, persisted, store, writer }
    }

    /// Another member comes, and a checkpoint is tried.
    fn write(&mut self, applied: u64) -> io::Result<()> {
        let key = SourceKey::int(i64::try_from(applied).unwrap());
        let (kind, name) = (MemberKind::Person, NamePut::Set(None));
        self.writer.apply(Change::MemberPut { key, kind, name, owner: None }).unwrap();
        self.writer.commit(Lsn(applied));
        let applied = Lsn(applied);
        let header = Header { version: applied, applied, ..header() };
        self.store.write(&header, &self.writer.image(), || Ok(())).map(drop)
    }

    /// (people, position) as the next process finds them.
    fn found(&self) -> Option<(u64, u64)> {
        let persisted = Arc::clone(&self.persisted);
        let store = Store::new(&self.directory.path().join("new"), "tg_a", persisted);
        match store.load(1, GraphLimits::default()) {
            Ok(loaded) => Some((loaded.writer.last().stats().people, loaded.header.applied.0)),
            Err(CheckpointError::Missing) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.directory.path().join("new")).unwrap();
        let name =
            |file: io::Result<fs::DirEntry>| file.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = files.map(name).collect();
        names.sort();
        names
    }
}

#[test]
fn a_checkpoint_and_then_positions_alone() {
    let mut bench = Bench::new();
    assert_eq!(bench.found(), None);
    bench.write(100).unwrap();
    assert_eq!((bench.found(), bench.persisted.get()), (Some((1, 100)), Lsn(100)));
    let stamp = bench.store.held().unwrap().stamp;
    bench.store.move_position(stamp, Lsn(130)).unwrap();
    assert_eq!((bench.found(), bench.persisted.get()), (Some((1, 130)), Lsn(130)));
    // What it says of the checkpoint before says nothing of the next.
    bench.write(120).unwrap();
    assert_eq!(bench.found(), Some((2, 120)));
    bench.store.move_position(stamp, Lsn(140)).unwrap();
    assert_eq!(bench.found(), Some((2, 120)));
    // A position that is lost costs no more than itself.
    let stamp = bench.store.held().unwrap().stamp;
    bench.store.move_position(stamp, Lsn(150)).unwrap();
    fs::write(bench.directory.path().join("new/tg_a.position"), "nonsense").unwrap();
    assert_eq!(bench.found(), Some((2, 120)));
    assert_eq!(bench.files(), ["tg_a.checkpoint", "tg_a.position"]);
}

#[test]
fn a_try_that_fails_leaves_the_one_before() {
    let mut bench = Bench::new();
    bench.write(100).unwrap();
    // Whoever writes gives up: of a full disk nothing else would be seen.
    let full = || Err(io::ErrorKind::StorageFull.into());
    let refused = bench.store.write(&header(), &bench.writer.image(), full);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!((bench.found(), bench.files()), (Some((1, 100)), vec!["tg_a.checkpoint".into()]));
    // A disk that is full.
    let new = bench.directory.path().join("new/tg_a.checkpoint.new");
    std::os::unix::fs::symlink("/dev/full", &new).unwrap();
    assert_eq!(bench.write(105).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!((bench.found(), bench.files()), (Some((1, 100)), vec!["tg_a.checkpoint".into()]));
    // Killed while it wrote.
    fs::write(bench.directory.path().join("new/tg_a.checkpoint.new"), "half").unwrap();
    assert_eq!(bench.found(), Some((1, 100)));
    bench.write(110).unwrap();
    assert_eq!((bench.found(), bench.files()), (Some((3, 110)), vec!["tg_a.checkpoint".into()]));
    // The directory is taken away, and made anew.
    fs::remove_dir_all(bench.directory.path().join("new")).unwrap();
    fs::write(bench.directory.path().join("new"), "a file in its place").unwrap();
    assert!(bench.write(120).is_err());
    fs::remove_file(bench.directory.path().join("new")).unwrap();
    bench.write(130).unwrap();
    assert_eq!(bench.found(), Some((5, 130)));
}

/// A fresh copy was due while a checkpoint of the graph before was being written: it came to lie
/// where the next start would have found it, of a log that had been set back.
#[test]
fn what_was_told_to_be_forgotten_does_not_come_back() {
    let mut bench = Bench::new();
    bench.write(100).unwrap();
    let stamp = bench.store.held().unwrap().stamp;
    bench.store.move_position(stamp, Lsn(105)).unwrap();
    bench.persisted.close();
    bench.store.remove().unwrap();
    assert_eq!(bench.found(), None);
    assert!(bench.write(110).is_err());
    bench.store.move_position(stamp, Lsn(111)).unwrap();
    assert_eq!((bench.found(), bench.persisted.get()), (None, Lsn(0)));
    // Nor once the next copy is served.
    bench.persisted.open(2, Lsn(50));
    assert!(bench.write(120).is_err());
    assert_eq!((bench.found(), bench.persisted.get()), (None, Lsn(50)));
    bench.store.remove().unwrap();
}
