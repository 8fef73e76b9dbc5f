//! A private PostgreSQL that holds the organisation in the built-in schema.
//!
//! Its settings are those of a small dedicated server, not of a test: [`SETTINGS`]. fsync is on.
//! Loading skips what only loading pays for: foreign keys are not checked row by row, and the
//! indexes of the memberships are made after the rows, as they were.

use crate::copy_rows::CopyRows;
use crate::options::Plan;
use anyhow::Context;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::id::{MemberKind, Role};
use teamgraph::migrate::migrate;
use teamgraph::synthetic::Synthetic;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

/// Beyond those of every private server.
pub const SETTINGS: [(&str, &str); 10] = [
    // Who is compared over TCP answers over TCP.
    ("listen_addresses", "127.0.0.1"),
    // The flattened table's index and its hot pages fit.
    ("shared_buffers", "4GB"),
    ("effective_cache_size", "12GB"),
    ("work_mem", "256MB"),
    ("maintenance_work_mem", "1GB"),
    // No checkpoint that nobody asked for in the middle of a window, nor a vacuum.
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("max_slot_wal_keep_size", "32GB"),
    ("synchronous_commit", "on"),
];

const DATABASE: &str = "bench";
const ADDRESS: &str = "127.0.0.1";
/// Who may connect: as everywhere with a private server, and over loopback too.
const ACCESS: &str =
    "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n";

/// A client, and the task that drives its connection.
pub struct Sql {
    pub client: Client,
    _driver: JoinSet<()>,
}

pub async fn connect(url: &str) -> anyhow::Result<Sql> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("suite: a connection to PostgreSQL ended: {error}");
        }
    });
    Ok(Sql { client, _driver: driver })
}

pub struct Database {
    postgres: EmbeddedPostgres,
    pub url: String,
    pub sql: Sql,
    pub synthetic: Synthetic,
    /// Rows of memberships that were loaded; their keys are 1 and so on.
    pub memberships: i64,
    /// Read by the server when it starts.
    _access: TempDir,
}

impl Database {
    /// Starts the server and loads the organisation.
    pub async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let settings = SETTINGS.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let (access, file) = access()?;
        let settings = settings.chain([("hba_file".into(), file)]).collect();
        let options = EmbeddedOptions { directory: None, settings };
        let postgres = EmbeddedPostgres::start(options).await?;
        let url = postgres.create_database(DATABASE).await?;
        migrate(&url).await?;
        let sql = connect(&url).await?;
        let synthetic = Synthetic::new(plan.shape);
        let mut database =
            Database { postgres, url, sql, synthetic, memberships: 0, _access: access };
        database.load().await?;
        Ok(database)
    }

    /// The URL for the feed's role, whose connections can be refused.
    pub fn feed_url(&self) -> String {
        self.url.replace("user=postgres", "user=teamgraph_feed")
    }

    /// The URL over TCP.
    pub fn tcp_url(&self) -> anyhow::Result<String> {
        let config: tokio_postgres::Config = self.url.parse()?;
        let port = config.get_ports().first().context("a private server has a port")?;
        Ok(format!("postgresql://postgres@{ADDRESS}:{port}/{DATABASE}"))
    }

    /// A program of the server's own directory.
    pub fn program(&self, name: &str) -> anyhow::Result<PathBuf> {
        let pid = self.postgres.pid().ok_or_else(|| anyhow::anyhow!("the server has ended"))?;
        let postgres = std::fs::read_link(format!("/proc/{pid}/exe"))?;
        Ok(postgres.with_file_name(name))
    }

    async fn load(&mut self) -> anyhow::Result<()> {
        let client = &self.sql.client;
        let indexes = indexes(client).await?;
        client.batch_execute("SET session_replication_role = replica").await?;
        for index in &indexes {
            client.batch_execute(&index.drop).await?;
        }
        load_members(client, &self.synthetic).await?;
        self.memberships = load_memberships(client, &self.synthetic).await? as i64;
        for index in &indexes {
            client.batch_execute(&index.create).await?;
        }
        let after = format!(
            "SET session_replication_role = origin;
             SELECT setval(pg_get_serial_sequence('teamgraph.team_membership', 'id'), {});
             VACUUM (ANALYZE) teamgraph.person, teamgraph.team_membership;
             CHECKPOINT",
            self.memberships
        );
        for statement in after.split(';') {
            client.batch_execute(statement).await?;
        }
        Ok(())
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.sql);
        self.postgres.stop().await?;
        Ok(())
    }
}

/// The file that says who may connect, where the server's account can read it.
fn access() -> anyhow::Result<(TempDir, String)> {
    let directory = tempfile::tempdir()?;
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
    let file = directory.path().join("pg_hba.conf");
    std::fs::write(&file, ACCESS)?;
    Ok((directory, file.display().to_string()))
}

struct Index {
    drop: String,
    create: String,
}

/// The indexes and unique keys of the memberships, as the catalogue states them.
async fn indexes(client: &Client) -> anyhow::Result<Vec<Index>> {
    let table = "teamgraph.team_membership";
    let constraints = "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = 'teamgraph.team_membership'::regclass AND contype IN ('p', 'u')";
    let mut indexes = Vec::new();
    for row in client.query(constraints, &[]).await? {
        let (name, definition): (&str, &str) = (row.get(0), row.get(1));
        indexes.push(Index {
            drop: format!("ALTER TABLE {table} DROP CONSTRAINT \"{name}\""),
            create: format!("ALTER TABLE {table} ADD CONSTRAINT \"{name}\" {definition}"),
        });
    }
    let others = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = 'teamgraph.team_membership'::regclass
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)";
    for row in client.query(others, &[]).await? {
        let (name, definition): (&str, &str) = (row.get(0), row.get(1));
        indexes.push(Index { drop: format!("DROP INDEX {name}"), create: definition.into() });
    }
    Ok(indexes)
}

/// All teams are owned by the first person.
async fn load_members(client: &Client, synthetic: &Synthetic) -> anyhow::Result<()> {
    let columns = "teamgraph.person (id, name, display_name, team_owner)";
    let mut rows = CopyRows::begin(client, columns, "").await?;
    for member in synthetic.members() {
        let row = rows.row(4).await?;
        row.int8(member.key).text(&member.name).text(&member.name);
        match member.kind {
            MemberKind::Team => row.int8(*synthetic.people().start()),
            MemberKind::Person => row.null(),
        };
    }
    rows.finish().await?;
    Ok(())
}

async fn load_memberships(client: &Client, synthetic: &Synthetic) -> anyhow::Result<u64> {
    let columns = "teamgraph.team_membership (id, person, team, status)";
    let mut rows = CopyRows::begin(client, columns, "").await?;
    for (id, membership) in (1_i64..).zip(synthetic.memberships()) {
        let status = match membership.role {
            Role::Member => 2,
            Role::Admin => 3,
        };
        let row = rows.row(4).await?;
        row.int8(id).int8(membership.member).int8(membership.team).int4(status);
    }
    rows.finish().await
}

/// Looks every millisecond until it holds.
pub async fn until(
    what: &str,
    seconds: u64,
    mut holds: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !holds() {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{what}: not within {seconds} s");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    Ok(())
}
