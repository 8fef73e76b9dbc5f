//! Where client commands write, and how they end.
//!
//! Owns standard output, standard error and the exit codes.

use super::failure::ClientError;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::ExitCode;

/// The exit code of a no.
const NO: u8 = 1;
/// The exit code of an error.
const FAILED: u8 = 2;

/// Standard output, buffered: lists may be long.
pub(super) fn standard() -> BufWriter<Stdout> {
    BufWriter::new(io::stdout())
}

/// Flushes what was written, shows an error, and turns the outcome into an exit code: 0 for a yes
/// (and for what is not a question), 1 for a no, 2 for an error.
pub(super) fn conclude(
    outcome: Result<bool, ClientError>,
    mut out: impl Write,
    json: bool,
) -> ExitCode {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    let outcome = match (outcome, out.flush()) {
        // Who reads has seen enough (`teamgraph members all | head`); a yes or no stays one.
        (Err(ClientError::Output(error)), _) if closed(&error) => Ok(true),
        (Ok(yes), Err(error)) if closed(&error) => Ok(yes),
        (Ok(_), Err(error)) => Err(ClientError::Output(error)),
        (outcome, _) => outcome,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => {
            let mut stderr = io::stderr();
            // Where not even this can be written, the exit code has to do.
            let _ = if json {
                writeln!(stderr, "{}", error.to_json())
            } else {
                writeln!(stderr, "{error}")
            };
            ExitCode::from(FAILED)
        }
    }
}

/// A remark on an answer that may be behind; empty while the feed is in contact.
pub(super) fn staleness(stale_for_ms: u64) -> String {
    match stale_for_ms {
        0 => String::new(),
        ms => format!(" (the database has been out of reach for {} s)", ms.div_ceil(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader is gone, or a full disk.
    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_no_stays_a_no_though_nobody_reads_it() {
        let code = |outcome, out: Refusing| format!("{:?}", conclude(outcome, out, false));
        let exit = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(Ok(false), Refusing(io::ErrorKind::BrokenPipe)), exit(1));
        assert_eq!(code(Ok(true), Refusing(io::ErrorKind::BrokenPipe)), exit(0));
        let cut = Err(ClientError::Output(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(code(cut, Refusing(io::ErrorKind::BrokenPipe)), exit(0));
        assert_eq!(code(Ok(true), Refusing(io::ErrorKind::StorageFull)), exit(2));
        let failed = Err(ClientError::Answer("anything"));
        assert_eq!(code(failed, Refusing(io::ErrorKind::BrokenPipe)), exit(2));
    }

    #[test]
    fn staleness_is_said_only_where_there_is_some() {
        assert_eq!(staleness(0), "");
        assert_eq!(staleness(1), " (the database has been out of reach for 1 s)");
    }
}
