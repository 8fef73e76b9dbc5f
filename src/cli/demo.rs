//! `teamgraph demo`: the whole path on a generated organisation, told step by step.

mod asks;
mod names;
mod organisation;
mod populate;
mod story;
mod tour;

use super::output::print;
use super::process::StopSignals;
use super::serve::{Source, serve_while, server_options};
use crate::config::{ServeConfig, ServeOptions};
use crate::database::{self, Session};
use crate::server::Server;
use anyhow::Context;
use asks::Asks;
use clap::Arg;
use clap::builder::Resettable;
use indicatif::HumanCount;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use story::Story;
use tokio::time::Instant;

/// How long removing what the tour has added may take: a few small statements.
const TIDY_UP_MAX: Duration = Duration::from_secs(10);

/// What `demo` can be told.
#[derive(clap::Args, Debug)]
#[command(mut_args(by_flag_only))]
pub struct DemoArgs {
    #[command(flatten)]
    options: ServeOptions,
    /// How many people the organisation has
    #[arg(
        long,
        env = "TEAMGRAPH_PEOPLE",
        default_value_t = 100_000,
        value_name = "PEOPLE",
        value_parser = clap::value_parser!(u32).range(2_000..=5_000_000)
    )]
    people: u32,
    /// The same seed gives the same organisation
    #[arg(long, env = "TEAMGRAPH_SEED", default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Keep running after the tour, to try it by hand
    #[arg(long, env = "TEAMGRAPH_KEEP")]
    keep: bool,
}

/// The demo writes to its database. So it takes none that a variable or a file names, since they
/// mean that for `serve`; and it follows the tables that it has made itself.
fn by_flag_only(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "database_url" | "data_dir" | "publication" | "mapping" => arg.env(Resettable::Reset),
        _ => arg,
    }
}

/// Runs the command.
pub async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let config = args.options.clone().validate()?;
    anyhow::ensure!(
        config.feed.mapping.is_none(),
        "the demo shows the built-in schema: leave out --mapping"
    );
    let mut signals = StopSignals::listen()?;
    print("Starting a database …\n")?;
    let Some(source) = signals.unless_received(Source::open(&config.source)).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let source = source?;
    let shown = show(&args, &config, &source, &mut signals).await;
    let closed = signals.unless_again(source.close()).await;
    shown?;
    closed??;
    Ok(ExitCode::SUCCESS)
}

async fn show(
    args: &DemoArgs,
    config: &ServeConfig,
    source: &Source,
    signals: &mut StopSignals,
) -> anyhow::Result<()> {
    let url = source.url();
    // The address first: if it is taken, loading would be in vain.
    let starting = Server::start(server_options(config, url)?);
    let Some(server) = signals.unless_received(starting).await.transpose()? else {
        return Ok(());
    };
    let populating = populate::populate(url, args.seed, args.people);
    if signals.unless_received(populating).await.transpose()?.is_none() {
        return Ok(());
    }
    let address = server.local_addr();
    let mut is_tidy = false;
    let shown = serve_while(server, source, signals, async |signals: &mut StopSignals| {
        let told = signals.unless_received(tell(address, url)).await.transpose()?;
        is_tidy = told.is_some();
        if let Some(hero) = told.filter(|_| args.keep) {
            print(&by_hand(address, url, &hero)?)?;
            signals.received().await;
        }
        Ok(())
    });
    let shown = shown.await;
    // If it was cut short, whatever it was that did that, what it has added is still there.
    let tidied = match is_tidy {
        true => Ok(()),
        false => signals.unless_again(tidy_up(url)).await.flatten(),
    };
    shown.and(tidied)
}

/// Connects and takes the tour; gives the person that it followed.
async fn tell(address: SocketAddr, url: &str) -> anyhow::Result<String> {
    let begun = Instant::now();
    let mut asks = Asks::connect(address).await?;
    let status = asks.until_ready().await?;
    let sizes = status.sizes.unwrap_or_default();
    print(&format!(
        "Teamgraph copied {} members and {} memberships, and follows the database ({:.1} s).\n",
        HumanCount(sizes.people + sizes.teams),
        HumanCount(sizes.memberships),
        begun.elapsed().as_secs_f64(),
    ))?;
    let session = Session::connect(url).await?;
    tour::take(&mut Story::default(), &mut asks, session.client()).await
}

/// Removes what the tour has added, if it did not come to that itself.
async fn tidy_up(url: &str) -> anyhow::Result<()> {
    let tidied = tokio::time::timeout(TIDY_UP_MAX, async {
        tour::clear(Session::connect(url).await?.client()).await
    });
    tidied.await.context("removing what the tour has added took too long")?
}

/// How to go on by hand.
fn by_hand(address: SocketAddr, url: &str, hero: &str) -> anyhow::Result<String> {
    let (division, url) = (organisation::DIVISION, database::without_password(url)?);
    Ok(format!(
        "\nIt keeps running until Ctrl-C. Try it by hand, in another terminal:\n\n  \
         psql '{url}'\n    \
         -- teams and memberships are in teamgraph.person and teamgraph.team_membership\n  \
         teamgraph check {hero} {division} --server http://{address}\n  \
         teamgraph teams {hero} --server http://{address}\n  \
         teamgraph explain {hero} {division} --server http://{address}\n  \
         teamgraph status --server http://{address}\n  \
         grpcurl -plaintext -d '{{\"member\":{{\"name\":\"{hero}\"}},\"team\":{{\"name\":\"{division}\"}}}}' \\\n    \
         {address} teamgraph.v1.ParticipationService/Check\n"
    ))
}
