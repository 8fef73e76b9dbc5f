//! Files into a real database, and everything that is refused on the way.

use super::*;
use crate::embedded::{EmbeddedOptions, EmbeddedPostgres};
use crate::migrate::migrate;
use std::fs;
use std::path::Path;

fn roles() -> RoleNames {
    RoleNames {
        member_roles: vec!["member".into(), "child".into()],
        admin_roles: vec!["admin".into()],
    }
}

fn read_texts(members: &str, memberships: &str) -> Result<Roster, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut reading = read::Reading::default();
    if !members.is_empty() {
        reading.members(&write("members.csv", members))?;
    }
    if !memberships.is_empty() {
        reading.memberships(&write("memberships.csv", memberships), &roles())?;
    }
    Ok(reading.finish())
}

/// The error's text, with the directory cut off.
fn refusal(members: &str, memberships: &str) -> String {
    let text = read_texts(members, memberships).unwrap_err().to_string();
    text.rsplit_once('/').map_or(text.clone(), |(_, end)| end.to_owned())
}

#[test]
fn bad_lines_are_refused_with_their_number_and_the_fix() {
    let header = "member,team,role\n";
    for (members, memberships, said) in [
        ("name,kind\na,robot\n", "", "members.csv line 2: `robot` is not a kind: write person or"),
        ("name,kind\na,person\nb\n", "", "members.csv line 3: the line has 1 columns"),
        ("name,kind\n,person\n", "", "members.csv line 2: the name is empty"),
        ("name,kind\n a,person\n", "", "begins or ends with a space"),
        ("name,kind\n\"a\tb\",person\n", "", "control character"),
        (
            "name,kind\na,team\nb,team\na,team\n",
            "",
            "members.csv line 4: `a` is already defined in",
        ),
        ("name,kind,owner\na,team,a\n", "", "`a` cannot own itself"),
        ("name,kind,owner\na,person,b\n", "", "a person has no owner"),
        (
            "name,kind,display_name\na,person,A\nb,person,x\0y\n",
            "",
            "members.csv line 3: the display",
        ),
        ("name\na\n", "", "members.csv line 1: the header has no column `kind`"),
        ("name,kind,colour\n", "", "has a column `colour` that means nothing here"),
        ("", &format!("{header}a,t,boss\n"), "memberships.csv line 2: `boss` is not a role"),
        ("", "member,team\n", "the header has no column `role`"),
        ("", &format!("{header}a,t,member\na,u,member\na,t,admin\n"), "already stated in line 2"),
        ("name,kind\np,person\n", &format!("{header}a,p,member\n"), "only a team can have members"),
        ("", &format!("{header}\"a,t,member\n"), "line 2: the line has 1 columns"),
    ] {
        let text = read_texts(members, memberships).unwrap_err().to_string();
        assert!(text.contains(said), "{members:?} {memberships:?}: {text}");
        assert!(text.ends_with("; nothing was loaded"), "{text}");
    }
    let mut bytes = b"name,kind\na,person\n".to_vec();
    bytes.extend(b"\xff,person\n");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.csv");
    fs::write(&path, bytes).unwrap();
    let error = read::Reading::default().members(&path).unwrap_err().to_string();
    assert!(error.contains("m.csv line 3: the line is not UTF-8"), "{error}");
    let error = read::Reading::default().members(Path::new("/nonexistent")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nonexistent");
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    for text in [
        "name,kind\na,person\n\n\nb,robot\n",
        "name,kind\r\na,person\r\n\r\nc,person\r\nb,robot\r\n",
        "name,kind\r\na,person\r\nc,person\r\n\r\nb,robot",
        "name,kind,display_name\na,person,\"two\nlines\"\nc,person,\nb,robot,\n",
        "name,kind,display_name\na,person,\nc,person,\nd,person,\nb,robot,\"two\nlines\"\n",
        "name,kind\na,person\nc,person\nd,person\nb,person,x\n",
    ] {
        let error = refusal(text, "");
        assert!(error.starts_with("members.csv line 5: "), "{text:?}: {error}");
    }
}

#[test]
fn first_lines_are_named() {
    let text = refusal("name,kind\na,team\na,team\n", "");
    assert!(text.contains("members.csv line 2: remove one"), "{text}");
}

async fn database() -> (EmbeddedPostgres, Session) {
    let server = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let url = server.create_database("app").await.unwrap();
    let mut session = Session::connect(&url).await.unwrap();
    let none = insert(&mut session, &Roster::default()).await.unwrap_err();
    assert!(matches!(none, LoadError::NoSchema), "{none}");
    migrate(&url).await.unwrap();
    (server, session)
}

async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let rows = session.client().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

const MEMBERS: &str = "SELECT concat_ws(',', p.name, p.display_name, o.name) \
    FROM teamgraph.person p LEFT JOIN teamgraph.person o ON o.id = p.team_owner ORDER BY p.name";
const MEMBERSHIPS: &str = "SELECT concat_ws(',', p.name, t.name, m.status, m.date_joined IS NULL) \
    FROM teamgraph.team_membership m JOIN teamgraph.person p ON p.id = m.person \
    JOIN teamgraph.person t ON t.id = m.team ORDER BY 1";

#[tokio::test]
async fn small_files_end_to_end() {
    let (server, mut session) = database().await;
    let roster = read_texts(
        "name,kind,display_name,owner\ncore,team,The core,ann\n\"a, b\",team,,\nann,person,Ann A.,\n",
        "member,team,role\nann,core,admin\nbob,core,member\ncore,\"a, b\",child\n",
    );
    let inserted = insert(&mut session, &roster.unwrap()).await.unwrap();
    assert_eq!(inserted, Inserted { people: 3, teams: 2, memberships: 3 });
    let members = ["a, b,a, b,registry", "ann,Ann A.", "bob,bob", "core,The core,ann"];
    assert_eq!(lines(&session, MEMBERS).await[..4], members);
    let stated = ["ann,core,3,f", "bob,core,2,f", "core,a, b,2,f"];
    assert_eq!(lines(&session, MEMBERSHIPS).await, stated);

    // More files over it: known names are used, `registry` is not made twice.
    let more = read_texts(
        "team,kind\nnew,anything\n",
        "member,team,role\nbob,new,member\ncy,core,admin\n",
    );
    let inserted = insert(&mut session, &more.unwrap()).await.unwrap();
    assert_eq!(inserted, Inserted { people: 1, teams: 1, memberships: 2 });
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_database_has_is_not_loaded_again_and_an_error_loads_nothing() {
    let (server, mut session) = database().await;
    let header = "member,team,role\n";
    let roster = read_texts("team,kind\nt,x\n", &format!("{header}a,t,member\n")).unwrap();
    insert(&mut session, &roster).await.unwrap();
    let before = (lines(&session, MEMBERS).await, lines(&session, MEMBERSHIPS).await);
    for (members, memberships, said) in [
        (
            "name,kind\nb,person\na,person\n",
            "",
            "members.csv line 3: `a` is in the database already",
        ),
        (
            "",
            "b,t,member\na,t,admin\n",
            "memberships.csv line 3: the membership of `a` in `t` is in",
        ),
        ("", "b,t,member\nb,a,member\n", "memberships.csv line 3: `a` is a person in the database"),
        ("", "b,t,member\nb,u,member\n", "memberships.csv line 3: there is no team `u`"),
        ("name,kind\nregistry,team\n", "", "`registry` is in the database already"),
    ] {
        let memberships =
            if memberships.is_empty() { String::new() } else { format!("{header}{memberships}") };
        let roster = read_texts(members, &memberships).unwrap();
        let error = insert(&mut session, &roster).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        let after = (lines(&session, MEMBERS).await, lines(&session, MEMBERSHIPS).await);
        assert_eq!(after, before);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_postgres_refuses_is_told_with_its_line() {
    let (server, session) = database().await;
    let latin = "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0";
    session.client().batch_execute(latin).await.unwrap();
    migrate(&server.url("latin")).await.unwrap();
    let mut session = Session::connect(&server.url("latin")).await.unwrap();
    let files = "name,kind,display_name\na,person,A\n\nb,person,\u{3a9}\nc,person,C\n";
    let roster = read_texts(files, "").unwrap();
    let error = insert(&mut session, &roster).await.unwrap_err().to_string();
    assert!(error.contains("members.csv line 4: PostgreSQL refuses it ("), "{error}");
    assert!(error.contains("LATIN1"), "{error}");
    server.stop().await.unwrap();
}

#[test]
fn owners_that_nothing_else_knows_are_told_of() {
    let roster = read_texts(
        "name,kind,owner\none,team,ann\ntwo,team,bob\nthree,team,cyd\nfour,team,dan\nann,person,\n",
        "member,team,role\nbob,one,member\n",
    )
    .unwrap();
    let existing = std::iter::once(("cyd".to_owned(), insert::Existing { id: 1, is_team: false }));
    let new = insert::new_owners(&roster, &existing.collect());
    let shown = |member: &&NewMember| member.place.as_ref().unwrap().to_string();
    let shown: Vec<String> = new.iter().map(shown).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(new[0].name == "dan" && shown[0].ends_with("members.csv line 5"), "{shown:?}");
}
