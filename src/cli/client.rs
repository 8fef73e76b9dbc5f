//! The commands that ask a running server: `check`, `teams`, `members`, `explain`, `status`,
//! `verify`, `rebuild`.
//!
//! Owns the client's side for people and scripts. It must not know how the server finds answers;
//! it knows the API alone.
//!
//! All of them write text for eyes, or JSON with `--json`; a yes or no is also the exit code.

pub mod check;
mod connect;
mod drift;
pub mod explain;
mod failure;
mod json;
mod member;
pub mod members;
mod output;
pub mod rebuild;
pub mod status;
pub mod teams;
#[cfg(test)]
mod tests;
pub mod verify;

pub use connect::{ConnectArgs, FreshnessArgs};
pub use drift::CompareArgs;
pub use member::MemberArg;
