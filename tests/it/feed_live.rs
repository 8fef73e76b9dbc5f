//! The feed alone against a real PostgreSQL.
//!
//! Knows the feed and the source's tables only: what is applied here is a plain copy of the rows,
//! to be compared with what SQL says of them.

mod changes;
mod fixture;
mod life;
mod refused;
mod rows;
