//! The service: the built `teamgraph serve`, as a process of its own.
//!
//! Owns its start, its signals and its end. What it logs goes to a file of the run.

use anyhow::Context;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// The instance's name, and so the slot's.
pub const INSTANCE: &str = "faults";
pub const SLOT: &str = "tg_faults";

/// What a build that keeps checkpoints is told where by.
pub const CHECKPOINT_FLAG: &str = "--checkpoint-dir";

/// What it says when it listens.
const LISTENS: &str = "answering gRPC on ";

/// How long it may take to listen.
const LISTENS_MAX: Duration = Duration::from_secs(30);

/// What it says when it has taken up its checkpoint.
const RESUMES: &str = "resuming from the checkpoint";

/// What it says of a verify that found no difference, and of one that found any.
const VERIFIED: &str = "verified: no difference";
const DIFFERS: &str = "the graph differs from the database";

/// How every service of a run is started.
#[derive(Clone, Debug)]
pub struct Serve {
    pub binary: PathBuf,
    pub url: String,
    pub log: PathBuf,
    /// What it does wrong on purpose.
    pub sabotage: Option<String>,
    /// Where it keeps its checkpoint, if it can.
    pub checkpoint: Option<PathBuf>,
    /// Whether it verifies its graph again and again.
    pub verify: bool,
    /// The database that it keeps a participation table in, if it does.
    pub project: Option<String>,
}

pub struct Service {
    child: Child,
    pub address: SocketAddr,
}

/// Whether this build of the service knows a flag.
pub async fn knows(binary: &Path, flag: &str) -> anyhow::Result<bool> {
    let help = Command::new(binary).args(["serve", "--help"]).output().await;
    let help = help.with_context(|| format!("run {}", binary.display()))?;
    Ok(String::from_utf8_lossy(&help.stdout).contains(flag))
}

impl Serve {
    /// How many times a service of the run has gone on from its checkpoint.
    pub fn warm_starts(&self) -> anyhow::Result<usize> {
        self.said(RESUMES)
    }

    /// How many verifies of the run found no difference, and how many found one.
    pub fn verified(&self) -> anyhow::Result<(usize, usize)> {
        Ok((self.said(VERIFIED)?, self.said(DIFFERS)?))
    }

    fn said(&self, words: &str) -> anyhow::Result<usize> {
        Ok(std::fs::read_to_string(&self.log)?.matches(words).count())
    }
}

impl Service {
    /// Starts it and waits until it listens, on a port that the system chose.
    pub async fn start(how: &Serve) -> anyhow::Result<Self> {
        let mut command = Command::new(&how.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TEAMGRAPH_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--database-url", &how.url, "--listen", "127.0.0.1:0"]);
        command.args(["--instance", INSTANCE]);
        if let Some(directory) = &how.checkpoint {
            command.arg(CHECKPOINT_FLAG).arg(directory);
            command.args(["--checkpoint-interval-s", "1"]);
        }
        if how.verify {
            command.args(["--verify-every-s", "1"]);
        }
        if let Some(target) = &how.project {
            command.args(["--project-target", target, "--project-interval-ms", "50"]);
        }
        if let Some(kind) = &how.sabotage {
            command.env("TEAMGRAPH_SABOTAGE", kind);
        }
        // A group of its own: Ctrl-C is for the harness, which ends it in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        let mut child = command.spawn().context("start teamgraph serve")?;
        let mut log = File::options().create(true).append(true).open(&how.log)?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        let (said, listens) = oneshot::channel();
        // To its end, or the process would wait for somebody to read.
        crate::start(async move {
            let mut said = Some(said);
            while let Ok(Some(line)) = lines.next_line().await {
                let _logged = writeln!(log, "{line}");
                if let Some((_, address)) = line.split_once(LISTENS) {
                    let _nobody_waits = said.take().map(|said| said.send(address.to_owned()));
                }
            }
        });
        let address = tokio::time::timeout(LISTENS_MAX, listens).await;
        let address = address.context("teamgraph serve does not listen")?;
        let address = address.context("teamgraph serve ended before it listened")?.parse()?;
        Ok(Service { child, address })
    }

    /// How it ended, if it did so by itself.
    pub fn ended(&mut self) -> anyhow::Result<Option<String>> {
        Ok(self.child.try_wait()?.map(|status| status.to_string()))
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGSTOP, SIGCONT or SIGTERM.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let pid = self.child.id().context("it has ended")?;
        let kill = format!("kill -s {signal} {pid}");
        let told = Command::new("sh").args(["-c", &kill]).status().await?;
        anyhow::ensure!(told.success(), "{kill}: {told}");
        Ok(())
    }

    /// SIGTERM; it must end well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM").await?;
        let ended = tokio::time::timeout(LISTENS_MAX, self.child.wait()).await;
        let ended = ended.context("the service does not end when told to")??;
        anyhow::ensure!(ended.success(), "the service, told to end, ended with {ended}");
        Ok(())
    }
}
