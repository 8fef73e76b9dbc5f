//! The table for people, the summary for programs.

use crate::figures::{ALL, plain};
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
    println!("{:<28} {:>14} {:>14}   verdict", "figure", "value", "target");
    for figure in ALL {
        let Some(samples) = record.samples.get(figure.name) else { continue };
        let at_l = figure.target_l.filter(|_| matches!(plan.size, Size::L | Size::Xl));
        let value = median(samples);
        let (target, verdict) = match plan.size {
            // The targets are those of M and L.
            Size::S => ("-".into(), "-"),
            Size::M | Size::L | Size::Xl => at_l.unwrap_or(figure.target).judge(value),
        };
        let name = format!("{}{}", figure.name, plan.suffix());
        let value = format!("{} {}", plain(value), figure.unit);
        println!("{name:<28} {value:>14} {target:>14}   {verdict}");
    }
    println!("\nbehind them:");
    for (name, value) in &record.context {
        let value = value.as_f64().map_or_else(|| value.to_string(), plain);
        println!("  {name:<36} {value:>14}");
    }
    let Record { samples, alternated, context } = record.clone().with_suffix(plan.suffix());
    let figures: BTreeMap<&String, f64> =
        samples.iter().map(|(name, samples)| (name, median(samples))).collect();
    let summary = json!({
        "commit": machine::commit(),
        "machine": machine::describe(),
        "size": plan.size.name(),
        "figures": figures,
        "samples": samples,
        "alternated": alternated,
        "context": context,
    });
    save("summary.json", &summary)
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
