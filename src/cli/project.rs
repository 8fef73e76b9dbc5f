//! `teamgraph project`: follows a database and keeps a table of its participations, until asked to
//! stop.

use super::process::StopSignals;
use super::serve::{Source, feed_config, serve_while};
use crate::config::{DatabaseOptions, FeedOptions, ProjectionOptions, SourceChoice};
use crate::feed::{self, FeedConfig};
use crate::graph::{GraphLimits, HistoryLimits};
use crate::project::{self, Filter, ProjectOptions, SourceNames, TableNames};
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
}

/// Runs the command.
pub async fn run(args: ProjectArgs) -> anyhow::Result<ExitCode> {
    let url = args.database.required()?;
    let feed = feed_config(&args.feed, url.as_str())?;
    let instance = args.feed.instance.as_str();
    let options = project_options(&args.projection, &feed, instance)?.ok_or_else(no_target)?;
    let mut signals = StopSignals::listen()?;
    // Better now than in the log of a process that seems to run.
    let Some(looked) = signals.unless_received(project::look(&options)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    looked?;
    let source = Source::open(&SourceChoice::Database(url.clone())).await?;
    let asked = async |signals: &mut StopSignals| {
        signals.received().await;
        Ok(())
    };
    let server = quiet_server(feed, instance).projecting(options);
    serve_while(server, &source, &mut signals, asked).await?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever works on a table needs one.
pub(super) fn no_target() -> anyhow::Error {
    anyhow::anyhow!("no target: give --target postgresql://USER@HOST/DATABASE")
}

/// Follows, and answers nobody.
pub(super) fn quiet_server(feed: FeedConfig, instance: &str) -> Server {
    Server::quiet(ServerOptions {
        feed,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        instance: instance.to_owned(),
        graph: GraphLimits::default(),
        history: HistoryLimits::default(),
        checkpoint: None,
        max_staleness: None,
        verify_every: None,
    })
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
