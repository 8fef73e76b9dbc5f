//! `teamgraph rebuild`: the graph anew, of a server that runs or for one that is to start.
//!
//! Owns which of the two is meant, and the second.

use super::client;
use super::output::print;
use super::process::StopSignals;
use super::progress::Progress;
use super::serve::feed_config;
use crate::command::{AdminPhase, AdminProgress};
use crate::config::{DatabaseOptions, FeedOptions};
use crate::graph::GraphLimits;
use crate::rebuild::{OfflineOptions, OfflineReport, rebuild_offline};
use indicatif::{HumanBytes, HumanCount};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// What `rebuild` can be told.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Of a server that runs, this builds the graph anew beside the one that is served, and says what \
differed; it answers and follows its database meanwhile. It takes as long as it \
takes, whatever --timeout-ms says; Ctrl-C ends it, at the server too. Exit code: 0 if nothing \
differed, 1 if something did and is right now (or that could not be told), 2 for an error, with \
what was served before still served.

With --checkpoint, this makes the checkpoint of a server that does not run, from its database, so \
that it starts without a copy: give it --database-url and the options that the server has \
(--instance, --publication, --mapping). The database keeps its log from then on until that server \
starts. Exit code: 0, or 2 for an error.")]
pub struct RebuildArgs {
    /// What to ask of a server that runs.
    #[command(flatten)]
    online: client::CompareArgs,
    /// Ask no server, but make the checkpoint that one starts from in this directory, the server's
    /// --checkpoint-dir; or the file in it, by its name tg_INSTANCE.checkpoint
    #[arg(long, value_name = "PATH")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    feed: FeedOptions,
}

/// Runs the command.
pub async fn run(args: RebuildArgs) -> anyhow::Result<ExitCode> {
    let Some(path) = &args.checkpoint else {
        return Ok(client::rebuild::run(args.online).await);
    };
    let url = args.database.required()?.as_str();
    let feed = feed_config(&args.feed, url)?;
    let directory = directory(path, feed.slot())?;
    let options = OfflineOptions { feed, directory, graph: GraphLimits::default() };
    let (stop, mut signals) = (CancellationToken::new(), StopSignals::listen()?);
    let mut progress = Progress::new(args.online.connect.json);
    let built = {
        let report = |AdminProgress { phase, done, total }| progress.show(name(phase), done, total);
        let mut building = Box::pin(rebuild_offline(&options, report, &stop));
        tokio::select! {
            built = &mut building => built,
            () = signals.received() => {
                stop.cancel();
                signals.unless_again(building).await?
            }
        }
    };
    progress.end();
    let built = built?;
    let shown = if args.online.connect.json {
        as_json(&options, &built)
    } else {
        as_text(&options, &built)
    };
    print(&shown)?;
    Ok(ExitCode::SUCCESS)
}

/// What is going on, in words.
const fn name(phase: AdminPhase) -> &'static str {
    match phase {
        AdminPhase::Opening => "waiting for open transactions to end",
        AdminPhase::Reading => "reading rows",
        AdminPhase::Building => "writing the checkpoint",
        // Of a server that runs alone.
        AdminPhase::Waiting | AdminPhase::Comparing | AdminPhase::CatchingUp => "working",
    }
}

/// The directory that is meant. A file is the one that the server of this slot reads, or none.
fn directory(path: &Path, slot: &str) -> anyhow::Result<PathBuf> {
    if path.extension() != Some(OsStr::new("checkpoint")) {
        return Ok(path.to_owned());
    }
    let file = format!("{slot}.checkpoint");
    if path.file_name() != Some(OsStr::new(&file)) {
        anyhow::bail!(
            "the server of this --instance reads {file}, and not {}: give its directory",
            path.display()
        );
    }
    Ok(match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    })
}

fn as_text(options: &OfflineOptions, built: &OfflineReport) -> String {
    let (slot, directory) = (options.feed.slot(), options.directory.display());
    let OfflineReport { position, rows, stats, bytes } = built;
    format!(
        "Kept {} people, {} teams and {} memberships, of {} rows at {position}, in {directory} \
         ({}).\nThe slot {slot} keeps the database's log from there: start the server soon, with \
         --checkpoint-dir {directory}.\n",
        HumanCount(stats.people),
        HumanCount(stats.teams),
        HumanCount(stats.memberships),
        HumanCount(*rows),
        HumanBytes(*bytes),
    )
}

fn as_json(options: &OfflineOptions, built: &OfflineReport) -> String {
    let document = serde_json::json!({
        "directory": options.directory.display().to_string(),
        "slot": options.feed.slot(),
        "position": built.position.to_string(),
        "rows": built.rows,
        "people": built.stats.people,
        "teams": built.stats.teams,
        "memberships": built.stats.memberships,
        "bytes": built.bytes,
    });
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_directory_or_the_file_that_the_server_reads() {
        let directory = |path: &str| directory(Path::new(path), "tg_a").ok();
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(directory("/var/lib/teamgraph"), is("/var/lib/teamgraph"));
        assert_eq!(directory("made/tg_a.checkpoint"), is("made"));
        assert_eq!(directory("tg_a.checkpoint"), is("."));
        assert_eq!(directory("made/tg_b.checkpoint"), None);
        assert_eq!(directory("made/today.checkpoint"), None);
    }
}
