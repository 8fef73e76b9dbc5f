//! The framing of a checkpoint: a head, then blocks with a check each, then nothing.
//!
//! Owns what proves that the bytes are those that were written, in their order, and all of them.
//! It must not know what stands in the blocks.
//!
//! ```text
//! head   "TGCHKPT\n"  format (4)
//! block  kind (1)  length (4)  check (4)  payload          numbers are little-endian
//! ```
//!
//! The check is a CRC-32 over the block's place in the file, its kind, its length and its payload:
//! so a block that is missing, repeated or out of its place is seen. The last block is of kind
//! [`Kind::End`] and holds, among others, a check over all checks before it.

use super::CheckpointError;
use crc32fast::Hasher;
use std::io::{self, Read, Write};

const MAGIC: [u8; 8] = *b"TGCHKPT\n";
/// The format that is written and read. Raise it with any change of what is written.
pub(super) const FORMAT: u32 = 1;
/// A block is full from here on: much more than its frame, much less than anybody's memory.
pub(super) const BLOCK_BYTES: usize = 128 << 10;

/// What stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Keys,
    Members,
    Rows,
    End,
}

impl Kind {
    const ALL: [(Kind, u8); 5] =
        [(Kind::Header, 1), (Kind::Keys, 2), (Kind::Members, 3), (Kind::Rows, 4), (Kind::End, 5)];

    fn code(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, code)| *code)
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == code).map(|(kind, _)| *kind)
    }
}

fn check(block: u64, kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&block.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(&u64::try_from(payload.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Writes blocks.
pub(super) struct BlockWriter<W> {
    out: W,
    blocks: u64,
    all: Hasher,
    bytes: u64,
}

impl<W: Write> BlockWriter<W> {
    /// Begins with the head.
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        out.write_all(&FORMAT.to_le_bytes())?;
        Ok(BlockWriter { out, blocks: 0, all: Hasher::new(), bytes: 12 })
    }

    /// Writes a block and empties its payload.
    pub(super) fn block(&mut self, kind: Kind, payload: &mut Vec<u8>) -> io::Result<()> {
        let length = u32::try_from(payload.len())
            .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "a block of 4 GiB"))?;
        let check = check(self.blocks, kind.code(), payload);
        self.out.write_all(&[kind.code()])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&check.to_le_bytes())?;
        self.out.write_all(payload)?;
        self.all.update(&check.to_le_bytes());
        self.blocks += 1;
        self.bytes += 9 + u64::from(length);
        payload.clear();
        Ok(())
    }

    /// The check over all checks so far.
    pub(super) fn all(&self) -> u32 {
        self.all.clone().finalize()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Reads blocks of an input of known size.
pub(super) struct BlockReader<R> {
    input: R,
    /// What the input still has: no block is believed to be longer.
    left: u64,
    blocks: u64,
    all: Hasher,
    payload: Vec<u8>,
}

impl<R: Read> BlockReader<R> {
    /// Reads the head.
    pub(super) fn new(mut input: R, size: u64) -> Result<Self, CheckpointError> {
        let (mut magic, mut format) = ([0; 8], [0; 4]);
        let Some(left) = size.checked_sub(12) else { return Err(CheckpointError::Foreign) };
        input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(CheckpointError::Foreign);
        }
        input.read_exact(&mut format)?;
        let found = u32::from_le_bytes(format);
        if found != FORMAT {
            return Err(CheckpointError::Format { found, known: FORMAT });
        }
        Ok(BlockReader { input, left, blocks: 0, all: Hasher::new(), payload: Vec::new() })
    }

    /// The next block, and the check over all before it.
    pub(super) fn next(&mut self) -> Result<(Kind, u32, &[u8]), CheckpointError> {
        let block = self.blocks;
        let cut = || CheckpointError::Truncated { block };
        let corrupt = |what| CheckpointError::Corrupt { block, what };
        let mut head = [0; 9];
        self.left = self.left.checked_sub(9).ok_or_else(cut)?;
        self.input.read_exact(&mut head)?;
        let [kind, a, b, c, d, e, f, g, h] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let expected = u32::from_le_bytes([e, f, g, h]);
        self.left = self.left.checked_sub(u64::from(length)).ok_or_else(cut)?;
        self.payload.clear();
        // Grows with what is there, not with what is said.
        let read = (&mut self.input).take(u64::from(length)).read_to_end(&mut self.payload)?;
        if u32::try_from(read) != Ok(length) {
            return Err(cut());
        }
        // A fuzzer must get past the check, or it never sees the rest.
        if !cfg!(fuzzing) && check(block, kind, &self.payload) != expected {
            return Err(corrupt("its check does not match"));
        }
        let kind = Kind::of(kind).ok_or_else(|| corrupt("a kind of block that is not known"))?;
        let before = self.all.clone().finalize();
        self.all.update(&expected.to_le_bytes());
        self.blocks += 1;
        Ok((kind, before, &self.payload))
    }

    /// The number of the block that was read last.
    pub(super) const fn block(&self) -> u64 {
        self.blocks.saturating_sub(1)
    }

    /// Whether all bytes are read.
    pub(super) const fn is_at_end(&self) -> bool {
        self.left == 0
    }
}
