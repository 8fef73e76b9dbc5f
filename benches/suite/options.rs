//! What the suite is told, and how much of everything that means.

use clap::{Parser, ValueEnum};
use std::time::Duration;
use teamgraph::synthetic::Shape;

/// The comparison suite. Run it through scripts/bench.
#[derive(Parser, Debug)]
pub struct Options {
    /// How large the organisation is.
    #[arg(long, value_enum, ignore_case = true, default_value = "m")]
    size: Size,
    /// The same as `--size l`.
    #[arg(long, conflicts_with = "size")]
    l: bool,
    /// Only these figures (and what is measured along with them).
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub only: Vec<String>,
    /// Four figures from S to XL instead, into target/bench/growth.json.
    #[arg(long)]
    pub growth: bool,
    /// Run everything that needs no PostgreSQL once, tiny.
    #[arg(long)]
    pub test: bool,
    /// Run one part in this process and print its record.
    #[arg(long, hide = true)]
    pub part: Option<String>,
    /// Given by cargo bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    S,
    M,
    L,
    Xl,
}

impl Size {
    pub const ALL: [Size; 4] = [Size::S, Size::M, Size::L, Size::Xl];

    pub const fn name(self) -> &'static str {
        match self {
            Size::S => "s",
            Size::M => "m",
            Size::L => "l",
            Size::Xl => "xl",
        }
    }

    const fn shape(self) -> Shape {
        match self {
            Size::S => Shape::S,
            Size::M => Shape::M,
            Size::L => Shape::L,
            Size::Xl => Shape::XL,
        }
    }
}

impl Options {
    pub fn size(&self) -> Size {
        if self.l { Size::L } else { self.size }
    }
}

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Plan {
    pub size: Size,
    pub shape: Shape,
    /// Samples of each figure. Five at least; seven, so that one bad one on either side is
    /// outvoted.
    pub samples: usize,
    /// Questions of each of the four kinds: with 16 bytes a question beyond any L2 cache.
    pub questions: usize,
    /// Membership changes in one sample.
    pub changes: usize,
    /// Times that a team edge comes and goes in one sample.
    pub edge_repeats: usize,
    pub chain_teams: i64,
    pub ring_teams: i64,
    /// One-change transactions before memory is looked at again.
    pub memory_changes: usize,
    /// How long a window of gRPC calls lasts.
    pub window: Duration,
    /// Messages in one sample of the stream.
    pub stream_messages: usize,
    pub commits_per_s: u32,
    /// One window of commits; there are five, a minute in all.
    pub commit_window: Duration,
    /// One window of reads, at rest or under commits.
    pub read_window: Duration,
    /// Rows of the bulk transaction.
    pub bulk_rows: i64,
    /// Only these figures; all if there are none.
    pub only: Vec<String>,
}

/// Whether one of the figures is wanted.
pub fn wants(only: &[String], figures: &[&str]) -> bool {
    let is_named = |figure: &&str| only.iter().any(|name| name.trim_end_matches("_l") == *figure);
    !figures.is_empty() && (only.is_empty() || figures.iter().any(is_named))
}

impl Plan {
    pub fn of(size: Size) -> Self {
        let shape = size.shape();
        Plan {
            size,
            shape,
            samples: 7,
            questions: 100_000,
            changes: 20_000,
            edge_repeats: 20,
            chain_teams: 10_000,
            ring_teams: 20_000,
            memory_changes: 1_000_000,
            window: Duration::from_millis(1_500),
            stream_messages: 1_000_000,
            commits_per_s: 1_000,
            commit_window: Duration::from_secs(12),
            read_window: Duration::from_secs(4),
            bulk_rows: i64::from(shape.people).min(1_000_000),
            only: Vec::new(),
        }
    }

    /// Proves in seconds that everything runs.
    pub fn tiny() -> Self {
        let shape = Shape { people: 400, teams: 60, memberships: 2_000, ..Shape::S };
        Plan {
            shape,
            samples: 2,
            questions: 200,
            changes: 100,
            edge_repeats: 2,
            chain_teams: 60,
            ring_teams: 60,
            memory_changes: 500,
            window: Duration::from_millis(30),
            stream_messages: 500,
            ..Plan::of(Size::S)
        }
    }

    pub fn wants(&self, figures: &[&str]) -> bool {
        wants(&self.only, figures)
    }

    /// Whether one of the figures is asked for by its name: what takes minutes waits for that.
    pub fn names(&self, figures: &[&str]) -> bool {
        !self.only.is_empty() && self.wants(figures)
    }

    /// What the names of this size's figures end in.
    pub fn suffix(&self) -> &'static str {
        match self.size {
            Size::S | Size::M => "",
            Size::L => "_l",
            Size::Xl => "_xl",
        }
    }
}
