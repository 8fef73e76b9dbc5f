//! Questions of four kinds, in equal parts.
//!
//! | kind | member | team |
//! |---|---|---|
//! | direct | of a row | of the same row |
//! | indirect | of a row | any team above it that it is not directly in |
//! | near miss | of a row | a sibling of a team above it, which is not itself above it |
//! | random | of a row | any team |
//!
//! Members are drawn by membership row, so by the heavy tail; the busiest person, in 5,000 teams, is
//! among them by that weight, and once in any case.

use crate::organisation::DrawnRows;
use teamgraph::graph::{Kinds, Relation, Scope, Snapshot};
use teamgraph::id::{Key, MemberId, SourceKey, TeamId};
use teamgraph::synthetic::{Random, Synthetic};

/// The member's key and the team's.
pub type Question = (i64, i64);

pub const KINDS: [&str; 4] = ["direct", "indirect", "near_miss", "random"];

/// Draws in vain before a kind counts as impossible in this graph.
const DRAWS_MAX: usize = 1_000;

/// Questions by kind, in the order of [`KINDS`], each list in random order.
pub struct Questions {
    pub by_kind: [Vec<Question>; 4],
}

/// The relation of two source keys: what `check_ns` times.
pub fn ask(snapshot: &Snapshot, (member, team): Question) -> Option<Relation> {
    let member = snapshot.find(&SourceKey::int(member))?;
    let team = snapshot.find_team(&SourceKey::int(team))?;
    Some(snapshot.relation(member, team))
}

struct Draw<'a> {
    snapshot: &'a Snapshot,
    synthetic: &'a Synthetic,
    random: Random,
}

impl Questions {
    /// So many of each kind.
    pub fn draw(
        snapshot: &Snapshot,
        synthetic: &Synthetic,
        drawn: &DrawnRows,
        each: usize,
    ) -> anyhow::Result<Self> {
        let mut draw = Draw { snapshot, synthetic, random: Random::new(17) };
        let mut by_kind = [const { Vec::new() }; 4];
        for (kind, questions) in by_kind.iter_mut().enumerate() {
            let busiest = draw.question(kind, synthetic.busiest_person());
            questions.extend(busiest);
            let mut vain = 0;
            while questions.len() < each {
                let row = drawn.any(&mut draw.random);
                let found = if kind == 0 {
                    draw.fitting(kind, row.member, row.team)
                } else {
                    draw.question(kind, row.member)
                };
                vain = if found.is_some() { 0 } else { vain + 1 };
                anyhow::ensure!(vain < DRAWS_MAX, "no question of kind {} found", KINDS[kind]);
                questions.extend(found);
            }
            let last = questions.len() - 1;
            questions.swap(0, draw.random.below(last as u64) as usize);
        }
        Ok(Questions { by_kind })
    }

    /// All of them, the kinds mixed.
    pub fn mixed(&self) -> Vec<Question> {
        let longest = self.by_kind.iter().map(Vec::len).max().unwrap_or(0);
        let rounds =
            (0..longest).flat_map(|at| self.by_kind.iter().filter_map(move |it| it.get(at)));
        rounds.copied().collect()
    }
}

impl Draw<'_> {
    fn question(&mut self, kind: usize, member: i64) -> Option<Question> {
        let id = self.snapshot.find(&SourceKey::int(member))?;
        let team = match kind {
            0 => self.one_of(&self.snapshot.list_teams(id, Scope::Direct, None, usize::MAX).teams),
            1 => self.above(id),
            2 => self.sibling_of_one_above(id),
            _ => Some(1 + self.random.below(u64::from(self.synthetic.shape().teams)) as i64),
        };
        self.fitting(kind, member, team?)
    }

    /// The question, if it is of the kind.
    fn fitting(&self, kind: usize, member: i64, team: i64) -> Option<Question> {
        let relation = ask(self.snapshot, (member, team))?;
        let fits = match kind {
            0 => relation == Relation::Direct,
            1 => relation == Relation::Indirect,
            2 => relation == Relation::None,
            _ => true,
        };
        fits.then_some((member, team))
    }

    fn above(&mut self, member: MemberId) -> Option<i64> {
        self.one_of(&self.snapshot.list_teams(member, Scope::All, None, usize::MAX).teams)
    }

    fn sibling_of_one_above(&mut self, member: MemberId) -> Option<i64> {
        let above = self.above(member)?;
        let above = self.snapshot.find(&SourceKey::int(above))?;
        let parents = self.snapshot.list_teams(above, Scope::Direct, None, usize::MAX).teams;
        let parent = self.snapshot.find(&SourceKey::int(self.one_of(&parents)?))?;
        let kinds = Kinds { people: false, teams: true };
        let parent = self.snapshot.team(parent)?;
        let page = self.snapshot.list_members(parent, Scope::Direct, kinds, None, usize::MAX);
        let siblings: Vec<TeamId> =
            page.members.iter().filter_map(|&sibling| self.snapshot.team(sibling)).collect();
        self.one_of(&siblings)
    }

    fn one_of(&mut self, teams: &[TeamId]) -> Option<i64> {
        if teams.is_empty() {
            return None;
        }
        let team = teams[self.random.below(teams.len() as u64) as usize];
        match &self.snapshot.key(self.snapshot.member(team)?)?.key {
            Key::Int(key) => Some(*key),
            Key::Uuid(_) | Key::Text(_) => None,
        }
    }
}
