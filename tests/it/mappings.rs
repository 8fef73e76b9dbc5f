//! Applications with tables of their own, against a real PostgreSQL: the example mappings and an
//! odd one, at random and in order; partitions; every refusal; and the document that tells of it.

mod answers;
pub mod document;
mod partitions;
mod random;
mod refusals;
pub mod world;
