//! One private server: its directory, its cluster, its process.

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::owner::{self, Claim, DIRECTORY_PREFIX};
use super::postmaster::{Postmaster, Signal};
use crate::database::{Session, percent_encode};
use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::Instant;

/// The superuser of the cluster, whoever runs it.
const SUPERUSER: &str = "postgres";
/// For the server's account alone, as a temporary directory is from the start.
const DIRECTORY_MODE: u32 = 0o700;
/// Part of the socket's name only: nothing listens on a network.
const PORT: u16 = 5432;
/// `sun_path` has 108 bytes, one of which ends it.
const SOCKET_PATH_MAX_BYTES: usize = 107;
/// Recovery after a crash replays at most a few checkpoints' log, here some hundred MB.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// A fast shutdown writes a checkpoint; beyond this something is stuck, and immediate shutdown
/// loses nothing.
const FAST_STOP_TIMEOUT: Duration = Duration::from_secs(15);
/// Immediate shutdown asks nobody; the postmaster itself kills children after 5 s.
const IMMEDIATE_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a starting server is looked at: well below its start time of 100 ms.
const READY_POLL: Duration = Duration::from_millis(10);
/// Creating a cluster takes a second or two, or ten where every file waits for a slow disk.
const CREATE_TIMEOUT: Duration = Duration::from_secs(120);
/// How soon the end of a server is noticed by who waits for it: the feed, which has lost its
/// connection, tries again in the meantime.
const END_POLL: Duration = Duration::from_millis(250);
/// What the name of a cluster begins with until it is whole.
const UNFINISHED_PREFIX: &str = "initdb-";
/// How much of a log goes into an error.
const LOG_TAIL_LINES: usize = 8;

/// Settings that every private server runs with; options may override them.
const SETTINGS: [(&str, &str); 12] = [
    // A Unix socket of its owner's alone, in a directory of its owner's alone, is the whole access
    // control: who connects is a superuser. Root may open both.
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("wal_level", "logical"),
    // A forgotten slot must not fill the disk.
    ("max_slot_wal_keep_size", "4GB"),
    // Room for tests that run many feeds at once; each costs some kB of shared memory.
    ("max_wal_senders", "32"),
    ("max_replication_slots", "32"),
    ("max_connections", "64"),
    ("shared_buffers", "64MB"),
    ("max_wal_size", "1GB"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // Compiling a query costs more than any query asked of this server.
    ("jit", "off"),
];

/// How to start a private server.
#[derive(Clone, Debug, Default)]
pub struct EmbeddedOptions {
    /// Where to keep the cluster; created if absent. None: a temporary directory, removed at stop.
    pub directory: Option<PathBuf>,
    /// Further settings of PostgreSQL's, or other values for ours.
    pub settings: Vec<(String, String)>,
}

/// A private PostgreSQL server.
///
/// [`EmbeddedPostgres::stop`] ends it in order; dropping it ends it at once, as does the death of
/// this process.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    binaries: Binaries,
    account: Account,
    settings: Vec<(String, String)>,
    /// Absolute: a relative data directory would change its meaning with the working directory.
    directory: PathBuf,
    /// The process, while it runs.
    postmaster: Option<Postmaster>,
    /// Removes `directory` when dropped, after the process has ended: fields drop in order.
    temporary: Option<TempDir>,
    /// Last, so that the directory is ours until all is over.
    _claim: Claim,
}

