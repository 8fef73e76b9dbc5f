//! The participation table: whatever happens to the target, to the source or to whoever projects,
//! the table holds the participations at the version that its progress row names.
//!
//! Owns the judge of tables, which is recursive SQL over the source's rows, or the oracle's pairs.
//! A crash is made at a step by letting the step wait for a lock of the test's.

mod adopted;
mod compared;
mod crashes;
mod document;
mod followed;
mod keys;
mod outages;
mod random;
mod reported;
mod same_database;
mod world;
