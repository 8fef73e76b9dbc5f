//! `teamgraph serve`: follows a database and answers, until asked to stop.

use super::process::StopSignals;
use super::project::project_options;
use crate::config::{FeedOptions, ProjectionOptions, ServeConfig, ServeOptions, SourceChoice};
use crate::embedded::{EmbeddedError, EmbeddedOptions, EmbeddedPostgres};
use crate::feed::FeedConfig;
use crate::graph::{GraphLimits, HistoryLimits};
use crate::migrate;
use crate::server::{Server, ServerOptions};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// The database that a private server keeps its members in.
pub(super) const PRIVATE_DATABASE: &str = "teamgraph";

/// What `serve` can be told.
#[derive(clap::Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    options: ServeOptions,
    #[command(flatten)]
    projection: ProjectionOptions,
}

/// Runs the command.
pub async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let config = args.options.validate()?;
    let mut signals = StopSignals::listen()?;
    let Some(source) = signals.unless_received(Source::open(&config.source)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let source = source?;
    source.tell();
    let serving = serve_until_asked_to_stop(&config, &args.projection, &source, &mut signals);
    let served = serving.await;
    // The private server ends after those who are connected to it, and also if they failed. What
    // they failed of comes first: it explains the rest.
    let closed = signals.unless_again(source.close()).await;
    served?;
    closed??;
    Ok(ExitCode::SUCCESS)
}

async fn serve_until_asked_to_stop(
    config: &ServeConfig,
    projection: &ProjectionOptions,
    source: &Source,
    signals: &mut StopSignals,
) -> anyhow::Result<()> {
    let options = server_options(config, source.url())?;
    let projection = project_options(projection, &options.feed, &options.instance)?;
    let starting = Server::start(options);
    let Some(mut server) = signals.unless_received(starting).await.transpose()? else {
        return Ok(());
    };
    if let Some(projection) = projection {
        server = server.projecting(projection);
    }
    tracing::info!("answering gRPC on {}", server.local_addr());
    let asked = async |signals: &mut StopSignals| {
        signals.received().await;
        Ok(())
    };
    serve_while(server, source, signals, asked).await
}

/// Serves until `work` is done, the server fails or the private database is lost; tells the first
/// thing that went wrong.
pub(super) async fn serve_while(
    server: Server,
    source: &Source,
    signals: &mut StopSignals,
    work: impl AsyncFnOnce(&mut StopSignals) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut serving = pin!(server.run_until(stop.clone()));
    let outcome = tokio::select! {
        // Why the server, or its database, ended explains why the work failed.
        biased;
        served = &mut serving => return Ok(served?),
        lost = source.lost() => Err(lost.into()),
        done = work(signals) => done,
    };
    stop.cancel();
    let served = signals.unless_again(serving).await;
    outcome?;
    Ok(served??)
}

/// The database that is followed, and the private server that holds it, if it is ours.
#[derive(Debug)]
pub(super) struct Source {
    url: String,
    private: Option<EmbeddedPostgres>,
}

impl Source {
    /// Starts a private server if there is to be one, with its schema brought up to date.
    pub(super) async fn open(choice: &SourceChoice) -> anyhow::Result<Self> {
        match choice {
            SourceChoice::Database(url) => {
                Ok(Source { url: url.as_str().to_owned(), private: None })
            }
            SourceChoice::Private(directory) => Self::open_private(directory.clone()).await,
        }
    }

    async fn open_private(directory: Option<PathBuf>) -> anyhow::Result<Self> {
        let options = EmbeddedOptions { directory, settings: Vec::new() };
        let server = EmbeddedPostgres::start(options).await?;
        let url = server.url(PRIVATE_DATABASE);
        if !server.has_database(PRIVATE_DATABASE).await? {
            server.create_database(PRIVATE_DATABASE).await?;
        }
        migrate::migrate(&url).await?;
        Ok(Source { url, private: Some(server) })
    }

    /// The database's connection URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Says how to reach a private server: nobody else knows where it is.
    fn tell(&self) {
        let Some(server) = &self.private else { return };
        let url = &self.url;
        tracing::info!("a private PostgreSQL runs in {}", server.directory().display());
        tracing::info!("look into it with: psql '{url}'");
        tracing::info!(
            "fill it with: teamgraph load --database-url '{url}' --members members.csv \
             --memberships memberships.csv"
        );
    }

    /// Waits until the private server ends by itself; for ever if there is none.
    async fn lost(&self) -> EmbeddedError {
        match &self.private {
            Some(server) => server.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Stops the private server.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Some(server) = self.private {
            server.stop().await?;
        }
        Ok(())
    }
}

/// What a feed is told, from what the command was told.
pub(super) fn feed_config(options: &FeedOptions, url: &str) -> anyhow::Result<FeedConfig> {
    let FeedOptions {
        instance,
        publication,
        allow_unbounded_wal,
        transaction_bytes_max,
        mapping: _,
    } = options;
    let mut feed = FeedConfig::new(url, publication.as_str(), &instance.slot())?;
    feed.allow_unbounded_wal = *allow_unbounded_wal;
    feed.transaction_bytes_max = *transaction_bytes_max;
    feed.mapping = options.read_mapping()?;
    Ok(feed)
}

/// What a server is told, from what the command was told.
pub(super) fn server_options(config: &ServeConfig, url: &str) -> anyhow::Result<ServerOptions> {
    Ok(ServerOptions {
        feed: feed_config(&config.feed, url)?,
        listen: config.listen,
        instance: config.feed.instance.as_str().to_owned(),
        graph: GraphLimits { closure_pairs_max: config.closure_pairs_max },
        history: HistoryLimits {
            bytes_max: config.history_bytes,
            age_max_ms: config.history_seconds.saturating_mul(1_000),
            ..HistoryLimits::default()
        },
        checkpoint: config.checkpoint.clone(),
        max_staleness: config.max_staleness,
        verify_every: config.verify_every,
    })
}
