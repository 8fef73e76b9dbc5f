//! What can go wrong while asking, and how it is shown.
//!
//! Owns the text of client errors: reason, message and fix.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A client command failed.
#[derive(Debug)]
pub(super) enum ClientError {
    /// The server's address is none.
    Address { server: String, error: tonic::transport::Error },
    /// The server cannot be reached.
    Connect { server: String, error: tonic::transport::Error },
    /// The server refused. Boxed, because a status is large.
    Call(Box<Status>),
    /// The server broke its own API.
    Answer(&'static str),
    /// The output cannot be written.
    Output(io::Error),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        ClientError::Call(Box::new(status))
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        ClientError::Output(error)
    }
}

impl ClientError {
    fn parts(&self) -> Parts {
        let own = |reason: &str, message: String, fix: &str| Parts {
            reason: reason.to_owned(),
            message,
            fix: fix.to_owned(),
            metadata: BTreeMap::new(),
        };
        match self {
            ClientError::Address { server, error } => own(
                "SERVER_ADDRESS_MALFORMED",
                format!("`{server}` is not an address: {}", chain(error)),
                "Give --server (or TEAMGRAPH_SERVER) as http://host:port.",
            ),
            ClientError::Connect { server, error } => own(
                "SERVER_UNREACHABLE",
                format!("no connection to {server}: {}", chain(error)),
                "Start the server with `teamgraph serve`, or give its address with --server.",
            ),
            ClientError::Call(status) => of_status(status),
            ClientError::Answer(what) => own(
                "ANSWER_MALFORMED",
                format!("the answer lacks {what}"),
                "Use a client and a server of the same version.",
            ),
            ClientError::Output(error) => own(
                "OUTPUT_FAILED",
                format!("the output cannot be written: {error}"),
                "Look at where standard output goes: a full disk, perhaps.",
            ),
        }
    }

    /// One JSON document.
    pub(super) fn to_json(&self) -> Value {
        let Parts { reason, message, fix, metadata } = self.parts();
        json!({ "error": { "reason": reason, "message": message, "fix": fix, "metadata": metadata } })
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { reason, message, fix, .. } = self.parts();
        write!(f, "error: {reason}: {message}\nfix: {fix}")
    }
}

/// An error, ready to be shown.
struct Parts {
    reason: String,
    message: String,
    fix: String,
    metadata: BTreeMap<String, String>,
}

fn of_status(status: &Status) -> Parts {
    let message = status.message().to_owned();
    if let Some(info) = status.get_details_error_info() {
        let mut metadata: BTreeMap<String, String> = info.metadata.into_iter().collect();
        let fix = metadata.remove("fix").unwrap_or_default();
        return Parts { reason: info.reason, message, fix, metadata };
    }
    let fix = match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => "Raise --timeout-ms.",
        Code::Unimplemented => "Use a server of this version: it knows no such call.",
        Code::Unavailable => "See that the server runs and that the way to it is open.",
        _ => "Look into the server's log.",
    };
    Parts {
        reason: format!("{:?}", status.code()),
        message,
        fix: fix.to_owned(),
        metadata: BTreeMap::new(),
    }
}

/// The error and its causes: the transport's own text says next to nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
