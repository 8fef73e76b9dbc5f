//! The built command as a process of its own: started, found, killed.

use super::served::{Asker, asker};
use super::source::{NEVER, start};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// `teamgraph serve`.
pub struct Process {
    child: Child,
    pub address: SocketAddr,
}

/// What it says when it listens.
const LISTENS: &str = "answering gRPC on ";

impl Process {
    /// Starts it and waits until it listens, on a port that the system chose.
    pub async fn start(url: &str, instance: &str) -> Self {
        Self::start_with(url, instance, &[]).await
    }

    /// As [`Process::start`], with more options.
    pub async fn start_with(url: &str, instance: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
        for (name, _) in std::env::vars() {
            if name.starts_with("TEAMGRAPH_") {
                command.env_remove(name);
            }
        }
        let arguments = ["serve", "--database-url", url, "--listen", "127.0.0.1:0"];
        command.args(arguments).args(["--instance", instance]).args(more);
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, mut listens) = mpsc::unbounded_channel();
        // To its end, or the process would wait for somebody to read.
        start(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                println!("serve: {line}");
                if let Some((_, address)) = line.split_once(LISTENS) {
                    let _nobody_waits_any_more = said.send(address.parse().unwrap());
                }
            }
        });
        let address = tokio::time::timeout(NEVER, listens.recv()).await;
        Process { child, address: address.unwrap().expect("it ended before it listened") }
    }

    pub async fn asker(&self) -> Result<Asker, tonic::transport::Error> {
        asker(self.address).await
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; it must end well.
    pub async fn stop(&mut self) {
        let pid = self.child.id().unwrap();
        let told = Command::new("sh").args(["-c", &format!("kill -s TERM {pid}")]).status().await;
        assert!(told.unwrap().success());
        let ended = tokio::time::timeout(NEVER, self.child.wait()).await;
        assert!(ended.expect("it does not end").unwrap().success());
    }
}
