//! What it was measured on.

use serde_json::{Value, json};
use std::process::Command;

/// The commit, marked if the tree holds more than that.
pub fn commit() -> String {
    let git = |args: &[&str]| output("git", args);
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".into());
    let is_clean = git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty());
    if is_clean { commit } else { format!("{commit}+changes") }
}

pub fn describe() -> Value {
    json!({
        "cpu": proc_line("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": proc_line("/proc/meminfo", "MemTotal"),
        "kernel": output("uname", &["-sr"]),
        "rustc": output("rustc", &["--version"]),
        "postgresql": postgresql(),
    })
}

/// The version of the server that the suite would start.
fn postgresql() -> Option<String> {
    let set = std::env::var("TEAMGRAPH_PG_BIN").ok().map(|bin| format!("{bin}/postgres"));
    let mut candidates: Vec<String> = set.into_iter().collect();
    if candidates.is_empty() {
        let entries = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        candidates = entries.map(|it| format!("{}/bin/postgres", it.path().display())).collect();
        candidates.sort_unstable();
    }
    candidates.push("postgres".into());
    candidates.iter().rev().find_map(|postgres| output(postgres, &["--version"]))
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The value of the first line that begins with the word.
fn proc_line(file: &str, word: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(word))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
