//! How far long work is: a bar on a terminal, lines of text elsewhere, both on standard error.
//!
//! Owns what is shown and how often; rate and time left are told from what came before. It must not
//! know the work.

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use tokio::time::Instant;

/// How often a line is written where there is no terminal: a file of an hour's work stays short.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows one piece of work after the other.
#[derive(Debug)]
pub(super) struct Progress {
    shown: Shown,
    /// What is going on, and since when.
    work: Option<(&'static str, Instant)>,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

impl Progress {
    /// A bar or lines, whichever fits; nothing where programs read.
    pub(super) fn new(for_programs: bool) -> Self {
        let shown = match (for_programs, io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bar(ProgressBar::no_length()),
            (false, false) => Shown::Lines { last: None },
        };
        Progress { shown, work: None }
    }

    /// Shows that so much of the work is done, of so much; 0 where that is not known.
    pub(super) fn show(&mut self, work: &'static str, done: u64, total: u64) {
        let now = Instant::now();
        let is_new = self.work.is_none_or(|(known, _)| known != work);
        if is_new {
            self.work = Some((work, now));
        }
        let since = self.work.map_or(now, |(_, since)| since);
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if is_new {
                    bar.reset();
                    bar.set_style(style(total > 0));
                    bar.set_message(work);
                }
                if total > 0 {
                    bar.set_length(total);
                }
                bar.set_position(done);
                bar.tick();
            }
            Shown::Lines { last } => {
                if is_new || last.is_none_or(|last| now >= last + LINE_INTERVAL) {
                    *last = Some(now);
                    let line = line(work, done, total, now - since);
                    // Where it cannot be written, nobody looks.
                    let _ = writeln!(io::stderr(), "{line}");
                }
            }
        }
    }

    /// Clears what would stand beside the outcome.
    pub(super) fn end(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{msg} [{bar:30}] {human_pos} of {human_len} ({per_sec}, {eta} left)"
    } else {
        "{spinner} {msg}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn line(work: &str, done: u64, total: u64, elapsed: Duration) -> String {
    if total == 0 && done == 0 {
        return format!("{work} …");
    }
    let mut line = format!("{work}: {}", HumanCount(done));
    if total > 0 {
        line.push_str(&format!(" of {}", HumanCount(total)));
    }
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let rate = done.saturating_mul(1_000).checked_div(elapsed_ms).unwrap_or_default();
    if rate > 0 {
        line.push_str(&format!(", {}/s", HumanCount(rate)));
        if total > done {
            let left = HumanDuration(Duration::from_secs((total - done).div_ceil(rate)));
            line.push_str(&format!(", {left} left"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left_where_they_are_known() {
        let second = Duration::from_secs(1);
        assert_eq!(line("opening", 0, 0, second), "opening …");
        assert_eq!(line("reading", 0, 1_000, Duration::ZERO), "reading: 0 of 1,000");
        assert_eq!(line("reading", 500, 0, second), "reading: 500, 500/s");
        assert_eq!(
            line("reading", 50_000, 450_000, 5 * second),
            "reading: 50,000 of 450,000, 10,000/s, 40 seconds left"
        );
        assert_eq!(line("reading", 1_000, 1_000, second), "reading: 1,000 of 1,000, 1,000/s");
    }
}