impl EmbeddedPostgres {
    /// Creates the cluster where there is none yet, and starts the server. Servers and temporary
    /// directories that dead processes left behind are swept first.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let binaries = Binaries::find(options.directory.as_deref())?;
        let account = Account::choose()?;
        owner::sweep(&std::env::temp_dir(), account).await;
        let (directory, temporary) = prepare_directory(options.directory.as_deref(), account)?;
        // Whatever ends this start, an error or that nobody waits for it any more: from here on,
        // dropping the server ends its process and then gives up the directory.
        let mut server = EmbeddedPostgres {
            binaries,
            account,
            settings: options.settings,
            _claim: Claim::take(&directory, temporary.is_some())?,
            directory,
            postmaster: None,
            temporary,
        };
        account.give(&server.directory)?;
        owner::stop_orphan(&server.data()).await?;
        if !server.data().exists() {
            server.create_cluster().await?;
        }
        server.resume().await?;
        Ok(server)
    }

    /// The connection URL of a database of this server, as its superuser.
    pub fn url(&self, database: &str) -> String {
        let host = percent_encode(&self.directory.display().to_string());
        format!("postgresql:///{database}?host={host}&port={PORT}&user={SUPERUSER}")
    }

    /// Creates an empty database and gives its URL. `name` needs no quoting.
    pub async fn create_database(&self, name: &str) -> Result<String, EmbeddedError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let sane = (1..=63).contains(&name.len()) && name.bytes().all(plain);
        if !sane || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(EmbeddedError::DatabaseName(name.to_owned()));
        }
        let session = Session::connect(&self.url("postgres")).await?;
        let created = session.client().batch_execute(&format!("CREATE DATABASE {name}")).await;
        created
            .map_err(|source| EmbeddedError::CreateDatabase { name: name.to_owned(), source })?;
        Ok(self.url(name))
    }

    /// Whether the cluster has a database of this name.
    pub async fn has_database(&self, name: &str) -> Result<bool, EmbeddedError> {
        let session = Session::connect(&self.url("postgres")).await?;
        let found = session
            .client()
            .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name])
            .await
            .map_err(|source| EmbeddedError::CreateDatabase { name: name.to_owned(), source })?;
        Ok(found.is_some())
    }

    /// The directory that holds everything.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The postmaster's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Postmaster::pid)
    }

    /// Starts the server again after [`EmbeddedPostgres::crash`] or [`EmbeddedPostgres::halt`].
    pub async fn resume(&mut self) -> Result<(), EmbeddedError> {
        if self.postmaster.is_some() {
            return Err(EmbeddedError::WrongState("running already"));
        }
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let command = self.postgres_command()?;
            let postmaster = self.postmaster.insert(Postmaster::start(command)?);
            let pid = postmaster.pid();
            match self.until_ready(pid, deadline).await {
                Ok(()) => return Ok(()),
                // After a crash, the old server's sessions need a moment to notice it; until then
                // its shared memory is theirs.
                Err(EmbeddedError::Program { output, .. })
                    if output.contains("shared memory block") && Instant::now() < deadline =>
                {
                    self.postmaster = None;
                    tokio::time::sleep(READY_POLL * 10).await;
                }
                Err(error) => {
                    self.end(&[(Signal::Quit, IMMEDIATE_STOP_TIMEOUT)]).await?;
                    return Err(error);
                }
            }
        }
    }

    /// Waits until the server ends without having been told to, and says how; for ever if it does
    /// not run.
    pub async fn lost(&self) -> EmbeddedError {
        loop {
            if let Some(status) = self.postmaster.as_ref().and_then(Postmaster::ended) {
                return EmbeddedError::Lost { status: status.to_string(), log: self.log_tail() };
            }
            tokio::time::sleep(END_POLL).await;
        }
    }

    /// Kills the server with SIGKILL, as a crash does, and waits until the process has ended.
    pub async fn crash(&mut self) -> Result<(), EmbeddedError> {
        self.end(&[(Signal::Kill, IMMEDIATE_STOP_TIMEOUT)]).await
    }

    /// Stops the server and keeps its directory: fast shutdown, immediate if that takes too long.
    pub async fn halt(&mut self) -> Result<(), EmbeddedError> {
        self.end(&[
            (Signal::Int, FAST_STOP_TIMEOUT),
            (Signal::Quit, IMMEDIATE_STOP_TIMEOUT),
            (Signal::Kill, IMMEDIATE_STOP_TIMEOUT),
        ])
        .await
    }

    /// Stops and starts the server.
    pub async fn restart(&mut self) -> Result<(), EmbeddedError> {
        self.halt().await?;
        self.resume().await
    }

    /// Stops the server; a temporary directory is removed.
    pub async fn stop(mut self) -> Result<(), EmbeddedError> {
        if self.postmaster.is_some() { self.halt().await } else { Ok(()) }
    }

    /// Sends each signal in turn until the process has ended.
    async fn end(&mut self, steps: &[(Signal, Duration)]) -> Result<(), EmbeddedError> {
        let Some(postmaster) = &self.postmaster else {
            return Err(EmbeddedError::WrongState("not running"));
        };
        for (signal, at_most) in steps {
            postmaster.signal(*signal)?;
            if postmaster.wait(*at_most).await.is_some() {
                self.postmaster = None;
                return Ok(());
            }
            tracing::warn!("PostgreSQL did not end within {at_most:?} of {signal:?}");
        }
        let seconds = steps.iter().map(|(_, at_most)| at_most.as_secs()).sum();
        Err(EmbeddedError::NotStopped { pid: postmaster.pid(), seconds })
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("postgresql.log")
    }

    /// Creates the cluster under another name, so that `data` is never a part of one: a start may
    /// be given up, or killed, at any time.
    async fn create_cluster(&mut self) -> Result<(), EmbeddedError> {
        self.remove_unfinished()?;
        let cannot = || EmbeddedError::io(format!("create in {}", self.directory.display()));
        let unfinished =
            tempfile::Builder::new().prefix(UNFINISHED_PREFIX).tempdir_in(&self.directory);
        let unfinished = unfinished.map_err(cannot())?.keep();
        self.account.give(&unfinished)?;
        let mut command = self.command("initdb");
        command.arg("--pgdata").arg(&unfinished);
        command.args(["--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C"]);
        command.args(["--auth-local", "trust", "--auth-host", "reject", "--no-instructions"]);
        if self.temporary.is_some() {
            // It will not outlive this process, let alone a power cut.
            command.arg("--no-sync");
        }
        self.log_to_file(&mut command)?;
        let running = self.postmaster.insert(Postmaster::start(command)?);
        let Some(status) = running.wait(CREATE_TIMEOUT).await else {
            let pid = running.pid();
            self.end(&[(Signal::Kill, IMMEDIATE_STOP_TIMEOUT)]).await?;
            return Err(EmbeddedError::NotStopped { pid, seconds: CREATE_TIMEOUT.as_secs() });
        };
        self.postmaster = None;
        if !status.success() {
            return Err(self.failed("initdb", status));
        }
        fs::rename(&unfinished, self.data()).map_err(cannot())
    }

    /// Removes what starts that were killed have left.
    fn remove_unfinished(&self) -> Result<(), EmbeddedError> {
        let cannot = || EmbeddedError::io(format!("tidy up {}", self.directory.display()));
        for entry in self.directory.read_dir().map_err(cannot())? {
            let entry = entry.map_err(cannot())?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                fs::remove_dir_all(entry.path()).map_err(cannot())?;
            }
        }
        Ok(())
    }

    fn failed(&self, program: &'static str, status: ExitStatus) -> EmbeddedError {
        EmbeddedError::Program { program, status: status.to_string(), output: self.log_tail() }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.account.command(&self.binaries.program(program));
        // The account may not be allowed to see our working directory.
        command.current_dir(&self.directory).stdin(Stdio::null());
        // A terminal sends Ctrl-C to a whole process group. The server must outlive those of us who
        // use it, so that they can end in order: it is stopped by us, in a group of its own.
        command.process_group(0);
        command
    }

    fn postgres_command(&self) -> Result<Command, EmbeddedError> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.directory);
        command.args(["-p", &PORT.to_string()]);
        let ours = SETTINGS.iter().map(|(name, value)| (*name, *value));
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.chain(given) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        self.log_to_file(&mut command)?;
        Ok(command)
    }

    /// Sends all that a program prints to the log.
    fn log_to_file(&self, command: &mut Command) -> Result<(), EmbeddedError> {
        let log = File::create(self.log()).map_err(EmbeddedError::io("create the server's log"))?;
        let also = log.try_clone().map_err(EmbeddedError::io("open the server's log"))?;
        command.stdout(Stdio::from(log)).stderr(Stdio::from(also));
        Ok(())
    }

    /// Waits until the server says in `postmaster.pid` that it takes connections.
    async fn until_ready(&self, pid: u32, deadline: Instant) -> Result<(), EmbeddedError> {
        let pid_file = self.data().join("postmaster.pid");
        loop {
            if let Some(status) = self.postmaster.as_ref().and_then(Postmaster::ended) {
                return Err(self.failed("postgres", status));
            }
            if fs::read_to_string(&pid_file).is_ok_and(|text| says_ready(&text, pid)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let seconds = READY_TIMEOUT.as_secs();
                return Err(EmbeddedError::NotReady { seconds, log: self.log_tail() });
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    fn log_tail(&self) -> String {
        fs::read_to_string(self.log()).map_or_else(|error| error.to_string(), |text| tail(&text))
    }
}

impl Drop for EmbeddedPostgres {
    /// Best effort: no checkpoint, a bounded wait, so that the directory can go. What runs may also
    /// be initdb, which takes the signal at its next step and tidies up.
    fn drop(&mut self) {
        let Some(postmaster) = &self.postmaster else { return };
        for signal in [Signal::Quit, Signal::Kill] {
            let told = postmaster.signal(signal).is_ok();
            if told && postmaster.wait_blocking(IMMEDIATE_STOP_TIMEOUT).is_some() {
                return;
            }
        }
    }
}

/// The directory to use: a temporary one, or the given one if it is empty or ours.
fn prepare_directory(
    given: Option<&Path>,
    account: Account,
) -> Result<(PathBuf, Option<TempDir>), EmbeddedError> {
    let (directory, temporary) = match given {
        Some(given) => (private_directory(given, account)?, None),
        None => {
            let parent = std::env::temp_dir();
            let cannot = || EmbeddedError::io(format!("create in {}", parent.display()));
            // A process's working directory, which is compared with it, has no symbolic links.
            let parent = parent.canonicalize().map_err(cannot())?;
            let made = tempfile::Builder::new().prefix(DIRECTORY_PREFIX).tempdir_in(&parent);
            let made = made.map_err(cannot())?;
            (made.path().to_owned(), Some(made))
        }
    };
    check_socket_path(&directory)?;
    Ok((directory, temporary))
}

/// Creates the given directory, or makes sure that it is empty or ours, and closes it to others.
fn private_directory(given: &Path, account: Account) -> Result<PathBuf, EmbeddedError> {
    let cannot = |verb: &str| EmbeddedError::io(format!("{verb} {}", given.display()));
    let absolute = std::path::absolute(given).map_err(cannot("find"))?;
    if !absolute.exists() {
        check_socket_path(&absolute)?;
        if let Some(parent) = absolute.parent() {
            fs::create_dir_all(parent).map_err(cannot("create"))?;
        }
        DirBuilder::new().mode(DIRECTORY_MODE).create(&absolute).map_err(cannot("create"))?;
    }
    let directory = absolute.canonicalize().map_err(cannot("find"))?;
    owner::refuse_foreign(&directory)?;
    let mode = Permissions::from_mode(DIRECTORY_MODE);
    fs::set_permissions(&directory, mode).map_err(cannot("close to other users the directory"))?;
    account.give(&directory)?;
    Ok(directory)
}

fn check_socket_path(directory: &Path) -> Result<(), EmbeddedError> {
    let path = directory.join(format!(".s.PGSQL.{PORT}"));
    let bytes = path.as_os_str().len();
    if bytes > SOCKET_PATH_MAX_BYTES {
        return Err(EmbeddedError::SocketPathTooLong {
            path,
            bytes,
            maximum: SOCKET_PATH_MAX_BYTES,
        });
    }
    Ok(())
}

/// Whether `postmaster.pid` is this process's and its eighth line says `ready`.
fn says_ready(pid_file: &str, pid: u32) -> bool {
    let mut lines = pid_file.lines();
    let own = lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid);
    own && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests;
