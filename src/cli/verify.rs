//! `teamgraph verify`: a server's graph beside its database, or a participation table beside it.
//!
//! Owns which of the two is meant, and the second.

use super::client;
use super::output::print;
use super::process::StopSignals;
use super::project::{no_target, project_options, quiet_server};
use super::serve::{Source, feed_config, serve_while};
use crate::config::{DatabaseOptions, FeedOptions, NamedTable, ProjectionOptions, SourceChoice};
use crate::project::{self, TableReport};
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit code of an error.
const FAILED: u8 = 2;

/// What `verify` can be told.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Of a server that runs, this compares the graph with the database's rows, at one version; neither is \
stopped for it. It takes as long as it takes to read both tables once and to compare, whatever \
--timeout-ms says; Ctrl-C ends it, at the server too. JSON: one document with \"same\" and the fields \
of DriftReport (docs/api.md).

With --table or --target, this compares a participation table with its database, at the version at \
which the table says that it stands: give it --database-url and the options that the table is kept \
with. Of a table that stands at a version before this command's copy, all that was written since \
counts as a difference, and that is said; let the projection catch up, and ask again. It copies the \
database, by a slot of its own (tg_INSTANCE_verify), so run one at a time for each --instance; it \
writes nothing. With --fix it makes the table right instead, and says what was wrong. JSON: one \
document (docs/operations.md).

Exit code: 0 if nothing differs (or, with --fix, does any more), 1 if something does, 2 if it could \
not be told.")]
pub struct VerifyArgs {
    /// What to ask of a server that runs.
    #[command(flatten)]
    online: client::CompareArgs,
    #[command(flatten)]
    table: NamedTable,
    /// Mend what differs in the table
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    feed: FeedOptions,
}

/// Runs the command.
pub async fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let is_json = args.online.connect.json;
    match compare(args).await {
        Err(error) if is_json => {
            // Where not even this can be written, the exit code has to do.
            let _ = writeln!(io::stderr(), "{}", error_document(&error));
            Ok(ExitCode::from(FAILED))
        }
        outcome => outcome,
    }
}

async fn compare(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    match &args.table.0 {
        Some(_) if args.online.sample.is_some() => {
            anyhow::bail!("a table is compared whole: leave out --sample, or --table and --target")
        }
        Some(table) => verify_table(&args, table).await,
        None if args.fix => anyhow::bail!("--fix mends a table: name it with --table or --target"),
        None => Ok(client::verify::run(args.online).await),
    }
}

async fn verify_table(args: &VerifyArgs, table: &ProjectionOptions) -> anyhow::Result<ExitCode> {
    let url = args.database.required()?;
    // Beside the server that keeps the table, or has left its slot for the next start.
    let instance = args.feed.instance.beside("verify");
    let following = FeedOptions { instance: instance.clone(), ..args.feed.clone() };
    let feed = feed_config(&following, url.as_str())?;
    let options = project_options(table, &feed, instance.as_str())?.ok_or_else(no_target)?;
    let mut signals = StopSignals::listen()?;
    let source = Source::open(&SourceChoice::Database(url.clone())).await?;
    let server = quiet_server(feed, instance.as_str());
    let (published, mut report) = (server.published(), None);
    let compared = serve_while(server, &source, &mut signals, async |signals: &mut StopSignals| {
        let worked = async {
            if args.fix {
                project::mend(&published, &options).await
            } else {
                project::check(&published, &options).await
            }
        };
        report = signals.unless_received(worked).await.transpose()?;
        Ok(())
    });
    compared.await?;
    let Some(report) = report else { anyhow::bail!("stopped before the table was compared") };
    let is_json = args.online.connect.json;
    let shown = if is_json { as_json(&report, args.fix)? } else { as_text(&report, args.fix) };
    print(&shown)?;
    Ok(ExitCode::from(u8::from(!args.fix && report.has_differences())))
}

/// What the client commands write in such a case: the message names the fix.
fn error_document(error: &anyhow::Error) -> serde_json::Value {
    let message = format!("{error:#}");
    serde_json::json!({
        "error": {
            "reason": "TABLE_NOT_VERIFIED",
            "message": message,
            "fix": "See the message.",
            "metadata": {},
        }
    })
}

/// Why a table that is right may differ, if it differs and may.
fn remark(report: &TableReport, is_mended: bool) -> Option<String> {
    let TableReport { stands: Some(stands), version, .. } = report else { return None };
    if is_mended || !report.has_differences() {
        None
    } else if stands.history != version.history {
        Some(format!(
            "the table stands at {stands}, of another history of the source: it was compared with \
             the newest version"
        ))
    } else if stands.end_lsn < version.end_lsn {
        Some(format!(
            "the table stands at {stands}, before this copy: what was written since counts as a \
             difference; let the projection catch up and ask again"
        ))
    } else {
        None
    }
}

fn as_text(report: &TableReport, is_mended: bool) -> String {
    let TableReport { table, version, rows_expected, rows_found, missing, spurious, .. } = report;
    let stands = report.stands.filter(|stands| stands != version);
    let stands = stands.map(|stands| format!(", said to stand at {stands},")).unwrap_or_default();
    let mut text = format!(
        "{table}{stands} beside version {version}: {rows_expected} rows expected, {rows_found} \
         found, {missing} missing, {spurious} too many"
    );
    text.push_str(match (report.has_differences(), is_mended) {
        (false, _) => ": equal.\n",
        (true, true) => ": mended.\n",
        (true, false) => ".\n",
    });
    for example in &report.examples {
        let what = if example.is_missing { "missing" } else { "too many" };
        let (team, person) = (&example.team, &example.person);
        text.push_str(&format!("{what:<9} {person} in {team}\n"));
    }
    if let Some(remark) = remark(report, is_mended) {
        text.push_str(&format!("{remark}\n"));
    }
    text
}

fn as_json(report: &TableReport, is_mended: bool) -> serde_json::Result<String> {
    let examples = report.examples.iter().map(|example| {
        serde_json::json!({
            "missing": example.is_missing,
            "team": example.team,
            "person": example.person,
        })
    });
    let object = serde_json::json!({
        "same": !report.has_differences(),
        "mended": is_mended && report.has_differences(),
        "table": report.table,
        "stands_at": report.stands.map(|stands| stands.to_string()),
        "version": report.version.to_string(),
        "rows_expected": report.rows_expected,
        "rows_found": report.rows_found,
        "missing": report.missing,
        "spurious": report.spurious,
        "examples": examples.collect::<Vec<_>>(),
        "remark": remark(report, is_mended),
    });
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}
