//! Runs one case: the one `check` behind all of them.
//!
//! Owns the questions' syntax and the order of things: changes gather in a transaction, questions
//! are always asked of the newest committed version. Beside what a case asks, every commit is
//! compared with the oracle whole.

use super::syntax::{change, key, key_text};
use crate::answers::compare::{Pages, Questions, WHOLE, compare};
use crate::answers::{Answers, Listed, Named, Reach, Sizes, Standing, Subject};
use crate::oracle::NaiveGraph;
use std::collections::BTreeSet;
use teamgraph::change::{Change, NamePut};
use teamgraph::graph::GraphLimits;
use teamgraph::id::{KeySpace, Lsn, MemberKind, Role, SourceKey};

/// A case: its title, and its lines with their places.
#[derive(Debug)]
pub struct Case {
    pub title: String,
    pub lines: Vec<(String, String)>,
}

/// Runs the case; the first failure, with its place.
pub fn check<S: Subject>(
    case: &Case,
    new: &impl Fn(u64, GraphLimits, Vec<SourceKey>) -> S,
) -> Result<(), String> {
    let questions = mentioned(case)?;
    let limits = limits(case)?;
    let fresh = |copy| new(copy, limits, questions.keys.clone());
    let mut run = Run::new(fresh(1));
    let mut asked = 0;
    for (place, line) in &case.lines {
        let in_place = |error: String| format!("{place}: {error}");
        if let Some(change) = change(line).map_err(in_place)? {
            run.change(&change);
            continue;
        }
        match line.as_str() {
            "commit" => run.commit(&questions).map_err(in_place)?,
            "abort" => run.abort().map_err(in_place)?,
            _ if line.starts_with(PAD) => {
                pad(line).map_err(in_place)?.iter().for_each(|change| run.change(change));
            }
            "resync" => run = Run::new(fresh(run.copy + 1)).after(run),
            _ if line.starts_with(LIMIT) => {}
            question => {
                asked += 1;
                let version = run.version.as_ref().ok_or_else(|| {
                    in_place(format!("`{question}` is asked before anything is committed"))
                })?;
                ask(question, version).map_err(|error| in_place(format!("{question}: {error}")))?;
            }
        }
    }
    // A case from a random script may ask nothing of its own: each commit is compared anyway.
    if asked == 0 && !case.title.starts_with("found") {
        return Err(format!("case {}: asks nothing", case.title));
    }
    if run.has_uncommitted {
        return Err(format!("case {}: its last changes are not committed", case.title));
    }
    Ok(())
}

/// Sets the closure's budget for the whole case.
const LIMIT: &str = "closure-pairs-max ";

/// Lets that many teams come and go, so that what follows is numbered behind them.
const PAD: &str = "pad ";

fn pad(line: &str) -> Result<Vec<Change>, String> {
    let teams = line.strip_prefix(PAD).unwrap_or_default();
    let teams: u32 = teams.parse().map_err(|_| format!("not a number in `{line}`"))?;
    let lines =
        (0..teams).flat_map(|it| [format!("team padding-{it}"), format!("delete padding-{it}")]);
    lines.filter_map(|line| change(&line).transpose()).collect()
}

fn limits(case: &Case) -> Result<GraphLimits, String> {
    let given = |(place, line): &(String, String)| {
        let number = line.strip_prefix(LIMIT)?.parse();
        Some(number.map_err(|_| format!("{place}: not a number in `{line}`")))
    };
    let closure_pairs_max = case.lines.iter().find_map(given).transpose()?;
    Ok(closure_pairs_max
        .map_or_else(GraphLimits::default, |closure_pairs_max| GraphLimits { closure_pairs_max }))
}

/// All members and names that the case's changes mention.
fn mentioned(case: &Case) -> Result<Questions, String> {
    let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (place, line) in &case.lines {
        match change(line).map_err(|error| format!("{place}: {error}"))? {
            Some(Change::MemberPut { key, name, .. }) => {
                keys.insert(key);
                if let NamePut::Set(Some(name)) = name {
                    names.insert(name.to_string());
                }
            }
            Some(Change::RowPut { states: Some(states), .. }) => {
                keys.extend([states.member, states.team]);
            }
            _ => {}
        }
    }
    Ok(Questions { keys: keys.into_iter().collect(), names: names.into_iter().collect() })
}

