//! The stage of a run: PostgreSQL, the proxy and the service, and what is done to all of them.
//!
//! Owns the processes and their directories: when it is dropped, by whatever way out, they are
//! gone. It must not know which faults there are.

use crate::disk::Disk;
use crate::options::Options;
use crate::population;
use crate::proxy::Proxy;
use crate::questions::Asker;
use crate::readers;
use crate::recorder;
use crate::service::{self, CHECKPOINT_FLAG, INSTANCE, SLOT, Serve, Service};
use crate::writer::{Writers, connect};
use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::migrate::migrate;
use teamgraph::pb;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

pub const DATABASE: &str = "app";

/// The database of the participation table, where there is one.
const MART: &str = "mart";

/// Log that a slot may hold back: four files, so that a slot is invalidated within seconds.
const SLOT_KEEPS: &str = "64MB";

/// How often to look whether something has come about.
pub const LOOK: Duration = Duration::from_millis(20);

/// How long anything may take before it counts as never.
pub const NEVER: Duration = Duration::from_secs(90);

/// How long a question about the service's state may take.
const STATUS_MAX: Duration = Duration::from_secs(3);

pub struct Stage {
    // In the order in which they must end.
    pub service: Service,
    pub serve: Serve,
    pub proxy: Proxy,
    pub postgres: EmbeddedPostgres,
    pub url: String,
    pub writers: Writers,
    /// Times that the feed gave up, as its documents say it does, and was started anew.
    pub gave_up: u64,
    address: watch::Sender<SocketAddr>,
    /// Where the service keeps its checkpoint, if this build can.
    disk: Option<Disk>,
    _scratch: TempDir,
}

/// Where a run leaves what it says.
pub fn output() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/faults")
}

