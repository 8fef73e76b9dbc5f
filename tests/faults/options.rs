//! What a run is told.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// The fault run. Start it through scripts/faults.
#[derive(Parser, Clone, Debug)]
pub struct Options {
    /// For how long faults are made, in minutes; a fraction will do.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    pub minutes: f64,
    /// Repeats the schedule of faults and the writers' choices of a run. Timing is not repeated.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Lets the service do this wrong on purpose: the verdict must turn. Needs the feature
    /// `sabotage`, which scripts/faults switches on.
    #[arg(long, value_enum, value_name = "KIND")]
    pub sabotage: Option<Sabotage>,
    /// Runs every sabotage in turn; succeeds only if each turned the count that it should.
    #[arg(long, conflicts_with = "sabotage")]
    pub every_sabotage: bool,
    /// Runs this build of the service in the place of the one that was built along.
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Has the service verify its graph again and again: no verify may find a difference.
    #[arg(long)]
    pub verify: bool,
    /// Has the service keep a participation table: in every pause of the writers it must hold what
    /// SQL finds.
    #[arg(long)]
    pub project: bool,
    /// Keeps to these kinds of fault.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    pub only: Vec<String>,
}

impl Options {
    /// The service's program.
    pub fn binary(&self) -> PathBuf {
        self.binary.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_teamgraph").into())
    }

    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.minutes.clamp(0.0, 100_000.0) * 60.0)
    }
}

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// A transaction's changes are dropped.
    SkipCommit,
    /// A transaction is applied once more behind the next one.
    ApplyTwice,
    /// Positions are confirmed to PostgreSQL that are not applied yet.
    AcknowledgeEarly,
    /// Answers claim to know more than they do.
    WatermarkEarly,
    /// A membership that ended stays in the graph.
    KeepEdge,
    /// The rows map keeps what a transaction that was cut off did to it.
    HalfRows,
}

/// The count that a sabotage must turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    Losses,
    WrongAnswers,
    /// Which of the two is a matter of timing.
    Either,
}

impl Sabotage {
    /// As the service is told.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub const fn turns(self) -> Turns {
        match self {
            Sabotage::WatermarkEarly => Turns::Losses,
            Sabotage::ApplyTwice | Sabotage::KeepEdge | Sabotage::HalfRows => Turns::WrongAnswers,
            // What is lost shows in the next version's content, or in a position without it.
            Sabotage::SkipCommit | Sabotage::AcknowledgeEarly => Turns::Either,
        }
    }

    /// The faults that bring it to light, where it takes any.
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Sabotage::HalfRows => &["cut"],
            _ => &["kill_walsender"],
        }
    }
}
