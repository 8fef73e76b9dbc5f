//! What `docs/operations.md` tells who hands over a table that was kept by hand is done as it stands
//! there, there and back.

use crate::live::source::{connect, server, until};
use crate::mappings::document::{Block, Served, Shell, blocks};
use crate::mappings::world::read;
use std::path::Path;

/// The text from the heading up to the next of its rank.
fn section(document: &str, heading: &str) -> String {
    let (_, after) = document.split_once(&format!("\n{heading}\n")).unwrap();
    after.split("\n## ").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_table_kept_by_hand_is_handed_over_and_back() {
    let postgres = server(&[]).await;
    let owner = postgres.create_database("launchpad").await.unwrap();
    let role = |role: &str| owner.replace("user=postgres", &format!("user={role}"));
    let binary = Path::new(env!("CARGO_BIN_EXE_teamgraph")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let shell = Shell {
        environment: vec![
            ("PATH", format!("{}:{path}", binary.display())),
            ("OWNER_URL", owner.clone()),
            ("TEAMGRAPH_DATABASE_URL", role("teamgraph_feed")),
            ("TEAMGRAPH_PROJECT_TARGET", role("teamgraph_table")),
            ("TEAMGRAPH_PROJECT_SAME_DATABASE", "true".to_owned()),
            ("TEAMGRAPH_MAPPING", "examples/mappings/launchpad.toml".to_owned()),
            ("TEAMGRAPH_INSTANCE", "table".to_owned()),
        ],
    };
    let sql = connect(&owner).await;
    let runbook = section(&read("docs/operations.md"), "## The participation table");
    let (mut projecting, mut said) = (None, String::new());
    let (mut ran, mut compared) = (0, 0);
    for Block { language, text } in blocks(&runbook) {
        match language.as_str() {
            "sh" if text == "teamgraph project\n" => {
                projecting = Some(Served(shell.command(&format!("exec {text}")).spawn().unwrap()));
                until("the table followed", async || {
                    let rows = sql.query("SELECT FROM teamgraph_projection", &[]).await;
                    rows.is_ok_and(|rows| rows.len() == 1)
                })
                .await;
            }
            "sh" => {
                if text.contains("ENABLE TRIGGER") {
                    drop(projecting.take().expect("it was started before"));
                }
                let output = shell.run(&text);
                said = String::from_utf8(output.stdout).unwrap();
                let wrong = String::from_utf8(output.stderr).unwrap();
                assert!(output.status.success(), "{text}\n{said}\n{wrong}");
                ran += 1;
            }
            "text" => {
                assert_eq!(said, text);
                compared += 1;
            }
            other => panic!("a block of `{other}`"),
        }
    }
    assert!(ran >= 6 && compared >= 3, "{ran} {compared}");
    drop(sql);
    postgres.stop().await.unwrap();
}
