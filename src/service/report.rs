//! `GetStatus`: how the server is.
//!
//! Owns the report's form. It answers before the first copy too, since that is when it is needed
//! most. It must not know how any of what it shows is measured.

use super::convert;
use super::errors::Failure;
use super::freshness::Basis;
use super::limits;
use super::listed::field_bytes;
use super::participation::{Answers, Reports};
use crate::command::LastVerify;
use crate::graph::{Digest, Snapshot, Stats};
use crate::pb;
use crate::status::{CheckpointStatus, FeedState, FeedStatus, ProjectionState, ProjectionStatus};
use prost::Message;
use std::time::SystemTime;

impl Answers {
    pub(crate) fn report(&self) -> Result<pb::GetStatusResponse, Failure> {
        let feed = self.contact.look();
        let basis = self.reads.newest().ok().map(Basis::Newest);
        let applied = basis.as_ref().map(Basis::applied_lsn).unwrap_or_default();
        let snapshot = basis.as_ref().map(Basis::snapshot);
        let (versions, bytes) = self.reads.kept_size();
        let Reports { checkpoint, projection, admin } = &self.reports;
        let limit = |limit: &limits::Limit| pb::ServiceLimit {
            name: limit.name.to_owned(),
            value: limit.value,
        };
        Ok(pb::GetStatusResponse {
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.name.clone(),
            answered_at: basis.as_ref().map(|basis| self.answered_at(basis)),
            source_lsn: feed.source_lsn.to_string(),
            lag_bytes: feed.source_lsn.0.saturating_sub(applied.0),
            lag_transactions: feed.transactions_behind,
            lag_ms: self.lag_ms(&feed),
            feed: Some(feed_report(&feed)),
            sizes: snapshot.map(|snapshot| sizes(snapshot.stats())),
            cycles: snapshot.map(cycles).transpose()?.unwrap_or_default(),
            kept_versions: Some(pb::KeptVersions { versions, bytes }),
            limits: limits::ALL.iter().map(limit).collect(),
            checkpoint: checkpoint.as_ref().map(|it| checkpoint_report(&it.get())),
            digest: snapshot.map(|snapshot| digest(snapshot.digest())),
            last_verify: admin.as_ref().and_then(|admin| admin.last_verify()).map(last_verify),
            projection: projection.as_ref().map(|it| projection_report(&it.get())),
        })
    }

    /// For how long the source has been out of reach; else since the oldest commit that waits.
    fn lag_ms(&self, feed: &FeedStatus) -> u64 {
        let behind = feed.behind_since.and_then(|since| since.elapsed().ok()).unwrap_or_default();
        let behind_ms = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
        self.contact.stale_for_ms().max(behind_ms)
    }
}

fn feed_report(feed: &FeedStatus) -> pb::FeedReport {
    let (error, retry_in_ms) = match &feed.state {
        FeedState::BackingOff { error, retry_in_ms } => (error.clone(), *retry_in_ms),
        FeedState::Failed { error } => (error.clone(), 0),
        FeedState::Starting
        | FeedState::Checking
        | FeedState::CreatingSlot
        | FeedState::Copying { .. }
        | FeedState::CatchingUp
        | FeedState::Streaming => (String::new(), 0),
    };
    let rows_copied = if let FeedState::Copying { rows } = feed.state { rows } else { 0 };
    pb::FeedReport {
        state: feed.state.name().to_owned(),
        error,
        rows_copied,
        retry_in_ms,
        slot: feed.slot.clone(),
        publication: feed.publication.clone(),
        reconnects: feed.reconnects,
        copies: feed.copies,
    }
}

fn checkpoint_report(checkpoint: &CheckpointStatus) -> pb::CheckpointReport {
    pb::CheckpointReport {
        directory: checkpoint.directory.clone(),
        start: checkpoint.start.clone(),
        position: checkpoint.position.map(|lsn| lsn.to_string()).unwrap_or_default(),
        age_ms: checkpoint.kept_at.map(age_ms).unwrap_or_default(),
        bytes: checkpoint.bytes,
        took_ms: checkpoint.took_ms,
        error: checkpoint.error.clone(),
    }
}

fn projection_report(projection: &ProjectionStatus) -> pb::ProjectionReport {
    let ProjectionStatus { table, state, version, applied_lsn, current_at, last_error } =
        projection;
    let retry_in_ms = match *state {
        ProjectionState::BackingOff { retry_in_ms } => retry_in_ms,
        ProjectionState::Starting
        | ProjectionState::Filling
        | ProjectionState::Reconciling
        | ProjectionState::Following
        | ProjectionState::Failed => 0,
    };
    let last_error = last_error.as_ref();
    pb::ProjectionReport {
        table: table.clone(),
        state: state.name().to_owned(),
        version: version.map(convert::version_to_wire),
        applied_lsn: version.map(|_| applied_lsn.to_string()).unwrap_or_default(),
        lag_ms: current_at.map(age_ms),
        retry_in_ms,
        error: last_error.map(|(error, _)| error.clone()).unwrap_or_default(),
        error_age_ms: last_error.map(|(_, at)| age_ms(*at)).unwrap_or_default(),
    }
}

/// How long ago that was, in milliseconds.
fn age_ms(at: SystemTime) -> u64 {
    u64::try_from(at.elapsed().unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn last_verify(LastVerify { ended_at, outcome }: LastVerify) -> pb::LastVerify {
    let age_ms = age_ms(ended_at);
    match outcome {
        Ok(report) => pb::LastVerify {
            age_ms,
            version: Some(convert::version_to_wire(report.version)),
            differences: report.differences(),
            members_compared: report.members_compared,
            whole: report.whole,
            error: String::new(),
        },
        Err(error) => {
            pb::LastVerify { age_ms, error: error.to_string(), ..pb::LastVerify::default() }
        }
    }
}

fn sizes(stats: Stats) -> pb::GraphSizes {
    pb::GraphSizes {
        people: stats.people,
        teams: stats.teams,
        memberships: stats.memberships,
        rows: stats.rows,
        team_edges: stats.team_edges,
        closure_pairs: stats.closure_pairs,
        closure_materialised: stats.closure_materialised,
        cycles: stats.cycles,
        teams_on_cycles: stats.teams_on_cycles,
        self_memberships: stats.self_memberships,
    }
}

fn digest(digest: Digest) -> pb::Digest {
    let text = |sum: u128| format!("{sum:032x}");
    pb::Digest { rows: text(digest.rows), closure: digest.closure.map(text).unwrap_or_default() }
}

fn cycles(snapshot: &Snapshot) -> Result<Vec<pb::Cycle>, Failure> {
    let mut room = limits::EXAMPLES_BYTES.count();
    let mut shown = Vec::new();
    for teams in snapshot.cycles(limits::CYCLES_SHOWN.count()) {
        let mut cycle = pb::Cycle {
            teams: Vec::new(),
            team_count: u64::try_from(teams.len()).map_err(|_| convert::lost())?,
        };
        for team in teams.into_iter().take(limits::CYCLE_TEAMS_SHOWN.count()) {
            let member = snapshot.member(team).ok_or_else(convert::lost)?;
            let member = convert::member(snapshot, member)?;
            let Some(left) = room.checked_sub(field_bytes(member.encoded_len())) else { break };
            room = left;
            cycle.teams.push(member);
        }
        shown.push(cycle);
    }
    Ok(shown)
}
