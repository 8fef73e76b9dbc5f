//! The kinds of fault, and the order in which a seed brings them.

use teamgraph::synthetic::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The process that sends the stream is terminated.
    KillWalsender,
    /// PostgreSQL is killed with SIGKILL, and started again.
    KillPostgres,
    /// The service is killed with SIGKILL, and started with nothing.
    RestartCold,
    /// The service is killed with SIGKILL, and started with its checkpoint.
    RestartWarm,
    /// A connection ends after so many bytes.
    Cut,
    /// Every piece of every connection is held back for a while.
    Delay,
    /// A connection ends in one direction after so many bytes, and is silent in the other.
    Truncate,
    /// The disk that the checkpoint is written to is full.
    FillDisk,
    /// The slot is dropped.
    DropSlot,
    /// The slot is invalidated, since it holds back too much log.
    InvalidateSlot,
    /// A column that nobody mapped comes, and perhaps goes.
    AddColumn,
    /// The type of a mapped column changes.
    AlterType,
    /// A mapped column has another name for a while.
    RenameColumn,
    /// A table leaves the publication and comes back.
    Publication,
    /// The service is stopped with SIGSTOP for a while.
    Pause,
}

impl Kind {
    pub const ALL: [Kind; 15] = [
        Kind::KillWalsender,
        Kind::KillPostgres,
        Kind::RestartCold,
        Kind::RestartWarm,
        Kind::Cut,
        Kind::Delay,
        Kind::Truncate,
        Kind::FillDisk,
        Kind::DropSlot,
        Kind::InvalidateSlot,
        Kind::AddColumn,
        Kind::AlterType,
        Kind::RenameColumn,
        Kind::Publication,
        Kind::Pause,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::KillWalsender => "kill_walsender",
            Kind::KillPostgres => "kill_postgres",
            Kind::RestartCold => "restart_cold",
            Kind::RestartWarm => "restart_warm",
            Kind::Cut => "cut",
            Kind::Delay => "delay",
            Kind::Truncate => "truncate",
            Kind::FillDisk => "fill_disk",
            Kind::DropSlot => "drop_slot",
            Kind::InvalidateSlot => "invalidate_slot",
            Kind::AddColumn => "add_column",
            Kind::AlterType => "alter_type",
            Kind::RenameColumn => "rename_column",
            Kind::Publication => "publication",
            Kind::Pause => "pause",
        }
    }

    /// Whether it begins with a service that follows. The others may hit one that is still getting
    /// over the last fault; these would not be what they are called, or be no fault of the
    /// product's: a first start in front of a table that lacks a column ends, as documented.
    pub const fn needs_calm(self) -> bool {
        matches!(
            self,
            Kind::DropSlot
                | Kind::InvalidateSlot
                | Kind::AddColumn
                | Kind::AlterType
                | Kind::RenameColumn
                | Kind::Publication
                | Kind::FillDisk
                | Kind::RestartWarm
        )
    }
}

/// Rounds in which each kind comes once, in an order of its own.
pub struct Schedule {
    kinds: Vec<Kind>,
    random: Random,
    round: Vec<Kind>,
}

impl Schedule {
    pub fn new(kinds: Vec<Kind>, random: Random) -> Self {
        Schedule { kinds, random, round: Vec::new() }
    }

    /// The next kind, and the numbers for what it leaves open.
    pub fn next(&mut self) -> (Kind, Random) {
        if self.round.is_empty() {
            self.round.clone_from(&self.kinds);
            for last in (1..self.round.len()).rev() {
                let other = self.random.below(u64::try_from(last).unwrap() + 1);
                self.round.swap(last, usize::try_from(other).unwrap());
            }
        }
        let numbers = Random::new(self.random.any());
        (self.round.pop().expect("a round has kinds"), numbers)
    }

    pub fn is_between_rounds(&self) -> bool {
        self.round.is_empty()
    }
}
