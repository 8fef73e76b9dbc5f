//! The one who applies: a plain copy of the rows, and the feed held to its promises.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use teamgraph::change::{Change, FeedEvent, NamePut, RowId, RowKey};
use teamgraph::id::{Key, Lsn, MemberKind, Role};
use teamgraph::status::AppliedLsn;
use tokio::sync::mpsc;

/// The rows as the events tell them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// id → name, is a team, owner
    pub members: BTreeMap<i64, (String, bool, Option<i64>)>,
    /// id → person, team, is an administrator; active ones only
    pub memberships: BTreeMap<i64, (i64, i64, bool)>,
}

fn int(key: &Key) -> i64 {
    match key {
        Key::Int(key) => *key,
        other => panic!("not an integer key: {other}"),
    }
}

fn row_int(row: &RowKey) -> i64 {
    match &row.key {
        RowId::Key(key) => int(key),
        RowId::Pair(..) => panic!("not a key: {row:?}"),
    }
}

impl Rows {
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::MemberPut { key, kind, name, owner } => {
                let name = match name {
                    NamePut::Set(name) => name.unwrap().to_string(),
                    NamePut::Keep => self.members[&int(&key.key)].0.clone(),
                };
                let owner = owner.map(|owner| int(&owner.key));
                let team = kind == MemberKind::Team;
                self.members.insert(int(&key.key), (name, team, owner));
            }
            Change::MemberDelete { key } => {
                assert!(self.members.remove(&int(&key.key)).is_some(), "unknown member {key}");
            }
            Change::MembersTruncate { .. } => self.members.clear(),
            Change::RowPut { row, states } => match states {
                Some(membership) => {
                    let (member, team) = (int(&membership.member.key), int(&membership.team.key));
                    let admin = membership.role == Role::Admin;
                    self.memberships.insert(row_int(&row), (member, team, admin));
                }
                None => {
                    self.memberships.remove(&row_int(&row));
                }
            },
            Change::RowDelete { row } => {
                self.memberships.remove(&row_int(&row));
            }
            Change::RowsTruncate { .. } => self.memberships.clear(),
        }
    }
}

/// What the one who applies has come to.
#[derive(Debug, Default)]
pub struct Applied {
    pub rows: Rows,
    pub commits: u64,
    pub aborts: u64,
}

/// Applies events and holds the feed to its promises.
pub async fn apply(
    mut events: mpsc::Receiver<Vec<FeedEvent>>,
    applied: Arc<AppliedLsn>,
    state: Arc<std::sync::Mutex<Applied>>,
    pace: Arc<AtomicU64>,
) {
    // The changes since the last boundary; none of them counts before the next.
    let mut pending: Option<Vec<Change>> = None;
    let mut copying = false;
    let mut last = Lsn(0);
    while let Some(batch) = events.recv().await {
        assert!(!batch.is_empty() && batch.len() <= 1_030, "{}", batch.len());
        tokio::time::sleep(Duration::from_millis(pace.load(Ordering::Relaxed))).await;
        let mut state = state.lock().unwrap();
        for event in batch {
            match event {
                FeedEvent::Resume { .. } => panic!("nothing was kept"),
                FeedEvent::CopyBegin { .. } => {
                    assert!(pending.is_none() && !copying);
                    (pending, copying) = (Some(Vec::new()), true);
                }
                FeedEvent::CopyEnd { consistent_point } => {
                    assert!(copying);
                    copying = false;
                    last = consistent_point;
                    state.rows = Rows::default();
                    pending.take().into_iter().flatten().for_each(|c| state.rows.apply(c));
                    applied.reset(consistent_point);
                }
                FeedEvent::Change(change) => pending.get_or_insert_default().push(change),
                FeedEvent::Commit { end_lsn } => {
                    assert!(end_lsn > last && !copying, "{end_lsn} after {last}");
                    last = end_lsn;
                    pending.take().into_iter().flatten().for_each(|c| state.rows.apply(c));
                    state.commits += 1;
                    applied.raise(end_lsn);
                }
                FeedEvent::Abort => {
                    assert!(pending.is_some());
                    (pending, copying) = (None, false);
                    state.aborts += 1;
                }
                FeedEvent::Watermark { lsn } => {
                    assert!(pending.is_none() && lsn > last, "{lsn} after {last}");
                    last = lsn;
                    applied.raise(lsn);
                }
            }
        }
    }
}
