//! A real server, through every turn of its life.

use super::*;

async fn count(server: &EmbeddedPostgres) -> i64 {
    let session = Session::connect(&server.url("postgres")).await.unwrap();
    session.client().query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn starts_crashes_recovers_restarts_and_stops() {
    let mut server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let session = Session::connect(&server.url("postgres")).await.unwrap();
    session.client().batch_execute("CREATE TABLE t AS SELECT 1 AS x").await.unwrap();
    let level = session.client().query_one("SHOW wal_level", &[]).await.unwrap();
    assert_eq!(level.get::<_, String>(0), "logical");

    let first = server.pid();
    server.crash().await.unwrap();
    assert_eq!(server.pid(), None);
    Session::connect(&server.url("postgres")).await.unwrap_err();
    assert!(server.crash().await.is_err(), "a server that does not run cannot crash");
    server.resume().await.unwrap();
    assert_ne!(server.pid(), first);
    assert_eq!(count(&server).await, 1);

    server.restart().await.unwrap();
    assert_eq!(count(&server).await, 1);

    let directory = server.directory().to_owned();
    let pid = server.pid().unwrap();
    server.stop().await.unwrap();
    assert!(!directory.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn dropping_ends_the_process_and_removes_the_directory() {
    let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let (directory, pid) = (server.directory().to_owned(), server.pid().unwrap());
    drop(server);
    assert!(!directory.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_given_directory_is_kept_and_used_by_one_process_at_a_time() {
    let parent = tempfile::tempdir().unwrap();
    // The server's account must be able to pass through.
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let directory = parent.path().join("kept");
    let options = EmbeddedOptions { directory: Some(directory.clone()), ..Default::default() };

    let server = EmbeddedPostgres::start(options.clone()).await.unwrap();
    let session = Session::connect(&server.url("postgres")).await.unwrap();
    session.client().batch_execute("CREATE TABLE t AS SELECT 1 AS x").await.unwrap();
    let refused = EmbeddedPostgres::start(options.clone()).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::InUse { .. }), "{refused}");
    server.stop().await.unwrap();

    let server = EmbeddedPostgres::start(options).await.unwrap();
    assert_eq!(count(&server).await, 1);
    assert!(!server.has_database("other").await.unwrap());
    let url = server.create_database("other").await.unwrap();
    assert!(server.has_database("other").await.unwrap());
    Session::connect(&url).await.unwrap();
    server.create_database("1; DROP").await.unwrap_err();
    server.stop().await.unwrap();
    assert!(directory.join("data").exists());
}

#[tokio::test]
async fn a_setting_that_postgres_refuses_is_shown() {
    let settings = vec![("wal_level".to_owned(), "nonsense".to_owned())];
    let options = EmbeddedOptions { settings, ..Default::default() };
    let error = EmbeddedPostgres::start(options).await.unwrap_err().to_string();
    assert!(error.contains("wal_level"), "{error}");
}

#[tokio::test]
async fn a_directory_with_too_long_a_path_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let directory = Some(parent.path().join("x".repeat(100)));
    let options = EmbeddedOptions { directory, ..Default::default() };
    let error = EmbeddedPostgres::start(options).await.unwrap_err();
    assert!(matches!(error, EmbeddedError::SocketPathTooLong { .. }), "{error}");
}

#[test]
fn readiness_is_read_from_the_right_process() {
    let file = "42\n/d\n1\n5432\n/s\n\n 1 2\nready   \n";
    assert!(says_ready(file, 42));
    assert!(!says_ready(file, 43));
    assert!(!says_ready("42\n/d\n1\n5432\n/s\n\n 1 2\nstarting\n", 42));
    assert!(!says_ready("42\n", 42));
}

#[tokio::test]
async fn the_server_of_a_dead_owner_is_swept() {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    let directory = parent.path().join(format!("{DIRECTORY_PREFIX}orphaned"));
    let options = EmbeddedOptions { directory: Some(directory.clone()), ..Default::default() };
    let server = EmbeddedPostgres::start(options).await.unwrap();

    // As if it were a temporary one.
    fs::write(directory.join("teamgraph.owner"), "1 temporary\n").unwrap();
    owner::sweep(parent.path(), server.account).await;
    assert!(server.postmaster.as_ref().unwrap().ended().is_none(), "its owner lives");

    server._claim.lose();
    // By another way, to the same place.
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(parent.path(), &link).unwrap();
    owner::sweep(&link, server.account).await;
    let ended = server.postmaster.as_ref().unwrap().wait(IMMEDIATE_STOP_TIMEOUT).await;
    assert!(ended.is_some());
    assert!(!directory.exists());
}

/// A directory that the server's account can pass through.
fn passable() -> TempDir {
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    parent
}

fn kept_in(parent: &TempDir) -> EmbeddedOptions {
    let directory = Some(parent.path().join("kept"));
    EmbeddedOptions { directory, ..Default::default() }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn other_users_reach_neither_the_directory_nor_the_socket() {
    let parent = passable();
    // One that is there already, open to all.
    fs::create_dir(parent.path().join("kept")).unwrap();
    fs::set_permissions(parent.path().join("kept"), Permissions::from_mode(0o755)).unwrap();
    let server = EmbeddedPostgres::start(kept_in(&parent)).await.unwrap();
    assert_eq!(mode(server.directory()), 0o700);
    assert_eq!(mode(&server.directory().join(".s.PGSQL.5432")), 0o700);
    Session::connect(&server.url("postgres")).await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_with_foreign_files_is_refused_and_left_as_it_is() {
    let parent = passable();
    let options = kept_in(&parent);
    let directory = options.directory.clone().unwrap();
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("thesis.txt"), "").unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let before = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&directory).unwrap());
    let refused = EmbeddedPostgres::start(options).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::Foreign(_)), "{refused}");
    let after = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&directory).unwrap());
    assert_eq!((after, mode(&directory)), (before, 0o755));
    assert_eq!(directory.read_dir().unwrap().count(), 1);
}

