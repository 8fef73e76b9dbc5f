//! A real organisation, loaded, and its real history, replayed.
//!
//! Reads `../shared/data/kubernetes-org`, seen from the project's root (where tests run): teams,
//! memberships, and every change to them in eight years. Absent, it fails where `CI` is `true` and
//! is skipped elsewhere.

use super::judge::{Pair, compare_at_a_position, truth_at_a_position};
use super::served::Served;
use super::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use teamgraph::cli::Cli;

/// How many of the history's transactions come before the next comparison.
const COMPARE_EVERY: usize = 150;

/// The file; none, with the reason printed, if it may be absent.
fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new("../shared/data/kubernetes-org").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is absent", path.display());
    println!("skipped: {} is absent", path.display());
    None
}

fn records(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

/// Whether a role administers the team, in the words that `teamgraph load` takes.
fn administers(role: &str) -> bool {
    match role {
        "admin" | "maintainer" => true,
        "member" | "child" => false,
        other => panic!("unknown role {other}"),
    }
}

/// The direct memberships that the file states.
fn stated(memberships: &Path) -> BTreeMap<Pair, bool> {
    let records = records(memberships);
    let pairs = records.into_iter().map(|mut record| {
        let mut take = |column| record.remove(column).unwrap();
        ((take("member"), take("team")), administers(&take("role")))
    });
    pairs.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_organisation_is_loaded_and_agrees_with_sql() {
    let (Some(teams), Some(memberships)) = (data("teams.csv"), data("memberships.csv")) else {
        return;
    };
    let source = Source::start().await;
    let served = Served::start(&source.url, "loaded").await;
    let [teams, file] = [&teams, &memberships].map(|path| path.to_str().unwrap());
    let url = &source.url;
    let load =
        ["teamgraph", "load", "--database-url", url, "--members", teams, "--memberships", file];
    let load = Cli::read(&load.map(Into::into)).unwrap_or_else(|error| panic!("{error:?}"));
    Box::pin(load.run()).await.unwrap();
    // Streamed as one transaction, then copied.
    println!("{:?}", compare_at_a_position(&source.url, &served).await);
    served.stop().await;
    let served = Served::start(&source.url, "copied").await;
    println!("{:?}", compare_at_a_position(&source.url, &served).await);
    let (_, truth) = truth_at_a_position(&source.url).await;
    assert_eq!(truth.direct, stated(&memberships));
    served.stop().await;
    source.stop().await;
}

/// One transaction of the history, by what its rows do.
#[derive(Debug, Default)]
struct Change {
    /// Everybody who is mentioned.
    members: BTreeSet<String>,
    left: (Vec<String>, Vec<String>),
    joined: (Vec<String>, Vec<String>, Vec<i32>),
}

fn changes(path: &Path) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut newest = String::new();
    for mut record in records(path) {
        let mut take = |column| record.remove(column).unwrap();
        let (tx, member, team) = (take("tx"), take("member"), take("team"));
        if tx != newest {
            changes.push(Change::default());
            newest = tx;
        }
        let change = changes.last_mut().unwrap();
        change.members.extend([member.clone(), team.clone()]);
        if take("op") == "-" {
            change.left.0.push(member);
            change.left.1.push(team);
        } else {
            change.joined.0.push(member);
            change.joined.1.push(team);
            change.joined.2.push(if administers(&take("role")) { 3 } else { 2 });
        }
    }
    changes
}

impl Change {
    async fn commit(&self, sql: &mut tokio_postgres::Client) {
        let members: Vec<&str> = self.members.iter().map(String::as_str).collect();
        let transaction = sql.transaction().await.unwrap();
        // Who is not a person is a team, by the kind that the name begins with.
        let made = "INSERT INTO teamgraph.person (name, display_name, team_owner)
            SELECT name, name, CASE WHEN name NOT LIKE 'user:%' THEN 1 END
            FROM unnest($1::text[]) AS mentioned(name) ON CONFLICT (name) DO NOTHING";
        transaction.execute(made, &[&members]).await.unwrap();
        let left = "DELETE FROM teamgraph.team_membership e
            USING unnest($1::text[], $2::text[]) AS x(member, team), teamgraph.person m,
                  teamgraph.person t
            WHERE m.name = x.member AND t.name = x.team AND e.person = m.id AND e.team = t.id";
        let gone = transaction.execute(left, &[&self.left.0, &self.left.1]).await.unwrap();
        assert_eq!(usize::try_from(gone), Ok(self.left.0.len()));
        let joined = "INSERT INTO teamgraph.team_membership (person, team, status)
            SELECT m.id, t.id, x.status
            FROM unnest($1::text[], $2::text[], $3::int[]) AS x(member, team, status)
            JOIN teamgraph.person m ON m.name = x.member
            JOIN teamgraph.person t ON t.name = x.team";
        let (members, teams, statuses) = &self.joined;
        transaction.execute(joined, &[members, teams, statuses]).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_history_is_replayed_and_agrees_with_sql_along_the_way() {
    let (Some(history), Some(memberships)) = (data("changes.csv"), data("memberships.csv")) else {
        return;
    };
    let mut source = Source::start().await;
    source.populate(0, 0).await;
    let served = Served::start(&source.url, "replayed").await;
    let changes = changes(&history);
    let (mut rows, mut compared) = (0, Vec::new());
    for (number, change) in changes.iter().enumerate() {
        change.commit(&mut source.sql).await;
        rows += change.left.0.len() + change.joined.0.len();
        if number % COMPARE_EVERY == COMPARE_EVERY - 1 {
            compared.push(compare_at_a_position(&source.url, &served).await);
        }
    }
    compared.push(compare_at_a_position(&source.url, &served).await);
    let (_, truth) = truth_at_a_position(&source.url).await;
    assert_eq!(truth.direct, stated(&memberships));
    // The copy of an empty organisation, and a version for each transaction since.
    let versions = served.published.load().unwrap().snapshot.sequence();
    assert_eq!(usize::try_from(versions), Ok(1 + changes.len()));
    println!(
        "{} transactions of {rows} rows replayed, {} comparisons, the last of {:?}",
        changes.len(),
        compared.len(),
        compared.last().unwrap()
    );
    served.stop().await;
    source.stop().await;
}
