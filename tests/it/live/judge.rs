//! What is true, by recursive SQL over the source's tables, and whether an answer is that.
//!
//! Owns the comparison. It shares nothing with what it judges but names: members are told apart by
//! their directory names, and who participates in what is found by PostgreSQL.

use super::served::Served;
use super::source::connect;
use pgwire_replication::{ReplicationClient, ReplicationConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicU32, Ordering};
use teamgraph::graph::{Kinds, MemberCursor, Named, Relation, Scope, Snapshot};
use teamgraph::id::{Lsn, MemberId, MemberKind, Role};
use tokio_postgres::{Client, Config, config::Host};

/// (member, team)
pub type Pair = (String, String);

/// What the source's tables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Every member, and whether it is a team.
    pub members: BTreeMap<String, bool>,
    /// The direct memberships that count, and whether they administer the team.
    pub direct: BTreeMap<Pair, bool>,
    /// Who participates in what, itself excluded.
    pub all: BTreeSet<Pair>,
}

/// Below this many pairs of a member and a team, each is asked about, and not only listed.
const EVERY_PAIR_MAX: usize = 250_000;

const MEMBERS: &str = "SELECT name, team_owner IS NOT NULL FROM teamgraph.person";

/// A membership counts if its status is active and what is joined is a team.
const DIRECT: &str = "
    SELECT m.name, t.name, e.status = 3
    FROM teamgraph.team_membership e JOIN teamgraph.person m ON m.id = e.person
    JOIN teamgraph.person t ON t.id = e.team
    WHERE e.status IN (2, 3) AND t.team_owner IS NOT NULL AND m.id <> t.id";

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
    SELECT m.name, t.name
    FROM participation p JOIN teamgraph.person m ON m.id = p.person
    JOIN teamgraph.person t ON t.id = p.team
    WHERE p.person <> p.team";

impl Truth {
    /// As the session sees it: three questions, so in one transaction of one snapshot.
    pub async fn ask(sql: &Client) -> Self {
        let mut truth = Truth::default();
        for row in sql.query(MEMBERS, &[]).await.unwrap() {
            truth.members.insert(row.get(0), row.get(1));
        }
        for row in sql.query(DIRECT, &[]).await.unwrap() {
            truth.direct.insert((row.get(0), row.get(1)), row.get(2));
        }
        for row in sql.query(ALL, &[]).await.unwrap() {
            truth.all.insert((row.get(0), row.get(1)));
        }
        truth
    }

    pub fn teams(&self) -> impl Iterator<Item = &String> {
        self.members.iter().filter(|(_, is_team)| **is_team).map(|(name, _)| name)
    }

    /// Holds a version to it.
    pub fn judge(&self, version: &Snapshot) {
        let at = version.version();
        let stats = version.stats();
        let teams = self.teams().count();
        let counts = (usize::try_from(stats.people), usize::try_from(stats.teams));
        assert_eq!(counts, (Ok(self.members.len() - teams), Ok(teams)), "people, teams at {at}");
        let name = |member: MemberId| version.name(member).unwrap().to_owned();
        let mut ids = BTreeMap::new();
        for (member, is_team) in &self.members {
            let Named::One(id) = version.find_named(member) else {
                panic!("{member} is not known at {at}");
            };
            let kind = if *is_team { MemberKind::Team } else { MemberKind::Person };
            assert_eq!(version.kind(id), Some(kind), "{member} at {at}");
            ids.insert(member, id);
        }
        let (mut listed_up, mut listed_down) = (Vec::new(), Vec::new());
        let mut direct = BTreeMap::new();
        for (member, id) in &ids {
            let page = version.list_teams(*id, Scope::All, None, usize::MAX);
            assert_eq!(page.next, None);
            let teams = page.teams.into_iter().map(|team| name(version.member(team).unwrap()));
            listed_up.extend(teams.map(|team| ((*member).clone(), team)));
            let Some(team) = version.team(*id) else { continue };
            for below in members(version, *id, Scope::All) {
                listed_down.push((name(below), (*member).clone()));
            }
            for below in members(version, *id, Scope::Direct) {
                let admin = version.role(below, team) == Some(Role::Admin);
                direct.insert((name(below), (*member).clone()), admin);
            }
        }
        same("teams of each member", at, &self.all, &unique(listed_up));
        same("members of each team", at, &self.all, &unique(listed_down));
        same("direct memberships", at, &self.direct, &direct);
        if self.members.len() * teams <= EVERY_PAIR_MAX {
            self.judge_each_pair(version, &ids);
        }
    }

    fn judge_each_pair(&self, version: &Snapshot, ids: &BTreeMap<&String, MemberId>) {
        let teams: Vec<&String> = self.teams().collect();
        let mut pair = Pair::default();
        for (member, id) in ids {
            pair.0.clone_from(member);
            for &team in &teams {
                pair.1.clone_from(team);
                let expected = match pair {
                    _ if *member == team => Relation::Itself,
                    _ if self.direct.contains_key(&pair) => Relation::Direct,
                    _ if self.all.contains(&pair) => Relation::Indirect,
                    _ => Relation::None,
                };
                let found = version.relation(*id, version.team(ids[team]).unwrap());
                assert_eq!(found, expected, "{member} in {team} at {}", version.version());
            }
        }
    }
}

