//! The table beside a version, both read in one order.
//!
//! Owns the reading of the table, a page at a time within one snapshot of the target, and the walk
//! along both. It must not know what becomes of the differences.

use super::error::ProjectError;
use super::keys::SqlKey;
use super::merge::{Stage, Way};
use super::report::TableReport;
use super::session::Session;
use super::table::Table;
use super::view::{Pairs, View};
use crate::id::Key;
use std::cmp::Ordering;
use tokio_postgres::{IsolationLevel, Portal, Row, Transaction};

/// Rows of the table that are read at once.
const PAGE_ROWS: i32 = 10_000;

/// A row that is to go one way for the table to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Into the table, where it is missing, or out of it.
    pub(super) way: Way,
    pub(super) team: Key,
    pub(super) person: Key,
}

/// A walk along the table and the version.
struct Comparison<'a> {
    rows: TableRows<'a>,
    pairs: std::iter::Peekable<Pairs<'a>>,
    /// Rows of the version that were come by.
    expected: u64,
}

/// The table's rows, by team and then by person.
struct TableRows<'a> {
    transaction: &'a Transaction<'a>,
    portal: Portal,
    page: std::vec::IntoIter<Row>,
    next: Option<(Key, Key)>,
    is_done: bool,
    read: u64,
}

/// A transaction that sees the table as it is now, however long it is read.
pub(super) async fn begin(session: &mut Session) -> Result<Transaction<'_>, ProjectError> {
    let transaction = session.client.build_transaction().read_only(true);
    let transaction = transaction.isolation_level(IsolationLevel::RepeatableRead).start().await;
    transaction.map_err(ProjectError::statement("begin a transaction"))
}

/// Reads the table beside the version; what differs is noted, and staged if it is to be mended.
pub(super) async fn read_through(
    transaction: &Transaction<'_>,
    view: View<'_>,
    mut stage: Option<&mut Stage<'_>>,
) -> Result<TableReport, ProjectError> {
    let mut comparison = Comparison::begin(transaction, view).await?;
    let mut report = TableReport::new(view.table.sql(), view.snapshot.version());
    while let Some(finding) = comparison.next().await? {
        report.note(&finding, view.snapshot);
        if let Some(stage) = &mut stage {
            stage.push(finding.way, finding.team, finding.person).await?;
        }
    }
    report.rows_expected = comparison.expected;
    report.rows_found = comparison.rows.read;
    Ok(report)
}

impl<'a> Comparison<'a> {
    async fn begin(transaction: &'a Transaction<'a>, view: View<'a>) -> Result<Self, ProjectError> {
        let rows = TableRows::begin(transaction, view.table).await?;
        let pairs = Pairs::from(view.groups()?).peekable();
        Ok(Comparison { rows, pairs, expected: 0 })
    }

    /// The next row that is in one of them alone.
    async fn next(&mut self) -> Result<Option<Finding>, ProjectError> {
        loop {
            let held = self.rows.peek().await?;
            let order = match (self.pairs.peek(), held) {
                (None, None) => return Ok(None),
                (Some(Err(_)), _) | (Some(Ok(_)), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(Ok(pair)), Some(held)) => pair.cmp(held),
            };
            if order == Ordering::Greater {
                if let Some((team, person)) = self.rows.next.take() {
                    return Ok(Some(Finding { way: Way::Out, team, person }));
                }
                continue;
            }
            let Some(pair) = self.pairs.next().transpose()? else { continue };
            self.expected += 1;
            if order == Ordering::Less {
                let (team, person) = pair;
                return Ok(Some(Finding { way: Way::In, team, person }));
            }
            self.rows.next = None;
        }
    }
}

impl<'a> TableRows<'a> {
    async fn begin(transaction: &'a Transaction<'a>, table: &Table) -> Result<Self, ProjectError> {
        let sql = format!(
            "SELECT {}, {} FROM {} ORDER BY {}, {}",
            table.team.sql(),
            table.person.sql(),
            table.sql(),
            table.team.order(),
            table.person.order(),
        );
        let portal = transaction.bind(&sql, &[]).await;
        let portal = portal.map_err(ProjectError::statement("read the table"))?;
        let page = Vec::new().into_iter();
        Ok(TableRows { transaction, portal, page, next: None, is_done: false, read: 0 })
    }

    /// The row that comes next; it stays until it is taken.
    async fn peek(&mut self) -> Result<Option<&(Key, Key)>, ProjectError> {
        let failed = || ProjectError::statement("read the table");
        while self.next.is_none() {
            if let Some(row) = self.page.next() {
                let SqlKey(team) = row.try_get(0).map_err(failed())?;
                let SqlKey(person) = row.try_get(1).map_err(failed())?;
                self.read += 1;
                self.next = Some((team, person));
            } else if self.is_done {
                return Ok(None);
            } else {
                let page = self.transaction.query_portal(&self.portal, PAGE_ROWS).await;
                let page = page.map_err(failed())?;
                self.is_done = page.is_empty();
                self.page = page.into_iter();
            }
        }
        Ok(self.next.as_ref())
    }
}
