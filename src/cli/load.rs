//! `teamgraph load`: members and memberships from CSV files into a database of the built-in
//! schema, all or nothing.
//!
//! ```text
//! members.csv      name,kind[,display_name][,owner]     kind: person or team
//!                  team,kind                            every line is a team, the kind a remark
//! memberships.csv  member,team,role
//! ```
//!
//! Or a made-up organisation of a size (`--synthetic`).
//!
//! A name that only memberships mention as a member becomes a person, unless the database has it
//! already. A team without an owner is owned by the person `registry`, which is created if it is
//! missing: in the schema it is the owner that makes a team. An owner that nothing else knows
//! becomes a person, with a warning.

mod error;
mod insert;
mod read;
mod roster;
mod synthetic;

pub use error::{LoadError, Place};
pub(super) use insert::{Inserted, insert};
pub(super) use roster::{NewMember, NewMembership, Roster, Standing};

use super::output::print;
use crate::config::DatabaseOptions;
use crate::database::Session;
use crate::synthetic::Shape;
use indicatif::HumanCount;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `load` can be told.
#[derive(clap::Args, Debug)]
pub struct LoadArgs {
    #[command(flatten)]
    database: DatabaseOptions,
    /// A CSV file of members: name,kind (and display_name, owner if wanted), or team,kind. An owner
    /// that is neither in the files nor in the database becomes a person, with a warning
    #[arg(long, value_name = "FILE", required_unless_present_any = ["memberships", "synthetic"])]
    members: Option<PathBuf>,
    /// A CSV file of memberships: member,team,role
    #[arg(long, value_name = "FILE")]
    memberships: Option<PathBuf>,
    /// Instead of files, a made-up organisation: s (10 thousand people, 500 teams, 50 thousand
    /// memberships), m (1 million, 20 thousand, 5 million), l (ten times that) or xl (twenty times)
    #[arg(long, value_name = "SIZE", value_parser = synthetic::shape)]
    #[arg(conflicts_with_all = ["members", "memberships"])]
    synthetic: Option<Shape>,
    #[command(flatten)]
    roles: RoleNames,
}

/// The words that files use for roles.
#[derive(clap::Args, Clone, Debug)]
struct RoleNames {
    /// Words in the column `role` that mean an ordinary membership
    #[arg(long, value_name = "WORDS", value_delimiter = ',', default_value = "member,child")]
    member_roles: Vec<String>,
    /// Words in the column `role` that mean a membership that administers the team
    #[arg(long, value_name = "WORDS", value_delimiter = ',', default_value = "admin,maintainer")]
    admin_roles: Vec<String>,
}

/// Runs the command.
pub async fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    let url = args.database.required()?;
    let roster = match args.synthetic {
        Some(shape) => synthetic::roster(shape),
        None => read_files(&args)?,
    };
    let mut session = Session::connect(url.as_str()).await?;
    let inserted = insert(&mut session, &roster).await?;
    print(&format!("{}\n", describe(&inserted)))?;
    Ok(ExitCode::SUCCESS)
}

fn read_files(args: &LoadArgs) -> Result<Roster, LoadError> {
    let mut reading = read::Reading::default();
    if let Some(path) = &args.members {
        reading.members(path)?;
    }
    if let Some(path) = &args.memberships {
        reading.memberships(path, &args.roles)?;
    }
    Ok(reading.finish())
}

/// What was loaded, in words.
pub(super) fn describe(inserted: &Inserted) -> String {
    format!(
        "Loaded {} people, {} teams and {} memberships.",
        HumanCount(inserted.people),
        HumanCount(inserted.teams),
        HumanCount(inserted.memberships),
    )
}

#[cfg(test)]
mod tests;
