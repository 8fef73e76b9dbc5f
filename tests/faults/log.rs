//! What was committed, in order, with the position where each commit ends: the judge's truth.
//!
//! Owns the recorded commits and the states they lead to. It keeps as many as any answer may still
//! name, and forgets older ones.

use crate::rows::{Change, Rows};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Commits kept. At the writers' pace these are some ten minutes, and no fault makes the service
/// answer from a state that is a tenth as old.
const COMMITS_MAX: usize = 60_000;

/// A whole state is kept for every so many commits: others are made from the one before.
const STATE_EVERY: usize = 64;

/// Where an answer's state stands among the commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After so many commits since the beginning.
    After(usize),
    /// Not recorded yet.
    Ahead,
    /// Forgotten.
    Gone,
}

struct Commit {
    end: u64,
    changes: Vec<Change>,
}

#[derive(Default)]
struct Recorded {
    /// Commits forgotten.
    forgotten: usize,
    commits: VecDeque<Commit>,
    /// The state after `forgotten` commits, after `STATE_EVERY` more, and so on.
    states: VecDeque<Rows>,
    newest: Rows,
    /// Everything that was committed before this position is here.
    heard: u64,
}

/// The recorded commits, as recorder and judge share them.
#[derive(Clone)]
pub struct Log {
    recorded: Arc<Mutex<Recorded>>,
    heard: Arc<watch::Sender<u64>>,
}

impl Log {
    pub fn new() -> Self {
        let recorded = Recorded { states: [Rows::default()].into(), ..Recorded::default() };
        Log { recorded: Arc::new(Mutex::new(recorded)), heard: Arc::new(watch::Sender::new(0)) }
    }

    /// Adds a commit, unless it was recorded before.
    pub fn commit(&self, end: u64, changes: Vec<Change>) {
        let mut recorded = self.recorded.lock().unwrap();
        if end > recorded.heard && !changes.is_empty() {
            recorded.add(Commit { end, changes });
        }
        drop(recorded);
        self.hear(end);
    }

    /// Everything before the position is recorded.
    pub fn hear(&self, lsn: u64) {
        let mut recorded = self.recorded.lock().unwrap();
        recorded.heard = recorded.heard.max(lsn);
        self.heard.send_replace(recorded.heard);
    }

    /// The position up to which everything is recorded.
    pub fn heard(&self) -> u64 {
        *self.heard.borrow()
    }

    /// Waits until more is recorded than up to `lsn`.
    pub async fn heard_more_than(&self, lsn: u64) {
        let mut heard = self.heard.subscribe();
        // The sender lives as long as this.
        let _lives = heard.wait_for(|heard| *heard > lsn).await;
    }

    /// Waits until everything before the position is recorded.
    pub async fn heard_up_to(&self, lsn: u64) {
        self.heard_more_than(lsn.saturating_sub(1)).await;
    }

    /// Which state is the one at a position.
    pub fn place(&self, lsn: u64) -> Place {
        let recorded = self.recorded.lock().unwrap();
        if lsn > recorded.heard {
            return Place::Ahead;
        }
        match recorded.commits.front() {
            Some(first) if first.end > lsn && recorded.forgotten > 0 => Place::Gone,
            _ => {
                let before = recorded.commits.partition_point(|commit| commit.end <= lsn);
                Place::After(recorded.forgotten + before)
            }
        }
    }

    /// The state after so many commits; none if it is forgotten.
    pub fn state(&self, after: usize) -> Option<Rows> {
        let recorded = self.recorded.lock().unwrap();
        let place = after.checked_sub(recorded.forgotten)?;
        let mut rows = recorded.states.get(place / STATE_EVERY)?.clone();
        for commit in recorded.commits.range(place - place % STATE_EVERY..place) {
            for change in &commit.changes {
                rows.apply(change);
            }
        }
        Some(rows)
    }

    /// Where the commits after the first `from` and up to `to` end.
    pub fn ends(&self, from: usize, to: usize) -> Vec<u64> {
        let recorded = self.recorded.lock().unwrap();
        let first = recorded.forgotten;
        let ends = recorded.commits.range(from.max(first) - first..to.max(first) - first);
        ends.map(|commit| commit.end).collect()
    }
}

impl Recorded {
    fn add(&mut self, commit: Commit) {
        for change in &commit.changes {
            self.newest.apply(change);
        }
        self.commits.push_back(commit);
        if self.commits.len().is_multiple_of(STATE_EVERY) {
            self.states.push_back(self.newest.clone());
        }
        if self.commits.len() >= COMMITS_MAX {
            self.commits.drain(..STATE_EVERY);
            self.states.pop_front();
            self.forgotten += STATE_EVERY;
        }
    }
}
