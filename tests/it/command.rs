//! The built command, as a person or a script runs it.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs `teamgraph` with nothing of this process's environment that could steer it.
fn teamgraph(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teamgraph"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TEAMGRAPH_") && name != "TEAMGRAPH_PG_BIN" {
            command.env_remove(name);
        }
    }
    command.args(args).envs(environment.iter().copied()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn config(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("teamgraph.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// `serve` refuses an address that others reach before it starts anything, and names it: which one
/// it names shows whose value won.
#[test]
fn flags_win_over_the_environment_over_the_file_over_the_default() {
    let (_kept, path) = config("listen = '192.0.2.3:3'\n");
    let path = path.to_str().unwrap();
    let file = ("TEAMGRAPH_CONFIG", path);
    let variable = ("TEAMGRAPH_LISTEN", "192.0.2.2:2");
    for (args, environment, winner) in [
        (vec!["serve", "--listen", "192.0.2.1:1"], vec![file, variable], "192.0.2.1:1"),
        (vec!["serve"], vec![file, variable], "192.0.2.2:2"),
        (vec!["serve"], vec![file], "192.0.2.3:3"),
        (vec!["serve", "--config", path], vec![], "192.0.2.3:3"),
        (vec!["--config", path, "serve"], vec![], "192.0.2.3:3"),
    ] {
        let output = teamgraph(&args, &environment);
        let said = stderr(&output);
        assert!(said.contains(&format!("--listen {winner} is not a loopback")), "{said}");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(said.lines().count(), 1, "one line: {said}");
    }
}

#[test]
fn bad_config_files_and_arguments_end_with_2() {
    let (_kept, path) = config("lissen = 'x'\n");
    let output = teamgraph(&["serve", "--config", path.to_str().unwrap()], &[]);
    assert!(stderr(&output).contains("unknown key `lissen`"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));

    let (_kept, path) = config("listen = 'nowhere'\n");
    let output = teamgraph(&["serve", "--config", path.to_str().unwrap()], &[]);
    let said = stderr(&output);
    assert!(said.contains("teamgraph.toml: invalid value 'nowhere' for '--listen"), "{said}");

    let output = teamgraph(&["serve", "--config", "/nonexistent"], &[]);
    assert!(stderr(&output).contains("cannot read the config file /nonexistent: No such file"));
    assert_eq!(teamgraph(&["dance"], &[]).status.code(), Some(2));
    let output = teamgraph(&["serve", "--instance", "A-1"], &[]);
    assert!(stderr(&output).contains("1 to 60 of a-z"), "{}", stderr(&output));
}

#[test]
fn commands_that_need_a_database_say_how_to_give_one() {
    for args in [vec!["migrate"], vec!["doctor"], vec!["load", "--members", "x.csv"]] {
        let output = teamgraph(&args, &[]);
        assert!(stderr(&output).contains("give --database-url postgresql://"), "{args:?}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn the_demo_takes_its_address_before_it_loads() {
    let directory = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let temporary = ("TMPDIR", directory.path().to_str().unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = teamgraph(&["demo", "--people", "3000", "--listen", &address], &[temporary]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot listen on"), "{}", stderr(&output));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Loaded"));
}

#[test]
fn variables_say_yes_and_no_and_an_empty_one_says_nothing() {
    let args = ["serve", "--listen", "192.0.2.1:1", "--database-url", "postgresql://u@localhost/d"];
    for (said, listens) in [("1", true), ("yes", true), ("true", true), ("0", false), ("", false)] {
        let output = teamgraph(&args, &[("TEAMGRAPH_INSECURE", said)]);
        let told = stderr(&output);
        let expected = if listens { "cannot listen on" } else { "is not a loopback address" };
        assert!(told.contains(expected), "{said}: {told}");
    }
    let output = teamgraph(&["doctor"], &[("TEAMGRAPH_DATABASE_URL", "")]);
    assert!(stderr(&output).contains("give --database-url"), "{}", stderr(&output));
    // An empty variable does not hide what the file says.
    let (_kept, path) = config("listen = '192.0.2.3:3'\n");
    let args = ["serve", "--config", path.to_str().unwrap()];
    let output = teamgraph(&args, &[("TEAMGRAPH_LISTEN", "")]);
    assert!(stderr(&output).contains("--listen 192.0.2.3:3"), "{}", stderr(&output));
}

#[test]
fn a_timeout_has_bounds() {
    for bad in ["0", "18446744073709551615"] {
        let output = teamgraph(&["status", "--timeout-ms", bad], &[]);
        assert!(stderr(&output).contains("1..=3600000"), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn help_gives_units_and_defaults_and_no_password() {
    let secret = ("TEAMGRAPH_DATABASE_URL", "postgresql://u:secret@h/d");
    let output = teamgraph(&["serve", "--help"], &[secret]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for said in ["in seconds", "in bytes", "[default: 127.0.0.1:7420]", "TEAMGRAPH_LISTEN"] {
        assert!(help.contains(said), "{said}: {help}");
    }
    assert!(!help.contains("secret"), "{help}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn migrate_prints_all_the_sql_or_the_role_alone() {
    let all = teamgraph(&["migrate", "--print"], &[]);
    let all = String::from_utf8_lossy(&all.stdout).into_owned();
    assert!(all.contains("CREATE PUBLICATION teamgraph") && all.contains("CREATE ROLE"), "{all}");
    let role = teamgraph(&["migrate", "--print", "role"], &[]);
    let role = String::from_utf8_lossy(&role.stdout).into_owned();
    assert!(role.contains("CREATE ROLE teamgraph_feed LOGIN REPLICATION"), "{role}");
    assert!(!role.contains("CREATE TABLE"), "{role}");
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    // The account that the private server runs as must be able to pass through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let temporary = ("TMPDIR", directory.path().to_str().unwrap());
    // Where `serve` would read and write: not the demo's.
    let database = ("TEAMGRAPH_DATABASE_URL", "postgresql://u@127.0.0.1:1/production");
    let data = ("TEAMGRAPH_DATA_DIR", "/nonexistent/production");
    let args = ["demo", "--people", "3000", "--listen", "127.0.0.1:0"];
    let output = teamgraph(&args, &[temporary, database, data]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}{}", stderr(&output));
    for said in [
        "Loaded 3,001 people, 2,011 teams",
        "payments-risk-billing-otters → payments-risk-billing → payments-risk → payments → acme",
        "after the commit was acknowledged",
        "of payments lost it",
        "→ guild-security → project-aurora",
        "streaming",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}
