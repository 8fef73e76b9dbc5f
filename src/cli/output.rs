//! Writing to standard output, where the reader may have gone (`teamgraph ... | head`).

use std::io::{self, ErrorKind, Write};

/// Writes text. A reader that has gone has seen enough: that is no error.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
