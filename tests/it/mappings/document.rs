//! What `docs/mapping.md` tells a new user to do is done as it stands there.

use super::world::{project_file, read};
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;
use teamgraph::embedded::{EmbeddedOptions, EmbeddedPostgres};
use teamgraph::feed::Mapping;

/// A fenced block of the document.
pub struct Block {
    pub language: String,
    pub text: String,
}

pub fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for line in document.lines() {
        match (line.strip_prefix("```"), open) {
            (Some(language), false) => {
                blocks.push(Block { language: language.to_owned(), text: String::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!open, "a block does not end");
    blocks
}

/// The reader's shell.
pub struct Shell {
    pub environment: Vec<(&'static str, String)>,
}

impl Shell {
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(project_file(""));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, script: &str) -> Output {
        self.command(script).output().unwrap()
    }
}

/// Ended also if the test fails.
pub struct Served(pub Child);

impl Drop for Served {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_new_user_gets_from_nothing_to_an_answer() {
    let postgres = EmbeddedPostgres::start(EmbeddedOptions::default()).await.unwrap();
    let owner = postgres.create_database("launchpad").await.unwrap();
    let feed = owner.replace("user=postgres", "user=teamgraph_feed");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let binary = Path::new(env!("CARGO_BIN_EXE_teamgraph")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let shell = Shell {
        environment: vec![
            ("PATH", format!("{}:{path}", binary.display())),
            ("OWNER_URL", owner),
            ("TEAMGRAPH_DATABASE_URL", feed),
            ("TEAMGRAPH_LISTEN", format!("127.0.0.1:{port}")),
            ("TEAMGRAPH_SERVER", format!("http://127.0.0.1:{port}")),
        ],
    };
    let blocks = blocks(&read("docs/mapping.md"));
    let mut served = None;
    let mut said = String::new();
    let (mut ran, mut compared) = (0, 0);
    for Block { language, text } in &blocks {
        match language.as_str() {
            "sh" if text.starts_with("teamgraph serve") => {
                let script = format!("exec {text}");
                served = Some(Served(shell.command(&script).spawn().unwrap()));
                answering(&shell).await;
            }
            "sh" => {
                let output = shell.run(text);
                said = String::from_utf8(output.stdout).unwrap();
                let wrong = String::from_utf8(output.stderr).unwrap();
                assert!(output.status.success(), "{text}\n{said}\n{wrong}");
                ran += 1;
            }
            "text" => {
                assert_eq!(&said, text);
                compared += 1;
            }
            "toml" => {
                let example = read("examples/mappings/launchpad.toml");
                assert_eq!(Mapping::parse(text).unwrap(), Mapping::parse(&example).unwrap());
            }
            other => panic!("a block of `{other}`"),
        }
    }
    assert!(ran >= 5 && compared >= 2 && served.is_some());
    drop(served);
    postgres.stop().await.unwrap();
}

/// Waits until the server answers.
async fn answering(shell: &Shell) {
    for _ in 0..600 {
        if shell.run("teamgraph status").status.success() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no answer within a minute");
}
