//! `teamgraph doctor`: every setting and right that following a database needs, each with its fix.

use super::output::print;
use super::serve::feed_config;
use crate::config::{DatabaseOptions, FeedOptions};
use crate::feed::{self, Finding, Level};
use std::process::ExitCode;

/// What `doctor` can be told.
#[derive(clap::Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    feed: FeedOptions,
    /// Print one JSON object, for programs
    #[arg(long, env = "TEAMGRAPH_JSON")]
    json: bool,
}

/// Runs the command: 0 if `serve` would start, 1 if not.
pub async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let url = args.database.required()?.as_str();
    let config = feed_config(&args.feed, url)?;
    let findings = feed::examine(&config).await?;
    print(&if args.json { as_json(&findings)? } else { as_text(&findings) })?;
    Ok(ExitCode::from(u8::from(findings.iter().any(Finding::is_error))))
}

fn as_text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { what, level, text: found, fix } in findings {
        let mark = match level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "ERROR",
        };
        text.push_str(&format!("{mark:<8} {what}: {found}\n"));
        if let Some(fix) = fix {
            text.push_str(&format!("{:<8} fix: {fix}\n", ""));
        }
    }
    text.push_str(&match findings.iter().filter(|finding| finding.is_error()).count() {
        0 => "`teamgraph serve` can follow this database.\n".to_owned(),
        1 => "1 error: `teamgraph serve` would refuse this database.\n".to_owned(),
        errors => format!("{errors} errors: `teamgraph serve` would refuse this database.\n"),
    });
    text
}

fn as_json(findings: &[Finding]) -> serde_json::Result<String> {
    let level = |finding: &Finding| match finding.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let objects: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "what": finding.what,
                "level": level(finding),
                "found": finding.text,
                "fix": finding.fix,
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&serde_json::json!({ "findings": objects }))? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_shown_with_their_fixes() {
        let finding = |what: &str, level, text: &str, fix: Option<&str>| Finding {
            what: what.into(),
            level,
            text: text.into(),
            fix: fix.map(str::to_owned),
        };
        let findings = [
            finding("wal_level", Level::Ok, "is logical", None),
            finding("publication", Level::Error, "does not exist", Some("run teamgraph migrate")),
        ];
        let text = as_text(&findings);
        assert!(text.starts_with("ok       wal_level: is logical\n"), "{text}");
        assert!(text.contains("fix: run teamgraph migrate\n1 error:"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&as_json(&findings).unwrap()).unwrap();
        assert_eq!(json["findings"][1]["level"], "error");
        assert_eq!(json["findings"][0]["fix"], serde_json::Value::Null);
    }
}
