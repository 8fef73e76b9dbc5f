//! The gRPC service: answers clients from published versions of the graph.
//!
//! Owns everything between the graph's read side and the wire. It must not know where changes
//! come from (the feed) nor how versions are made (the graph's writer).
//!
//! ```text
//! request → participation (one room a question: check, list, explain, directory, report, …), admin
//!             ├─ freshness   which version answers, and the wait for it
//!             ├─ refs        which member a reference names
//!             ├─ turns       long calls give way, and end with their deadline
//!             ├─ listed      members on their way into an answer, as many as fit
//!             └─ convert     the graph's words → the wire's
//!           errors, limits   the two tables that every room keeps to
//! ```

mod admin;
mod batch_check;
mod batch_list;
mod check;
mod contact;
mod convert;
mod directory;
pub mod errors;
mod explain;
mod freshness;
mod health;
pub mod limits;
mod list;
mod listed;
mod paging;
mod participation;
mod refs;
mod refused;
mod report;
mod serve;
mod stream_checks;
mod stream_members;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod turns;

pub use serve::{ServeError, ServiceParts, serve};
