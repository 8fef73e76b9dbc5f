//! The table of figures: names, units, targets, and a line of it as it is printed.

/// What must hold.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// A part of another figure.
    None,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub target: Target,
    /// Where it is another at L.
    pub target_l: Option<Target>,
}

const fn figure(name: &'static str, unit: &'static str, target: Target) -> Figure {
    Figure { name, unit, target, target_l: None }
}

use Target::{AtLeast, AtMost};

pub const ALL: &[Figure] = &[
    Figure { target_l: Some(AtMost(350.0)), ..figure("check_ns", "ns", AtMost(200.0)) },
    figure("check_ns_direct", "ns", Target::None),
    figure("check_ns_indirect", "ns", Target::None),
    figure("check_ns_near_miss", "ns", Target::None),
    figure("check_ns_random", "ns", Target::None),
    figure("check_vs_petgraph", "x", AtLeast(4.0)),
    figure("unary_vs_empty", "x", AtLeast(0.9)),
    figure("unary_vs_table", "x", AtLeast(1.5)),
    figure("batch_checks_per_s", "/s", AtLeast(3e6)),
    figure("batch_vs_empty", "x", AtLeast(0.5)),
    figure("stream_checks_per_s", "/s", AtLeast(1e6)),
    figure("apply_us_median", "us", AtMost(8.0)),
    figure("apply_us_p99", "us", AtMost(30.0)),
    figure("team_edge_add_us", "us", AtMost(1_000.0)),
    figure("team_edge_remove_us", "us", AtMost(2_000.0)),
    figure("chain_edge_ms", "ms", AtMost(250.0)),
    figure("cycle_ms", "ms", AtMost(200.0)),
    figure("visible_ms_p50", "ms", AtMost(0.5)),
    figure("visible_ms_p99", "ms", AtMost(3.0)),
    figure("feed_bulk_vs_recvlogical", "x", AtLeast(0.6)),
    figure("rebuild_vs_copy", "x", AtMost(2.0)),
    figure("bytes_core", "B", AtMost(12.0)),
    figure("bytes_all", "B", AtMost(32.0)),
    figure("read_p99_under_writes", "x", AtMost(1.5)),
    figure("verify_rows_per_s", "/s", Target::None),
    figure("rebuild_online_s", "s", Target::None),
    figure("drift_report_s", "s", Target::None),
    figure("ready_copy_s", "s", Target::None),
    figure("ready_checkpoint_s", "s", Target::None),
    figure("catch_up_s", "s", Target::None),
    figure("primary_cpu_s", "s", Target::None),
    figure("wal_held_mb", "MB", Target::None),
    figure("project_fill_s", "s", Target::None),
    figure("project_check_s", "s", Target::None),
    figure("project_nest_s", "s", Target::None),
    figure("project_one_ms", "ms", Target::None),
    figure("visible_ms_p99_projecting", "ms", Target::None),
    figure("visible_p99_projecting_vs_rest", "x", Target::None),
];

/// Where a figure was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// The targets are those of M and L.
    None,
    M,
    L,
}

/// What the table is headed by.
pub fn head() -> String {
    format!("{:<32} {:>14} {:>14}   verdict", "figure", "value", "target")
}

impl Figure {
    /// The value beside its target, and the verdict; the name ends in the size's suffix.
    pub fn line(&self, value: f64, targets: Targets, suffix: &str) -> String {
        let target = match targets {
            Targets::None => Target::None,
            Targets::M => self.target,
            Targets::L => self.target_l.unwrap_or(self.target),
        };
        let (target, verdict) = target.judge(value);
        let name = format!("{}{suffix}", self.name);
        let value = format!("{} {}", plain(value), self.unit);
        format!("{name:<32} {value:>14} {target:>14}   {verdict}")
    }
}

impl Target {
    /// The target in words, and whether the value reaches it.
    pub fn judge(self, value: f64) -> (String, &'static str) {
        let verdict = |reached| if reached { "reached" } else { "short" };
        match self {
            AtMost(most) => (format!("<= {}", plain(most)), verdict(value <= most)),
            AtLeast(least) => (format!(">= {}", plain(least)), verdict(value >= least)),
            Target::None => ("-".into(), "-"),
        }
    }
}

/// A number as a person writes it: three digits that matter, at least.
pub fn plain(value: f64) -> String {
    match value.abs() {
        it if it >= 100.0 => grouped(value.round() as i64),
        it if it >= 10.0 => format!("{value:.1}"),
        it if it == it.round() => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn grouped(value: i64) -> String {
    let digits = value.abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}
