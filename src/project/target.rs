//! The target as it was found, and the steps that bring the table to a version.
//!
//! Owns what must hold before anything is written: one projector, a table that can be used, and no
//! feeding on itself; then the choice between filling, a delta and reading the table through. It must
//! not know when a step is due.

use super::compare;
use super::delta::stage_delta;
use super::error::ProjectError;
use super::fill::Filling;
use super::merge::{Merged, Stage};
use super::options::ProjectOptions;
use super::pace::Pace;
use super::progress::{self, PROGRESS, Progress, Standing};
use super::report::TableReport;
use super::session::Session;
use super::table::Table;
use super::view::{Spaces, View};
use crate::graph::{Published, Snapshot};
use crate::id::{History, Version};
use crate::status::{ProjectionState, ProjectionStatus, StatusCell};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

/// How long to wait for a session that has just been closed to end at its server, and how often to
/// look.
const HOLD_MAX: Duration = Duration::from_secs(2);
const HOLD_LOOK: Duration = Duration::from_millis(50);

/// A session in the target that nobody else projects by.
#[derive(Debug)]
pub(super) struct Target<'a> {
    options: &'a ProjectOptions,
    status: &'a StatusCell<ProjectionStatus>,
    session: Session,
    table: Table,
    /// Whether the target is the database that is followed.
    is_source: bool,
    has_progress_table: bool,
    progress: Option<Progress>,
    /// The filter's words.
    filter: String,
    spaces: Spaces,
    pace: Pace,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A new table was filled with so many rows.
    Filled(u64),
    /// The table was read through, and what differed was mended.
    Reconciled(TableReport),
    /// What came and went was merged.
    Merged(Merged),
}

impl<'a> Target<'a> {
    /// Connects, and finds the table to be one that can be kept.
    pub(super) async fn open(
        options: &'a ProjectOptions,
        snapshot: &Snapshot,
        status: &'a StatusCell<ProjectionStatus>,
    ) -> Result<Self, ProjectError> {
        let session = Session::connect(&options.target).await?;
        let client = &session.client;
        let table = match Table::find(client, &options.table).await? {
            Some(table) => table,
            None => planned(client, options, snapshot).await?,
        };
        let is_source = is_source(client, options, snapshot.version().history).await?;
        if is_source {
            if !options.same_database {
                return Err(ProjectError::SameDatabase);
            }
            let tables = [table.name.as_str(), PROGRESS];
            table.refuse_published(client, &options.source, &tables).await?;
        }
        hold(client, &table).await?;
        let progress = progress::read(client, &table).await?;
        let filter = options.words();
        status.update(|status| status.table = table.sql());
        Ok(Target {
            options,
            status,
            table,
            is_source,
            has_progress_table: progress.is_some(),
            progress,
            filter,
            spaces: Spaces::of(snapshot, &options.filter)?,
            pace: Pace::new(options.rows_per_s),
            session,
        })
    }

    /// The table's name as SQL has it.
    pub(super) fn table(&self) -> String {
        self.table.sql()
    }

    /// The row, and the version at which the table stands, if it holds what is to be in it there.
    pub(super) fn stands(&self) -> Option<(&Progress, Version)> {
        let progress = self.progress.as_ref()?;
        Some((progress, progress.stands(&self.table, &self.filter)?))
    }

    /// The version that the row names, whatever of it the table holds.
    pub(super) fn stated(&self) -> Option<Version> {
        self.progress.as_ref().and_then(Progress::stated)
    }

    /// Brings the table to the version, from the one at which it is known to stand, if any.
    pub(super) async fn bring(
        &mut self,
        before: Option<&Snapshot>,
        published: &Published,
        current_at: Option<Instant>,
    ) -> Result<Step, ProjectError> {
        if !self.has_progress_table {
            progress::create(&self.session.client, &self.table).await?;
            self.has_progress_table = true;
        }
        let standing = Standing {
            version: published.snapshot.version(),
            applied_lsn: published.applied_lsn,
            current_at,
            // Lent to parts of the target while others of it are changed.
            filter: &self.filter.clone(),
            digest: &progress::digest(&published.snapshot),
            instance: &self.options.instance,
        };
        let step = self.step(before, &published.snapshot, &standing).await?;
        self.status.update(|status| {
            status.state = ProjectionState::Following;
            status.version = Some(standing.version);
            status.applied_lsn = standing.applied_lsn;
            let ago = current_at.map(|at| at.elapsed());
            status.current_at =
                ago.and_then(|ago| SystemTime::now().checked_sub(ago)).or(status.current_at);
        });
        Ok(step)
    }

