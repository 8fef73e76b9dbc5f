//! PostgreSQL asked directly: the flattened table, and recursive SQL over the memberships.
//!
//! Statements are prepared once on each connection. Changes of the table go through the functions
//! of `runner/flattened.py`, in the transaction that changes the memberships.

use crate::graph_files::{Listed, Transaction};
use crate::targets::{Applied, Connection, Place};
use futures_util::future::try_join_all;
use tokio_postgres::{Client, NoTls, Statement};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Table,
    Recursive,
    Plain,
}

pub struct Session {
    place: Place,
    form: Form,
}

pub struct Sql {
    client: Client,
    form: Form,
    check: Statement,
    teams: Statement,
    people: Statement,
    add: Statement,
    remove: Statement,
}

const TABLE: [&str; 3] = [
    "SELECT EXISTS (SELECT 1 FROM peers.participation WHERE person = $2 AND team = $1)",
    "SELECT team FROM peers.participation WHERE person = $1",
    "SELECT person FROM peers.participation WHERE team = $1 AND person > $2",
];
const RECURSIVE: [&str; 3] = [
    "WITH RECURSIVE above (team) AS (
        SELECT team FROM teamgraph.team_membership WHERE person = $2 AND status IN (2, 3)
        UNION
        SELECT m.team FROM above JOIN teamgraph.team_membership m ON m.person = above.team
            AND m.status IN (2, 3))
     SELECT EXISTS (SELECT 1 FROM above WHERE team = $1)",
    "WITH RECURSIVE above (team) AS (
        SELECT team FROM teamgraph.team_membership WHERE person = $1 AND status IN (2, 3)
        UNION
        SELECT m.team FROM above JOIN teamgraph.team_membership m ON m.person = above.team
            AND m.status IN (2, 3))
     SELECT team FROM above WHERE team <> $1",
    "WITH RECURSIVE below (team) AS (
        SELECT $1::bigint
        UNION
        SELECT m.person FROM below JOIN teamgraph.team_membership m ON m.team = below.team
            AND m.person <= $2 AND m.status IN (2, 3))
     SELECT DISTINCT m.person FROM below JOIN teamgraph.team_membership m ON m.team = below.team
        AND m.person > $2 AND m.status IN (2, 3)",
];
const MEMBERSHIPS: [&str; 2] = [
    "INSERT INTO teamgraph.team_membership (person, team, status) VALUES ($1, $2, 2)",
    "DELETE FROM teamgraph.team_membership WHERE person = $1 AND team = $2",
];
const FUNCTIONS: [&str; 2] = ["SELECT peers.join_team($1, $2)", "SELECT peers.leave_team($1, $2)"];

impl Session {
    pub fn new(place: Place, form: Form) -> Self {
        Session { place, form }
    }
}

pub async fn client(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("peers: a connection to PostgreSQL ended: {error}");
        }
    });
    Ok(client)
}

/// The edges of a transaction, pipelined between BEGIN and COMMIT. Gives the rows written.
pub async fn change_memberships(
    client: &Client,
    add: &Statement,
    remove: &Statement,
    transaction: &Transaction,
) -> anyhow::Result<i64> {
    client.batch_execute("BEGIN").await?;
    let removed = transaction.remove.iter().map(|(m, t)| (remove, m, t));
    let all = removed.chain(transaction.add.iter().map(|(m, t)| (add, m, t)));
    let all = all.map(|(statement, member, team)| async move {
        client.execute(statement, &[member, team]).await
    });
    let rows = try_join_all(all).await;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            return Err(error.into());
        }
    };
    client.batch_execute("COMMIT").await?;
    Ok(rows.iter().sum::<u64>() as i64)
}

impl super::Session for Session {
    type Connection = SqlConnection;

    async fn connect(&self) -> anyhow::Result<SqlConnection> {
        let client = client(&self.place.database).await?;
        let asked = if self.form == Form::Table { TABLE } else { RECURSIVE };
        let changed = if self.form == Form::Table { FUNCTIONS } else { MEMBERSHIPS };
        let sql = Sql {
            check: client.prepare(asked[0]).await?,
            teams: client.prepare(asked[1]).await?,
            people: client.prepare(asked[2]).await?,
            add: client.prepare(changed[0]).await?,
            remove: client.prepare(changed[1]).await?,
            form: self.form,
            client,
        };
        Ok(SqlConnection { sql, teams: self.place.teams })
    }
}

pub struct SqlConnection {
    sql: Sql,
    teams: i64,
}

fn listed(rows: &[tokio_postgres::Row]) -> Listed {
    let mut listed = Listed::default();
    rows.iter().for_each(|row| listed.add(row.get(0)));
    listed
}

impl Connection for SqlConnection {
    async fn check(&mut self, member: i64, team: i64) -> anyhow::Result<bool> {
        let row = self.sql.client.query_one(&self.sql.check, &[&team, &member]).await?;
        Ok(member == team || row.get(0))
    }

    async fn teams(&mut self, member: i64) -> anyhow::Result<Listed> {
        Ok(listed(&self.sql.client.query(&self.sql.teams, &[&member]).await?))
    }

    async fn people(&mut self, team: i64) -> anyhow::Result<Listed> {
        Ok(listed(&self.sql.client.query(&self.sql.people, &[&team, &self.teams]).await?))
    }

    async fn apply(&mut self, transaction: &Transaction) -> anyhow::Result<Applied> {
        let sql = &self.sql;
        if sql.form != Form::Table {
            let rows = change_memberships(&sql.client, &sql.add, &sql.remove, transaction).await?;
            return Ok(Applied { rows, token: String::new() });
        }
        sql.client.batch_execute("BEGIN").await?;
        let mut rows = 0;
        let removed = transaction.remove.iter().map(|edge| (&sql.remove, edge));
        for (statement, (member, team)) in
            removed.chain(transaction.add.iter().map(|edge| (&sql.add, edge)))
        {
            match sql.client.query_one(statement, &[member, team]).await {
                Ok(row) => rows += row.get::<_, i64>(0),
                Err(error) => {
                    sql.client.batch_execute("ROLLBACK").await?;
                    return Err(error.into());
                }
            }
        }
        sql.client.batch_execute("COMMIT").await?;
        Ok(Applied { rows, token: String::new() })
    }
}