impl Stage {
    pub async fn set(options: &Options) -> anyhow::Result<Self> {
        std::fs::create_dir_all(output())?;
        let scratch = tempfile::Builder::new().prefix("teamgraph-faults-").tempdir()?;
        let settings = [
            ("max_slot_wal_keep_size", SLOT_KEEPS),
            // After a crash every file would be synced, one by one, before the log is replayed.
            ("recovery_init_sync_method", "syncfs"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let postgres = EmbeddedOptions { directory: None, settings: settings.into() };
        let postgres = EmbeddedPostgres::start(postgres).await?;
        let url = postgres.create_database(DATABASE).await?;
        migrate(&url).await?;
        let sql = connect(&url).await?;
        // Before the first row, so that everything is recorded.
        let slot = "SELECT pg_create_logical_replication_slot($1, 'test_decoding')";
        sql.query(slot, &[&recorder::SLOT]).await?;
        sql.batch_execute(&population::insert_all()).await?;
        let mart = if options.project { Some(postgres.create_database(MART).await?) } else { None };
        let proxy = Proxy::start(postgres.directory()).await?;
        let port = proxy.address.port();
        let has_checkpoint = service::knows(&options.binary(), CHECKPOINT_FLAG).await?;
        let disk = has_checkpoint.then(|| Disk::new(scratch.path())).transpose()?;
        let serve = Serve {
            binary: options.binary(),
            url: format!("host=127.0.0.1 port={port} user=postgres dbname={DATABASE}"),
            log: output().join("serve.log"),
            sabotage: options.sabotage.map(|kind| kind.name()),
            verify: options.verify,
            project: mart,
            checkpoint: disk.as_ref().map(|disk| disk.directory().to_owned()),
        };
        std::fs::write(&serve.log, "")?;
        let service = Service::start(&serve).await?;
        Ok(Stage {
            address: watch::Sender::new(service.address),
            service,
            serve,
            proxy,
            postgres,
            url,
            writers: Writers::default(),
            gave_up: 0,
            disk,
            _scratch: scratch,
        })
    }

    /// Where the service is, now and later.
    pub fn address(&self) -> watch::Receiver<SocketAddr> {
        self.address.subscribe()
    }

    /// A session of the superuser's, past the proxy.
    pub async fn sql(&self) -> anyhow::Result<Client> {
        let deadline = Instant::now() + NEVER;
        loop {
            match connect(&self.url).await {
                Err(_) if Instant::now() < deadline => sleep(LOOK).await,
                connected => return connected,
            }
        }
    }

    pub async fn execute(&self, text: &str) -> anyhow::Result<()> {
        let done = self.sql().await?.batch_execute(text).await;
        done.with_context(|| text.to_owned())
    }

    pub async fn asker(&self) -> anyhow::Result<Asker> {
        readers::connect(self.service.address).await
    }

    /// The checkpoint's disk.
    pub fn disk(&self) -> anyhow::Result<&Disk> {
        self.disk.as_ref().context("this build keeps no checkpoint")
    }

    /// SIGKILL, and a new process after a while, which finds nothing of the one before.
    pub async fn restart_cold(&mut self, after: Duration) -> anyhow::Result<()> {
        self.service.kill().await?;
        if let Some(disk) = &self.disk {
            disk.forget()?;
        }
        self.start_anew(after).await
    }

    /// SIGKILL, and a new process after a while, which finds what the one before kept.
    pub async fn restart_warm(&mut self, after: Duration) -> anyhow::Result<()> {
        self.service.kill().await?;
        self.start_anew(after).await
    }

    async fn start_anew(&mut self, after: Duration) -> anyhow::Result<()> {
        sleep(after).await;
        self.service = Service::start(&self.serve).await?;
        self.address.send_replace(self.service.address);
        Ok(())
    }

    /// What the feed reports; none if the service does not answer.
    pub async fn feed(&self) -> Option<pb::FeedReport> {
        let asked = async {
            let mut asker = self.asker().await.ok()?;
            let status = asker.get_status(pb::GetStatusRequest {}).await.ok()?.into_inner();
            status.feed
        };
        timeout(STATUS_MAX, asked).await.ok()?
    }

    /// Waits until the service's feed is what it should be.
    pub async fn until(
        &mut self,
        what: &str,
        holds: impl Fn(&pb::FeedReport) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + NEVER;
        loop {
            let feed = self.feed().await;
            if feed.as_ref().is_some_and(&holds) {
                return Ok(());
            }
            if let Some(status) = self.service.ended()? {
                bail!("the service ended by itself with {status}, see target/faults/serve.log");
            }
            if let Some(feed) = feed.as_ref().filter(|feed| feed.state == "failed") {
                // The bound on fresh copies, and then what the documents say to do.
                println!("faults: the feed has given up: {}", feed.error);
                self.gave_up += 1;
                self.restart_cold(Duration::ZERO).await?;
            }
            ensure!(Instant::now() < deadline, "not {what} within {NEVER:?}: {feed:?}");
            sleep(LOOK).await;
        }
    }

    /// Waits until the service follows the source.
    pub async fn followed(&mut self) -> anyhow::Result<()> {
        self.until("streaming", |feed| feed.state == "streaming").await
    }

    /// Ends in order: what ends well leaves no slot behind but the recorder's.
    pub async fn strike(self) -> anyhow::Result<()> {
        self.service.stop().await?;
        // Who keeps a checkpoint keeps the slot that goes with it.
        let kept = if self.disk.is_some() { SLOT } else { "" };
        let sql = connect(&self.url).await?;
        let left = "SELECT string_agg(slot_name, ', ') FROM pg_replication_slots
                    WHERE slot_name <> $1 AND slot_name <> $2 AND NOT temporary";
        let left: Option<String> = sql.query_one(left, &[&recorder::SLOT, &kept]).await?.get(0);
        ensure!(left.is_none(), "instance {INSTANCE} left its slot behind: {left:?}");
        drop(sql);
        Ok(self.postgres.stop().await?)
    }
}
