//! The server's process: started, signalled, waited for.

use super::error::EmbeddedError;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How a postmaster is told to end
/// ([manual](https://www.postgresql.org/docs/current/server-shutdown.html)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Fast shutdown: sessions are cut, then a checkpoint.
    Int,
    /// Immediate shutdown: no checkpoint; the next start recovers from the log.
    Quit,
    /// A crash.
    Kill,
}

/// Sends a signal to a process. By way of the shell's built-in `kill`, which is everywhere, and
/// needs no unsafe code here.
pub(super) fn send(signal: Signal, pid: u32) -> Result<(), EmbeddedError> {
    let name = match signal {
        Signal::Int => "INT",
        Signal::Quit => "QUIT",
        Signal::Kill => "KILL",
    };
    let script = format!("kill -s {name} {pid}");
    let sent = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
    sent.map(drop).map_err(EmbeddedError::io(format!("signal process {pid}")))
}

/// A running (or ended) server process.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: u32,
    exit: Arc<Exit>,
}

/// A child's end, once it has come. A condition variable, since both an async wait (on a blocking
/// thread) and a destructor must be able to wait for it with a bound.
#[derive(Debug, Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Exit {
    fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        let held = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(held, at_most, |status| status.is_none());
        let (status, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *status
    }

    fn come(&self, status: ExitStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        self.changed.notify_all();
    }
}

impl Postmaster {
    /// Starts the process.
    ///
    /// A thread of its own starts it and stays until it has ended: the kernel sends the death
    /// signal when the *thread* that forked ends
    /// ([PR_SET_PDEATHSIG](https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html)),
    /// and a runtime's worker may end at any time. The same thread reaps it.
    pub(super) fn start(command: Command) -> Result<Self, EmbeddedError> {
        let exit = Arc::new(Exit::default());
        let (started, start) = std::sync::mpsc::sync_channel(1);
        let reports = Arc::clone(&exit);
        thread::Builder::new()
            .name("embedded-postgres".into())
            .spawn(move || keep(command, &started, &reports))
            .map_err(EmbeddedError::io("start a thread"))?;
        let pid = start
            .recv()
            .map_err(|_gone| EmbeddedError::WrongState("not started: its thread ended"))?
            .map_err(EmbeddedError::io("run setpriv (install util-linux)"))?;
        Ok(Postmaster { pid, exit })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit status, if it has ended.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.exit.wait(Duration::ZERO)
    }

    /// Tells it to end. One that has ended already is left alone: its number may be another's.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), EmbeddedError> {
        if self.ended().is_some() { Ok(()) } else { send(signal, self.pid) }
    }

    /// Blocks until it has ended, at most so long.
    pub(super) fn wait_blocking(&self, at_most: Duration) -> Option<ExitStatus> {
        self.exit.wait(at_most)
    }

    /// Waits until it has ended, at most so long.
    pub(super) async fn wait(&self, at_most: Duration) -> Option<ExitStatus> {
        let exit = Arc::clone(&self.exit);
        tokio::task::spawn_blocking(move || exit.wait(at_most)).await.ok().flatten()
    }
}

/// The keeper thread: starts the child, says so, and stays until it ends.
fn keep(
    mut command: Command,
    started: &std::sync::mpsc::SyncSender<std::io::Result<u32>>,
    exit: &Exit,
) {
    let spawned: std::io::Result<Child> = command.spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            started.send(Err(error)).unwrap_or_default();
            return;
        }
    };
    started.send(Ok(child.id())).unwrap_or_default();
    // Waiting for one's own child fails only if somebody else has reaped it: then it has ended.
    exit.come(child.wait().unwrap_or_default());
}
