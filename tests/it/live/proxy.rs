//! A socket before the database's that cuts a stream after so many bytes.
//!
//! Owns the bytes: it knows of the protocol only how a replication connection begins and when its
//! stream starts. Other connections pass.

use super::source::{LOOK, start};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

pub struct Proxy {
    directory: TempDir,
    valve: Arc<Valve>,
    accepting: JoinHandle<()>,
}

/// How many bytes of streams still pass.
#[derive(Debug)]
struct Valve {
    left: AtomicI64,
    passed: AtomicU64,
    cuts: AtomicU64,
}

/// No cut is due.
const OPEN: i64 = i64::MAX;

impl Proxy {
    /// Listens in a directory of its own for the server that listens in `directory`.
    pub fn start(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = ".s.PGSQL.5432";
        let listener = UnixListener::bind(directory.path().join(socket)).unwrap();
        let valve = Valve {
            left: AtomicI64::new(OPEN),
            passed: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
        };
        let valve = Arc::new(valve);
        let (server, opened) = (server.join(socket), Arc::clone(&valve));
        let accepting = start(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (server, valve) = (server.clone(), Arc::clone(&opened));
                start(async move {
                    // Whoever lost its connection will say so.
                    let _ended = pass(client, UnixStream::connect(server).await?, &valve).await;
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        Proxy { directory, valve, accepting }
    }

    /// The URL of the same database by way of the proxy.
    pub fn url(&self, database: &str) -> String {
        format!("host={} user=postgres dbname={database}", self.directory.path().display())
    }

    /// Cuts the stream when so many more bytes of it have passed.
    pub fn cut_after(&self, bytes: u64) {
        self.valve.left.store(bytes.try_into().unwrap(), Ordering::SeqCst);
    }

    /// How many bytes of streams have passed.
    pub fn passed(&self) -> u64 {
        self.valve.passed.load(Ordering::SeqCst)
    }

    pub fn cuts(&self) -> u64 {
        self.valve.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut client: UnixStream,
    mut server: UnixStream,
    valve: &Valve,
) -> std::io::Result<()> {
    // The startup packet: its length, then the protocol's version and the options.
    let mut startup = vec![0; 4];
    client.read_exact(&mut startup).await?;
    let length = u32::from_be_bytes(startup[..].try_into().unwrap());
    startup.resize(length.try_into().unwrap(), 0);
    client.read_exact(&mut startup[4..]).await?;
    server.write_all(&startup).await?;
    let is_replication = startup.windows(12).any(|part| part == b"replication\0");
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    if !is_replication {
        let down = tokio::io::copy(&mut from_server, &mut to_client);
        tokio::select! { _ = up => {}, _ = down => {} }
        return Ok(());
    }
    let down = stream(&mut from_server, &mut to_client, valve);
    // Both sockets close when either direction ends.
    tokio::select! { _ = up => {}, _ = down => {} }
    Ok(())
}

/// Passes whole messages until the stream starts (CopyBothResponse), then counts every byte.
async fn stream(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    valve: &Valve,
) -> std::io::Result<()> {
    let mut kind = 0;
    while kind != b'W' {
        let mut head = [0; 5];
        server.read_exact(&mut head).await?;
        kind = head[0];
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
        server.read_exact(&mut body).await?;
        client.write_all(&head).await?;
        client.write_all(&body).await?;
    }
    let mut buffer = vec![0; 65_536];
    loop {
        let read = server.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let left = valve.left.load(Ordering::SeqCst);
        let passes = usize::try_from(left).unwrap_or(0).min(read);
        client.write_all(&buffer[..passes]).await?;
        valve.passed.fetch_add(passes.try_into().unwrap(), Ordering::SeqCst);
        if passes < read {
            // Time for the reader to hand on what it has: so there is something to take back.
            tokio::time::sleep(LOOK * 4).await;
            // The next stream passes.
            valve.left.store(OPEN, Ordering::SeqCst);
            valve.cuts.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        if left != OPEN {
            valve.left.fetch_sub(passes.try_into().unwrap(), Ordering::SeqCst);
        }
    }
}
