//! What the scripts came to: a generator that never makes the hard cases proves nothing.
//!
//! Owns the counts and the demand that each situation has come up.

use crate::answers::{Answers, Standing};
use crate::oracle::{NaiveGraph, NaiveVersion};
use std::fmt;
use teamgraph::change::Change;
use teamgraph::id::{MemberKind, SourceKey};

/// Counts of scripts, steps and situations.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub scripts: u64,
    pub changes: u64,
    pub commits: u64,
    pub aborts: u64,
    pub conversions: u64,
    /// Versions with a cycle of 2, 3, … 10 teams.
    pub cycles: [u64; 9],
    pub self_memberships: u64,
    pub dangling: u64,
    pub several_rows: u64,
    /// Versions where a member is in a team both directly and through another.
    pub shortcuts: u64,
    pub indirect: u64,
    pub ambiguous_names: u64,
    /// Versions where somebody administers a team only through one that owns it.
    pub owning_teams: u64,
    /// Versions where a team owns itself.
    pub self_owners: u64,
    /// Versions where a team's owner does not exist.
    pub absent_owners: u64,
    pub materialised: u64,
    pub searched: u64,
    pub switches: u64,
    was_materialised: bool,
}

impl Tally {
    pub fn note_change(&mut self, change: &Change, oracle: &NaiveGraph) {
        self.changes += 1;
        if let Change::MemberPut { key, kind, .. } = change {
            let before = oracle.working.members.get(key).map(|row| row.kind);
            self.conversions += u64::from(before.is_some_and(|before| before != *kind));
        }
    }

    pub fn note_version(&mut self, version: &NaiveVersion, actual: &impl Answers) {
        self.commits += 1;
        for cycle in version.cycles(usize::MAX) {
            self.cycles[cycle.len() - 2] += 1;
        }
        let rows = &version.rows;
        let sizes = version.sizes();
        self.self_memberships += u64::from(sizes.self_memberships > 0);
        self.several_rows += u64::from(sizes.rows > sizes.memberships);
        let stated = rows.stated();
        let dangles = |edge: &(_, _)| !rows.members.contains_key(&edge.0) || !rows.is_team(&edge.1);
        self.dangling += u64::from(stated.keys().any(dangles));
        let stands = |member: &SourceKey, team: &SourceKey| version.standing(member, team);
        let people = rows.members.iter().filter(|(_, row)| row.kind == MemberKind::Person);
        let people: Vec<&SourceKey> = people.map(|(key, _)| key).collect();
        let teams: Vec<&SourceKey> = rows.members.keys().filter(|key| rows.is_team(key)).collect();
        let is_shortcut = |(member, team): &(SourceKey, SourceKey)| {
            let through = |via: &SourceKey| {
                stands(member, via) == Standing::Direct
                    && matches!(stands(via, team), Standing::Direct | Standing::Indirect)
            };
            stands(member, team) == Standing::Direct && teams.iter().any(|via| through(via))
        };
        self.shortcuts += u64::from(stated.keys().any(is_shortcut));
        let is_indirect =
            |it: &SourceKey| teams.iter().any(|team| stands(it, team) == Standing::Indirect);
        self.indirect += u64::from(people.iter().any(|it| is_indirect(it)));
        let names = rows.members.values().filter_map(|row| row.name.as_deref());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        self.ambiguous_names += u64::from(names.windows(2).any(|pair| pair[0] == pair[1]));
        self.note_owners(version);
        let materialised = actual.sizes().closure_pairs.is_some();
        self.materialised += u64::from(materialised);
        self.searched += u64::from(!materialised);
        self.switches += u64::from(materialised != self.was_materialised);
        self.was_materialised = materialised;
    }

    fn note_owners(&mut self, version: &NaiveVersion) {
        let rows = &version.rows;
        let owners = rows.members.iter().filter(|(team, _)| rows.is_team(team));
        let owners = owners.filter_map(|(team, row)| Some((team, row.owner.as_ref()?)));
        let owners: Vec<(&SourceKey, &SourceKey)> = owners.collect();
        self.self_owners += u64::from(owners.iter().any(|(team, owner)| team == owner));
        let is_absent = |owner| !rows.members.contains_key(owner);
        self.absent_owners += u64::from(owners.iter().any(|(_, owner)| is_absent(owner)));
        let administers_through = |(team, owner): &(&SourceKey, &SourceKey)| {
            rows.members.keys().any(|member| {
                version.administration(member, team) == Standing::Indirect
                    && version.standing(member, owner) != Standing::None
            })
        };
        self.owning_teams += u64::from(owners.iter().any(administers_through));
    }

    /// Each situation that the proof claims to cover has come up.
    pub fn assert_covers_everything(&self) {
        let situations = [
            self.aborts,
            self.conversions,
            self.self_memberships,
            self.dangling,
            self.several_rows,
            self.shortcuts,
            self.indirect,
            self.ambiguous_names,
            self.owning_teams,
            self.self_owners,
            self.absent_owners,
        ];
        assert!(situations.iter().chain(&self.cycles).all(|seen| *seen > 0), "{self}");
    }

    pub fn add(&mut self, other: &Tally) {
        self.scripts += other.scripts;
        self.changes += other.changes;
        self.commits += other.commits;
        self.aborts += other.aborts;
        self.conversions += other.conversions;
        self.cycles.iter_mut().zip(other.cycles).for_each(|(all, more)| *all += more);
        self.self_memberships += other.self_memberships;
        self.dangling += other.dangling;
        self.several_rows += other.several_rows;
        self.shortcuts += other.shortcuts;
        self.indirect += other.indirect;
        self.ambiguous_names += other.ambiguous_names;
        self.owning_teams += other.owning_teams;
        self.self_owners += other.self_owners;
        self.absent_owners += other.absent_owners;
        self.materialised += other.materialised;
        self.searched += other.searched;
        self.switches += other.switches;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { scripts, changes, commits, aborts, conversions, cycles, .. } = self;
        writeln!(f, "{scripts} scripts, {changes} changes, {commits} commits, {aborts} aborts")?;
        writeln!(f, "  cycles of 2 to 10 teams: {cycles:?}; conversions: {conversions}")?;
        let Tally { self_memberships, dangling, several_rows, shortcuts, .. } = self;
        write!(
            f,
            "  versions with self memberships {self_memberships}, dangling ends {dangling}, "
        )?;
        write!(f, "several rows an edge {several_rows}, shortcuts {shortcuts}, ")?;
        let Tally { owning_teams, self_owners, absent_owners, .. } = self;
        write!(f, "  owning teams {owning_teams}, teams that own themselves {self_owners}, ")?;
        writeln!(f, "absent owners {absent_owners}")?;
        let Tally { indirect, ambiguous_names, materialised, searched, switches, .. } = self;
        writeln!(f, "indirect people {indirect}, ambiguous names {ambiguous_names}")?;
        write!(f, "  closure materialised {materialised}, searched {searched}, switches {switches}")
    }
}
