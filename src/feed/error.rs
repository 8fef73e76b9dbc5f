//! What can go wrong in the feed: three kinds, and how errors of the drivers become one of them.
//!
//! Owns the classification. An error is *transient* unless it is known to be *definite*: a retry
//! of a definite error harms nobody, a copy or a stop for want of a retry does. It must not know
//! what is done about either.

use pgwire_replication::PgWireError;
use std::error::Error;
use std::fmt::Write;

/// Why the feed stopped what it was doing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It may go away by itself: tried again, later and later.
    #[error("{what}")]
    Transient {
        /// What went wrong.
        what: String,
    },
    /// The stream does not get past a transaction. Tried again a few times; what keeps sticking at
    /// one position is cured by a fresh copy, which goes round the transaction.
    #[error("{what}")]
    Stuck {
        /// What went wrong.
        what: String,
    },
    /// It will not go away by trying again.
    #[error("{what}")]
    Definite {
        /// What helps.
        remedy: Remedy,
        /// What went wrong and, for an operator, the fix.
        what: String,
    },
}

/// What helps against a definite error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A fresh copy of the source, unless that was tried too often.
    Recopy,
    /// A fresh copy of the source, whose tables or publication were changed: however often.
    Follow,
    /// An operator must act: the error names the fix. While nothing is served yet it ends the feed;
    /// later it is tried again, so that the feed goes on by itself once it is cured.
    Operator,
    /// Nothing within this process: it must be started again.
    Restart,
}

impl FeedError {
    /// A transient error.
    pub(crate) fn transient(what: impl Into<String>) -> Self {
        FeedError::Transient { what: what.into() }
    }

    /// An error that is bound to the stream's position.
    pub(crate) fn stuck(what: impl Into<String>) -> Self {
        FeedError::Stuck { what: what.into() }
    }

    /// A definite error that a fresh copy cures.
    pub(crate) fn recopy(what: impl Into<String>) -> Self {
        FeedError::Definite { remedy: Remedy::Recopy, what: what.into() }
    }

    /// A definite error that a fresh copy cures: the source was changed in a way that its feed
    /// does not tell.
    pub(crate) fn changed(what: impl Into<String>) -> Self {
        FeedError::Definite { remedy: Remedy::Follow, what: what.into() }
    }

    /// A definite error that only an operator can cure.
    pub(crate) fn operator(what: impl Into<String>) -> Self {
        FeedError::Definite { remedy: Remedy::Operator, what: what.into() }
    }

    /// A definite error that ends the feed whatever it has achieved.
    pub(crate) fn restart(what: impl Into<String>) -> Self {
        FeedError::Definite { remedy: Remedy::Restart, what: what.into() }
    }

    /// The error of the ordinary driver while doing `what`.
    pub(crate) fn of_client(what: &str, error: &tokio_postgres::Error) -> Self {
        let code = error.code().map(tokio_postgres::error::SqlState::code);
        let text = match error.as_db_error() {
            Some(db) => {
                let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
                if let Some(hint) = db.hint() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "; hint: {hint}");
                }
                text
            }
            None => match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            },
        };
        Self::of_code(code, format!("{what}: {text}"))
    }

    /// The error of the replication driver while doing `what`.
    pub(crate) fn of_replication(what: &str, error: &PgWireError) -> Self {
        let text = format!("{what}: {error}");
        match error {
            PgWireError::Server(message) => Self::of_code(sqlstate(message), text),
            PgWireError::Auth(_) => Self::operator(format!(
                "{text}; fix: give the role a password and let pg_hba.conf ask for scram-sha-256"
            )),
            PgWireError::Tls(_) => Self::operator(format!("{text}; fix: use sslmode=disable")),
            _ => Self::transient(text),
        }
    }

    /// The error of a stream under way. What the server cannot decode, and what we cannot read of
    /// it, will be the same at the same position.
    pub(crate) fn of_stream(error: &PgWireError) -> Self {
        let bound = match error {
            PgWireError::Protocol(_) | PgWireError::MessageTooLarge { .. } => true,
            // Data exceptions, limits exceeded, internal errors.
            PgWireError::Server(message) => sqlstate(message)
                .is_some_and(|code| ["22", "54", "XX"].iter().any(|class| code.starts_with(class))),
            _ => false,
        };
        match Self::of_replication("streaming", error) {
            FeedError::Transient { what } if bound => FeedError::Stuck { what },
            error => error,
        }
    }

    /// Classifies by [SQLSTATE](https://www.postgresql.org/docs/current/errcodes-appendix.html).
    fn of_code(code: Option<&str>, text: String) -> Self {
        match code {
            // The slot is gone (42704), invalidated (55000), or its WAL is (58P01). A publication
            // that was missing at some point of the past is 42704 too, and the slot never heals:
            // its catalogue is the historic one. In each case the checks before the copy tell the
            // rest.
            Some("42704" | "55000" | "58P01") => Self::recopy(text),
            Some("28P01" | "28000") => Self::operator(format!(
                "{text}; fix: check user and password of the database URL, and pg_hba.conf (a \
                 replication connection to the database itself needs an ordinary `host` line)"
            )),
            Some("3D000") => {
                Self::operator(format!("{text}; fix: name an existing database in the URL"))
            }
            Some("42501") => Self::operator(format!(
                "{text}; fix: give the role REPLICATION, and SELECT on the mapped tables"
            )),
            _ => Self::transient(text),
        }
    }
}

/// The SQLSTATE that the replication driver has in its text only: "… (SQLSTATE 55006)".
fn sqlstate(message: &str) -> Option<&str> {
    let (_, after) = message.rsplit_once("(SQLSTATE ")?;
    let (code, _) = after.split_once(')')?;
    (code.len() == 5).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstate_is_read_from_the_text() {
        let text = "replication slot \"tg_a\" is active for PID 12 (SQLSTATE 55006)";
        assert_eq!(sqlstate(text), Some("55006"));
        for text in ["", "(SQLSTATE )", "(SQLSTATE 5500", "SQLSTATE 55006", "(SQLSTATE 550061)"] {
            assert_eq!(sqlstate(text), None, "{text}");
        }
    }

    #[test]
    fn server_errors_are_transient_unless_known() {
        let kind = |code: &str| {
            let error = PgWireError::Server(format!("text (SQLSTATE {code})"));
            match FeedError::of_replication("streaming", &error) {
                FeedError::Transient { .. } | FeedError::Stuck { .. } => None,
                FeedError::Definite { remedy, .. } => Some(remedy),
            }
        };
        for code in ["55006", "53300", "57P01", "57P03", "XX000", "40001"] {
            assert_eq!(kind(code), None, "{code}");
        }
        for code in ["42704", "55000", "58P01"] {
            assert_eq!(kind(code), Some(Remedy::Recopy), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501"] {
            assert_eq!(kind(code), Some(Remedy::Operator), "{code}");
        }
    }

    #[test]
    fn what_a_stream_meets_again_at_the_same_position_is_told_apart() {
        let stuck = |error| matches!(FeedError::of_stream(&error), FeedError::Stuck { .. });
        let server = |code: &str| PgWireError::Server(format!("text (SQLSTATE {code})"));
        assert!(["XX000", "XX001", "22P03", "54000"].map(server).into_iter().all(stuck));
        assert!(!["57P01", "53300", "08006", "42704"].map(server).into_iter().any(stuck));
        assert!(stuck(PgWireError::MessageTooLarge { payload_bytes: 2, limit_bytes: 1 }));
        assert!(!stuck(PgWireError::Internal("ended".into())));
    }
}