fn members(version: &Snapshot, team: MemberId, scope: Scope) -> Vec<MemberId> {
    let team = version.team(team).unwrap();
    let kinds = Kinds { people: true, teams: true };
    let (mut all, mut from) = (Vec::new(), None::<MemberCursor>);
    loop {
        let page = version.list_members(team, scope, kinds, from, 1_000);
        all.extend(page.members);
        from = page.next;
        if from.is_none() {
            return all;
        }
    }
}

/// As a set; nothing may be listed twice.
pub fn unique(pairs: Vec<Pair>) -> BTreeSet<Pair> {
    let listed = pairs.len();
    let unique: BTreeSet<Pair> = pairs.into_iter().collect();
    assert_eq!(unique.len(), listed, "something is listed twice");
    unique
}

/// Two collections are equal, or a few of the differences are shown.
pub fn same<T: Debug + Ord>(
    what: &str,
    at: impl Display,
    expected: impl IntoIterator<Item = T>,
    found: impl IntoIterator<Item = T>,
) {
    let (expected, found): (BTreeSet<T>, BTreeSet<T>) =
        (expected.into_iter().collect(), found.into_iter().collect());
    if expected == found {
        return;
    }
    let missing: Vec<_> = expected.difference(&found).take(5).collect();
    let wrong: Vec<_> = found.difference(&expected).take(5).collect();
    panic!(
        "{what} at {at}: {} expected, {} found; missing {missing:?} …, wrong {wrong:?} …",
        expected.len(),
        found.len()
    );
}

/// What is true at a position of the log that nobody chose.
///
/// A truncation is [seen by snapshots](https://www.postgresql.org/docs/current/mvcc-caveats.html)
/// that were taken before it: what was read across one is nobody's truth, and read again.
pub async fn truth_at_a_position(url: &str) -> (Lsn, Truth) {
    const FILES: &str = "SELECT pg_relation_filenode('teamgraph.person'),
                                pg_relation_filenode('teamgraph.team_membership')";
    let sql = connect(url).await;
    let files = async || {
        let row = sql.query_one(FILES, &[]).await.unwrap();
        (row.get::<_, u32>(0), row.get::<_, u32>(1))
    };
    loop {
        let before = files().await;
        let truth = truth_of_a_snapshot(url).await;
        if files().await == before {
            return truth;
        }
    }
}

/// A snapshot of the source at a known position of its log.
///
/// [Creating a logical slot](https://www.postgresql.org/docs/current/protocol-replication.html)
/// exports one that shows exactly what was committed before the slot's consistent point. The slot
/// is a temporary one, and goes with its connection.
async fn truth_of_a_snapshot(url: &str) -> (Lsn, Truth) {
    static SLOTS: AtomicU32 = AtomicU32::new(0);
    let config: Config = url.parse().unwrap();
    let Some(Host::Unix(directory)) = config.get_hosts().first() else { panic!("no socket") };
    let database = config.get_dbname().unwrap();
    let slot = format!("judge_{}", SLOTS.fetch_add(1, Ordering::Relaxed));
    let directory = directory.to_str().unwrap();
    let replication =
        ReplicationConfig::unix(directory, 5432, "postgres", "", database, &*slot, "teamgraph");
    let mut replication = ReplicationClient::connect_gated(replication).await.unwrap();
    let create =
        format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT");
    let rows = replication.simple_query(&create).await.unwrap();
    let text = |column: usize| str::from_utf8(rows[0][column].as_ref().unwrap()).unwrap();
    let (position, snapshot) = (text(1).parse().unwrap(), text(2));
    let sql = connect(url).await;
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{snapshot}'"
    );
    sql.batch_execute(&begin).await.unwrap();
    let truth = Truth::ask(&sql).await;
    replication.abort();
    (position, truth)
}

/// Compares, at one position of the log, what is answered with what is true. Returns the size of
/// what was compared.
///
/// The position is found while others go on writing, so it is compared with the version that was
/// the newest there.
pub async fn compare_at_a_position(url: &str, served: &Served) -> Compared {
    let (position, truth) = truth_at_a_position(url).await;
    served.applied(position).await;
    let version = served.published.recent_at(position).expect("a version of that position");
    let behind = served.published.load().unwrap().snapshot.sequence() - version.sequence();
    let compared =
        Compared { members: truth.members.len(), participations: truth.all.len(), behind };
    // It takes a while, and must not hold up those who write and apply.
    tokio::task::spawn_blocking(move || truth.judge(&version)).await.unwrap();
    compared
}

/// The size of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    pub members: usize,
    pub participations: usize,
    /// How many versions came after the one that was compared.
    pub behind: u64,
}
