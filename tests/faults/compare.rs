//! The pause: nobody writes, and what is served is compared with recursive SQL, all of it.
//!
//! Owns the SQL. In the same pause the oracle is compared with the tables, so that an error of the
//! recorder would not pass for the product's.

use crate::asked::{Asked, Kinds, Listed};
use crate::judge::{Verdict, lsn};
use crate::log::{Log, Place};
use crate::oracle::Oracle;
use crate::questions::{self, Refusal};
use crate::readers::position;
use crate::rows::{Membership, Person, Rows};
use crate::stage::{LOOK, NEVER, Stage};
use crate::writer::{Gate, connect, token};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use teamgraph::pb;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

/// Who participates in what, itself excluded.
const ALL: &str = "
    WITH RECURSIVE edge AS MATERIALIZED (
        SELECT e.person, e.team
        FROM teamgraph.team_membership e JOIN teamgraph.person t ON t.id = e.team
        WHERE e.status IN (2, 3) AND t.team_owner IS NOT NULL
    ), participation AS (
        SELECT person, team FROM edge
        UNION
        SELECT p.person, edge.team FROM participation p JOIN edge ON edge.person = p.team
    )
    SELECT person, team FROM participation WHERE person <> team";

const PEOPLE: &str = "SELECT id, name, team_owner FROM teamgraph.person";
const MEMBERSHIPS: &str = "SELECT id, person, team, status::int8 FROM teamgraph.team_membership";

/// Stops the writers, compares, and lets them go on.
pub async fn pause(stage: &mut Stage, log: &Log, verdict: &Verdict) -> anyhow::Result<()> {
    stage.writers.set(Gate::Nothing).await;
    let compared = compare(stage, log, verdict).await;
    stage.writers.set(Gate::All).await;
    compared
}

async fn compare(stage: &mut Stage, log: &Log, verdict: &Verdict) -> anyhow::Result<()> {
    let sql = stage.sql().await?;
    let token = token(&sql).await.context("no token")?;
    let at = position(&token).context("no position")?;
    timeout(NEVER, log.heard_up_to(at)).await.context("the recorder does not hear")?;
    let Place::After(commits) = log.place(at) else { bail!("no state at {}", lsn(at)) };
    let recorded = log.state(commits).context("no state")?;
    let tables = tables(&sql).await?;
    ensure!(recorded == tables, "the recorder is wrong: {recorded:?}, the tables: {tables:?}");
    let rows = sql.query(ALL, &[]).await?;
    let all: BTreeSet<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    stage.followed().await?;
    if let Some(mart) = &stage.serve.project {
        let projected = projected(mart, at).await?;
        let wrong: Vec<_> = projected.symmetric_difference(&all).take(5).collect();
        if !wrong.is_empty() {
            verdict.wrong(&format!("the table at {token} differs from SQL in {wrong:?} …"));
        }
    }
    let oracle = Oracle::new(tables);
    let members: Vec<i64> = oracle.rows().people.keys().copied().collect();
    let (mut up, mut down) = (BTreeSet::new(), BTreeSet::new());
    for member in members {
        let list = Listed { of: member, direct: false, admin: false };
        up.extend(served(stage, &token, list, false).await?.into_iter().map(|team| (member, team)));
        if oracle.is_team(member) {
            let below = served(stage, &token, list, true).await?;
            down.extend(below.into_iter().map(|below| (below, member)));
        }
    }
    for (what, served) in [("teams of members", up), ("members of teams", down)] {
        let wrong: Vec<_> = served.symmetric_difference(&all).take(5).collect();
        if !wrong.is_empty() {
            verdict.wrong(&format!("{what} at {token} differ from SQL's in {wrong:?} …"));
        }
    }
    Ok(())
}

/// What the participation table holds once it knows the position: soon after a change, and within
/// seconds where nothing changes.
async fn projected(mart: &str, at: u64) -> anyhow::Result<BTreeSet<(i64, i64)>> {
    let deadline = Instant::now() + NEVER;
    let knows = "SELECT applied_lsn >= $1::text::pg_lsn FROM teamgraph_projection";
    let sql = loop {
        let sql = connect(mart).await?;
        // The table may not be there yet.
        let known = sql.query_opt(knows, &[&lsn(at)]).await.ok().flatten();
        if known.is_some_and(|row| row.get(0)) {
            break sql;
        }
        ensure!(Instant::now() < deadline, "the participation table does not reach {}", lsn(at));
        sleep(LOOK).await;
    };
    let rows = "SELECT person, team FROM teamparticipation WHERE person <> team";
    let rows = sql.query(rows, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn tables(sql: &Client) -> anyhow::Result<Rows> {
    let mut rows = Rows::default();
    for row in sql.query(PEOPLE, &[]).await? {
        rows.people.insert(row.get(0), Person { name: row.get(1), owner: row.get(2) });
    }
    for row in sql.query(MEMBERSHIPS, &[]).await? {
        let membership = Membership { person: row.get(1), team: row.get(2), status: row.get(3) };
        rows.memberships.insert(row.get(0), membership);
    }
    Ok(rows)
}

/// A list that is as fresh as the token; the service may be on its way back.
async fn served(
    stage: &mut Stage,
    token: &str,
    list: Listed,
    below: bool,
) -> anyhow::Result<Vec<i64>> {
    let deadline = Instant::now() + NEVER;
    loop {
        let mut asker = stage.asker().await?;
        let freshness = Some(pb::Freshness {
            at: Some(pb::freshness::At::AtLeastAsFresh(token.to_owned())),
            max_wait_ms: Some(10_000),
        });
        let asked = if below {
            questions::members(&mut asker, list, Kinds::Both, freshness).await
        } else {
            questions::teams(&mut asker, list, freshness).await
        };
        match asked {
            Ok((Asked::Teams { got, .. } | Asked::Members { got, .. }, _)) => return Ok(got),
            Err(Refusal::Nonsense(what)) => bail!("{what}"),
            Err(Refusal::Status(status)) if Instant::now() >= deadline => {
                bail!("in a pause of the writers the service does not catch up: {status:?}")
            }
            // Unknown, or not reached yet: the next look tells which.
            _ => sleep(LOOK).await,
        }
        stage.followed().await?;
    }
}
