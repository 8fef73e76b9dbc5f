//! The replication slot and the replication connection that holds it.
//!
//! Owns the slot's life: a permanent slot, made afresh with its snapshot at process start, resumed
//! across reconnects, dropped at the end; or left to the next process, where that goes on.
//! Everything of one stream runs on one *gated* connection: who the server is, the slot's creation,
//! the start; so what was asked describes the server that then streams, and the exported snapshot
//! lives as long as that connection runs nothing else.
//!
//! See [the protocol's commands](https://www.postgresql.org/docs/current/protocol-replication.html).

use super::config::FeedConfig;
use super::error::FeedError;
use super::session::{ASK_MAX, Session, too_slow};
use crate::id::{History, Lsn};
use pgwire_replication::{PgWireError, QueryRow, ReplicationClient};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often to say what the slot's creation waits for.
const BLOCKER_INTERVAL: Duration = Duration::from_secs(5);

/// How long a walsender of ours may take to go before it is told to.
const WALSENDER_LEAVES_MAX: Duration = Duration::from_millis(300);

/// How often to look whether it is gone.
const LEAVING_INTERVAL: Duration = Duration::from_millis(50);

/// The server at the other end of a gated connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) history: History,
    /// How far its log is flushed.
    pub(crate) flushed: Lsn,
    /// The process that serves this connection.
    pub(crate) pid: i32,
}

/// A slot as the server has it.
#[derive(Debug)]
pub(crate) struct SlotFacts {
    pub(crate) active_pid: Option<i32>,
    /// Its log is gone.
    pub(crate) lost: bool,
    /// It is one that we could have made.
    pub(crate) ours: bool,
    /// What was confirmed to it: nothing before comes again.
    pub(crate) confirmed: Option<Lsn>,
}

impl SlotFacts {
    /// An error unless the slot is one that we could have made, and so may drop.
    pub(crate) fn must_be_ours(&self, slot: &str) -> Result<(), FeedError> {
        if self.ours {
            return Ok(());
        }
        Err(FeedError::operator(format!(
            "there is a replication slot {slot} of another database or plugin; fix: choose another \
             --instance"
        )))
    }
}

/// A slot just made.
#[derive(Debug)]
pub(crate) struct NewSlot {
    pub(crate) consistent_point: Lsn,
    /// The snapshot that shows the database at that point.
    pub(crate) snapshot: String,
}

/// Opens a gated connection. With `resume`, the stream will start after `sent`, and `applied` is
/// what the server is told; else it starts where the slot was made.
pub(crate) async fn connect(
    config: &FeedConfig,
    resume: Option<(Lsn, Lsn)>,
    server_version: i32,
) -> Result<(ReplicationClient, Identity), FeedError> {
    let mut replication =
        config.replication().map_err(|error| FeedError::operator(error.to_string()))?;
    if let Some((sent, applied)) = resume {
        replication = replication.with_start_lsn(to_wire(sent)).with_ack_lsn(to_wire(applied));
    }
    let what = "connecting for replication";
    let mut client = within(what, ReplicationClient::connect_gated(replication)).await?;
    let system = within(what, client.identify_system()).await?;
    if server_version >= 170_000 {
        // Does not exist before, so it cannot be among the options of the connection.
        command(&mut client, what, "SET transaction_timeout = 0").await?;
    }
    let rows = command(&mut client, what, "SELECT pg_backend_pid()").await?;
    let pid = text(&rows, 0).and_then(|pid| pid.parse().ok());
    match (system.system_id.parse(), pid) {
        (Ok(system_id), Some(pid)) => {
            let history = History { system_id, timeline: system.timeline };
            let identity = Identity { history, flushed: Lsn(system.xlogpos.as_u64()), pid };
            Ok((client, identity))
        }
        _ => Err(FeedError::transient(format!("{what}: the server did not say who it is"))),
    }
}

/// Starts the stream.
pub(crate) async fn start(client: &mut ReplicationClient) -> Result<(), FeedError> {
    let what = "starting replication";
    within(what, client.start()).await?;
    within(what, client.wait_started()).await
}

