//! The table for people, the summary for programs.

use crate::figures::{ALL, Figure, Targets, head, plain};
use crate::machine;
use crate::options::{Plan, Size};
use crate::record::Record;
use crate::sample::median;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Prints the table and writes `target/bench/summary.json`. What was not measured is in neither.
pub fn write(record: &Record, plan: &Plan) -> anyhow::Result<()> {
    println!("{}", table(record, plan));
    println!("\nbehind them:");
    for (name, value) in &record.context {
        let value = value.as_f64().map_or_else(|| value.to_string(), plain);
        println!("  {name:<36} {value:>14}");
    }
    save("summary.json", &summary(record, plan))
}

/// A line for each figure that was measured.
pub fn table(record: &Record, plan: &Plan) -> String {
    let targets = match plan.size {
        Size::S => Targets::None,
        Size::M => Targets::M,
        Size::L | Size::Xl => Targets::L,
    };
    let line = |figure: &Figure| {
        let value = median(record.samples.get(figure.name)?);
        Some(figure.line(value, targets, plan.suffix()))
    };
    let lines: Vec<String> = [head()].into_iter().chain(ALL.iter().filter_map(line)).collect();
    lines.join("\n")
}

pub fn summary(record: &Record, plan: &Plan) -> Value {
    let Record { samples, alternated, context } = record.clone().with_suffix(plan.suffix());
    let figures: BTreeMap<&String, f64> =
        samples.iter().map(|(name, samples)| (name, median(samples))).collect();
    json!({
        "commit": machine::commit(),
        "machine": machine::describe(),
        "size": plan.size.name(),
        "figures": figures,
        "samples": samples,
        "alternated": alternated,
        "context": context,
    })
}

/// Into `target/bench/`, wherever the suite was started.
pub fn save(name: &str, value: &Value) -> anyhow::Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder).context("create target/bench")?;
    let path = folder.join(name);
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    eprintln!("suite: wrote {}", path.display());
    Ok(())
}
