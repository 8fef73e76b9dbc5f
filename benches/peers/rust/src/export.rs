//! A made-up organisation as files, so that every peer loads the very same graph.

use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use teamgraph::synthetic::{Shape, Synthetic};

#[derive(clap::Args)]
pub struct Options {
    /// s, m or l.
    #[arg(long)]
    size: String,
    /// The folder to write to.
    #[arg(long)]
    into: PathBuf,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let shape = Shape::named(&options.size)
        .ok_or_else(|| anyhow::anyhow!("there is no size {}", options.size))?;
    let synthetic = Synthetic::new(shape);
    create_dir_all(&options.into)?;
    let mut rows = BufWriter::new(File::create(options.into.join("memberships.csv"))?);
    writeln!(rows, "member,team")?;
    let mut count = 0_u64;
    for membership in synthetic.memberships() {
        writeln!(rows, "{},{}", membership.member, membership.team)?;
        count += 1;
    }
    rows.flush()?;
    let meta = serde_json::json!({
        "name": options.size,
        "teams": shape.teams,
        "people": shape.people,
        "memberships": count,
        "big_team": synthetic.big_team(),
        "spare_team": synthetic.spare_team(),
        "busiest_person": synthetic.busiest_person(),
    });
    std::fs::write(options.into.join("meta.json"), serde_json::to_string_pretty(&meta)?)?;
    Ok(())
}