/// Looks at the slot.
pub(crate) async fn look(
    session: &mut Session,
    slot: &str,
) -> Result<Option<SlotFacts>, FeedError> {
    const SLOT: &str = "
        SELECT active_pid, coalesce(wal_status = 'lost', false) AS lost,
               slot_type = 'logical' AND coalesce(plugin = 'pgoutput', false)
                   AND coalesce(database = current_database(), false) AS ours,
               confirmed_flush_lsn::text AS confirmed
        FROM pg_replication_slots WHERE slot_name = $1";
    let what = "looking at the replication slot";
    let Session { client, wire } = session;
    let Some(row) = wire.within(what, ASK_MAX, client.query_opt(SLOT, &[&slot])).await? else {
        return Ok(None);
    };
    let facts = || {
        Ok(SlotFacts {
            active_pid: row.try_get("active_pid")?,
            lost: row.try_get("lost")?,
            ours: row.try_get("ours")?,
            confirmed: row.try_get::<_, Option<&str>>("confirmed")?.and_then(|it| it.parse().ok()),
        })
    };
    let facts: Result<_, tokio_postgres::Error> = facts();
    facts.map(Some).map_err(|error| FeedError::of_client(what, &error))
}

/// Drops an inactive slot.
pub(crate) async fn drop_slot(session: &mut Session, slot: &str) -> Result<(), FeedError> {
    let what = "dropping the replication slot";
    let Session { client, wire } = session;
    let sql = "SELECT pg_drop_replication_slot($1)";
    wire.within(what, ASK_MAX, client.query(sql, &[&slot])).await.map(drop)
}

/// A connection of ours as the server has it: the process that serves it, and what tells it from
/// another that got the same number since.
#[derive(Clone, Debug)]
pub(crate) struct Walsender {
    pub(crate) pid: i32,
    /// The connection's `application_name`.
    pub(crate) application: String,
    /// The slot that it makes or holds.
    pub(crate) slot: String,
}

/// Makes sure that the walsender of an earlier connection of ours is gone, and so that it neither
/// holds the slot nor makes it still: a command that was sent before the connection closed is
/// carried out all the same. It ends by itself, unless it waits for something other than us; then it
/// is told to. An error if it is still there after that.
pub(crate) async fn dismiss(session: &mut Session, ours: &Walsender) -> Result<(), FeedError> {
    let deadline = Instant::now() + WALSENDER_LEAVES_MAX;
    while is_there(session, ours).await? {
        if Instant::now() >= deadline {
            terminate(session, ours.pid).await?;
            return must_be_gone(session, ours).await;
        }
        sleep(LEAVING_INTERVAL).await;
    }
    Ok(())
}

async fn must_be_gone(session: &mut Session, ours: &Walsender) -> Result<(), FeedError> {
    if !is_there(session, ours).await? {
        return Ok(());
    }
    let Walsender { pid, slot, .. } = ours;
    Err(FeedError::transient(format!(
        "pid {pid}, which makes or holds slot {slot} for an earlier connection of ours, is still \
         there though it was told to end; fix: look what it waits for, or why it stands still"
    )))
}

async fn is_there(session: &mut Session, ours: &Walsender) -> Result<bool, FeedError> {
    // Before 15 a process is struck off the list of processes before it lets go of its slot.
    const THERE: &str = "
        SELECT EXISTS (SELECT FROM pg_stat_activity
                       WHERE pid = $1 AND backend_type = 'walsender' AND application_name = $2)
            OR EXISTS (SELECT FROM pg_replication_slots
                       WHERE active_pid = $1 AND slot_name = $3)";
    let what = "looking for an earlier connection of ours";
    let Walsender { pid, application, slot } = ours;
    let Session { client, wire } = session;
    let row =
        wire.within(what, ASK_MAX, client.query_one(THERE, &[pid, application, slot])).await?;
    row.try_get(0).map_err(|error| FeedError::of_client(what, &error))
}

/// Has a slot of ours gone, whether it was made or would still be.
pub(crate) async fn remove(session: &mut Session, ours: &Walsender) -> Result<(), FeedError> {
    dismiss(session, ours).await?;
    match look(session, &ours.slot).await? {
        Some(facts) if facts.ours && facts.active_pid.is_none() => {
            drop_slot(session, &ours.slot).await
        }
        // It is gone with its connection, or another's by now.
        Some(_) | None => Ok(()),
    }
}

/// Ends a walsender of ours: one role may end its own.
async fn terminate(session: &mut Session, walsender: i32) -> Result<(), FeedError> {
    // Waits for the process to be gone, up to the time given in milliseconds. What it returns does
    // not tell whether it is: it is false, too, where the process left by itself just before.
    let sql = "SELECT pg_terminate_backend($1, 5000)";
    let Session { client, wire } = session;
    let what = "ending an earlier connection of ours";
    wire.within(what, ASK_MAX, client.query(sql, &[&walsender])).await.map(drop)
}

/// A slot to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotOrder<'a> {
    pub(crate) name: &'a str,
    /// It goes with the connection that made it.
    pub(crate) temporary: bool,
    /// How long its creation may wait for open transactions.
    pub(crate) wait_max: Duration,
}

