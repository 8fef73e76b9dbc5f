//! The participation table: a `(team, person)` table in SQL, kept equal to the participations at a
//! known version.
//!
//! Owns the table in the target database and the progress row beside it. It must not know the feed's
//! protocol nor the service: it takes versions from where readers take them, and writes by sessions
//! of its own.
//!
//! ```text
//!                      no table            filled under another name by COPY, then named
//! version ──► target ──known version──►    difference ──► staged ──► merged ┐ with the progress
//!                      anything else       table read beside version ───────┘ row, at once
//! ```
//!
//! INVARIANT (progress): see `progress`. Existing tables are never truncated, and readers of them
//! never wait: rows are deleted and inserted, and that is all.
//!
//! | file | what |
//! |---|---|
//! | `options`, `error`, `report` | what goes in, what may be wrong, what comes out |
//! | `view` | a version as rows, in order |
//! | `keys`, `table`, `session` | the target's side: values, catalogue, connection |
//! | `progress` | the row that says where the table stands |
//! | `fill`, `delta`, `compare` | the three ways to the rows that are to be written |
//! | `merge`, `pace` | staging, and the one transaction; the rate |
//! | `target`, `run`, `check` | which way is due; following; comparing and mending on demand |

mod check;
mod compare;
mod delta;
mod error;
mod fill;
mod keys;
mod merge;
mod options;
mod pace;
mod progress;
mod report;
mod run;
mod session;
mod table;
mod target;
mod view;

pub use check::{check, look, mend};
pub use error::ProjectError;
pub use options::{Filter, ProjectOptions, SourceNames, TableNames};
pub use report::{TableExample, TableReport};
pub use run::Projector;
