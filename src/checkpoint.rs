//! A graph kept on local disk, so that the next process need not copy its source.
//!
//! Owns the file's format, its atomic replacement, and when it is written. It must not know the
//! feed, the service, nor how a graph is built: what is kept is the stated content alone, members
//! and rows in the product's words, and it goes back through the same loader as a copy.
//!
//! ```text
//! apply thread ──image──► task "checkpoint" ──► thread "checkpoint" ──► DIR/tg_x.checkpoint
//!                         when, and what          encode, sync, rename  DIR/tg_x.position
//! DIR ──load──► GraphWriter ──► apply thread      at the next start
//! ```
//!
//! `block` is the framing: bounded blocks, each with its own check. `content` is what stands in
//! them. `position` is the second, tiny file of an idle graph. `store` is the directory, `keeping`
//! the schedule.
//!
//! Nothing here trusts a byte that it reads: a file that is cut, mangled, of another format or of
//! another graph is an error with words, never a panic, and never more memory than its bytes
//! account for.

mod block;
mod content;
mod fields;
mod keeping;
mod position;
mod store;
#[cfg(test)]
mod tests;

pub use content::{Header, Loaded, Stamp, Written, load, write};
pub use keeping::{ImageRequest, Keeping, Kept, KeptBy, Worker};
pub use store::{CheckpointOptions, Store};

/// Why there is no graph to go on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Nothing was kept.
    #[error("there is none")]
    Missing,
    /// The disk did not give it.
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Something else has its name.
    #[error("the file is not a checkpoint")]
    Foreign,
    /// Another release wrote it.
    #[error("its format is number {found}, and this release reads number {known}")]
    Format {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It ends before its end.
    #[error("it is cut short: it ends within block {block}")]
    Truncated {
        /// The block, counted from 0.
        block: u64,
    },
    /// It is not what was written.
    #[error("block {block} is corrupt: {what}")]
    Corrupt {
        /// The block, counted from 0.
        block: u64,
        /// What does not hold.
        what: &'static str,
    },
    /// More members than a graph can number.
    #[error(transparent)]
    Full(#[from] crate::graph::GraphFull),
}
