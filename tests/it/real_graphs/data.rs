//! A data set of `../shared/data`, as it lies there.
//!
//! Owns finding and reading the two gzipped tables. A member that is not among the teams is a
//! person. Every line of memberships is a row, also where several state one edge.

use super::plain::{Node, Stated};
use flate2::read::GzDecoder;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A data set, its members numbered.
pub struct DataSet {
    /// By number: teams first, then people.
    pub names: Vec<String>,
    /// How many of them are teams.
    pub teams: Node,
    pub rows: Vec<Stated>,
}

impl DataSet {
    /// The data set; none where there are no data beside the project.
    pub fn read(name: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
        if !folder.is_dir() {
            let absent = format!("there is no {}", folder.display());
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{absent}");
            println!("skipped: {absent}");
            return None;
        }
        let mut data = DataSet { names: Vec::new(), teams: 0, rows: Vec::new() };
        let mut numbers = HashMap::new();
        let mut number = |name: &str, names: &mut Vec<String>| -> Node {
            *numbers.entry(name.to_owned()).or_insert_with(|| {
                names.push(name.to_owned());
                Node::try_from(names.len() - 1).unwrap()
            })
        };
        for [team, _kind] in records(folder.join("teams.csv.gz")) {
            number(&team, &mut data.names);
        }
        data.teams = Node::try_from(data.names.len()).unwrap();
        for [member, team, role] in records(folder.join("memberships.csv.gz")) {
            let (member, team) = (number(&member, &mut data.names), number(&team, &mut data.names));
            assert!(team < data.teams, "row {} names no team", data.rows.len());
            // The data have no administrators: one of their roles stands in.
            data.rows.push((member, team, role == "provides"));
        }
        Some(data)
    }
}

/// The lines of a gzipped table, without the first.
fn records<const COLUMNS: usize>(path: PathBuf) -> impl Iterator<Item = [String; COLUMNS]> {
    let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    csv::Reader::from_reader(GzDecoder::new(file)).into_records().map(move |record| {
        let record = record.unwrap();
        let fields: Vec<String> = record.iter().map(str::to_owned).collect();
        fields.try_into().unwrap_or_else(|_| panic!("{}: {record:?}", path.display()))
    })
}
