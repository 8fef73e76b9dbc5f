//! What the source must offer: settings, rights, tables and publication.
//!
//! Owns the list of [`Finding`]s, each with its fix, and the checks of settings and rights. It runs
//! at every start and reconnect of the feed, and for people who ask. It changes nothing in the
//! database.

use super::config::FeedConfig;
use super::error::FeedError;
use super::publication;
use super::tables::{self, Catalogue};
use std::fmt;
use tokio_postgres::{Client, Row};

/// The oldest server whose `pgoutput` sends binary values.
const SERVER_VERSION_MIN: i32 = 140_000;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a setting, a right, a table.
    pub what: String,
    /// Whether it is right.
    pub level: Level,
    /// How it is.
    pub text: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// Whether something is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It is.
    Ok,
    /// It works, but may not for long.
    Warning,
    /// The feed refuses to start.
    Error,
}

impl Finding {
    /// The feed refuses to start because of it.
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.text)?;
        match &self.fix {
            Some(fix) => write!(f, "; fix: {fix}"),
            None => Ok(()),
        }
    }
}

/// Findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn ok(&mut self, what: &str, text: &str) {
        self.add(what, Level::Ok, text, None);
    }

    pub(crate) fn warning(&mut self, what: &str, text: &str, fix: &str) {
        self.add(what, Level::Warning, text, Some(fix));
    }

    pub(crate) fn error(&mut self, what: &str, text: &str, fix: &str) {
        self.add(what, Level::Error, text, Some(fix));
    }

    pub(crate) fn list(&self) -> &[Finding] {
        &self.0
    }

    /// How many of them are errors.
    pub(crate) fn errors(&self) -> usize {
        self.0.iter().filter(|finding| finding.is_error()).count()
    }

    /// All errors as one text, if there are any.
    pub(crate) fn errors_text(&self) -> Option<String> {
        let errors = self.0.iter().filter(|finding| finding.is_error());
        let errors: Vec<String> = errors.map(Finding::to_string).collect();
        (!errors.is_empty()).then(|| errors.join("\n"))
    }

    /// A finding that is right, or else an error.
    pub(crate) fn require(&mut self, right: bool, what: &str, text: &str, fix: &str) {
        if right {
            self.ok(what, text);
        } else {
            self.error(what, text, fix);
        }
    }

    fn add(&mut self, what: &str, level: Level, text: &str, fix: Option<&str>) {
        let fix = fix.map(str::to_owned);
        self.0.push(Finding { what: what.to_owned(), level, text: text.to_owned(), fix });
    }
}

/// What a check found, and what the catalogue says of the mapped tables.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) findings: Findings,
    pub(crate) catalogue: Catalogue,
    pub(crate) server_version: i32,
    pub(crate) in_recovery: bool,
}

impl Checked {
    /// Itself, unless there are errors.
    pub(crate) fn passed(self) -> Result<Self, FeedError> {
        match self.findings.errors_text() {
            None => Ok(self),
            // In a failover the server that answers is a standby until it is the primary.
            Some(errors) if self.in_recovery => Err(FeedError::transient(errors)),
            Some(errors) => Err(FeedError::operator(errors)),
        }
    }
}

/// Looks at everything, on an open connection.
pub async fn findings(
    client: &Client,
    config: &FeedConfig,
) -> Result<Vec<Finding>, tokio_postgres::Error> {
    Ok(check(client, config).await?.findings.0)
}

/// Looks at everything.
pub(crate) async fn check(
    client: &Client,
    config: &FeedConfig,
) -> Result<Checked, tokio_postgres::Error> {
    let mut findings = Findings::default();
    let row = client.query_one(SERVER, &[&config.slot]).await?;
    let server_version: i32 = row.try_get("version_num")?;
    check_server(&row, &mut findings)?;
    check_wal_kept(&row, config, &mut findings)?;
    check_room(&row, &mut findings)?;
    // Catalogue columns of newer servers are asked for below: not of a server that is too old.
    let catalogue = if server_version >= SERVER_VERSION_MIN {
        catalogue(client, server_version, config, &mut findings).await?
    } else {
        Catalogue::default()
    };
    let in_recovery = row.try_get("in_recovery")?;
    Ok(Checked { findings, catalogue, server_version, in_recovery })
}

