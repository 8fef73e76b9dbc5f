//! The config file: TOML, one key for each flag, by the flag's name.
//!
//! Its values become the defaults of clap's arguments, so that precedence, parsing and errors are
//! the same wherever a value comes from.

use super::ConfigError;
use clap::{Arg, Command};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    path: String,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&shown, &text),
            Err(source) => Err(ConfigError::Read { path: shown, source }),
        }
    }

    fn parse(path: &str, text: &str) -> Result<Self, ConfigError> {
        let path = path.to_owned();
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => return Err(ConfigError::Syntax { path, reason: one_line(&error) }),
        };
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                other @ (toml::Value::Float(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_)
                | toml::Value::Table(_)) => {
                    return Err(ConfigError::Value { path, key, found: other.type_str() });
                }
            };
            values.insert(key, text);
        }
        Ok(ConfigFile { path, values })
    }

    /// The command with the file's values as defaults. A key that no command knows is an error; a
    /// key of another command's is not, so that one file serves all.
    pub fn as_defaults(&self, command: Command) -> Result<Command, ConfigError> {
        let known = keys(&command);
        if let Some(key) = self.values.keys().find(|key| !known.contains(key.as_str())) {
            let (path, key) = (self.path.clone(), key.clone());
            let advice = advice(&key, &known);
            return Err(ConfigError::UnknownKey { path, key, advice });
        }
        let with_default = |arg: Arg| match value_of(&arg, &self.values) {
            Some(value) => arg.default_value(value),
            None => arg,
        };
        Ok(command.mut_args(with_default).mut_subcommands(|sub| sub.mut_args(with_default)))
    }
}

/// The file's value for an argument.
fn value_of(arg: &Arg, values: &BTreeMap<String, String>) -> Option<String> {
    if !is_key(arg) {
        return None;
    }
    values.get(arg.get_long()?).cloned()
}

/// Whether a file may set an argument: those that an environment variable can set too, but for
/// the file's own path.
fn is_key(arg: &Arg) -> bool {
    arg.get_env().is_some() && arg.get_long() != Some("config")
}

/// All keys of all commands.
fn keys(command: &Command) -> BTreeSet<String> {
    let subcommands = command.get_subcommands().flat_map(Command::get_arguments);
    let all = command.get_arguments().chain(subcommands).filter(|arg| is_key(arg));
    all.filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}

fn advice(key: &str, known: &BTreeSet<String>) -> String {
    let meant = key.replace('_', "-").to_ascii_lowercase();
    if known.contains(&meant) {
        return format!("write `{meant}`, as the flag is named");
    }
    let list: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("the keys are {}", list.join(", "))
}

/// TOML's errors draw the line they mean, over several lines.
fn one_line(error: &toml::de::Error) -> String {
    error
        .to_string()
        .split('\n')
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ServeOptions, SourceChoice};
    use clap::{FromArgMatches, Subcommand};

    #[derive(Subcommand, Debug)]
    enum Commands {
        Serve(ServeOptions),
    }

    fn parse(file: &str, args: &[&str]) -> Result<ServeOptions, String> {
        let file = ConfigFile::parse("t.toml", file).map_err(|error| error.to_string())?;
        let command = Commands::augment_subcommands(Command::new("teamgraph"));
        let command = file.as_defaults(command).map_err(|error| error.to_string())?;
        let args = ["teamgraph", "serve"].iter().chain(args);
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        let Commands::Serve(options) = Commands::from_arg_matches(&matches).unwrap();
        Ok(options)
    }

    #[test]
    fn a_flag_wins_over_the_file_which_wins_over_the_default() {
        let file = "listen = '127.0.0.1:1'\nhistory-seconds = 7\nallow-unbounded-wal = true";
        let options = parse(file, &[]).unwrap();
        assert_eq!(options.listen.port(), 1);
        assert_eq!((options.history_seconds, options.history_bytes), (7, 256_000_000));
        assert!(options.feed.allow_unbounded_wal && !options.insecure);
        let options = parse(file, &["--listen", "127.0.0.1:2"]).unwrap();
        assert_eq!((options.listen.port(), options.history_seconds), (2, 7));
    }

    #[test]
    fn unknown_keys_are_named_with_what_may_be_meant() {
        let error = parse("lisen = 'x'", &[]).unwrap_err();
        assert!(error.contains("unknown key `lisen`") && error.contains("listen,"), "{error}");
        let error = parse("history_seconds = 1", &[]).unwrap_err();
        assert!(error.contains("write `history-seconds`"), "{error}");
        let error = parse("config = 'x'", &[]).unwrap_err();
        assert!(error.contains("unknown key `config`"), "{error}");
    }

    #[test]
    fn bad_values_and_bad_files_are_refused_in_words() {
        for (file, said) in [
            ("listen = 'nowhere'", "--listen"),
            ("history-seconds = 1000000", "--history-seconds"),
            ("listen = ['a']", "type array"),
            ("listen = ", "not valid TOML"),
            ("insecure = 'perhaps'", "--insecure"),
        ] {
            let error = parse(file, &[]).unwrap_err();
            assert!(error.contains(said), "{file}: {error}");
        }
    }

    #[test]
    fn of_two_sources_the_flag_wins() {
        let choice = |file: &str, args: &[&str]| parse(file, args).unwrap().source.choice();
        let database = SourceChoice::Database("x".to_owned().into());
        let private = SourceChoice::Private(Some("y".into()));
        let (url, directory) = (["--database-url", "x"], ["--data-dir", "y"]);
        assert_eq!(choice("database-url = 'f'", &directory).unwrap(), private);
        assert_eq!(choice("data-dir = 'f'", &url).unwrap(), database);
        assert_eq!(choice("database-url = 'f'", &url).unwrap(), database);
        choice("database-url = 'f'\ndata-dir = 'f'", &[]).unwrap_err();
        choice("", &[url, directory].concat()).unwrap_err();
        let none = choice("database-url = ''", &[]).unwrap();
        assert_eq!(none, SourceChoice::Private(None));
    }

    #[test]
    fn addresses_that_others_reach_need_consent() {
        let open = ["--listen", "0.0.0.0:7420"];
        let refused = parse("", &open).unwrap().validate().unwrap_err().to_string();
        assert!(refused.contains("--insecure"), "{refused}");
        parse("insecure = true", &open).unwrap().validate().unwrap();
        parse("", &["--listen", "[::1]:0"]).unwrap().validate().unwrap();
        let mapped = parse("mapping = 'm.toml'", &[]).unwrap().validate().unwrap_err().to_string();
        assert!(mapped.contains("--database-url"), "{mapped}");
    }
}
