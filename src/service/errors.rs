//! The one table of errors: every reason with its code, whether to try again, and its fix.
//!
//! Owns [`Reason`] and [`Failure`], and how they become a `google.rpc.Status` with an `ErrorInfo`
//! of the domain `teamgraph`. It must not know which call failed nor why; that is the caller's to
//! say in the message and the metadata. `docs/errors.md` holds the same table for people, and a
//! test keeps the two equal.

use super::limits::Limit;
use std::borrow::Cow;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "teamgraph";

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The reason's name on the wire.
    pub name: &'static str,
    /// The gRPC code.
    pub code: Code,
    /// Whether the same request may succeed later. A permanent error never carries a code that
    /// clients retry on their own (UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED, DEADLINE_EXCEEDED).
    pub retryable: bool,
    /// What the caller can do.
    pub fix: &'static str,
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal, $code:ident, $retryable:literal, $fix:literal;)+) => {
        /// Why a request failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])+ $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The reason's row of the table.
            pub const fn row(self) -> Row {
                match self {
                    $(Reason::$variant => Row {
                        name: $name,
                        code: Code::$code,
                        retryable: $retryable,
                        fix: $fix,
                    },)+
                }
            }
        }
    };
}

reasons! {
    /// No copy of the source is whole yet.
    NotReady = "NOT_READY", Unavailable, true,
        "Wait until the health service says SERVING; GetStatus shows how far the first copy is.";
    /// The server was told to stop.
    ShuttingDown = "SHUTTING_DOWN", Unavailable, true,
        "Try again at another server, or at this one once it is back.";
    /// The change feed is down, so a token cannot be reached.
    FeedDown = "FEED_DOWN", Unavailable, true,
        "Try again later, or ask without a token and accept an answer that may be stale; the operator finds the cause in GetStatus.";
    /// The source has been out of reach for longer than the operator allows.
    TooStale = "TOO_STALE", Unavailable, true,
        "Ask another server, or this one once it is in contact with its source again; the operator finds the cause in GetStatus.";
    /// The token was not reached in time.
    NotYetFresh = "NOT_YET_FRESH", DeadlineExceeded, true,
        "Try again, or wait longer: raise max_wait_ms and the call's deadline.";
    /// The deadline passed while the answer was being made.
    DeadlinePassed = "DEADLINE_PASSED", DeadlineExceeded, true,
        "Give the call more time, or ask for less in one call.";
    /// Too many requests wait for freshness.
    TooManyWaiters = "TOO_MANY_WAITERS", ResourceExhausted, true,
        "Try again later, with backoff; ask with a token only where the answer must know a change just made.";
    /// The token is past the end of the source's log.
    LsnFromFuture = "LSN_FROM_FUTURE", FailedPrecondition, false,
        "The source has written no such position: make the token on the database that this server follows.";
    /// The token belongs to another cluster or timeline.
    TokenFromOtherHistory = "TOKEN_FROM_OTHER_HISTORY", FailedPrecondition, false,
        "Make a new token: the database was promoted or replaced, or the token is another database's.";
    /// The token cannot be read.
    TokenMalformed = "TOKEN_MALFORMED", InvalidArgument, false,
        "Send a position as PostgreSQL prints it, such as 0/16B3748, or timeline/position, such as 1/0/16B3748.";
    /// The version asked for is not kept.
    VersionNotKept = "VERSION_NOT_KEPT", FailedPrecondition, false,
        "Ask for the newest version: old ones are kept for a short time only, and never across a restart.";
    /// No member has the key or name.
    MemberUnknown = "MEMBER_UNKNOWN", NotFound, false,
        "Check the reference; if the member was just created, ask with a token of that transaction.";
    /// No team has the key or name.
    TeamUnknown = "TEAM_UNKNOWN", NotFound, false,
        "Check the reference; if the team was just created, ask with a token of that transaction.";
    /// What should be a team is a person.
    NotATeam = "NOT_A_TEAM", FailedPrecondition, false,
        "Name a team, or set lenient to have a no.";
    /// Several members match the reference.
    AmbiguousMember = "AMBIGUOUS_MEMBER", FailedPrecondition, false,
        "Name the member by its key.";
    /// A reference is missing or malformed.
    ReferenceMalformed = "REFERENCE_MALFORMED", InvalidArgument, false,
        "Set exactly one of id, key, uuid (16 bytes) and name.";
    /// An enum has a value that this server does not know.
    ValueUnknown = "VALUE_UNKNOWN", InvalidArgument, false,
        "Use a value of this API version; the server may be older than the client.";
    /// Arguments that exclude one another, or columns that do not match.
    ArgumentsConflict = "ARGUMENTS_CONFLICT", InvalidArgument, false,
        "Send one form of a batch alone; packed columns must be equally long, or one of them hold a single key.";
    /// A bound of the limits table is passed.
    LimitExceeded = "LIMIT_EXCEEDED", InvalidArgument, false,
        "Ask for less in one request: the metadata name the limit and its value.";
    /// The path does not fit in an answer.
    PathTooLong = "PATH_TOO_LONG", FailedPrecondition, false,
        "The metadata name the length; Check still answers, and a part of the path can be asked for.";
    /// The page token is not one of ours.
    PageTokenMalformed = "PAGE_TOKEN_MALFORMED", InvalidArgument, false,
        "Send next_page_token exactly as it was received.";
    /// The page token belongs to another list.
    PageTokenMismatch = "PAGE_TOKEN_MISMATCH", InvalidArgument, false,
        "Send the token with the request that it came from: all but page_size and freshness must be the same.";
    /// The version that the list began with is gone.
    PageTokenExpired = "PAGE_TOKEN_EXPIRED", Aborted, true,
        "Start the list again from its first page.";
    /// A run of the kind has not ended.
    AlreadyRunning = "ALREADY_RUNNING", FailedPrecondition, false,
        "Wait for the run that is under way, or cancel its call: there is one of a kind at a time.";
    /// A verify ended without an answer.
    Inconclusive = "INCONCLUSIVE", Aborted, true,
        "Try again: nothing is known to be wrong. The message says what the comparison lacked.";
    /// A rebuild ended without a new graph.
    NotRebuilt = "NOT_REBUILT", Aborted, true,
        "Try again: what was served is served still. The message says what the rebuild lacked.";
    /// The source refuses what is needed of it.
    SourceUnusable = "SOURCE_UNUSABLE", FailedPrecondition, false,
        "Do at the source what the message says; `teamgraph doctor` shows every setting and right.";
    /// The message was refused before the service saw it.
    RequestUnreadable = "REQUEST_UNREADABLE", InvalidArgument, false,
        "Send an uncompressed message of this API, of at most request_bytes.";
    /// The method does not exist.
    MethodUnknown = "METHOD_UNKNOWN", Unimplemented, false,
        "Call a method that the reflection service lists; the server may be older than the client.";
    /// The server contradicts itself.
    Internal = "INTERNAL", Internal, false,
        "Report it: this is a defect of the server.";
}

