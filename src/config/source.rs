//! Which of two sources of data is meant, where both are named.
//!
//! A flag wins over a variable, which wins over the file: also between these two options, so that
//! `serve --data-dir DIRECTORY` works beside a file that names a database.

use super::{ConfigError, DatabaseOptions, DatabaseUrl};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use std::path::PathBuf;

/// Where the data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceChoice {
    /// An existing database.
    Database(DatabaseUrl),
    /// A private PostgreSQL, with its data here, or in a temporary directory.
    Private(Option<PathBuf>),
}

/// The options as clap reads them.
#[derive(Args)]
struct SourceArgs {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Where the private PostgreSQL keeps its data, without --database-url: an empty directory, a
    /// new one, or one used before [default: a temporary directory, removed at the end]
    #[arg(long, env = "TEAMGRAPH_DATA_DIR", value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

/// The database to follow, or where a private one has its data. Both only if both were given in
/// the same way.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    database_url: Option<DatabaseUrl>,
    data_dir: Option<PathBuf>,
}

impl SourceOptions {
    /// The one that is meant.
    pub fn choice(self) -> Result<SourceChoice, ConfigError> {
        match (self.database_url, self.data_dir) {
            (Some(_), Some(_)) => Err(ConfigError::TwoSources),
            (Some(url), None) => Ok(SourceChoice::Database(url)),
            (None, directory) => Ok(SourceChoice::Private(directory)),
        }
    }
}

impl FromArgMatches for SourceOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let SourceArgs { database, data_dir } = SourceArgs::from_arg_matches(matches)?;
        let mut options = SourceOptions { database_url: database.given().cloned(), data_dir };
        let both = options.database_url.is_some() && options.data_dir.is_some();
        let strength = |option| match matches.value_source(option) {
            Some(ValueSource::CommandLine) => 2,
            Some(ValueSource::EnvVariable) => 1,
            // The file's values are defaults.
            _ => 0,
        };
        if both && strength("database_url") < strength("data_dir") {
            options.database_url = None;
        } else if both && strength("data_dir") < strength("database_url") {
            options.data_dir = None;
        }
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for SourceOptions {
    fn augment_args(command: Command) -> Command {
        SourceArgs::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        SourceArgs::augment_args_for_update(command)
    }
}
