//! What a projection is told: where the table is, what is to be in it, and how fast.
//!
//! Owns the options' meaning and the filters. It must not know SQL.

use crate::graph::Kinds;
use crate::id::Key;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a projection is told.
#[derive(Clone, Debug)]
pub struct ProjectOptions {
    /// The database that the table is in.
    pub target: tokio_postgres::Config,
    /// The table and its two columns.
    pub table: TableNames,
    /// Which participations are in it.
    pub filter: Filter,
    /// The most rows that are held, sent or merged by one statement without being staged.
    pub batch_rows: usize,
    /// The most rows a second that are written by a fill or staged for a merge; any number without
    /// it.
    pub rows_per_s: Option<u64>,
    /// How long changes are gathered before they are merged.
    pub interval: Duration,
    /// The name of the server that projects, for the progress row.
    pub instance: String,
    /// Whether the table may be in the very database that is followed.
    pub same_database: bool,
    /// What is followed.
    pub source: SourceNames,
}

/// The table and its two columns, as the catalogue has them (unquoted).
#[derive(Clone, Debug)]
pub struct TableNames {
    /// The schema; the first of the role's search path that has the table without it.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The column with the key of the team.
    pub team: String,
    /// The column with the key of who participates in it.
    pub person: String,
}

/// What must not be fed by its own result.
#[derive(Clone, Debug)]
pub struct SourceNames {
    /// The database that is followed.
    pub database: String,
    /// The publication that is followed in it.
    pub publication: String,
}

/// Which participations are in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only those of people.
    pub people_only: bool,
    /// Also a row of each member in itself, as Launchpad has it.
    pub self_rows: bool,
    /// Only those in the teams with these keys, as text.
    pub teams: Option<BTreeSet<String>>,
}

impl ProjectOptions {
    /// What is in the table, in words: what two options say of a table is one if their words are.
    pub(super) fn words(&self) -> String {
        let TableNames { team, person, .. } = &self.table;
        format!("{}, as {team:?} {person:?}", self.filter.text())
    }
}

impl Default for Filter {
    fn default() -> Self {
        Filter { people_only: false, self_rows: true, teams: None }
    }
}

impl Filter {
    /// The kinds of members in the person column.
    pub(super) const fn kinds(&self) -> Kinds {
        Kinds { people: true, teams: !self.people_only }
    }

    /// Whether rows with this key in the team column are wanted.
    pub(super) fn has_team(&self, key: &Key) -> bool {
        self.teams.as_ref().is_none_or(|teams| teams.contains(&key.to_string()))
    }

    /// The filter in words: two filters are one if their words are.
    pub(super) fn text(&self) -> String {
        let who = if self.people_only { "people" } else { "all" };
        let own = if self.self_rows { "self rows" } else { "no self rows" };
        match &self.teams {
            None => format!("{who}, {own}"),
            // Quoted: a key may be any text.
            Some(teams) => format!("{who}, {own}, teams {teams:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_knows_its_teams_and_says_what_it_is() {
        let teams = Some(BTreeSet::from(["7".to_owned(), "12".to_owned()]));
        let filter = Filter { people_only: true, self_rows: false, teams };
        assert!(filter.has_team(&Key::Int(7)) && !filter.has_team(&Key::Int(8)));
        assert_eq!(filter.text(), r#"people, no self rows, teams {"12", "7"}"#);
        assert_eq!(Filter::default().text(), "all, self rows");
        assert!(Filter::default().has_team(&Key::Text("any".into())));
    }
}
