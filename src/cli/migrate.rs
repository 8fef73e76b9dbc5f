//! `teamgraph migrate`: the built-in schema, created or brought up to date.

use super::output::print;
use crate::config::DatabaseOptions;
use crate::migrate::{self, FEED_ROLE_NAME};
use std::process::ExitCode;

/// What `migrate` can be told.
#[derive(clap::Args, Debug)]
pub struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Print the SQL and touch nothing: all of it, or only the part that creates the feed's role,
    /// which needs a superuser
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "all", value_name = "PART")]
    print: Option<Part>,
}

/// Which SQL to print.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Part {
    /// All, for an empty database.
    All,
    /// The feed's role, for a migrated database.
    Role,
}

/// Runs the command.
pub async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    match args.print {
        Some(Part::All) => print(&migrate::print_all()?)?,
        Some(Part::Role) => print(&migrate::print_role())?,
        None => {
            let done = migrate::migrate(args.database.required()?.as_str()).await?;
            print(&describe(&done))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(done: &migrate::Migrated) -> String {
    let mut text = match done.applied.as_slice() {
        [] => "The schema is up to date.\n".to_owned(),
        applied => format!("Applied {}.\n", applied.join(", ")),
    };
    if !done.has_feed_role {
        text.push_str(&format!(
            "Role {FEED_ROLE_NAME} is missing, and creating it needs a superuser: let one run the \
             output of `teamgraph migrate --print role` in this database.\n"
        ));
    }
    text
}
