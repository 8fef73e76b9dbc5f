//! The transitive graph: stated memberships, their closure over teams, and immutable versions.
//!
//! Owns what a participation is and how it is kept up. It must not know the feed's protocol, the
//! service's wire types, the clock, or any configuration: synchronous, no I/O, and it cannot fail
//! on valid input.
//!
//! ```text
//! changes ──► writer ──► state ──► snapshot ──► publish ──► readers
//!             rows       numbers, names          check, together, list, path, admin
//!             delta      adjacency, owned, closure
//! ```
//!
//! Two levels, as Google's Leopard index has them: the team-to-team graph is small and its closure
//! is kept; the member-to-team edges are many and are not closed. A change of one person's
//! membership touches one adjacency each way, a change between teams the closures of teams, and no
//! person is ever rewritten because a team moved.

mod adjacency;
mod admin;
mod answer;
mod ascending;
mod bulk;
mod check;
mod chunks;
mod closure;
mod content;
mod delta;
mod difference;
mod digest;
mod direct_index;
mod image;
mod key_page;
mod list;
mod member_words;
mod names;
mod narrow;
mod numbers;
mod once;
mod owned;
mod pages;
mod path;
mod publish;
mod rows;
mod snapshot;
mod state;
mod together;
mod validate;
mod waiting;
mod writer;

pub use answer::{Kinds, MemberCursor, MemberPage, Named, Relation, Scope, Stats, TeamPage};
pub use difference::{Difference, TeamDifference};
pub use digest::Digest;
pub use image::{Image, ImageMember, ImageRow};
pub use list::MemberList;
pub use publish::{HistoryLimits, Published, PublishedCell};
pub use snapshot::Snapshot;
pub use together::GROUP;
pub use waiting::Waiter;
pub use writer::{GraphLimits, GraphWriter};

/// The graph has no number left for another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the graph holds 2^31 members and has no number left for another")]
pub struct GraphFull;
