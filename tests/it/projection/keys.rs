//! Keys of every type, and members that cannot stand in one table.

use super::world::options;
use crate::live::source::{connect, server};
use std::collections::BTreeSet;
use std::sync::Arc;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::graph::{GraphLimits, GraphWriter, HistoryLimits, Published, PublishedCell};
use teamgraph::id::{History, Key, KeySpace, Lsn, MemberKind, Role, SourceKey, TableId};
use teamgraph::project::{Filter, ProjectError, ProjectOptions, TableNames, check, mend};
use tokio_postgres::Client;

/// People and teams, each below the next.
fn cell(teams: &[SourceKey], people: &[SourceKey]) -> Arc<PublishedCell> {
    let mut writer = GraphWriter::new(1, History::default(), GraphLimits::default());
    let kinds = [(teams, MemberKind::Team), (people, MemberKind::Person)];
    for (keys, kind) in kinds {
        for key in keys {
            let (key, name) = (key.clone(), NamePut::Set(None));
            writer.apply(Change::MemberPut { key, kind, name, owner: None }).unwrap();
        }
    }
    let below_first = people.iter().map(|person| (person, &teams[0]));
    let edges = teams.windows(2).map(|pair| (&pair[0], &pair[1])).chain(below_first);
    for (row, (member, team)) in (1..).zip(edges) {
        let (member, team) = (member.clone(), team.clone());
        let row = RowKey { table: TableId(0), key: Key::Int(row).into() };
        let states = Some(Membership { member, team, role: Role::Member });
        writer.apply(Change::RowPut { row, states }).unwrap();
    }
    let cell = Arc::new(PublishedCell::new(HistoryLimits::default()));
    cell.store(Published { snapshot: writer.commit(Lsn(1)), applied_lsn: Lsn(1) }, 0);
    cell
}

fn text(space: u16, key: &str) -> SourceKey {
    SourceKey { space: KeySpace(space), key: Key::Text(key.into()) }
}

fn uuid(byte: u8) -> SourceKey {
    SourceKey { space: KeySpace(0), key: Key::Uuid([byte; 16]) }
}

/// The rows as text.
async fn rows(sql: &Client, columns: &str) -> BTreeSet<(String, String)> {
    let sql = sql.query(&format!("SELECT {columns} FROM teamparticipation"), &[]).await.unwrap();
    sql.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Every person and team in each team from its own on.
fn expected(teams: &[&str], people: &[&str]) -> BTreeSet<(String, String)> {
    let mut expected = BTreeSet::new();
    for (at, team) in teams.iter().enumerate() {
        let members = teams[..=at].iter().chain(people);
        expected.extend(members.map(|member| ((*team).to_owned(), (*member).to_owned())));
    }
    expected.extend(people.iter().map(|person| ((*person).to_owned(), (*person).to_owned())));
    expected
}

#[tokio::test]
async fn keys_of_text_and_uuid_are_projected_in_whatever_collation_the_table_has() {
    let postgres = server(&[]).await;
    let (teams, people) = (["b", "A", "é", "a b"], ["B", "a", "Z", "_", "ä", ""]);
    let keys = |keys: &[&str]| -> Vec<SourceKey> { keys.iter().map(|key| text(0, key)).collect() };
    let words = cell(&keys(&teams), &keys(&people));
    for (name, table) in [
        ("made", ""),
        (
            "adopted",
            "CREATE COLLATION german (provider = icu, locale = 'de');
             CREATE TABLE teamparticipation (team varchar COLLATE german NOT NULL,
                person text COLLATE german NOT NULL, PRIMARY KEY (person, team));
             INSERT INTO teamparticipation VALUES ('A', 'B'), ('A', 'b'), ('b', 'nobody'), ('é', 'é')",
        ),
    ] {
        let target = postgres.create_database(name).await.unwrap();
        let sql = connect(&target).await;
        sql.batch_execute(table).await.unwrap();
        let options = ProjectOptions { batch_rows: 4, ..options(&target) };
        assert!(mend(&words, &options).await.unwrap().has_differences());
        assert_eq!(rows(&sql, "team::text, person::text").await, expected(&teams, &people));
        let report = check(&words, &options).await.unwrap();
        assert!(!report.has_differences(), "{report:?}");
        assert_eq!(report.rows_found, 4 + 3 + 2 + 1 + 4 * 6 + 6);
    }
    let target = postgres.create_database("uuids").await.unwrap();
    let sql = connect(&target).await;
    let ids = cell(&[uuid(0xff), uuid(0)], &[uuid(0x7f)]);
    mend(&ids, &options(&target)).await.unwrap();
    let shown = |byte: &str| {
        let hex = byte.repeat(16);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    };
    let (top, low, person) = (shown("00"), shown("ff"), shown("7f"));
    assert_eq!(rows(&sql, "team::text, person::text").await, expected(&[&low, &top], &[&person]));
    assert!(!check(&ids, &options(&target)).await.unwrap().has_differences());
    drop(sql);
    postgres.stop().await.unwrap();
}

/// A table that was renamed keeps the names of what is its own; and whatever has the name of a new
/// table's sequence keeps it.
#[tokio::test]
async fn a_new_table_leaves_names_that_are_taken_to_who_has_them() {
    let postgres = server(&[]).await;
    let target = postgres.create_database("mart").await.unwrap();
    let sql = connect(&target).await;
    let words = cell(&[text(0, "x")], &[text(0, "a")]);
    mend(&words, &options(&target)).await.unwrap();
    sql.batch_execute("ALTER TABLE teamparticipation RENAME TO former").await.unwrap();
    mend(&words, &options(&target)).await.unwrap();
    let sequence = async |table: &str| {
        let asked = "SELECT pg_get_serial_sequence($1, 'id')";
        sql.query_one(asked, &[&table]).await.unwrap().get::<_, String>(0)
    };
    assert_eq!(sequence("former").await, "public.teamparticipation_id_seq");
    assert_ne!(sequence("teamparticipation").await, sequence("former").await);
    assert_eq!(rows(&sql, "team, person").await, expected(&["x"], &["a"]));
    sql.batch_execute("DROP TABLE former, teamparticipation").await.unwrap();
    // Names that are quoted, and one that would be cut.
    for name in ["Odd \"name\"".to_owned(), "t".repeat(60)] {
        let table = TableNames { table: name.clone(), ..options(&target).table };
        mend(&words, &ProjectOptions { table, ..options(&target) }).await.unwrap();
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let found = sequence(&quoted).await;
        assert!(!found.contains("filling"), "{found}");
    }
    drop(sql);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn members_of_two_tables_are_told_apart_or_refused() {
    let postgres = server(&[]).await;
    let target = postgres.create_database("mart").await.unwrap();
    let sql = connect(&target).await;
    let two = cell(&[text(0, "x"), text(0, "y")], &[text(1, "x")]);
    let filtered = |people_only, self_rows| {
        let filter = Filter { people_only, self_rows, teams: None };
        ProjectOptions { filter, ..options(&target) }
    };
    for (people_only, self_rows) in [(false, false), (true, true)] {
        let refused = mend(&two, &filtered(people_only, self_rows)).await.unwrap_err();
        assert!(matches!(refused, ProjectError::KeySpaces { .. }), "{refused}");
    }
    mend(&two, &filtered(true, false)).await.unwrap();
    let pair = |team: &str| (team.to_owned(), "x".to_owned());
    let found = rows(&sql, "team, person").await;
    assert_eq!(found, BTreeSet::from([pair("x"), pair("y")]));
    drop(sql);
    postgres.stop().await.unwrap();
}