/// Creates the slot and exports its snapshot. This
/// [waits](https://www.postgresql.org/docs/current/logicaldecoding-explanation.html) for every
/// transaction that is writing, in any database of the cluster: what it waits for is logged.
pub(crate) async fn create(
    session: &mut Session,
    replication: &mut ReplicationClient,
    walsender: i32,
    order: SlotOrder<'_>,
) -> Result<NewSlot, FeedError> {
    let what = "creating the replication slot";
    let SlotOrder { name, temporary, wait_max } = order;
    let temporary = if temporary { "TEMPORARY " } else { "" };
    // The old spelling of the options, which every version from 14 on takes.
    let sql = format!("CREATE_REPLICATION_SLOT {name} {temporary}LOGICAL pgoutput EXPORT_SNAPSHOT");
    let deadline = Instant::now() + wait_max;
    let mut blockers = String::new();
    let rows = {
        let creation = replication.simple_query(&sql);
        tokio::pin!(creation);
        loop {
            tokio::select! {
                biased;
                rows = &mut creation => {
                    break rows.map_err(|error| FeedError::of_replication(what, &error))?;
                }
                () = sleep(BLOCKER_INTERVAL) => {}
            }
            blockers = blocked_by(session, walsender).await?;
            tracing::warn!(slot = name, "the replication slot's creation waits for {blockers}");
            if Instant::now() >= deadline {
                terminate(session, walsender).await?;
                return Err(FeedError::transient(format!(
                    "{what} waited {} s for {blockers}; fix: end it",
                    wait_max.as_secs()
                )));
            }
        }
    };
    let point = text(&rows, 1).and_then(|point| point.parse().ok());
    match (point, text(&rows, 2)) {
        (Some(consistent_point), Some(snapshot)) => {
            Ok(NewSlot { consistent_point, snapshot: snapshot.to_owned() })
        }
        _ => Err(FeedError::transient(format!("{what}: unexpected answer ({blockers})"))),
    }
}

/// Whom the walsender waits for, as text.
async fn blocked_by(session: &mut Session, walsender: i32) -> Result<String, FeedError> {
    // Pid 0 stands for a prepared transaction.
    const BLOCKERS: &str = "
        SELECT b.pid, extract(epoch FROM now() - a.xact_start)::int8 AS seconds,
               a.datname::text AS database, a.application_name AS application
        FROM unnest(pg_blocking_pids($1)) AS b(pid) LEFT JOIN pg_stat_activity a USING (pid)";
    let what = "asking what the slot's creation waits for";
    let Session { client, wire } = session;
    let rows = wire.within(what, ASK_MAX, client.query(BLOCKERS, &[&walsender])).await?;
    let mut texts = Vec::new();
    for row in rows {
        let read = || {
            let pid: i32 = row.try_get("pid")?;
            let seconds: Option<i64> = row.try_get("seconds")?;
            let database: Option<&str> = row.try_get("database")?;
            let application: Option<&str> = row.try_get("application")?;
            Ok(match (pid, seconds) {
                (0, _) => "a prepared transaction (see pg_prepared_xacts)".to_owned(),
                (pid, Some(seconds)) => format!(
                    "the transaction of pid {pid} ({}, database {}), open for {seconds} s",
                    application.unwrap_or_default(),
                    database.unwrap_or_default()
                ),
                (pid, None) => format!("the transaction of pid {pid}"),
            })
        };
        let text: Result<String, tokio_postgres::Error> = read();
        texts.push(text.map_err(|error| FeedError::of_client(what, &error))?);
    }
    Ok(if texts.is_empty() { "open transactions".to_owned() } else { texts.join(", ") })
}

/// Runs a command on the gated connection.
async fn command(
    client: &mut ReplicationClient,
    what: &str,
    sql: &str,
) -> Result<Vec<QueryRow>, FeedError> {
    within(what, client.simple_query(sql)).await
}

async fn within<T>(
    what: &str,
    work: impl Future<Output = Result<T, PgWireError>>,
) -> Result<T, FeedError> {
    match timeout(ASK_MAX, work).await {
        Err(_) => Err(too_slow(what, ASK_MAX)),
        Ok(done) => done.map_err(|error| FeedError::of_replication(what, &error)),
    }
}

/// A column of the first row.
fn text(rows: &[QueryRow], column: usize) -> Option<&str> {
    str::from_utf8(rows.first()?.get(column)?.as_ref()?).ok()
}

/// A position as the replication driver spells it.
pub(crate) fn to_wire(lsn: Lsn) -> pgwire_replication::Lsn {
    pgwire_replication::Lsn::from_u64(lsn.0)
}
