//! Whether a version of the graph is what its source's rows say.
//!
//! Owns the comparison: what the rows say ([`Gathering`], then [`Expected`]), by plain sorted arrays
//! and searches, against what a version answers ([`compare()`]). It shares no code with the graph,
//! since what both did wrong alike would not be seen; of the graph it knows what any reader may ask.
//! It must not know where rows come from nor who asked: synchronous, no I/O, a thread's work.
//!
//! ```text
//! rows ──► directory (keys ↔ numbers)
//!          expected  (members, edges) ──► teams (who is in whom among them, cycles)
//!                                             │
//! version ──────────────────────────► compare ┴─ members, memberships, participations
//!                                         └──► findings
//! ```
//!
//! What is compared: every member with its kind and name; who owns it, and every stated membership with
//! its role, from both ends; and for all members or a sample the teams that it is in, and for the teams
//! among them the teams that are in it. Administrators follow from owners and roles, and the people
//! in a team from memberships and the teams in it; these are not asked for.
//!
//! Memory, beside the version's: some 100 bytes a member and its name, and 8 bytes a row (16 while
//! rows are gathered), so some 200 MB for a million people and five million rows.

mod compare;
mod directory;
mod expected;
mod findings;
mod members;
mod memberships;
mod owners;
mod participations;
mod sample;
mod teams;
#[cfg(test)]
mod tests;

pub use compare::{CompareOptions, compare};
pub use expected::{Expected, Gathering, GatheringError};

/// A number as a place in memory.
fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How many of something there are.
fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
