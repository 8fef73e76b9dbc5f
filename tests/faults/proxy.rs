//! A socket between the service and PostgreSQL, at which things go wrong.
//!
//! Owns the bytes that pass: it knows nothing of what they mean. Any connection may be hit, so a
//! copy, a question and a stream alike, and in either direction.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// No cut is due.
const OPEN: i64 = i64::MAX;

/// Time for the reader to take up the last bytes before its connection ends.
const LAST_BYTES: Duration = Duration::from_millis(25);

/// How long a connection that was truncated stays, with nobody at the other end.
const HALF_OPEN: Duration = Duration::from_secs(2);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides are closed.
    Cut,
    /// The reader's side alone ends; what it sends vanishes for a while.
    Truncated,
}

#[derive(Debug)]
struct Control {
    /// How many bytes still pass before a connection ends.
    left: AtomicI64,
    truncates: AtomicBool,
    ended: AtomicU64,
    delay_ms: AtomicU64,
    refuses: AtomicBool,
}

pub struct Proxy {
    pub address: SocketAddr,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens for the server that listens in `directory`.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let control = Arc::new(Control {
            left: AtomicI64::new(OPEN),
            truncates: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            delay_ms: AtomicU64::new(0),
            refuses: AtomicBool::new(false),
        });
        let accepting = accept(listener, directory.join(".s.PGSQL.5432"), Arc::clone(&control));
        Ok(Proxy { address, control, accepting: crate::start(accepting) })
    }

    /// Ends a connection when so many more bytes have passed.
    pub fn end_after(&self, bytes: u64, how: End) {
        self.control.truncates.store(how == End::Truncated, Ordering::SeqCst);
        self.control.left.store(i64::try_from(bytes).unwrap(), Ordering::SeqCst);
    }

    /// How many connections were ended.
    pub fn ended(&self) -> u64 {
        self.control.ended.load(Ordering::SeqCst)
    }

    /// Holds every piece back for so long from now on.
    pub fn delay(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.control.delay_ms.store(by, Ordering::SeqCst);
    }

    /// Whether new connections are refused from now on.
    pub fn refuse(&self, refuses: bool) {
        self.control.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Everything passes again.
    pub fn open(&self) {
        self.control.left.store(OPEN, Ordering::SeqCst);
        self.delay(Duration::ZERO);
        self.refuse(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: PathBuf, control: Arc<Control>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if control.refuses.load(Ordering::SeqCst) {
            continue;
        }
        let (server, control) = (server.clone(), Arc::clone(&control));
        crate::start(async move {
            // A server that is down is as good as a connection that ends.
            let Ok(server) = UnixStream::connect(server).await else { return };
            pass(client, server, &control).await;
        });
    }
}

/// Passes bytes both ways until either direction ends.
async fn pass(mut client: TcpStream, mut server: UnixStream, control: &Control) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let end = tokio::select! {
        end = pump(&mut from_client, &mut to_server, control) => end,
        end = pump(&mut from_server, &mut to_client, control) => end,
    };
    if end == Some(End::Truncated) {
        // The server's side hears nothing of it yet; what the client says goes nowhere.
        let mut sink = tokio::io::sink();
        let swallowed = tokio::io::copy(&mut from_client, &mut sink);
        let _until_it_gives_up = timeout(HALF_OPEN, swallowed).await;
    }
}

/// One direction; says how it was ended, if it was.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    control: &Control,
) -> Option<End> {
    let mut buffer = vec![0; 8_192];
    loop {
        let read = from.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        let delay = control.delay_ms.load(Ordering::SeqCst);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        let passes = control.take(read);
        to.write_all(&buffer[..passes]).await.ok()?;
        if passes < read {
            control.ended.fetch_add(1, Ordering::SeqCst);
            sleep(LAST_BYTES).await;
            if !control.truncates.load(Ordering::SeqCst) {
                return Some(End::Cut);
            }
            to.shutdown().await.ok()?;
            return Some(End::Truncated);
        }
    }
}

impl Control {
    /// How many of the bytes pass; the rest, and the connection, do not.
    fn take(&self, read: usize) -> usize {
        let wanted = i64::try_from(read).unwrap();
        let mut passes = wanted;
        // Two directions and several connections count down one number.
        let _always = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            if left == OPEN {
                passes = wanted;
                return Some(OPEN);
            }
            passes = wanted.min(left);
            Some(if passes < wanted { OPEN } else { left - passes })
        });
        usize::try_from(passes).unwrap()
    }
}
