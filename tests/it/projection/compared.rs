//! `teamgraph verify --table`, as a process: what it shows, mends, and ends with.

use super::world::World;
use serde_json::Value;
use std::process::{Command, Output};

/// The command, with nothing of the test's own environment.
async fn verify(args: &[&str], variables: &[(&'static str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TEAMGRAPH_")) {
        command.env_remove(name);
    }
    command.arg("verify").args(args).envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_shown_to_be_equal_or_different_or_mended_by_the_exit_code_too() {
    let world = World::start().await;
    // Of a server that is to come back: it is left alone.
    let slot = "SELECT pg_create_logical_replication_slot('tg_default', 'pgoutput')";
    world.source.execute(slot).await;
    let database = format!("--database-url={}", world.source.url);
    let target = format!("--target={}", world.target);
    let run = async |code: i32, more: &[&str]| {
        let always = [database.as_str(), target.as_str(), "--table=teamparticipation"];
        let args = [&always[..], more].concat();
        let output = verify(&args, &[]).await;
        let (said, wrong) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{more:?}\n{said}\n{wrong}");
        if code == 2 { wrong } else { said }
    };
    let none = run(2, &[]).await;
    assert!(none.contains("there is no table teamparticipation"), "{none}");
    let document = |said: String| serde_json::from_str::<Value>(&said).unwrap();
    // After what is logged.
    let none = document(run(2, &["--json"]).await.lines().last().unwrap().to_owned());
    assert_eq!(none["error"]["reason"], "TABLE_NOT_VERIFIED", "{none}");
    assert!(none["error"]["message"].as_str().unwrap().contains("there is no table"), "{none}");
    let made = run(0, &["--fix"]).await;
    assert!(made.contains(" 0 found, ") && made.ends_with(": mended.\n"), "{made}");
    let equal = run(0, &[]).await;
    assert!(equal.ends_with("0 missing, 0 too many: equal.\n"), "{equal}");
    let spoil = "DELETE FROM teamparticipation WHERE (team, person) = (202, 202);
         INSERT INTO teamparticipation (team, person) VALUES (202, 99999)";
    world.sql.batch_execute(spoil).await.unwrap();
    let differs = document(run(1, &["--json"]).await);
    assert_eq!((&differs["same"], &differs["missing"]), (&false.into(), &1.into()), "{differs}");
    assert_eq!(differs["examples"][0]["team"], "team-202 (202)", "{differs}");
    let mended = run(0, &["--fix"]).await;
    assert!(mended.ends_with("too many  99999 in team-202 (202)\n"), "{mended}");
    assert_eq!(document(run(0, &["--json"]).await)["same"], true);
    assert_eq!(world.rows().await.unwrap(), world.truth().await);
    // Nobody keeps the table: it stands where it stood, and the copy begins later.
    world.source.execute("DELETE FROM teamgraph.team_membership WHERE person = 9").await;
    let behind = run(1, &[]).await;
    let why = "before this copy: what was written since counts as a difference";
    assert!(behind.contains(", said to stand at ") && behind.contains(why), "{behind}");
    let behind = document(run(1, &["--json"]).await);
    assert!(behind["remark"].as_str().unwrap().contains(why), "{behind}");
    let stands_at = behind["stands_at"].as_str().unwrap();
    assert_ne!(stands_at, behind["version"].as_str().unwrap(), "{behind}");
    let mended = document(run(0, &["--fix", "--json"]).await);
    assert_eq!((&mended["same"], &mended["mended"]), (&false.into(), &true.into()), "{mended}");
    assert_eq!((&mended["stands_at"], &mended["remark"]), (&stands_at.into(), &Value::Null));
    assert_eq!(world.rows().await.unwrap(), world.truth().await);
    let slots = "SELECT slot_name::text FROM pg_replication_slots";
    let slots = world.source.sql.query(slots, &[]).await.unwrap();
    assert_eq!(slots.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["tg_default"]);
    world.stop().await;
}

/// Variables that a server has do not make the question another one.
#[tokio::test]
async fn a_table_is_meant_only_where_the_command_line_names_one() {
    let nowhere = ["--server=127.0.0.1:1"];
    let variables =
        [("TEAMGRAPH_PROJECT_TARGET", "postgresql:///"), ("TEAMGRAPH_PROJECT_TABLE", "mine")];
    let fix = [nowhere[0], "--fix"];
    for (args, said) in [
        (&nowhere[..], "SERVER_UNREACHABLE"),
        (&fix[..], "name it with --table"),
        (&["--table=mine", "--sample=3"][..], "leave out --sample"),
        (&["--table=mine"][..], "--database-url"),
    ] {
        let output = verify(args, &variables).await;
        let wrong = text(&output.stderr);
        assert!(output.status.code() == Some(2) && wrong.contains(said), "{args:?}: {wrong}");
    }
    let output =
        verify(&["--table=mine", "--database-url=postgresql://nobody@127.0.0.1:1/none"], &[]).await;
    let wrong = text(&output.stderr);
    assert!(output.status.code() == Some(2) && wrong.contains("--target"), "{wrong}");
}
