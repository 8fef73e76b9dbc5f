//! Faults, one after the other: made, counted, and mostly waited out.
//!
//! Owns how each kind is made, but for those of the tables' definitions ([`crate::definitions`]).
//! A kind is counted when it has really happened.

use crate::definitions;
use crate::kinds::{Kind, Schedule};
use crate::proxy::End;
use crate::recorder;
use crate::service::SLOT;
use crate::stage::{LOOK, NEVER, Stage};
use anyhow::ensure;
use std::collections::BTreeMap;
use std::time::Duration;
use teamgraph::synthetic::Random;
use tokio::time::{Instant, sleep};

/// How long a cut may wait for its bytes before it comes with the next one.
const BYTES_COME_MAX: Duration = Duration::from_secs(4);

/// How long a service that follows again may go on undisturbed, at most: longer than the second
/// between two reports of its position, which then is what the next fault resumes at.
const SETTLED_MAX_MS: u64 = 1_500;

/// Longer than PostgreSQL waits for a silent receiver: the service asks for 30 s.
const BEYOND_PATIENCE: Duration = Duration::from_secs(33);

/// Time for two checkpoints: the service is told to write one every second.
const CHECKPOINTS_COME: Duration = Duration::from_millis(2_500);

/// Starts until one must have found its checkpoint.
const WARM_TRIES_MAX: u32 = 4;

/// A transaction of more bytes than are let pass: every membership ends, or begins anew.
const MANY_ROWS: &str = "UPDATE teamgraph.team_membership
    SET status = CASE WHEN status IN (2, 3) THEN 4 ELSE 2 END";

/// Files of log, at most, until a slot is invalidated: five would be enough.
const SWITCHES_MAX: u32 = 40;

pub struct Faults {
    pub made: BTreeMap<&'static str, u64>,
    schedule: Schedule,
    /// There is time for pauses that are longer than PostgreSQL waits.
    has_time: bool,
}

impl Faults {
    pub fn new(kinds: Vec<Kind>, random: Random, has_time: bool) -> Self {
        let made = kinds.iter().map(|kind| (kind.name(), 0)).collect();
        Faults { made, schedule: Schedule::new(kinds, random), has_time }
    }

    /// Each kind has come as often as the others.
    pub fn is_between_rounds(&self) -> bool {
        self.schedule.is_between_rounds()
    }

    /// Makes the next fault.
    pub async fn make(&mut self, stage: &mut Stage) -> anyhow::Result<()> {
        let (kind, mut random) = self.schedule.next();
        if kind.needs_calm() {
            stage.followed().await?;
        }
        println!("faults: {}", kind.name());
        let made = self.make_one(kind, stage, &mut random).await;
        stage.proxy.open();
        made.map_err(|error| error.context(kind.name()))?;
        *self.made.entry(kind.name()).or_default() += 1;
        // Else the next one comes while this one is still being overcome.
        if random.below(3) > 0 {
            stage.followed().await?;
            sleep(Duration::from_millis(random.below(SETTLED_MAX_MS))).await;
        }
        Ok(())
    }

    async fn make_one(
        &self,
        kind: Kind,
        stage: &mut Stage,
        random: &mut Random,
    ) -> anyhow::Result<()> {
        let moment = Duration::from_millis(random.below(400));
        match kind {
            Kind::KillWalsender => kill_walsender(stage).await,
            Kind::KillPostgres => {
                stage.postgres.crash().await?;
                sleep(moment).await;
                Ok(stage.postgres.resume().await?)
            }
            Kind::RestartCold => stage.restart_cold(moment).await,
            Kind::RestartWarm => restart_warm(stage, moment).await,
            Kind::Cut => end_a_connection(stage, random, End::Cut).await,
            Kind::Truncate => end_a_connection(stage, random, End::Truncated).await,
            Kind::Delay => {
                let by = [15, 60, 1_500][usize::try_from(random.below(3))?];
                stage.proxy.delay(Duration::from_millis(by));
                sleep(Duration::from_millis(1_500) + moment).await;
                Ok(())
            }
            Kind::DropSlot => drop_slot(stage).await,
            Kind::InvalidateSlot => {
                stage.service.signal("STOP").await?;
                let done = invalidate(stage).await;
                stage.service.signal("CONT").await?;
                done
            }
            Kind::Pause => {
                let beyond = self.has_time && random.below(2) == 0;
                let pause = if beyond { BEYOND_PATIENCE } else { Duration::from_secs(3) + moment };
                stage.service.signal("STOP").await?;
                sleep(pause).await;
                stage.service.signal("CONT").await
            }
            Kind::AddColumn => definitions::add_column(stage, random).await,
            Kind::AlterType => definitions::alter_type(stage).await,
            Kind::RenameColumn => definitions::rename_column(stage, moment).await,
            Kind::Publication => definitions::publication(stage, random).await,
            Kind::FillDisk => {
                stage.disk()?.fill()?;
                sleep(CHECKPOINTS_COME + moment).await;
                // Every other time it starts again while there is still no room.
                let restarted =
                    if random.below(2) == 0 { stage.restart_warm(moment).await } else { Ok(()) };
                stage.disk()?.empty()?;
                restarted
            }
        }
    }
}

