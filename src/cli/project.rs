//! `teamgraph project`: follows a database and keeps a table of its participations, until asked to
//! stop; or compares such a table once, and mends it if asked to.

use super::output::print;
use super::process::StopSignals;
use super::serve::{Source, feed_config, serve_while};
use crate::config::{DatabaseOptions, FeedOptions, ProjectionOptions, SourceChoice};
use crate::feed::{self, FeedConfig};
use crate::graph::{GraphLimits, HistoryLimits};
use crate::project::{self, Filter, ProjectOptions, SourceNames, TableNames, TableReport};
use crate::server::{Server, ServerOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

/// What `project` can be told.
#[derive(clap::Args, Debug)]
pub struct ProjectArgs {
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    feed: FeedOptions,
    #[command(flatten)]
    projection: ProjectionOptions,
    /// Only compare the table, and write nothing; exit code 1 if it differs
    #[arg(long, conflicts_with = "fix")]
    check: bool,
    /// Read the table through, mend what differs, say what did, and end
    #[arg(long)]
    fix: bool,
    /// Print what was found as one JSON object, for programs
    #[arg(long, env = "TEAMGRAPH_JSON")]
    json: bool,
}

impl ProjectArgs {
    /// Whether it is to follow until it is stopped.
    pub(super) const fn follows(&self) -> bool {
        !self.check && !self.fix
    }
}

/// Runs the command: 0 if it was stopped, or the table is right now; 1 if it differs.
pub async fn run(args: ProjectArgs) -> anyhow::Result<ExitCode> {
    let url = args.database.required()?;
    let feed = feed_config(&args.feed, url.as_str())?;
    let instance = args.feed.instance.as_str();
    let Some(options) = project_options(&args.projection, &feed, instance)? else {
        anyhow::bail!("no target: give --target postgresql://USER@HOST/DATABASE");
    };
    let mut signals = StopSignals::listen()?;
    let server = Server::quiet(ServerOptions {
        feed,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        instance: instance.to_owned(),
        graph: GraphLimits::default(),
        history: HistoryLimits::default(),
        checkpoint: None,
        max_staleness: None,
        verify_every: None,
    });
    let source = Source::open(&SourceChoice::Database(url.clone())).await?;
    if args.follows() {
        // Better now than in the log of a process that seems to run.
        let Some(looked) = signals.unless_received(project::look(&options)).await else {
            return Ok(ExitCode::SUCCESS);
        };
        looked?;
        let asked = async |signals: &mut StopSignals| {
            signals.received().await;
            Ok(())
        };
        serve_while(server.projecting(options), &source, &mut signals, asked).await?;
        return Ok(ExitCode::SUCCESS);
    }
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
    print(&if args.json { as_json(&report)? } else { as_text(&report, args.fix) })?;
    Ok(ExitCode::from(u8::from(args.check && report.has_differences())))
}

/// What a projection is told, from what the command was told; none without a target.
pub(super) fn project_options(
    options: &ProjectionOptions,
    feed: &FeedConfig,
    instance: &str,
) -> anyhow::Result<Option<ProjectOptions>> {
    let Some(target) = options.target() else { return Ok(None) };
    let (schema, table) = match options.project_table.split_once('.') {
        Some((schema, table)) => (Some(schema.to_owned()), table.to_owned()),
        None => (None, options.project_table.clone()),
    };
    let teams = &options.project_teams;
    let source = &feed.database;
    let database = source.get_dbname().or(source.get_user()).unwrap_or_default();
    Ok(Some(ProjectOptions {
        target: feed::parse_url(target.as_str())?,
        table: TableNames {
            schema,
            table,
            team: options.project_team_column.clone(),
            person: options.project_person_column.clone(),
        },
        filter: Filter {
            people_only: options.project_people_only,
            self_rows: !options.project_no_self_rows,
            teams: (!teams.is_empty()).then(|| teams.iter().cloned().collect()),
        },
        batch_rows: usize::try_from(options.project_batch_rows)?,
        rows_per_s: Some(options.project_rows_per_s).filter(|&rate| rate > 0),
        interval: options.interval(),
        instance: instance.to_owned(),
        same_database: options.project_same_database,
        source: SourceNames {
            database: database.to_owned(),
            publication: feed.publication().to_owned(),
        },
    }))
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
