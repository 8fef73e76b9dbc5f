//! The look of the tour's text.

use crate::cli::output::print;
use std::io;

/// Numbers the steps and prints them.
#[derive(Debug, Default)]
pub(super) struct Story {
    steps: u32,
}

impl Story {
    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) -> io::Result<()> {
        self.steps += 1;
        print(&format!("\n{}. {title}\n", self.steps))
    }

    /// Something that is explained.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        print(&format!("   {text}\n"))
    }

    /// Something that is done, as SQL.
    pub(super) fn sql(&self, text: &str) -> io::Result<()> {
        print(&format!("   sql>  {text}\n"))
    }

    /// Something that is asked, and its answer.
    pub(super) fn answer(&self, question: &str, answer: &str) -> io::Result<()> {
        print(&format!("   gRPC> {question}\n         {answer}\n"))
    }
}