/// A start from the checkpoint: at once, or the next time if what was kept had no slot any more.
async fn restart_warm(stage: &mut Stage, moment: Duration) -> anyhow::Result<()> {
    let before = stage.serve.warm_starts()?;
    for _try in 0..WARM_TRIES_MAX {
        sleep(CHECKPOINTS_COME).await;
        stage.restart_warm(moment).await?;
        stage.followed().await?;
        if stage.serve.warm_starts()? > before {
            return Ok(());
        }
    }
    anyhow::bail!("{WARM_TRIES_MAX} starts in a row did not go on from the checkpoint")
}

/// Ends the process that sends the stream, once there is one.
async fn kill_walsender(stage: &Stage) -> anyhow::Result<()> {
    let kill = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
                WHERE slot_name = $1 AND active";
    let deadline = Instant::now() + NEVER;
    while stage.sql().await?.query(kill, &[&SLOT]).await?.is_empty() {
        ensure!(Instant::now() < deadline, "no stream to cut within {NEVER:?}");
        sleep(LOOK).await;
    }
    Ok(())
}

/// Ends whichever connection carries the byte: in half of the cases within a large transaction, else
/// one that is being made anew, so that a handshake, a check or the start of a stream is hit.
async fn end_a_connection(stage: &Stage, random: &mut Random, how: End) -> anyhow::Result<()> {
    let before = stage.proxy.ended();
    if random.below(2) == 0 {
        stage.proxy.end_after(random.below(8_000), how);
        // It may collide with a writer's, and is rolled back then.
        let _collided = stage.execute(MANY_ROWS).await;
    } else {
        stage.proxy.end_after(random.below(6_000), how);
        kill_walsender(stage).await?;
    }
    let deadline = Instant::now() + BYTES_COME_MAX;
    while stage.proxy.ended() == before {
        if Instant::now() > deadline {
            stage.proxy.end_after(0, how);
        }
        ensure!(Instant::now() < deadline + NEVER, "no byte passes within {NEVER:?}");
        sleep(LOOK).await;
    }
    Ok(())
}

async fn drop_slot(stage: &Stage) -> anyhow::Result<()> {
    let end = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
               WHERE slot_name = $1 AND active";
    let drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                WHERE slot_name = $1 AND NOT active";
    stage.proxy.refuse(true);
    let sql = stage.sql().await?;
    let deadline = Instant::now() + NEVER;
    loop {
        sql.query(end, &[&SLOT]).await?;
        // Between the look and the drop somebody may have taken it.
        if sql.query(drop, &[&SLOT]).await.is_ok_and(|dropped| !dropped.is_empty()) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the slot cannot be dropped");
        sleep(LOOK).await;
    }
}

/// Writes log until the slot of a service that does not read keeps too much. The recorder's, which
/// reads, stays close behind.
async fn invalidate(stage: &Stage) -> anyhow::Result<()> {
    const LOST: &str = "SELECT 1 FROM pg_replication_slots
                        WHERE slot_name = $1 AND wal_status = 'lost'";
    const BEHIND: &str = "SELECT pg_current_wal_insert_lsn() - restart_lsn < 24000000
                          FROM pg_replication_slots WHERE slot_name = $1";
    let sql = stage.sql().await?;
    for _switch in 0..SWITCHES_MAX {
        sql.batch_execute("SELECT pg_logical_emit_message(false, 'more', 'log')").await?;
        sql.batch_execute("SELECT pg_switch_wal()").await?;
        let deadline = Instant::now() + NEVER;
        loop {
            sql.batch_execute("CHECKPOINT").await?;
            if !sql.query(LOST, &[&SLOT]).await?.is_empty() {
                return Ok(());
            }
            if sql.query_one(BEHIND, &[&recorder::SLOT]).await?.get(0) {
                break;
            }
            ensure!(Instant::now() < deadline, "the recorder falls behind");
            sleep(LOOK).await;
        }
    }
    anyhow::bail!("{SWITCHES_MAX} files of log did not invalidate the slot")
}
