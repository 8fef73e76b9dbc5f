//! What a run came to: the summary, and whether it is good.

use crate::judge::Findings;
use crate::options::{Options, Sabotage, Turns};
use crate::stage::output;
use serde::Serialize;
use std::collections::BTreeMap;

/// From so many minutes on, every kind of fault must have happened this many times.
const OFTEN: (f64, u64) = (30.0, 5);
/// In runs of so many minutes, once.
const ONCE: (f64, u64) = (2.0, 1);

/// Answers that a run must have for each fault.
const ANSWERS_PER_FAULT: u64 = 100;

#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub minutes: f64,
    pub seed: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub transactions: u64,
    pub answers: u64,
    pub tokens_awaited: u64,
    pub losses: u64,
    pub went_back: u64,
    pub wrong_answers: u64,
    /// Answers that came too late to be judged. None, in a good run.
    pub unjudged: u64,
    /// Comparisons with SQL in a pause of the writers.
    pub pauses: u64,
    /// Times that the feed gave up after its bound of fresh copies, and was started anew.
    pub gave_up: u64,
    /// Kinds that this build of the service has no part for.
    pub not_there: Vec<&'static str>,
    /// Refusals by their reasons: no answer, so nothing to judge.
    pub refused: BTreeMap<String, u64>,
    /// Verifies that found no difference, and those that found one.
    pub verified: usize,
    pub verify_differences: usize,
}

impl Summary {
    pub fn found(&mut self, findings: &Findings) {
        self.answers = findings.answers;
        self.tokens_awaited = findings.tokens_awaited;
        self.losses = findings.losses();
        self.went_back = findings.went_back;
        self.wrong_answers = findings.wrong_answers;
        self.unjudged = findings.unjudged;
    }

    /// Why the run is no proof; nothing if it is one.
    pub fn objections(&self, options: &Options) -> Vec<String> {
        let mut objections = Vec::new();
        for (count, what) in [
            (self.losses, "losses"),
            (self.went_back, "versions went back"),
            (self.wrong_answers, "wrong answers"),
            (self.unjudged, "answers could not be judged"),
        ] {
            if count > 0 {
                objections.push(format!("{count} {what}"));
            }
        }
        let times = match options.minutes {
            minutes if minutes >= OFTEN.0 => OFTEN.1,
            minutes if minutes >= ONCE.0 => ONCE.1,
            _ => 0,
        };
        for (kind, count) in &self.faults {
            if *count < times {
                objections.push(format!("{kind} happened {count} times, not {times}"));
            }
        }
        let faults = self.faults.values().sum::<u64>();
        if self.answers < ANSWERS_PER_FAULT * faults {
            objections.push(format!("{} answers for {faults} faults are too few", self.answers));
        }
        if self.verify_differences > 0 {
            objections.push(format!("{} verifies found a difference", self.verify_differences));
        }
        if options.verify && self.verified == 0 {
            objections.push("no verify could tell".to_owned());
        }
        if self.tokens_awaited == 0 {
            objections.push("no token was awaited".to_owned());
        }
        objections
    }

    /// Whether the count that a sabotage must turn has turned.
    pub fn has_turned(&self, sabotage: Sabotage) -> bool {
        match sabotage.turns() {
            Turns::Losses => self.losses > 0,
            Turns::WrongAnswers => self.wrong_answers > 0,
            Turns::Either => self.losses + self.wrong_answers > 0,
        }
    }

    pub fn write(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(output().join("summary.json"), format!("{text}\n"))?;
        println!("{text}");
        Ok(())
    }
}
