//! The one integration binary: everything that is proved from outside the library's modules.
//!
//! One binary, because each further one links the whole library again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "clippy.toml lifts these in #[test] functions, but not in the plain functions they call"
)]

mod answers;
mod bench_table;
mod command;
mod conformance;
mod end_to_end;
mod feed_faults;
mod feed_live;
mod live;
mod mappings;
mod oracle;
mod projection;
mod publishing;
mod readme;
mod real_graphs;
mod scripts;
mod serving;
mod shape;