/// Looks at what can change under a stream: publication and tables.
pub(crate) async fn catalogue(
    client: &Client,
    server_version: i32,
    config: &FeedConfig,
    findings: &mut Findings,
) -> Result<Catalogue, tokio_postgres::Error> {
    let FeedConfig { mapping, publication, .. } = config;
    let catalogue = tables::check(client, server_version, mapping, publication, findings).await?;
    publication::check(client, server_version, config, &catalogue, findings).await?;
    Ok(catalogue)
}

const SERVER: &str = "
    SELECT current_setting('server_version_num')::int AS version_num,
           current_setting('server_version') AS version,
           current_setting('wal_level') AS wal_level,
           current_setting('max_replication_slots')::int AS slots_max,
           current_setting('max_wal_senders')::int AS senders_max,
           (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
               AS wal_keep_mb,
           pg_is_in_recovery() AS in_recovery,
           (SELECT count(*)::int FROM pg_replication_slots WHERE slot_name <> $1) AS slots,
           (SELECT count(*)::int FROM pg_stat_replication WHERE application_name <> $1) AS senders,
           (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared,
           r.rolsuper OR r.rolreplication AS may_replicate, quote_ident(current_user) AS role
    FROM pg_roles r WHERE r.rolname = current_user";

fn check_server(row: &Row, findings: &mut Findings) -> Result<(), tokio_postgres::Error> {
    let version: &str = row.try_get("version")?;
    findings.require(
        row.try_get::<_, i32>("version_num")? >= SERVER_VERSION_MIN,
        "server version",
        version,
        "upgrade PostgreSQL to 14 or newer",
    );
    let in_recovery: bool = row.try_get("in_recovery")?;
    let role_of_server = if in_recovery { "is a standby" } else { "is the primary" };
    findings.require(!in_recovery, "server", role_of_server, "connect to the primary");
    let wal_level: &str = row.try_get("wal_level")?;
    findings.require(
        wal_level == "logical",
        "wal_level",
        wal_level,
        "ALTER SYSTEM SET wal_level = logical, then restart PostgreSQL",
    );
    let role: &str = row.try_get("role")?;
    let may = row.try_get("may_replicate")?;
    let text = if may { "may replicate" } else { "may not replicate" };
    let fix = format!("ALTER ROLE {role} REPLICATION");
    findings.require(may, &format!("role {role}"), text, &fix);
    findings.ok(
        "statement_timeout, idle_in_transaction_session_timeout, idle_session_timeout",
        "set to 0 in Teamgraph's own sessions",
    );
    Ok(())
}

/// An abandoned slot must not fill the primary's disk.
fn check_wal_kept(
    row: &Row,
    config: &FeedConfig,
    findings: &mut Findings,
) -> Result<(), tokio_postgres::Error> {
    let what = "max_slot_wal_keep_size";
    let fix = "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB' (a part of the disk's free space), \
               then SELECT pg_reload_conf(); or start with --allow-unbounded-wal";
    let unbounded = "-1: a slot that nobody reads keeps log until the disk is full";
    match row.try_get::<_, i64>("wal_keep_mb")? {
        -1 if config.allow_unbounded_wal => findings.warning(what, unbounded, fix),
        -1 => findings.error(what, unbounded, fix),
        mb => findings.ok(what, &format!("{mb} MB")),
    }
    Ok(())
}

/// Room for our slot and our connection. Only a warning if there is none now: it may be a moment's
/// shortage, and what is short will say so again.
fn check_room(row: &Row, findings: &mut Findings) -> Result<(), tokio_postgres::Error> {
    let room = [("max_replication_slots", "slots"), ("max_wal_senders", "senders")];
    for (setting, used_by) in room {
        let used: i32 = row.try_get(used_by)?;
        let max: i32 = row.try_get(format!("{used_by}_max").as_str())?;
        let text = format!("{max}, of which others use {used}");
        let fix = format!(
            "ALTER SYSTEM SET {setting} = {}, then restart PostgreSQL; or drop what is not needed",
            used.saturating_add(10)
        );
        match max {
            0 => findings.error(setting, "0", &fix),
            max if used >= max => findings.warning(setting, &text, &fix),
            _ => findings.ok(setting, &text),
        }
    }
    let prepared: i32 = row.try_get("prepared")?;
    if prepared > 0 {
        findings.warning(
            "prepared transactions",
            &format!("{prepared}: a new slot waits until they end"),
            "see pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED those left behind",
        );
    }
    Ok(())
}
