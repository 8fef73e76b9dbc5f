//! A replication connection of the recorder's own: as much of the protocol as one stream needs.
//!
//! Owns the bytes of the
//! [streaming replication protocol](https://www.postgresql.org/docs/current/protocol-replication.html).
//! `pg_recvlogical` speaks the same, but keeps the positions to itself; and the feed's driver
//! would be a witness on both sides.

use anyhow::{Context, bail, ensure};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const SOCKET: &str = ".s.PGSQL.5432";
/// Version 3.0 of the protocol.
const PROTOCOL: i32 = 196_608;
/// No message of these tables is nearly as large.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What the server sends.
#[derive(Debug)]
pub enum Sent {
    /// Output of the plugin, and the position it belongs to: of a commit, the end of its record.
    Data { lsn: u64, text: String },
    /// All commits before this position were sent.
    Heard { lsn: u64 },
}

pub struct Replication {
    socket: UnixStream,
}

impl Replication {
    /// Starts the slot's stream where it was confirmed last.
    pub async fn start(directory: &Path, database: &str, slot: &str) -> anyhow::Result<Self> {
        let socket = UnixStream::connect(directory.join(SOCKET)).await?;
        let mut replication = Replication { socket };
        let mut startup = PROTOCOL.to_be_bytes().to_vec();
        for word in ["user", "postgres", "database", database, "replication", "database"] {
            startup.extend_from_slice(word.as_bytes());
            startup.push(0);
        }
        startup.push(0);
        replication.send(&startup, None).await?;
        replication.until(b'Z').await?;
        let start = format!(
            "START_REPLICATION SLOT {slot} LOGICAL 0/0 (\"include-xids\" '1', \
             \"skip-empty-xacts\" '1')\0"
        );
        replication.send(start.as_bytes(), Some(b'Q')).await?;
        // CopyBothResponse.
        replication.until(b'W').await?;
        Ok(replication)
    }

    /// The next message of the stream.
    pub async fn next(&mut self) -> anyhow::Result<Sent> {
        loop {
            let (kind, body) = self.message().await?;
            match (kind, body.first()) {
                (b'd', Some(b'w')) => {
                    let lsn = position(&body, 1)?;
                    let text = body.get(25..).context("a short message")?.to_vec();
                    return Ok(Sent::Data { lsn, text: String::from_utf8(text)? });
                }
                (b'd', Some(b'k')) => return Ok(Sent::Heard { lsn: position(&body, 1)? }),
                (b'E', _) => bail!("the server ended the stream: {}", error_text(&body)),
                (b'c', _) => bail!("the server ended the stream"),
                _ => {}
            }
        }
    }

    /// Confirms that everything before the position is kept here.
    pub async fn confirm(&mut self, lsn: u64) -> anyhow::Result<()> {
        let mut status = vec![b'r'];
        for _written_flushed_applied in 0..3 {
            status.extend_from_slice(&lsn.to_be_bytes());
        }
        status.extend_from_slice(&0_i64.to_be_bytes());
        status.push(0);
        self.send(&status, Some(b'd')).await
    }

    async fn until(&mut self, wanted: u8) -> anyhow::Result<()> {
        loop {
            let (kind, body) = self.message().await?;
            ensure!(kind != b'E', "the server refuses: {}", error_text(&body));
            if kind == wanted {
                return Ok(());
            }
        }
    }

    async fn message(&mut self) -> anyhow::Result<(u8, Vec<u8>)> {
        let kind = self.socket.read_u8().await?;
        let length = usize::try_from(self.socket.read_i32().await?)?;
        ensure!((4..MESSAGE_BYTES_MAX).contains(&length), "a message of {length} bytes");
        let mut body = vec![0; length - 4];
        self.socket.read_exact(&mut body).await?;
        Ok((kind, body))
    }

    async fn send(&mut self, body: &[u8], kind: Option<u8>) -> anyhow::Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&i32::try_from(body.len() + 4)?.to_be_bytes());
        message.extend_from_slice(body);
        Ok(self.socket.write_all(&message).await?)
    }
}

fn position(body: &[u8], at: usize) -> anyhow::Result<u64> {
    let bytes = body.get(at..at + 8).context("a short message")?;
    Ok(u64::from_be_bytes(bytes.try_into()?))
}

/// The fields of an error, for eyes.
fn error_text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', " ")
}
