//! End to end: the built command on a real socket, a private PostgreSQL behind it, Python clients
//! in front.
//!
//! Owns the world that they meet: a database made by `teamgraph migrate` and `teamgraph load`,
//! followed by `teamgraph serve`. What is asked and what must be answered stands in the Python
//! files, which share no code with this crate.
//!
//! `TEAMGRAPH_PYTHON` names an interpreter with the packages of `scripts/setup`. Without it the
//! tests are skipped, but for continuous integration, where they fail.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use teamgraph::database::Session;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};

const MEMBERS: &str = include_str!("../python/members.csv");
const MEMBERSHIPS: &str = include_str!("../python/memberships.csv");

/// What `serve` logs right before the address that it answers on.
const ANSWERS_ON: &str = "answering gRPC on ";

/// The interpreter, or none where the tests are to be skipped.
fn python() -> Option<PathBuf> {
    let path = std::env::var_os("TEAMGRAPH_PYTHON").map(PathBuf::from);
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    match path {
        Some(path) if path.exists() => Some(path),
        _ if is_ci => panic!("TEAMGRAPH_PYTHON names no interpreter: run scripts/setup --test"),
        _ => {
            println!("skipped: TEAMGRAPH_PYTHON names no interpreter; scripts/test sets it");
            None
        }
    }
}

/// The command with nothing of this process's environment that could steer it.
fn teamgraph() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TEAMGRAPH_") && name != "TEAMGRAPH_PG_BIN" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, which must be a good one; gives what it printed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}{complained}", output.status);
    said
}

/// A database with members and memberships.
async fn database(postgres: &EmbeddedPostgres) -> String {
    let url = postgres.create_database("app").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let applied = succeed(teamgraph().args(["migrate", "--database-url", &url]));
    assert!(applied.starts_with("Applied "), "{applied}");
    let mut load = teamgraph();
    load.args(["load", "--database-url", &url]);
    load.arg("--members").arg(file("members.csv", MEMBERS));
    load.arg("--memberships").arg(file("memberships.csv", MEMBERSHIPS));
    let loaded = succeed(&mut load);
    assert!(loaded.contains("8 teams"), "{loaded}");
    url
}

/// `teamgraph serve`, killed if the test ends before it does.
struct Serving {
    process: Child,
    address: String,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Serving {
    fn start(url: &str) -> Self {
        let mut command = teamgraph();
        command.args(["serve", "--database-url", url, "--listen", "127.0.0.1:0"]);
        command.args(["--instance", "end_to_end"]);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else { panic!("serve ended early:\n{said}") };
            said.push_str(&line);
            said.push('\n');
            if let Some((_, address)) = line.split_once(ANSWERS_ON) {
                break address.to_owned();
            }
        };
        // Read to the end, or a full pipe would stop the server.
        let log = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                said.push_str(&line);
                said.push('\n');
            }
            said
        });
        Serving { process, address, log: Some(log) }
    }

    /// SIGTERM; gives the exit code and the log.
    fn terminate(mut self) -> (Option<i32>, String) {
        succeed(Command::new("sh").args(["-c", &format!("kill -s TERM {}", self.process.id())]));
        let status = self.process.wait().unwrap();
        (status.code(), self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Nothing to do where it has ended.
        let _ended = self.process.kill();
    }
}

/// Runs Python in a world of its own, and ends that world in order.
async fn in_its_world(python: &Path, arguments: &[&str]) {
    let postgres = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let url = database(&postgres).await;
    let serving = Serving::start(&url);
    let root = env!("CARGO_MANIFEST_DIR");
    let asked = Command::new(python)
        .args(["-W", "error::ResourceWarning"])
        .args(arguments)
        .current_dir(root)
        .env("PYTHONPATH", format!("{root}/clients/python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TEAMGRAPH_ADDRESS", &serving.address)
        .env("TEAMGRAPH_DATABASE_URL", &url)
        .output()
        .unwrap();
    let (exit_code, log) = serving.terminate();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    let printed = String::from_utf8_lossy(&asked.stdout);
    assert!(asked.status.success(), "{printed}\n{said}\nthe server's log:\n{log}");
    // unittest's summary; a run that found no test succeeds, too.
    assert!(said.contains("\nOK") && !said.contains("Ran 0 tests"), "{said}");
    assert_eq!(exit_code, Some(0), "the server's log:\n{log}");
    let session = Session::connect(&url).await.unwrap();
    let slots = session.client().query("SELECT slot_name FROM pg_replication_slots", &[]);
    assert_eq!(slots.await.unwrap().len(), 0, "a clean stop drops the slot:\n{log}");
    drop(session);
    postgres.stop().await.unwrap();
}

/// It once stayed, with nothing to serve, until somebody sent it a signal.
#[tokio::test]
async fn a_server_that_cannot_begin_ends_and_says_why() {
    let postgres = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let url = postgres.create_database("empty").await.unwrap();
    let mut command = teamgraph();
    command.args(["serve", "--database-url", &url, "--listen", "127.0.0.1:0"]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("publication teamgraph: does not exist"), "{said}");
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn each_call_is_answered_over_the_wire() {
    let Some(python) = python() else { return };
    in_its_world(&python, &["tests/python/end_to_end.py"]).await;
}

#[tokio::test]
async fn the_python_client_keeps_its_promises() {
    let Some(python) = python() else { return };
    in_its_world(&python, &["-m", "unittest", "discover", "-s", "clients/python/tests"]).await;
}