/// An error on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The row of the table.
    pub reason: Reason,
    /// What happened, in words.
    pub message: Cow<'static, str>,
    /// The values that it happened with.
    pub metadata: Vec<(&'static str, String)>,
}

impl Failure {
    /// A failure without values.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Failure { reason, message: message.into(), metadata: Vec::new() }
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.metadata.push((name, value.to_string()));
        self
    }

    /// `what` passes `limit`; `value` is what was asked for.
    pub fn past(limit: Limit, what: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        let Limit { name, value: most } = limit;
        let message = format!("{what} is {value}; the limit {name} is {most}");
        Failure::new(Reason::LimitExceeded, message)
            .with("limit", name)
            .with("limit_value", most)
            .with("value", value)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let Row { name, code, retryable, fix } = failure.reason.row();
        let mut metadata: std::collections::HashMap<String, String> =
            failure.metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        metadata.insert("retryable".to_owned(), retryable.to_string());
        metadata.insert("fix".to_owned(), fix.to_owned());
        let details = ErrorDetails::with_error_info(name, DOMAIN, metadata);
        Status::with_error_details(code, failure.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// `InvalidArgument` → `INVALID_ARGUMENT`.
    fn wire_name(code: Code) -> String {
        let mut name = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }

    #[test]
    fn each_reason_has_its_row_in_the_documentation_and_no_other_is_there() {
        let docs = include_str!("../../docs/errors.md");
        let documented: BTreeSet<String> = docs
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim().to_owned())
            .collect();
        let expected: BTreeSet<String> = Reason::ALL
            .iter()
            .map(|reason| {
                let Row { name, code, retryable, fix } = reason.row();
                let again = if retryable { "yes" } else { "no" };
                format!("| `{name}` | {} | {again} | {fix} |", wire_name(code))
            })
            .collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn permanent_errors_carry_no_code_that_clients_retry() {
        let retried =
            [Code::Unavailable, Code::ResourceExhausted, Code::Aborted, Code::DeadlineExceeded];
        for reason in Reason::ALL {
            let row = reason.row();
            assert_eq!(retried.contains(&row.code), row.retryable, "{}", row.name);
        }
    }

    #[test]
    fn names_are_distinct_and_fit_error_info() {
        let names: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.row().name).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for name in names {
            assert!(name.len() <= 63 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
    }

    #[test]
    fn a_status_carries_reason_domain_values_and_fix() {
        let status = Status::from(Failure::new(Reason::NotATeam, "no team").with("team", "id 7"));
        assert_eq!(status.code(), Code::FailedPrecondition);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("NOT_A_TEAM", "teamgraph"));
        assert_eq!(info.metadata["team"], "id 7");
        assert_eq!(info.metadata["retryable"], "false");
        assert_eq!(info.metadata["fix"], Reason::NotATeam.row().fix);
    }
}