/// The key spaces of the members that the case's changes mention.
pub fn key_spaces(case: &Case) -> BTreeSet<KeySpace> {
    mentioned(case).unwrap().keys.iter().map(|key| key.space).collect()
}

struct Run<S: Subject> {
    subject: S,
    oracle: NaiveGraph,
    version: Option<S::Version>,
    copy: u64,
    commits: u64,
    has_uncommitted: bool,
}

impl<S: Subject> Run<S> {
    fn new(subject: S) -> Self {
        let oracle = NaiveGraph::default();
        Run { subject, oracle, version: None, copy: 1, commits: 0, has_uncommitted: false }
    }

    /// A fresh copy begins; the old version is served until it is whole.
    fn after(self, old: Self) -> Self {
        Run { version: old.version, copy: old.copy + 1, commits: old.commits, ..self }
    }

    fn change(&mut self, change: &Change) {
        self.oracle.apply(change);
        self.subject.apply(change);
        self.has_uncommitted = true;
    }

    fn commit(&mut self, questions: &Questions) -> Result<(), String> {
        self.commits += 1;
        let end_lsn = Lsn(self.commits * 0x100);
        let expected = self.oracle.commit(end_lsn);
        let version = self.subject.commit(end_lsn);
        self.subject.validate()?;
        compare(&expected, &version, questions, &mut Pages::new(self.commits))?;
        self.version = Some(version);
        self.has_uncommitted = false;
        Ok(())
    }

    fn abort(&mut self) -> Result<(), String> {
        self.oracle.abort();
        self.subject.abort();
        self.has_uncommitted = false;
        self.subject.validate()
    }
}

/// A member's key in its printed form: what the lists of a case are made of.
type Text = String;

fn texts(keys: &[SourceKey]) -> Vec<Text> {
    keys.iter().map(key_text).collect()
}

fn expect(expected: &str, actual: &str) -> Result<(), String> {
    if expected == actual { Ok(()) } else { Err(format!("but it is `{actual}`")) }
}

/// Lists are compared as sets written in any order, without duplicates.
fn expect_list(expected: &str, actual: &[SourceKey]) -> Result<(), String> {
    let mut expected: Vec<&str> = expected.split_whitespace().filter(|it| *it != "none").collect();
    let mut actual = texts(actual);
    expected.sort_unstable();
    actual.sort_unstable();
    if expected == actual { Ok(()) } else { Err(format!("but it is `{}`", actual.join(" "))) }
}

fn ask(question: &str, version: &impl Answers) -> Result<(), String> {
    if let Some((asked, expected)) = question.split_once('=')
        && !question.starts_with("stats ")
    {
        let asked: Vec<&str> = asked.split_whitespace().collect();
        return ask_value(&asked, expected.trim(), version);
    }
    if let Some((asked, members)) = question.split_once(':') {
        let asked: Vec<&str> = asked.split_whitespace().collect();
        return ask_in(&asked, members, version);
    }
    match question.strip_prefix("stats ") {
        Some(stats) => stats.split_whitespace().try_for_each(|it| ask_stat(it, &version.sizes())),
        None => Err("not understood".to_owned()),
    }
}

fn ask_in(asked: &[&str], members: &str, version: &impl Answers) -> Result<(), String> {
    let (team, wanted) = match asked {
        ["in", team] => (key(team)?, true),
        ["not", "in", team] => (key(team)?, false),
        _ => return Err("not understood".to_owned()),
    };
    for member in members.split_whitespace() {
        let standing = version.standing(&key(member)?, &team);
        if (standing != Standing::None) != wanted {
            return Err(format!("but {member} is {}", standing_text(standing)));
        }
    }
    Ok(())
}

