//! Everything that a database can have wrong for a mapping is refused, with the table, the column
//! and the fix; and what is right is not.

use super::world::{connect, project_file};
use std::process::Command;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::feed::{self, FeedConfig, Finding, Level, Mapping};

const TABLES: &str = "
    CREATE TYPE state AS ENUM ('on', 'off');
    CREATE DOMAIN short AS varchar(20);
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE member (id int PRIMARY KEY, name text, is_team boolean, owner int, number int8,
                         loosely text COLLATE loose UNIQUE, handle short NOT NULL UNIQUE);
    CREATE TABLE membership (id int PRIMARY KEY, member int NOT NULL, team int NOT NULL,
                             state state, code int, day date, flag boolean, label text,
                             twice int GENERATED ALWAYS AS (id * 2) STORED);";
const PUBLICATION: &str = "CREATE PUBLICATION teamgraph FOR TABLE member, membership";

const MAPPING: &str = r#"
    [[members]]
    space = "all"
    table = "public.member"
    key = "id"
    name = "name"
    team_when = "is_team"
    owner = "owner"

    [[memberships]]
    table = "public.membership"
    member = "member"
    team = "team"
    active_when = "state = 'on'"
"#;

/// More SQL, a part of the mapping and what it becomes, and what some finding says.
type Case = (&'static str, (&'static str, &'static str), &'static [&'static str]);

const SAME: (&str, &str) = ("", "");
const KEYED: (&str, &str) = ("\"public.membership\"", "\"public.membership\"\nkey = \"id\"");

const REFUSED: &[Case] = &[
    // Tables.
    ("", ("public.member\"", "public.people\""), &["table public.people: does not exist"]),
    (
        "CREATE VIEW people AS SELECT * FROM member",
        ("public.member\"", "public.people\""),
        &["table public.people: is a view"],
    ),
    // Columns.
    (
        "ALTER TABLE membership DROP COLUMN state",
        SAME,
        &["table public.membership: has no column state"],
    ),
    (
        "ALTER TABLE membership RENAME COLUMN team TO \"Team\"",
        SAME,
        &["table public.membership: has no column team"],
    ),
    ("", ("\"state = 'on'\"", "\"twice = 2\""), &["column twice is generated", "ordinary column"]),
    (
        "",
        ("name = \"name\"", "name = \"number\""),
        &["column number has the type bigint", "text, varchar or citext"],
    ),
    ("", ("\"is_team\"", "\"name\""), &["column name has the type text", "a boolean column"]),
    ("", ("\"is_team\"", "\"is_team IN (1)\""), &["column is_team has the type boolean"]),
    ("", ("\"state = 'on'\"", "\"day = 'today'\""), &["column day has the type date"]),
    (
        "",
        ("\"state = 'on'\"", "\"code = 'on'\""),
        &["column code has the type integer, which on is not"],
    ),
    (
        "",
        ("\"state = 'on'\"", "\"label = 3\""),
        &["column label has the type text, which 3 is not"],
    ),
    (
        "",
        ("\"state = 'on'\"", "\"state = 'active'\""),
        &["has no label 'active'", "its labels are on, off"],
    ),
    (
        "",
        ("key = \"id\"", "key = \"loosely\""),
        &["column loosely has a collation", "COLLATE \"C\""],
    ),
    (
        "",
        ("owner = \"owner\"", "owner = \"name\""),
        &["table public.member: column name cannot equal the keys"],
    ),
    (
        "ALTER TABLE membership ALTER team TYPE text",
        SAME,
        &["table public.membership: column team cannot equal the keys", "the same type"],
    ),
    // Keys of members.
    (
        "ALTER TABLE member DROP CONSTRAINT member_pkey, ADD UNIQUE (id), REPLICA IDENTITY FULL,
      ALTER id DROP NOT NULL",
        SAME,
        &["key column id may be NULL", "ALTER COLUMN id SET NOT NULL"],
    ),
    (
        "ALTER TABLE member DROP CONSTRAINT member_pkey, ADD PRIMARY KEY (id, handle)",
        SAME,
        &["key column id is not unique by itself", "ALTER table public.member ADD UNIQUE (id)"],
    ),
    (
        "",
        ("key = \"id\"", "key = \"handle\""),
        &["replica identity is DEFAULT, the primary key (id), without handle", "IDENTITY FULL"],
    ),
    (
        "ALTER TABLE member REPLICA IDENTITY NOTHING",
        SAME,
        &["table public.member: replica identity is NOTHING"],
    ),
    (
        "ALTER TABLE member REPLICA IDENTITY USING INDEX member_handle_key",
        SAME,
        &["replica identity is an index (handle), without id"],
    ),
    // Rows of memberships.
    (
        "ALTER TABLE membership REPLICA IDENTITY NOTHING",
        SAME,
        &["table public.membership: replica identity is NOTHING"],
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey",
        SAME,
        &["has no replica identity", "ADD PRIMARY KEY"],
    ),
    (
        "ALTER TABLE membership ADD UNIQUE (id, team);
      ALTER TABLE membership REPLICA IDENTITY USING INDEX membership_id_team_key",
        SAME,
        &["replica identity is an index (id, team)", "several columns are not supported"],
    ),
    (
        "ALTER TABLE membership ADD UNIQUE (member, team);
      ALTER TABLE membership REPLICA IDENTITY USING INDEX membership_member_team_key",
        KEYED,
        &["replica identity is an index (member, team), without id"],
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, ADD PRIMARY KEY (member, team, id)",
        SAME,
        &["(member, team) is not unique by itself", "ADD UNIQUE (member, team)"],
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, REPLICA IDENTITY FULL",
        SAME,
        &["replica identity is FULL, and neither", "ADD UNIQUE (member, team)"],
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, REPLICA IDENTITY FULL,
      ALTER team DROP NOT NULL, ADD UNIQUE (member, team)",
        SAME,
        &["column team identifies the row with another, and may be NULL"],
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, ADD PRIMARY KEY (day)",
        SAME,
        &["column day has the type date", "an integer, a uuid or a text type"],
    ),
];

/// The same, with the publication in the place of the usual one.
const REFUSED_PUBLICATIONS: &[Case] = &[
    (
        "ALTER TABLE member SET UNLOGGED; CREATE PUBLICATION teamgraph FOR TABLE membership",
        SAME,
        &["table public.member: is unlogged", "ALTER table public.member SET LOGGED"],
    ),
    (
        "",
        SAME,
        &[
            "publication teamgraph: does not exist",
            "CREATE PUBLICATION teamgraph FOR TABLE public.member, public.membership",
        ],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member",
        SAME,
        &[
            "lacks table public.membership",
            "ALTER PUBLICATION teamgraph ADD TABLE public.membership",
        ],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member, membership WITH (publish = 'insert, update')",
        SAME,
        &["leaves out some actions", "SET (publish = 'insert, update, delete, truncate')"],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member (id, name, owner), membership",
        SAME,
        &["leaves out column is_team of table public.member", "without a column list"],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member, membership WHERE (id > 5)",
        SAME,
        &["filters the rows of table public.membership", "without WHERE"],
    ),
];

const PARTITIONED: &str = "
    DROP TABLE membership;
    CREATE TABLE membership (member int, team int, state state, PRIMARY KEY (member, team))
        PARTITION BY LIST (team);
    CREATE TABLE part PARTITION OF membership DEFAULT;";

const REFUSED_PARTITIONS: &[Case] = &[
    (
        "ALTER TABLE part SET UNLOGGED; CREATE PUBLICATION teamgraph FOR TABLE member",
        SAME,
        &["partition public.part is unlogged", "ALTER TABLE public.part SET LOGGED"],
    ),
    (
        "ALTER TABLE membership REPLICA IDENTITY FULL; CREATE PUBLICATION teamgraph FOR ALL TABLES",
        SAME,
        &[
            "partition public.part has another replica identity",
            "ALTER TABLE public.part REPLICA IDENTITY FULL",
        ],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member, part",
        ("public.membership", "public.part"),
        &["table public.part: is a partition", "the partitioned table"],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member",
        SAME,
        &["lacks partition public.part of public.membership", "ADD TABLE public.membership"],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member, part WITH (publish_via_partition_root)",
        SAME,
        &["lacks table public.membership"],
    ),
    (
        "CREATE PUBLICATION teamgraph FOR TABLE member, part WHERE (member > 1)",
        SAME,
        &["filters the rows of partition public.part"],
    ),
];

/// What is right, however it looks.
const ACCEPTED: &[(&str, (&str, &str))] = &[
    ("", SAME),
    ("", KEYED),
    ("ALTER TABLE membership REPLICA IDENTITY FULL", SAME),
    ("ALTER TABLE membership REPLICA IDENTITY FULL", KEYED),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, ADD PRIMARY KEY (team, member)",
        SAME,
    ),
    (
        "ALTER TABLE membership DROP CONSTRAINT membership_pkey, REPLICA IDENTITY FULL,
      ADD UNIQUE (member, team)",
        SAME,
    ),
    (
        "ALTER TABLE membership ADD UNIQUE (member, team);
      ALTER TABLE membership REPLICA IDENTITY USING INDEX membership_member_team_key",
        SAME,
    ),
    // The pair is unique by itself, and deletes carry it among others.
    (
        "ALTER TABLE membership ADD UNIQUE (member, team), ADD UNIQUE (member, team, id);
      ALTER TABLE membership REPLICA IDENTITY USING INDEX membership_member_team_id_key",
        SAME,
    ),
    (
        "ALTER TABLE membership ADD UNIQUE (id, team);
      ALTER TABLE membership REPLICA IDENTITY USING INDEX membership_id_team_key",
        KEYED,
    ),
    (
        "ALTER TABLE member DROP CONSTRAINT member_pkey, ADD PRIMARY KEY (handle, id), ADD UNIQUE (id)",
        SAME,
    ),
    ("ALTER TABLE membership ALTER team TYPE int8", SAME),
    (
        "ALTER TABLE member REPLICA IDENTITY USING INDEX member_handle_key;
      ALTER TABLE member DROP COLUMN owner; ALTER TABLE member ADD owner varchar(9);
      ALTER TABLE membership ALTER team TYPE text, ALTER member TYPE short",
        ("key = \"id\"", "key = \"handle\""),
    ),
    ("", ("\"state = 'on'\"", "\"day IS NULL\"")),
    ("", ("\"state = 'on'\"", "\"NOT flag\"")),
];

/// A server, and a database for each case.
struct Bench {
    postgres: EmbeddedPostgres,
    count: u32,
}

impl Bench {
    async fn new() -> Self {
        let postgres = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
        Bench { postgres, count: 0 }
    }

    async fn database(&mut self, sql: &[&str]) -> String {
        self.count += 1;
        let url = self.postgres.create_database(&format!("case_{}", self.count)).await.unwrap();
        let client = connect(&url).await;
        for sql in sql {
            client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        url
    }

    async fn findings(&mut self, sql: &[&str], (old, new): (&str, &str)) -> Vec<Finding> {
        let url = self.database(sql).await;
        let mut config = FeedConfig::new(&url, "teamgraph", "tg_case").unwrap();
        assert!(MAPPING.contains(old), "{old}");
        config.mapping = Mapping::parse(&MAPPING.replacen(old, new, 1)).unwrap();
        feed::examine(&config).await.unwrap()
    }

    async fn refused(&mut self, cases: &[Case], before: &str, after: &str) {
        for (sql, change, said) in cases {
            let findings = self.findings(&[TABLES, before, sql, after], *change).await;
            let errors: Vec<_> = findings.iter().filter(|finding| finding.is_error()).collect();
            let as_said = |finding: &&&Finding| {
                let text = finding.to_string();
                said.iter().all(|said| text.contains(said))
            };
            assert!(
                errors.iter().any(|finding| as_said(&finding)),
                "{sql} {change:?}: {errors:#?}"
            );
            for error in errors {
                assert!(error.fix.is_some(), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn every_refusal_names_its_fix() {
    let mut bench = Bench::new().await;
    bench.refused(REFUSED, "", PUBLICATION).await;
    bench.refused(REFUSED_PUBLICATIONS, "", "").await;
    bench.refused(REFUSED_PARTITIONS, PARTITIONED, "").await;
    bench.postgres.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_right_is_accepted() {
    let mut bench = Bench::new().await;
    for (sql, change) in ACCEPTED {
        let findings = bench.findings(&[TABLES, sql, PUBLICATION], *change).await;
        let wrong: Vec<_> = findings.iter().filter(|it| it.level != Level::Ok).collect();
        assert!(wrong.is_empty(), "{sql} {change:?}: {wrong:#?}");
    }
    // Partitions are right, with a word of warning.
    for via_root in [false, true] {
        let publish = format!("{PUBLICATION} WITH (publish_via_partition_root = {via_root})");
        let findings = bench.findings(&[TABLES, PARTITIONED, &publish], SAME).await;
        let wrong: Vec<_> = findings.iter().filter(|it| it.level != Level::Ok).collect();
        let [warning] = wrong.as_slice() else { panic!("{wrong:#?}") };
        assert_eq!(warning.level, Level::Warning);
        let text = warning.to_string();
        assert!(text.contains("table public.membership: is partitioned"), "{text}");
        assert_eq!(text.contains("TRUNCATE"), via_root, "{text}");
    }
    bench.postgres.stop().await.unwrap();
}

/// `doctor` and `serve` look at the mapping, whichever way they are told of it.
#[tokio::test]
async fn the_command_reads_the_mapping() {
    let mut bench = Bench::new().await;
    let url = bench.database(&[TABLES, PUBLICATION]).await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write("good.toml", MAPPING);
    let wrong = write("wrong.toml", &MAPPING.replace("'on'", "'active'"));
    let broken = write("broken.toml", &MAPPING.replace("state = 'on'", "state > 'on'"));
    let config = write("config.toml", &format!("mapping = '{good}'"));
    let run = |args: Vec<&str>, variable: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
        command.args(args).env("TEAMGRAPH_DATABASE_URL", &url).current_dir(project_file(""));
        command.envs(variable.map(|path| ("TEAMGRAPH_MAPPING", path)));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    for (args, variable) in [
        (vec!["doctor", "--mapping", &good], None),
        (vec!["doctor"], Some(good.as_str())),
        (vec!["doctor", "--config", &config], None),
    ] {
        let (code, said) = run(args, variable);
        assert!(code == Some(0) && said.contains("table public.membership: columns"), "{said}");
    }
    let (code, said) = run(vec!["doctor"], None);
    assert!(code == Some(1) && said.contains("table teamgraph.person: does not exist"), "{said}");
    let (no_more, any_port): (&[&str], &[&str]) = (&[], &["--listen", "127.0.0.1:0"]);
    for (command, listen) in [("doctor", no_more), ("serve", any_port)] {
        let (code, said) = run([&[command, "--mapping", &wrong], listen].concat(), None);
        let expected = if command == "doctor" { 1 } else { 2 };
        assert!(
            code == Some(expected) && said.contains("has no label 'active'"),
            "{code:?} {said}"
        );
        let (code, said) = run([&[command, "--mapping", &broken], listen].concat(), None);
        assert_eq!(code, Some(2));
        let expected =
            "broken.toml: [[memberships]] no. 1, active_when: `state > 'on'`: at character 7";
        assert!(said.contains(expected), "{said}");
        let (code, said) = run([&[command, "--mapping", "/nonexistent"], listen].concat(), None);
        assert!(
            code == Some(2) && said.contains("cannot read the mapping file /nonexistent"),
            "{said}"
        );
    }
    bench.postgres.stop().await.unwrap();
}
