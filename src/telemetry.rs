//! What the process says of itself while it runs: log lines on standard error.
//!
//! Owns the lines' form and filter. It must not know what is logged.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct LogOptions {
    /// Which lines to log: error, warn, info, debug, trace, or by module, such as
    /// warn,teamgraph::feed=debug [default: info for serve, warn otherwise]
    #[arg(long, global = true, env = "TEAMGRAPH_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines on standard error look
    #[arg(
        long,
        global = true,
        env = "TEAMGRAPH_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
}

/// The filter cannot be read, or logging was set up already.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("--log `{filter}` cannot be read: write a level (info), or module=level pairs")]
    Filter {
        /// What was given.
        filter: String,
        /// Why not.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up already.
    #[error("logging cannot be set up twice in one process")]
    Twice,
}

/// Sets up logging for the process.
pub fn init(options: &LogOptions, default_filter: &str) -> Result<(), TelemetryError> {
    let filter = options.log.as_deref().unwrap_or(default_filter);
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = match options.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.map_err(|_twice| TelemetryError::Twice)
}
