//! Bytes from the wire, read with checks.
//!
//! Owns the reading of numbers, texts and lengths: any bytes give a value or an error. It must not
//! know messages.

/// Bytes that are not a message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends before its time.
    #[error("the message ends too early")]
    Truncated,
    /// A text is not UTF-8.
    #[error("a name is not UTF-8")]
    NotUtf8,
    /// A length is negative.
    #[error("a length is negative")]
    Length,
    /// A byte that means nothing where it stands.
    #[error("unknown {what} 0x{byte:02x}")]
    Unknown {
        /// What was to be there.
        what: &'static str,
        /// The byte.
        byte: u8,
    },
    /// So many bytes stand behind its end.
    #[error("{0} bytes are left over")]
    Leftover(usize),
}

/// What is left to read.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(Malformed::Leftover(left)),
        }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A length: a signed number on the wire.
    pub(crate) fn length(&mut self) -> Result<usize, Malformed> {
        let len = self.array().map(i32::from_be_bytes)?;
        usize::try_from(len).map_err(|_| Malformed::Length)
    }

    /// A text that ends with a zero byte.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed::Truncated)?;
        let text = self.take(len)?;
        self.take(1)?;
        str::from_utf8(text).map_err(|_| Malformed::NotUtf8)
    }

    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        let found = self.byte()?;
        if found == byte { Ok(()) } else { Err(Malformed::Unknown { what, byte: found }) }
    }

    /// A count of things that take at least `least` bytes each: never more than can follow.
    pub(crate) fn count(&self, count: usize, least: usize) -> Result<usize, Malformed> {
        if count.saturating_mul(least) > self.0.len() {
            return Err(Malformed::Truncated);
        }
        Ok(count)
    }

    /// A value with its length before it.
    pub(crate) fn value(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.length()?;
        self.take(len)
    }

    /// A value with its length before it, -1 for NULL.
    pub(crate) fn value_or_null(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.array().map(i32::from_be_bytes)? {
            -1 => Ok(None),
            len => self.take(usize::try_from(len).map_err(|_| Malformed::Length)?).map(Some),
        }
    }
}
