//! How environment variables are read, the same for all options.

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Arg, ArgAction, Command};
use std::env;

/// The command, for which an empty variable is none, and one of an option that is given or not may
/// say true, yes, on or 1, and the opposites.
pub fn with_lenient_variables(command: Command) -> Command {
    command.mut_args(lenient).mut_subcommands(|subcommand| subcommand.mut_args(lenient))
}

fn lenient(arg: Arg) -> Arg {
    let is_empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
    let arg = if is_empty { arg.env(Resettable::Reset) } else { arg };
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    if is_flag { arg.value_parser(BoolishValueParser::new()) } else { arg }
}
