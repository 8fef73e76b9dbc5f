//! Reading what the runner wrote: graphs, questions with their answers, transactions.

use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A member and a team.
pub type Edge = (i64, i64);

/// Teams are numbered from 1, people after them.
#[derive(Clone, Debug, Deserialize)]
pub struct Meta {
    pub teams: i64,
    pub people: i64,
    #[serde(default)]
    pub big_team: i64,
    #[serde(default)]
    pub spare_team: i64,
}

pub struct Graph {
    pub meta: Meta,
    /// Each once, in the order of the file.
    pub edges: Vec<Edge>,
}

/// What was listed: how many, and the sum of their numbers. A check lists one or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub count: i64,
    pub sum: i64,
}

impl Listed {
    pub fn add(&mut self, key: i64) {
        self.count += 1;
        self.sum += key;
    }

    pub fn yes_or_no(yes: bool) -> Self {
        Listed { count: i64::from(yes), sum: 0 }
    }
}

/// Of a check: member, team. Of a list: whose, and nothing.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub about: i64,
    pub team: i64,
    pub answer: Listed,
}

/// Edges that one transaction adds and removes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Transaction {
    #[serde(default)]
    pub add: Vec<Edge>,
    #[serde(default)]
    pub remove: Vec<Edge>,
}

impl Graph {
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let meta = serde_json::from_str(&std::fs::read_to_string(folder.join("meta.json"))?)?;
        let numbers = numbers(&folder.join("memberships.csv"), 2)?;
        Ok(Graph { meta, edges: numbers.chunks_exact(2).map(|it| (it[0], it[1])).collect() })
    }
}

impl Meta {
    pub fn is_team(&self, key: i64) -> bool {
        key <= self.teams
    }
}

/// `member,team,answer` of checks, `key,count,sum` of lists.
pub fn questions(file: &Path, checks: bool) -> anyhow::Result<Vec<Question>> {
    let question = |it: &[i64]| match checks {
        true => Question { about: it[0], team: it[1], answer: Listed { count: it[2], sum: 0 } },
        false => Question { about: it[0], team: 0, answer: Listed { count: it[1], sum: it[2] } },
    };
    Ok(numbers(file, 3)?.chunks_exact(3).map(question).collect())
}

/// One JSON object a line.
pub fn transactions(file: &Path) -> anyhow::Result<Vec<Transaction>> {
    let lines = BufReader::new(File::open(file)?).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// All numbers of the rows, one row behind the other; one allocation, so that what is measured
/// afterwards is not hidden in what was freed here.
fn numbers(file: &Path, columns: usize) -> anyhow::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut lines = BufReader::new(File::open(file)?);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(numbers);
        }
        let before = numbers.len();
        for number in line.trim_end().split(',') {
            numbers.push(number.parse()?);
        }
        anyhow::ensure!(numbers.len() == before + columns, "{}: {line}", file.display());
    }
}
