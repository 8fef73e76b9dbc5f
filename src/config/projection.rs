//! The participation table's options: the same for a server that keeps one beside its service, for
//! the command that does nothing else, and for the one that compares it.

use super::DatabaseUrl;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::time::Duration;

/// Where participations are kept as a table, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct ProjectionOptions {
    /// The database with the table of all participations, as
    /// postgresql://USER:PASSWORD@HOST:PORT/DATABASE [default: none]
    #[arg(
        long,
        visible_alias = "target",
        env = "TEAMGRAPH_PROJECT_TARGET",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub project_target: Option<DatabaseUrl>,
    /// The table, with its schema if it is none of the search path (made by project, serve and
    /// --fix)
    #[arg(
        long,
        visible_alias = "table",
        env = "TEAMGRAPH_PROJECT_TABLE",
        default_value = "teamparticipation",
        value_name = "TABLE"
    )]
    pub project_table: String,
    /// The table's column with the team's key
    #[arg(
        long,
        env = "TEAMGRAPH_PROJECT_TEAM_COLUMN",
        default_value = "team",
        value_name = "COLUMN"
    )]
    pub project_team_column: String,
    /// The table's column with the key of who participates
    #[arg(
        long,
        env = "TEAMGRAPH_PROJECT_PERSON_COLUMN",
        default_value = "person",
        value_name = "COLUMN"
    )]
    pub project_person_column: String,
    /// Leave out teams that participate in teams
    #[arg(long, env = "TEAMGRAPH_PROJECT_PEOPLE_ONLY")]
    pub project_people_only: bool,
    /// Leave out the row of each member in itself
    #[arg(long, env = "TEAMGRAPH_PROJECT_NO_SELF_ROWS")]
    pub project_no_self_rows: bool,
    /// Only what participates in the teams with these keys, parted by commas [default: all teams]
    #[arg(long, env = "TEAMGRAPH_PROJECT_TEAMS", value_delimiter = ',', value_name = "KEYS")]
    pub project_teams: Vec<String>,
    /// The most rows that are written by one statement, but for the merge of staged ones
    #[arg(
        long,
        env = "TEAMGRAPH_PROJECT_BATCH_ROWS",
        default_value_t = 10_000,
        value_name = "ROWS",
        value_parser = clap::value_parser!(u32).range(1..=BATCH_ROWS_MAX)
    )]
    pub project_batch_rows: u32,
    /// The most rows a second that are copied and staged; 0 for as many as will go
    #[arg(
        long,
        env = "TEAMGRAPH_PROJECT_ROWS_PER_S",
        default_value_t = 200_000,
        value_name = "ROWS"
    )]
    pub project_rows_per_s: u64,
    /// How long changes are gathered before they are merged, in milliseconds
    #[arg(
        long,
        env = "TEAMGRAPH_PROJECT_INTERVAL_MS",
        default_value_t = 200,
        value_name = "MS",
        value_parser = clap::value_parser!(u64).range(..=INTERVAL_MS_MAX)
    )]
    pub project_interval_ms: u64,
    /// Let the table be in the database that is followed, although writing there holds back the
    /// feed
    #[arg(long, env = "TEAMGRAPH_PROJECT_SAME_DATABASE")]
    pub project_same_database: bool,
}

/// Some 50 MB in memory.
const BATCH_ROWS_MAX: i64 = 1_000_000;

/// The progress row is moved every 5 s, so that its age means something.
const INTERVAL_MS_MAX: u64 = 5_000;

impl ProjectionOptions {
    /// The target, if there is one: an empty one is none.
    pub fn target(&self) -> Option<&DatabaseUrl> {
        self.project_target.as_ref().filter(|url| !url.as_str().is_empty())
    }

    /// How long changes are gathered.
    pub const fn interval(&self) -> Duration {
        Duration::from_millis(self.project_interval_ms)
    }
}

/// The table that the command line names, by itself or by its database, if it names one: a variable or
/// a file that a server has, too, does not choose what is asked for.
#[derive(Clone, Debug)]
pub struct NamedTable(pub Option<ProjectionOptions>);

impl FromArgMatches for NamedTable {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = ProjectionOptions::from_arg_matches(matches)?;
        let is_said = |option| matches.value_source(option) == Some(ValueSource::CommandLine);
        let is_named = is_said("project_table") || is_said("project_target");
        Ok(NamedTable(is_named.then_some(options)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for NamedTable {
    fn augment_args(command: Command) -> Command {
        ProjectionOptions::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        ProjectionOptions::augment_args_for_update(command)
    }
}
