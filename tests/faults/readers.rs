//! The readers: questions all the time, from the service that there is.
//!
//! Owns their connections, and what a reader alone can see: whether versions go back. What the
//! answers say is the judge's matter.

use crate::asked::Answer;
use crate::judge::Verdict;
use crate::questions::{Asker, Refusal, ask};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use teamgraph::pb;
use teamgraph::synthetic::Random;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tonic::transport::Endpoint;
use tonic_types::StatusExt;

/// Readers that take the newest answer.
pub const PLAIN: u64 = 3;
/// Readers that hand in the newest token.
pub const WITH_TOKENS: u64 = 2;

/// Between two questions of one reader.
const REST: Duration = Duration::from_millis(4);

/// Before another try: to connect, or after an error.
const AGAIN: Duration = Duration::from_millis(40);

/// How long a call may take: a service that is stopped does not say so.
const CALL_MAX: Duration = Duration::from_secs(4);

/// Refusals that no fault explains: each is a wrong answer.
const WRONG_REASONS: [&str; 8] = [
    "INTERNAL",
    "LSN_FROM_FUTURE",
    "TOKEN_FROM_OTHER_HISTORY",
    "TOKEN_MALFORMED",
    "MEMBER_UNKNOWN",
    "TEAM_UNKNOWN",
    "NOT_A_TEAM",
    "LIMIT_EXCEEDED",
];

/// What all readers share.
#[derive(Clone)]
pub struct Readers {
    pub service: watch::Receiver<SocketAddr>,
    pub tokens: watch::Receiver<String>,
    pub answers: mpsc::Sender<Answer>,
    pub verdict: Verdict,
    pub done: Arc<AtomicBool>,
    /// Refusals by their reasons.
    pub refusals: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// One reader: what it saw last.
struct Reader {
    shared: Readers,
    number: usize,
    random: Random,
    with_tokens: bool,
    /// Version and position of the newest answer; none before the first.
    newest: Option<(u64, u64)>,
}

impl Readers {
    /// Reads until told to be done.
    pub async fn read(self, number: usize, random: Random, with_tokens: bool) {
        let mut reader = Reader { shared: self, number, random, with_tokens, newest: None };
        while !reader.is_done() {
            let address = *reader.shared.service.borrow();
            let Ok(mut asker) = connect(address).await else {
                sleep(AGAIN).await;
                continue;
            };
            while !reader.is_done() && *reader.shared.service.borrow() == address {
                reader.read_one(&mut asker).await;
            }
        }
    }
}

impl Reader {
    fn is_done(&self) -> bool {
        self.shared.done.load(Ordering::Relaxed)
    }

    async fn read_one(&mut self, asker: &mut Asker) {
        let token = Some(self.shared.tokens.borrow().clone());
        let token = token.filter(|token| self.with_tokens && !token.is_empty());
        let freshness = token.clone().map(|token| pb::Freshness {
            at: Some(pb::freshness::At::AtLeastAsFresh(token)),
            max_wait_ms: Some(2_000),
        });
        // A future of its own, so that a call without an end can be given up.
        let asked = timeout(CALL_MAX, Box::pin(ask(asker, &mut self.random, freshness))).await;
        match asked {
            Err(_) => self.refused("no answer"),
            Ok(Err(Refusal::Nonsense(what))) => self.shared.verdict.wrong(&what),
            Ok(Err(Refusal::Status(status))) => {
                let details = status.get_error_details();
                let reason = details.error_info().map(|info| info.reason.clone());
                let reason = reason.unwrap_or_else(|| format!("{:?}", status.code()));
                if WRONG_REASONS.contains(&reason.as_str()) {
                    self.shared.verdict.wrong(&format!("{token:?}: {status:?}"));
                }
                self.refused(&reason);
                sleep(AGAIN).await;
            }
            Ok(Ok((asked, answered_at))) => {
                let (Some(version), Some(applied)) = (
                    answered_at.version.map(|version| version.end_lsn),
                    position(&answered_at.applied_lsn),
                ) else {
                    self.shared.verdict.wrong(&format!("no version: {answered_at:?}"));
                    return;
                };
                self.compare_with_newest(version, applied);
                let token = token.as_deref().and_then(position);
                let answer = Answer { asked, version, applied, token, reader: self.number };
                // The judge lives as long as readers do.
                let _taken = self.shared.answers.send(answer).await;
                sleep(REST).await;
            }
        }
    }

    fn refused(&self, reason: &str) {
        *self.shared.refusals.lock().unwrap().entry(reason.to_owned()).or_default() += 1;
    }

    /// Neither version nor position may go back, whichever process answers: the history is one.
    fn compare_with_newest(&mut self, version: u64, applied: u64) {
        let (newest, known) = self.newest.unwrap_or_default();
        if version < newest || applied < known {
            let lsn = crate::judge::lsn;
            self.shared.verdict.went_back(&format!(
                "reader {}: version {} after {}, applied {} after {}",
                self.number,
                lsn(version),
                lsn(newest),
                lsn(applied),
                lsn(known)
            ));
        }
        self.newest = Some((version, applied));
    }
}

pub async fn connect(address: SocketAddr) -> anyhow::Result<Asker> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let endpoint = endpoint.connect_timeout(Duration::from_secs(2)).tcp_nodelay(true);
    Ok(Asker::new(endpoint.connect().await?))
}

/// Reads `0/16B3748`, or the same behind a timeline.
pub fn position(text: &str) -> Option<u64> {
    let mut parts = text.rsplit('/');
    let (low, high) = (parts.next()?, parts.next()?);
    Some(u64::from_str_radix(high, 16).ok()? << 32 | u64::from_str_radix(low, 16).ok()?)
}
