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
use std::process::ExitCode;

/// What `verify` can be told.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Of a server that runs, this compares the graph with the database's rows, at one version; neither is \
stopped for it. It takes as long as it takes to read both tables once and to compare, whatever \
--timeout-ms says; Ctrl-C ends it, at the server too. JSON: one document with \"same\" and the fields \
of DriftReport (docs/api.md).

With --table or --target, this compares a participation table with its database, at the version at \
which the table says that it stands: give it --database-url and the options that the table is kept \
with. It copies the database, by a slot of its own (tg_INSTANCE_verify), and writes nothing. With \
--fix it makes the table right instead, and says what was wrong.

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
    let shown =
        if args.online.connect.json { as_json(&report)? } else { as_text(&report, args.fix) };
    print(&shown)?;
    Ok(ExitCode::from(u8::from(!args.fix && report.has_differences())))
}

fn as_text(report: &TableReport, is_mended: bool) -> String {
    let TableReport { table, version, rows_expected, rows_found, missing, spurious, examples } =
        report;
    let mut text = format!(
        "{table} beside version {version}: {rows_expected} rows expected, {rows_found} found, \
         {missing} missing, {spurious} too many"
    );
    text.push_str(match (report.has_differences(), is_mended) {
        (false, _) => ": equal.\n",
        (true, true) => ": mended.\n",
        (true, false) => ".\n",
    });
    for example in examples {
        let what = if example.is_missing { "missing" } else { "too many" };
        let (team, person) = (&example.team, &example.person);
        text.push_str(&format!("{what:<9} {person} in {team}\n"));
    }
    text
}

fn as_json(report: &TableReport) -> serde_json::Result<String> {
    let examples = report.examples.iter().map(|example| {
        serde_json::json!({
            "missing": example.is_missing,
            "team": example.team,
            "person": example.person,
        })
    });
    let object = serde_json::json!({
        "same": !report.has_differences(),
        "table": report.table,
        "version": report.version.to_string(),
        "rows_expected": report.rows_expected,
        "rows_found": report.rows_found,
        "missing": report.missing,
        "spurious": report.spurious,
        "examples": examples.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}