fn ask_value(asked: &[&str], expected: &str, version: &impl Answers) -> Result<(), String> {
    match asked {
        ["relation", member, team] => {
            expect(expected, standing_text(version.standing(&key(member)?, &key(team)?)))
        }
        ["administers", member, team] => {
            expect(expected, standing_text(version.administration(&key(member)?, &key(team)?)))
        }
        ["role", member, team] => {
            expect(expected, role_text(version.role(&key(member)?, &key(team)?)))
        }
        ["path", member, team] => {
            let path = version.path(&key(member)?, &key(team)?);
            expect(expected, &path.map_or_else(|| "none".to_owned(), |path| texts(&path).join(" ")))
        }
        ["kind", member] => expect(expected, kind_text(version.kind(&key(member)?))),
        ["name", member] => {
            expect(expected, version.name(&key(member)?).as_deref().unwrap_or("none"))
        }
        ["named", name] => match version.named(name) {
            Named::Unknown => expect(expected, "none"),
            Named::One(key) => expect(expected, &key_text(&key)),
            Named::Ambiguous => expect(expected, "ambiguous"),
        },
        ["cycles"] => {
            let cycles = version.cycles(WHOLE);
            let cycles = cycles.iter().map(|cycle| {
                let mut cycle = texts(cycle);
                cycle.sort();
                format!("{{{}}}", cycle.join(" "))
            });
            let mut cycles: Vec<String> = cycles.collect();
            cycles.sort();
            let cycles = if cycles.is_empty() { "none".to_owned() } else { cycles.join(" ") };
            expect(expected, &cycles)
        }
        [list, of] => expect_list(expected, &listed(list, &key(of)?, version)?),
        _ => Err("not understood".to_owned()),
    }
}

fn listed(list: &str, of: &SourceKey, version: &impl Answers) -> Result<Vec<SourceKey>, String> {
    let members = |reach, listed| version.members_of(of, reach, listed, WHOLE);
    let teams = |reach| version.teams_of(of, reach, WHOLE);
    Ok(match list {
        "participants" => members(Reach::All, Listed::Both),
        "people" => members(Reach::All, Listed::People),
        "sub-teams" => members(Reach::All, Listed::Teams),
        "members" => members(Reach::Direct, Listed::Both),
        "admins" => {
            let is_admin = |it: &SourceKey| version.role(it, of) == Some(Role::Admin);
            members(Reach::Direct, Listed::Both).into_iter().filter(is_admin).collect()
        }
        "administrators" => version.administrators_of(of, Reach::All, Listed::Both, WHOLE),
        "direct-administrators" => {
            version.administrators_of(of, Reach::Direct, Listed::Both, WHOLE)
        }
        "administered" => version.administered_by(of, Reach::All, WHOLE),
        "direct-administered" => version.administered_by(of, Reach::Direct, WHOLE),
        "teams" => teams(Reach::All),
        "direct-teams" => teams(Reach::Direct),
        "indirect-teams" => {
            let is_indirect = |it: &SourceKey| version.standing(of, it) == Standing::Indirect;
            teams(Reach::All).into_iter().filter(is_indirect).collect()
        }
        _ => return Err("not understood".to_owned()),
    })
}

fn ask_stat(stat: &str, sizes: &Sizes) -> Result<(), String> {
    let (name, expected) = stat.split_once('=').ok_or("not understood")?;
    let actual = match name {
        "people" => sizes.people,
        "teams" => sizes.teams,
        "memberships" => sizes.memberships,
        "rows" => sizes.rows,
        "team-edges" => sizes.team_edges,
        "cycles" => sizes.cycles,
        "teams-on-cycles" => sizes.teams_on_cycles,
        "self-memberships" => sizes.self_memberships,
        _ => return Err(format!("`{name}` is not counted")),
    };
    expect(expected, &actual.to_string()).map_err(|error| format!("{name}: {error}"))
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::None => "none",
        Standing::Itself => "itself",
        Standing::Direct => "direct",
        Standing::Indirect => "indirect",
    }
}

fn role_text(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Member) => "member",
        Some(Role::Admin) => "admin",
        None => "none",
    }
}

fn kind_text(kind: Option<MemberKind>) -> &'static str {
    match kind {
        Some(MemberKind::Person) => "person",
        Some(MemberKind::Team) => "team",
        None => "none",
    }
}