/// Starts a server and gives up when `reached` holds; tells which processes it had by then.
async fn given_up(options: EmbeddedOptions, reached: impl Fn() -> bool) {
    let reached = async {
        while !reached() {
            tokio::time::sleep(READY_POLL).await;
        }
    };
    tokio::select! {
        started = EmbeddedPostgres::start(options) => panic!("too early: {started:?}"),
        () = reached => {}
    }
}

/// The processes whose working directory is in `directory`.
fn processes_in(directory: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let cwd = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).ok();
    processes.filter_map(cwd).filter(|cwd| cwd.starts_with(directory)).collect()
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_process_and_can_be_made_again() {
    let parent = passable();
    let options = kept_in(&parent);
    let directory = options.directory.clone().unwrap();
    let begun = |name: &'static str| {
        let directory = directory.clone();
        move || {
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.any(|found| found.starts_with(name))
        }
    };
    // While initdb works, and when the server has only just begun.
    for name in ["initdb-", ".s.PGSQL"] {
        given_up(options.clone(), begun(name)).await;
        assert_eq!(processes_in(&directory), Vec::<PathBuf>::new(), "{name}");
    }
    let server = EmbeddedPostgres::start(options).await.unwrap();
    Session::connect(&server.url("postgres")).await.unwrap();
    server.stop().await.unwrap();
    assert!(!begun("initdb-")(), "what was given up is removed");
}

#[tokio::test]
async fn a_start_waits_for_the_end_of_the_server_that_a_dead_owner_left() {
    let parent = passable();
    let orphan = EmbeddedPostgres::start(kept_in(&parent)).await.unwrap();
    let session = Session::connect(&orphan.url("postgres")).await.unwrap();
    session.client().batch_execute("CREATE TABLE t AS SELECT 1 AS x").await.unwrap();
    orphan._claim.lose();
    let heir = EmbeddedPostgres::start(kept_in(&parent)).await.unwrap();
    assert!(orphan.postmaster.as_ref().unwrap().ended().is_some());
    assert_eq!(count(&heir).await, 1);
    heir.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_by_itself_is_told_of() {
    let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let pid = server.pid().unwrap();
    let (lost, ()) = tokio::join!(server.lost(), async {
        crate::embedded::postmaster::send(Signal::Kill, pid).unwrap();
    });
    assert!(lost.to_string().contains("ended by itself (signal: 9"), "{lost}");
}