    async fn step(
        &mut self,
        before: Option<&Snapshot>,
        snapshot: &Snapshot,
        standing: &Standing<'_>,
    ) -> Result<Step, ProjectError> {
        if self.table.oid.is_none() {
            self.status.update(|status| status.state = ProjectionState::Filling);
            return self.fill(snapshot, standing).await;
        }
        if let Some(before) = before {
            // Also while what came and went is much.
            self.status.update(|status| status.state = ProjectionState::Following);
            if let Some(merged) = self.delta(before, snapshot, standing).await? {
                return Ok(Step::Merged(merged));
            }
        }
        self.status.update(|status| status.state = ProjectionState::Reconciling);
        self.reconcile(snapshot, standing).await
    }

    async fn fill(
        &mut self,
        snapshot: &Snapshot,
        standing: &Standing<'_>,
    ) -> Result<Step, ProjectError> {
        let Target { options, session, table, progress, pace, spaces, .. } = self;
        let view = View { snapshot, filter: &options.filter, table, spaces: *spaces };
        let source = self.is_source.then_some(&options.source);
        let (client, batch_rows) = (&mut session.client, options.batch_rows);
        let filling = Filling { client, view, source, pace, batch_rows };
        let (rows, moved) = filling.fill(progress.as_ref(), standing).await?;
        self.table.oid = Some(moved.table_oid);
        self.progress = Some(moved);
        Ok(Step::Filled(rows))
    }

    /// None if the versions are not of one copy.
    async fn delta(
        &mut self,
        before: &Snapshot,
        snapshot: &Snapshot,
        standing: &Standing<'_>,
    ) -> Result<Option<Merged>, ProjectError> {
        let Target { options, session, table, progress, pace, spaces, .. } = self;
        let view = View { snapshot, filter: &options.filter, table, spaces: *spaces };
        let mut stage = Stage::new(&mut session.client, table, pace, options.batch_rows);
        if !stage_delta(&mut stage, before, view).await? {
            return Ok(None);
        }
        let (merged, moved) = stage.merge(progress.as_ref(), standing).await?;
        self.progress = Some(moved);
        Ok(Some(merged))
    }

    async fn reconcile(
        &mut self,
        snapshot: &Snapshot,
        standing: &Standing<'_>,
    ) -> Result<Step, ProjectError> {
        progress::tell(&self.session.client, &self.table, "reconciling").await?;
        let Target { options, session, table, progress, pace, spaces, .. } = self;
        let view = View { snapshot, filter: &options.filter, table, spaces: *spaces };
        let mut stage = Stage::new(&mut session.client, table, pace, options.batch_rows);
        let mut reader = Session::connect(&options.target).await?;
        let transaction = compare::begin(&mut reader).await?;
        let report = compare::read_through(&transaction, view, Some(&mut stage)).await?;
        // What it saw is not what the merge will find, if anybody else writes.
        drop(transaction);
        drop(reader);
        let (_merged, moved) = stage.merge(progress.as_ref(), standing).await?;
        self.progress = Some(moved);
        Ok(Step::Reconciled(report))
    }
}

/// A table for such keys as the version has.
async fn planned(
    client: &Client,
    options: &ProjectOptions,
    snapshot: &Snapshot,
) -> Result<Table, ProjectError> {
    let (team, person) = View::first_keys(snapshot, &options.filter);
    Table::planned(client, &options.table, &team, &person).await
}

/// Keeps others from projecting into the table for as long as the session lasts.
async fn hold(client: &Client, table: &Table) -> Result<(), ProjectError> {
    let deadline = Instant::now() + HOLD_MAX;
    loop {
        let held = client
            .query_one(
                "SELECT pg_try_advisory_lock(hashtext('teamgraph_projection'), hashtext($1))",
                &[&table.sql()],
            )
            .await
            .map_err(ProjectError::statement("take the projection's lock"))?;
        if held.get(0) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(ProjectError::Held { table: table.sql() });
        }
        sleep(HOLD_LOOK).await;
    }
}

/// Whether the target is the very database that is followed.
async fn is_source(
    client: &Client,
    options: &ProjectOptions,
    history: History,
) -> Result<bool, ProjectError> {
    let found = client
        .query_one(
            "SELECT system_identifier::text, current_database()::text FROM pg_control_system()",
            &[],
        )
        .await
        .map_err(ProjectError::statement("ask which server it is"))?;
    let (system_id, database): (String, String) = (found.get(0), found.get(1));
    Ok(system_id == history.system_id.to_string() && database == options.source.database)
}
