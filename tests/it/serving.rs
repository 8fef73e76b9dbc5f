//! How `teamgraph serve` begins and ends, as an operator sees it: exit codes, and what it says.
//!
//! Every wait has a bound, which is no assertion about speed: without one a process that does not
//! end would hang the run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const ENDS_WITHIN: Duration = Duration::from_secs(60);

fn serve(args: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TEAMGRAPH_") && name != "TEAMGRAPH_PG_BIN" {
            command.env_remove(name);
        }
    }
    command.arg("serve").args(args).env("TMPDIR", temporary);
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A directory that the account which a private server runs as can pass through.
fn temporary() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o1777);
    std::fs::set_permissions(directory.path(), open).unwrap();
    directory
}

async fn ended(mut command: Command) -> Output {
    timeout(ENDS_WITHIN, command.output()).await.expect("it does not end").unwrap()
}

/// Starts it and reads its log up to the line that says `until`.
async fn started(mut command: Command, until: &str) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.as_mut().unwrap());
    let mut text = String::new();
    while !text.contains(until) {
        let read = timeout(ENDS_WITHIN, log.read_line(&mut text)).await.expect("nothing is said");
        assert_ne!(read.unwrap(), 0, "it ended: {text}");
    }
    // What the reader has read ahead.
    text.push_str(&String::from_utf8_lossy(log.buffer()));
    (child, text)
}

async fn end_of(mut child: Child) -> (Option<i32>, String) {
    let mut log = String::new();
    let mut stderr = child.stderr.take().unwrap();
    let ended = timeout(ENDS_WITHIN, async {
        stderr.read_to_string(&mut log).await.unwrap();
        child.wait().await.unwrap()
    });
    let status = ended.await.expect("it does not end");
    (status.code(), log)
}

async fn kill(signal: &str, pid: u32) {
    let script = format!("kill -s {signal} {pid}");
    assert!(Command::new("sh").args(["-c", &script]).status().await.unwrap().success());
}

#[tokio::test]
async fn what_cannot_be_served_ends_with_2_and_the_fix() {
    let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let url = server.create_database("app").await.unwrap();
    let temporary = temporary();
    let args = ["--database-url", &url, "--listen", "127.0.0.1:0"];
    let output = ended(serve(&args, temporary.path())).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let (_log, told) = said.split_once("\nteamgraph: ").unwrap();
    assert!(told.contains("publication teamgraph: does not exist"), "{said}");
    assert!(told.contains("fix: CREATE PUBLICATION"), "{said}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output =
        ended(serve(&["--database-url", &url, "--listen", &address], temporary.path())).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot listen on") && said.contains("--listen"), "{said}");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn asked_to_stop_it_ends_with_0_and_leaves_nothing_behind() {
    let temporary = temporary();
    let serve = serve(&["--listen", "127.0.0.1:0"], temporary.path());
    let (child, log) = started(serve, "answering gRPC").await;
    assert!(log.contains("psql 'postgresql:///teamgraph?host="), "{log}");
    assert!(log.contains("teamgraph load --database-url 'postgresql:///teamgraph?host="), "{log}");
    kill("TERM", child.id().unwrap()).await;
    let (code, log) = end_of(child).await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_start_that_is_stopped_leaves_nothing_behind() {
    let temporary = temporary();
    let mut child = serve(&["--listen", "127.0.0.1:0"], temporary.path()).spawn().unwrap();
    // The directory appears before its server runs.
    let begun = async {
        while temporary.path().read_dir().unwrap().count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(ENDS_WITHIN, begun).await.expect("nothing begins");
    kill("TERM", child.id().unwrap()).await;
    let ended = timeout(ENDS_WITHIN, child.wait()).await.expect("it does not end");
    assert_eq!(ended.unwrap().code(), Some(0));
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn without_its_private_database_it_ends_with_2() {
    let temporary = temporary();
    let directory = temporary.path().join("kept");
    let args = ["--listen", "127.0.0.1:0", "--data-dir", directory.to_str().unwrap()];
    let (child, _log) = started(serve(&args, temporary.path()), "answering gRPC").await;
    let pid = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
    kill("KILL", pid.lines().next().unwrap().parse().unwrap()).await;
    let (code, log) = end_of(child).await;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("the private PostgreSQL has ended by itself (signal: 9"), "{log}");
}
