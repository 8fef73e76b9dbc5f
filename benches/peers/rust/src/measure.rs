//! Asking over several connections at once, each with one question under way.
//!
//! One thread does it for every target alike: what a client costs is the same for all whose client
//! is asynchronous. The library of SpiceDB blocks, so its calls run on threads beside.

use crate::graph_files::{Listed, Question};
use crate::targets::Connection;
use futures_util::future::try_join_all;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Errors in a row after which a target counts as down.
const ERRORS_MAX: u64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Does the member participate in the team?
    Check,
    /// All teams of a member.
    Teams,
    /// All people of a team.
    People,
}

#[derive(Debug, Serialize)]
pub struct Answered {
    pub calls: u64,
    pub right: u64,
    pub wrong: u64,
    pub failed: u64,
    pub seconds: f64,
    pub per_s: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub first_wrong: Option<String>,
    pub first_error: Option<String>,
}

/// For how long to ask, or each question once (but no longer).
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub seconds: f64,
    pub once: bool,
}

#[derive(Default)]
struct Tally {
    next: Cell<usize>,
    right: Cell<u64>,
    wrong: Cell<u64>,
    failed: Cell<u64>,
    failed_in_a_row: Cell<u64>,
    micros: RefCell<Vec<f64>>,
    first_wrong: RefCell<Option<String>>,
    first_error: RefCell<Option<String>>,
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

pub async fn ask<C: Connection>(
    connections: &mut [C],
    kind: Kind,
    questions: &[Question],
    window: Window,
) -> anyhow::Result<Answered> {
    anyhow::ensure!(!questions.is_empty(), "there are no questions");
    let (tally, begin) = (Tally::default(), Instant::now());
    let end = begin + Duration::from_secs_f64(window.seconds);
    let workers = connections.iter_mut().map(|connection| async {
        while Instant::now() < end && tally.failed_in_a_row.get() < ERRORS_MAX {
            let next = tally.next.get();
            if window.once && next >= questions.len() {
                break;
            }
            tally.next.set(next + 1);
            one(connection, kind, &questions[next % questions.len()], &tally).await;
        }
        Ok::<_, anyhow::Error>(())
    });
    try_join_all(workers).await?;
    Ok(tally.into_answered(begin.elapsed().as_secs_f64()))
}

async fn one<C: Connection>(connection: &mut C, kind: Kind, question: &Question, tally: &Tally) {
    let begin = Instant::now();
    let answer = match kind {
        Kind::Check => connection.check(question.about, question.team).await.map(Listed::yes_or_no),
        Kind::Teams => connection.teams(question.about).await,
        Kind::People => connection.people(question.about).await,
    };
    match answer {
        Ok(answer) => {
            tally.micros.borrow_mut().push(begin.elapsed().as_secs_f64() * 1e6);
            tally.failed_in_a_row.set(0);
            if answer == question.answer {
                count(&tally.right);
            } else {
                count(&tally.wrong);
                tally
                    .first_wrong
                    .borrow_mut()
                    .get_or_insert_with(|| format!("of {question:?} it said {answer:?}"));
            }
        }
        Err(error) => {
            count(&tally.failed);
            count(&tally.failed_in_a_row);
            tally.first_error.borrow_mut().get_or_insert_with(|| format!("{error:#}"));
        }
    }
}

impl Tally {
    fn into_answered(self, seconds: f64) -> Answered {
        let mut micros = self.micros.into_inner();
        micros.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (micros.len() as f64 * share) as usize;
            micros.get(place.min(micros.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
        };
        let answered = micros.len() as u64;
        Answered {
            calls: answered + self.failed.get(),
            right: self.right.get(),
            wrong: self.wrong.get(),
            failed: self.failed.get(),
            seconds,
            per_s: answered as f64 / seconds,
            p50_us: at(0.5),
            p99_us: at(0.99),
            first_wrong: self.first_wrong.into_inner(),
            first_error: self.first_error.into_inner(),
        }
    }
}
