//! What a file may say, and every refusal that needs no database.

use super::*;
use crate::id::Key;

const SMALL: &str = r#"
    [[members]]
    space = "all"
    table = "public.member"
    key = "id"
    team_when = "is_team"

    [[memberships]]
    table = "public.membership"
    member = "member"
    team = "team"
    active_when = true
"#;

const LARGE: &str = r#"
    [[members]]
    space = "people"
    table = 'hr."Employee"'
    key = '"Id"'
    name = "Login"
    kind = "person"

    [[members]]
    space = "teams"
    table = "org.teams"
    key = "id"
    kind = "team"
    owner = "lead"
    owner_in = "people"

    [[memberships]]
    table = "org.team_members"
    member = "person"
    member_in = "people"
    team = "team"
    team_in = "teams"
    active_when = "left_at IS NULL"
    admin_when = "role IN ('lead', 'deputy')"

    [[memberships]]
    table = "org.team_teams"
    key = "id"
    member = "child"
    member_in = "teams"
    team = "parent"
    team_in = "teams"
    active_when = "NOT hidden"
"#;

fn name(schema: &str, table: &str) -> TableName {
    TableName { schema: schema.into(), table: table.into() }
}

#[test]
fn what_is_not_written_grants_nothing() {
    let mapping = parse(SMALL).unwrap();
    let space = KeySpace::DEFAULT;
    let refers = |column: &str| Reference { column: column.into(), space };
    let expected = Mapping {
        members: vec![MembersTable {
            table: name("public", "member"),
            space,
            key: "id".into(),
            name: None,
            teams: Teams::Where(Condition::Bool("is_team".into(), true)),
            owner: None,
        }],
        memberships: vec![MembershipsTable {
            table: name("public", "membership"),
            id: TableId(0),
            key: None,
            member: refers("member"),
            team: refers("team"),
            active: None,
            admin: None,
        }],
    };
    assert_eq!(mapping, expected);
}

#[test]
fn several_tables_are_key_spaces_of_their_own() {
    let mapping = parse(LARGE).unwrap();
    let [people, teams] = mapping.members.as_slice() else { panic!() };
    assert_eq!((people.space, &people.table), (KeySpace(0), &name("hr", "Employee")));
    assert_eq!((people.key.as_str(), people.name.as_deref()), ("Id", Some("login")));
    assert_eq!((&people.teams, &teams.teams), (&Teams::None, &Teams::All));
    let owner = Reference { column: "lead".into(), space: KeySpace(0) };
    assert_eq!((teams.space, &teams.owner), (KeySpace(1), &Some(owner)));
    let [members, nested] = mapping.memberships.as_slice() else { panic!() };
    assert_eq!((members.member.space, members.team.space), (KeySpace(0), KeySpace(1)));
    assert_eq!((nested.member.space, nested.team.space), (KeySpace(1), KeySpace(1)));
    assert_eq!((members.id, nested.id), (TableId(0), TableId(1)));
    assert_eq!((&members.key, &nested.key), (&None, &Some("id".into())));
    assert_eq!(members.active, Some(Condition::IsNull("left_at".into())));
    let roles = ["lead", "deputy"].map(|role| Key::Text(role.into()));
    assert_eq!(members.admin, Some(Condition::In("role".into(), roles.into())));
    assert_eq!(nested.active, Some(Condition::Bool("hidden".into(), false)));
}

/// `file` with `old` made `new` is refused, and the refusal says all of `said`.
#[track_caller]
fn refused(file: &str, old: &str, new: &str, said: &[&str]) {
    assert!(file.contains(old), "{old}");
    let error = parse(&file.replacen(old, new, 1)).unwrap_err().to_string();
    for said in said {
        assert!(error.contains(said), "{new}: {error}");
    }
}

#[test]
fn unknown_and_missing_keys_are_refused_with_their_line() {
    refused(SMALL, "key = \"id\"", "key = \"id\"\ncolour = 1", &["line 6", "`colour`", "`key`"]);
    refused(SMALL, "team_when", "team_where", &["line 6", "`team_where`", "`team_when`"]);
    refused(SMALL, "[[members]]", "[[member]]", &["line 2", "`member`", "`members`"]);
    refused(SMALL, "member = \"member\"", "", &["`member`"]);
    refused(SMALL, "key = \"id\"", "key = 3", &["line 5", "integer"]);
    refused(SMALL, "key = \"id\"", "key = ", &["line 5"]);
    refused(LARGE, "kind = \"team\"", "kind = \"robot\"", &["`robot`", "`team`"]);
    refused(SMALL, "[[memberships]]", "[other]", &["`other`"]);
}

#[test]
fn what_grants_something_must_be_written() {
    let active = "active_when = true";
    refused(SMALL, active, "", &["[[memberships]] no. 1, active_when", "which rows count"]);
    refused(SMALL, active, "active_when = false", &["active_when = true if every row"]);
    refused(SMALL, "team_when = \"is_team\"", "", &["[[members]] no. 1, kind", "team_when"]);
    refused(SMALL, "key = \"id\"", "key = \"id\"\nkind = \"team\"", &["not both"]);
    refused(LARGE, "team_in = \"teams\"", "", &["team_in", "one of: people, teams"]);
    refused(LARGE, "owner_in = \"people\"", "", &["[[members]] no. 2, owner_in", "one of"]);
    refused(LARGE, "owner = \"lead\"", "", &["owner_in", "no owner column"]);
    refused(LARGE, "kind = \"team\"", "kind = \"person\"", &["people have no owner"]);
    refused(LARGE, "member_in = \"people\"", "member_in = \"pupils\"", &["`pupils`", "there are"]);
    refused(LARGE, "team_in = \"teams\"", "team_in = \"people\"", &["people only"]);
    refused(LARGE, "space = \"teams\"", "space = \"people\"", &["no. 2, space", "another entry"]);
    refused(LARGE, "space = \"teams\"", "space = \"my teams\"", &["letters, digits"]);
    refused(LARGE, "org.team_teams", "ORG.Team_Members", &["table org.team_members", "twice"]);
}

#[test]
fn names_and_conditions_are_refused_where_they_go_wrong() {
    let table = "table = \"public.member\"";
    refused(SMALL, table, "table = \"member\"", &["no. 1, table", "character 7", "SCHEMA.TABLE"]);
    refused(SMALL, table, "table = \"public.\"", &["character 8", "a table"]);
    refused(SMALL, table, "table = \"a.b.c\"", &["character 4", "the end"]);
    refused(SMALL, "key = \"id\"", "key = \"id, tenant\"", &["several columns", "`,`"]);
    refused(SMALL, "is_team", "kind <> 1", &["no. 1, team_when", "`kind <> 1`", "character 6"]);
    let expiry = "active_when = true\nexpires = \"ends_at\"";
    refused(SMALL, "active_when = true", expiry, &["no. 1, expires", "not built yet"]);
    let none = parse("").unwrap_err().to_string();
    assert!(none.contains("[[members]]"), "{none}");
}
