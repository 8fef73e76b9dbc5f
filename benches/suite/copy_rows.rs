//! `COPY … FROM STDIN (FORMAT binary)`, row by row, sent in large pieces.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use std::pin::Pin;
use tokio_postgres::{Client, CopyInSink};

/// Sent at once.
const PIECE_BYTES: usize = 256 << 10;

pub struct CopyRows {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    buffer: BytesMut,
}

impl CopyRows {
    /// `into` is a table with its columns.
    pub async fn begin(client: &Client, into: &str, options: &str) -> anyhow::Result<Self> {
        let sql = format!("COPY {into} FROM STDIN (FORMAT binary{options})");
        let sink = Box::pin(client.copy_in(&sql).await?);
        let mut buffer = BytesMut::with_capacity(2 * PIECE_BYTES);
        buffer.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        Ok(CopyRows { sink, buffer })
    }

    /// Begins a row of so many columns, which follow.
    pub async fn row(&mut self, columns: i16) -> anyhow::Result<&mut Self> {
        if self.buffer.len() >= PIECE_BYTES {
            let piece = self.buffer.split().freeze();
            self.sink.send(piece).await?;
            self.buffer.reserve(2 * PIECE_BYTES);
        }
        self.buffer.put_i16(columns);
        Ok(self)
    }

    pub fn int8(&mut self, value: i64) -> &mut Self {
        self.buffer.put_i32(8);
        self.buffer.put_i64(value);
        self
    }

    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.buffer.put_i32(4);
        self.buffer.put_i32(value);
        self
    }

    pub fn text(&mut self, value: &str) -> &mut Self {
        self.buffer.put_i32(value.len() as i32);
        self.buffer.put_slice(value.as_bytes());
        self
    }

    pub fn null(&mut self) -> &mut Self {
        self.buffer.put_i32(-1);
        self
    }

    /// Ends the copy; how many rows there were.
    pub async fn finish(mut self) -> anyhow::Result<u64> {
        self.buffer.put_i16(-1);
        self.sink.send(self.buffer.freeze()).await?;
        Ok(self.sink.as_mut().finish().await?)
    }
}
