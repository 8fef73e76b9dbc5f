//! The judge: holds every observed answer to the recorded commits.
//!
//! Owns the queue of answers that are ahead of the recorder, and the counts of what was found.
//! Three things are demanded of an answer: what it says is true at the version that it names; no
//! commit lies between that version and the position up to which it claims to know everything;
//! and that position is not before the token that was handed in.

use crate::asked::Answer;
use crate::log::{Log, Place};
use crate::oracle::Oracle;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Answers on their way from the readers: these wait when the judge is behind.
pub const ANSWERS_MAX: usize = 4_096;

/// Answers that wait for the recorder. It is ahead of the service, as a rule.
const AHEAD_MAX: usize = 65_536;

/// States that questions were asked about lately.
const ORACLES_MAX: usize = 512;

/// Findings that are told in full; the rest is counted.
const TOLD_MAX: usize = 10;

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub answers: u64,
    pub tokens_awaited: u64,
    pub wrong_answers: u64,
    pub went_back: u64,
    /// Where the commits end that an answer claimed to know and did not; or the tokens it missed.
    pub lost: BTreeSet<u64>,
    /// Answers whose state is recorded no longer.
    pub unjudged: u64,
    /// The first findings in full.
    pub told: Vec<String>,
}

impl Findings {
    pub fn losses(&self) -> u64 {
        u64::try_from(self.lost.len()).unwrap()
    }

    pub fn is_clean(&self) -> bool {
        self.wrong_answers == 0 && self.went_back == 0 && self.lost.is_empty()
    }

    fn tell(&mut self, what: &str) {
        if self.told.len() < TOLD_MAX {
            eprintln!("faults: {what}");
            self.told.push(what.to_owned());
        }
    }
}

/// The findings, as all who find something share them.
#[derive(Clone, Default)]
pub struct Verdict(Arc<Mutex<Findings>>);

impl Verdict {
    pub fn so_far(&self) -> Findings {
        self.0.lock().unwrap().clone()
    }

    pub fn is_clean(&self) -> bool {
        self.0.lock().unwrap().is_clean()
    }

    pub fn wrong(&self, what: &str) {
        let mut findings = self.0.lock().unwrap();
        findings.wrong_answers += 1;
        findings.tell(&format!("WRONG ANSWER: {what}"));
    }

    pub fn went_back(&self, what: &str) {
        let mut findings = self.0.lock().unwrap();
        findings.went_back += 1;
        findings.tell(&format!("WENT BACK: {what}"));
    }

    fn lost(&self, at: &[u64], what: &str) {
        let mut findings = self.0.lock().unwrap();
        let before = findings.lost.len();
        findings.lost.extend(at);
        if findings.lost.len() > before {
            findings.tell(&format!("LOSS: {what}"));
        }
    }

    fn unjudged(&self, what: &str) {
        let mut findings = self.0.lock().unwrap();
        findings.unjudged += 1;
        findings.tell(&format!("UNJUDGED: {what}"));
    }

    fn judged(&self, answer: &Answer) {
        let mut findings = self.0.lock().unwrap();
        findings.answers += 1;
        findings.tokens_awaited += u64::from(answer.token.is_some());
    }
}

/// Judges until all readers are gone and the recorder has reached what they saw.
pub async fn judge(mut answers: mpsc::Receiver<Answer>, log: Log, verdict: Verdict) {
    let mut judge = Judge { log, verdict, ahead: VecDeque::new(), oracles: HashMap::new() };
    let mut open = true;
    while open || !judge.ahead.is_empty() {
        let heard = judge.log.heard();
        let room = judge.ahead.len() < AHEAD_MAX;
        tokio::select! {
            answer = answers.recv(), if open && room => match answer {
                Some(answer) => judge.take(answer),
                None => open = false,
            },
            () = judge.log.heard_more_than(heard), if !judge.ahead.is_empty() => {
                for answer in std::mem::take(&mut judge.ahead) {
                    judge.take(answer);
                }
            }
        }
    }
}

struct Judge {
    log: Log,
    verdict: Verdict,
    ahead: VecDeque<Answer>,
    oracles: HashMap<usize, Oracle>,
}

impl Judge {
    fn take(&mut self, answer: Answer) {
        let places = (self.log.place(answer.version), self.log.place(answer.applied));
        let (version, applied) = match places {
            (Place::After(version), Place::After(applied)) => (version, applied),
            (Place::Ahead, _) | (_, Place::Ahead) => {
                self.ahead.push_back(answer);
                return;
            }
            (Place::Gone, _) | (_, Place::Gone) => {
                self.verdict.unjudged(&described(&answer));
                return;
            }
        };
        self.verdict.judged(&answer);
        if applied > version {
            let at = self.log.ends(version, applied);
            let ends: Vec<String> = at.iter().map(|end| lsn(*end)).collect();
            let what = format!("commits at {} are not in {}", ends.join(", "), described(&answer));
            self.verdict.lost(&at, &what);
        }
        if let Some(token) = answer.token.filter(|token| *token > answer.applied) {
            self.verdict.lost(&[token], &format!("older than its token: {}", described(&answer)));
        }
        let Some(oracle) = self.oracle(version) else {
            self.verdict.unjudged(&described(&answer));
            return;
        };
        if let Some(expected) = oracle.objection(&answer.asked) {
            let what = format!("{}\n  the oracle says: {expected}", described(&answer));
            self.verdict.wrong(&what);
        }
    }

    fn oracle(&mut self, version: usize) -> Option<&Oracle> {
        if self.oracles.len() >= ORACLES_MAX {
            let newest = self.oracles.keys().copied().max().unwrap_or(0);
            self.oracles.retain(|kept, _| kept + ORACLES_MAX / 2 > newest);
            if self.oracles.len() >= ORACLES_MAX {
                self.oracles.clear();
            }
        }
        if !self.oracles.contains_key(&version) {
            let oracle = Oracle::new(self.log.state(version)?);
            self.oracles.insert(version, oracle);
        }
        self.oracles.get(&version)
    }
}

fn described(answer: &Answer) -> String {
    let Answer { asked, version, applied, token, reader } = answer;
    let token = token.map_or("no token".to_owned(), |token| format!("token {}", lsn(token)));
    let (version, applied) = (lsn(*version), lsn(*applied));
    format!("reader {reader}, version {version}, applied {applied}, {token}: {asked:?}")
}

/// A position as PostgreSQL prints it.
pub fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}
