//! The oracle: the graph as plain maps of rows, searched anew for every question.
//!
//! Owns the meaning of the words, obviously right and slow. It knows rows and text only and shares
//! no code with the graph or the feed; their words for input (`id`, `change`) are all it borrows.

pub mod flaws;

use crate::answers::{Answers, Listed, Named, Reach, Sizes, Standing, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use teamgraph::change::{Change, Membership, NamePut, RowKey};
use teamgraph::id::{Lsn, MemberKind, Role, SourceKey};

/// What the row of a member says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub kind: MemberKind,
    pub name: Option<Arc<str>>,
    pub owner: Option<SourceKey>,
}

/// The source's two kinds of tables. A membership row that is not active states nothing, so only
/// the active ones are here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub members: BTreeMap<SourceKey, MemberRow>,
    pub memberships: BTreeMap<RowKey, Membership>,
}

impl Rows {
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::MemberPut { key, kind, name, owner } => {
                let name = match name {
                    NamePut::Set(name) => name.clone(),
                    NamePut::Keep => self.members.get(key).and_then(|row| row.name.clone()),
                };
                let row = MemberRow { kind: *kind, name, owner: owner.clone() };
                self.members.insert(key.clone(), row);
            }
            Change::MemberDelete { key } => {
                self.members.remove(key);
            }
            Change::MembersTruncate { space } => self.members.retain(|key, _| key.space != *space),
            Change::RowPut { row, states: Some(membership) } => {
                self.memberships.insert(row.clone(), membership.clone());
            }
            Change::RowPut { row, states: None } | Change::RowDelete { row } => {
                self.memberships.remove(row);
            }
            Change::RowsTruncate { table } => self.memberships.retain(|row, _| row.table != *table),
        }
    }

    pub fn is_team(&self, key: &SourceKey) -> bool {
        self.members.get(key).is_some_and(|row| row.kind == MemberKind::Team)
    }

    /// Every edge that at least one row states, with the highest role of those rows.
    pub fn stated(&self) -> BTreeMap<(SourceKey, SourceKey), Role> {
        let mut edges = BTreeMap::new();
        for Membership { member, team, role } in self.memberships.values() {
            let held = edges.entry((member.clone(), team.clone())).or_insert(*role);
            *held = (*held).max(*role);
        }
        edges
    }

    /// The changes that make these rows out of nothing: members by key, then rows by key.
    pub fn as_changes(&self) -> Vec<Change> {
        let members = self.members.iter().map(|(key, row)| Change::MemberPut {
            key: key.clone(),
            kind: row.kind,
            name: NamePut::Set(row.name.clone()),
            owner: row.owner.clone(),
        });
        let rows = self.memberships.iter();
        let rows =
            rows.map(|(row, it)| Change::RowPut { row: row.clone(), states: Some(it.clone()) });
        members.chain(rows).collect()
    }
}

/// The oracle as a subject: what is committed, and what the open transaction made of it.
#[derive(Clone, Debug, Default)]
pub struct NaiveGraph {
    pub working: Rows,
    committed: Rows,
}

impl Subject for NaiveGraph {
    type Version = NaiveVersion;

    fn apply(&mut self, change: &Change) {
        self.working.apply(change);
    }

    fn commit(&mut self, _end_lsn: Lsn) -> NaiveVersion {
        self.committed = self.working.clone();
        NaiveVersion::new(self.committed.clone())
    }

    fn abort(&mut self) {
        self.working = self.committed.clone();
    }

    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// One version: the rows, and the edges that take effect.
#[derive(Clone, Debug)]
pub struct NaiveVersion {
    pub rows: Rows,
    /// member → team → role, where both exist, the upper one is a team, and they differ.
    up: BTreeMap<SourceKey, BTreeMap<SourceKey, Role>>,
    /// member → what it participates in, without itself; searched once for each version.
    participations: BTreeMap<SourceKey, BTreeSet<SourceKey>>,
    holders: BTreeMap<SourceKey, BTreeSet<SourceKey>>,
}

impl NaiveVersion {
    pub fn new(rows: Rows) -> Self {
        let mut up: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for ((member, team), role) in rows.stated() {
            if member != team && rows.members.contains_key(&member) && rows.is_team(&team) {
                up.entry(member).or_default().insert(team, role);
            }
        }
        let (participations, holders) = (BTreeMap::new(), BTreeMap::new());
        let mut version = NaiveVersion { rows, up, participations, holders };
        let reached = version.rows.members.keys().map(|it| (it.clone(), version.search(it)));
        version.participations = reached.collect();
        version.holders = version.holders_of_all();
        version
    }

    /// All that the rows say but what names them: members, and memberships in order.
    pub fn said(&self) -> (&BTreeMap<SourceKey, MemberRow>, Vec<&Membership>) {
        let mut stated: Vec<&Membership> = self.rows.memberships.values().collect();
        stated.sort_unstable_by_key(|&it| (&it.member, &it.team, it.role));
        (&self.rows.members, stated)
    }

    /// What each team participates in.
    pub fn closure(&self) -> BTreeMap<&SourceKey, &BTreeSet<SourceKey>> {
        let mut all = self.participations.iter().collect::<BTreeMap<_, _>>();
        all.retain(|member, teams| self.rows.is_team(member) && !teams.is_empty());
        all
    }

    /// The direct teams of a member.
    fn direct<'a>(&'a self, member: &SourceKey) -> impl Iterator<Item = &'a SourceKey> {
        self.up.get(member).into_iter().flat_map(BTreeMap::keys)
    }

    /// What the member participates in, without itself.
    fn search(&self, member: &SourceKey) -> BTreeSet<SourceKey> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&SourceKey> = self.direct(member).collect();
        while let Some(team) = open.pop() {
            if team != member && found.insert(team.clone()) {
                open.extend(self.direct(team));
            }
        }
        found
    }

    fn is_participant(&self, member: &SourceKey, team: &SourceKey) -> bool {
        self.participations.get(member).is_some_and(|teams| teams.contains(team))
    }

    /// Who administers each team if anybody does: its owner and its direct admins, as they exist.
    fn holders_of_all(&self) -> BTreeMap<SourceKey, BTreeSet<SourceKey>> {
        let mut holders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (admin, teams) in &self.up {
            for (team, _) in teams.iter().filter(|(_, role)| **role == Role::Admin) {
                holders.entry(team.clone()).or_default().insert(admin.clone());
            }
        }
        for (team, row) in &self.rows.members {
            let owner = row.owner.as_ref().filter(|owner| self.rows.members.contains_key(owner));
            holders.entry(team.clone()).or_default().extend(owner.cloned());
        }
        holders
    }

    fn holders(&self, team: &SourceKey) -> impl Iterator<Item = &SourceKey> {
        self.holders.get(team).into_iter().flatten()
    }

    fn is_in_reach(&self, member: &SourceKey, team: &SourceKey, reach: Reach) -> bool {
        match self.administration(member, team) {
            Standing::Direct => true,
            Standing::Indirect => reach == Reach::All,
            Standing::None | Standing::Itself => false,
        }
    }

    /// The members of the wanted kinds, teams first.
    fn listed(&self, listed: Listed, is_in: impl Fn(&SourceKey) -> bool) -> Vec<SourceKey> {
        let is_listed = |row: &MemberRow| match listed {
            Listed::People => row.kind == MemberKind::Person,
            Listed::Teams => row.kind == MemberKind::Team,
            Listed::Both => true,
        };
        let members = self.rows.members.iter();
        let members = members.filter(|(key, row)| is_listed(row) && is_in(key));
        let mut members: Vec<SourceKey> = members.map(|(key, _)| key.clone()).collect();
        members.sort_by_key(|key| !self.rows.is_team(key));
        members
    }

    fn teams(&self) -> impl Iterator<Item = &SourceKey> {
        self.rows.members.keys().filter(|key| self.rows.is_team(key))
    }

    /// Every team with those that it is in one cycle with, itself included.
    fn components(&self) -> BTreeSet<BTreeSet<&SourceKey>> {
        let component = |team| {
            let both_ways = |other: &&SourceKey| {
                self.is_participant(team, other) && self.is_participant(other, team)
            };
            self.teams().filter(both_ways).chain([team]).collect()
        };
        self.teams().map(component).collect()
    }

    fn closure_pairs(&self) -> u64 {
        let components = self.components();
        let first = |component: &BTreeSet<_>| component.first().copied();
        let tops: Vec<&SourceKey> = components.iter().filter_map(first).collect();
        let above =
            |team: &&SourceKey| tops.iter().filter(|top| self.is_participant(team, top)).count();
        // Of each component one team speaks for all.
        count(tops.iter().map(above).sum())
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

impl Answers for NaiveVersion {
    fn kind(&self, member: &SourceKey) -> Option<MemberKind> {
        self.rows.members.get(member).map(|row| row.kind)
    }

    fn name(&self, member: &SourceKey) -> Option<String> {
        self.rows.members.get(member)?.name.as_deref().map(str::to_owned)
    }

    fn named(&self, name: &str) -> Named {
        let members = self.rows.members.iter();
        let mut with_name = members.filter(|(_, row)| row.name.as_deref() == Some(name));
        match (with_name.next(), with_name.next()) {
            (None, _) => Named::Unknown,
            (Some((key, _)), None) => Named::One(key.clone()),
            (Some(_), Some(_)) => Named::Ambiguous,
        }
    }

    fn standing(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        if member == team && self.rows.is_team(team) {
            Standing::Itself
        } else if self.direct(member).any(|direct| direct == team) {
            Standing::Direct
        } else if self.is_participant(member, team) {
            Standing::Indirect
        } else {
            Standing::None
        }
    }

    fn role(&self, member: &SourceKey, team: &SourceKey) -> Option<Role> {
        self.up.get(member)?.get(team).copied()
    }

    fn teams_of(&self, member: &SourceKey, reach: Reach, _page: usize) -> Vec<SourceKey> {
        match reach {
            Reach::Direct => self.direct(member).cloned().collect(),
            Reach::All => self.participations.get(member).into_iter().flatten().cloned().collect(),
        }
    }

    fn members_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        _page: usize,
    ) -> Vec<SourceKey> {
        self.listed(listed, |member| match reach {
            Reach::Direct => self.direct(member).any(|direct| direct == team),
            Reach::All => member != team && self.is_participant(member, team),
        })
    }

    fn administration(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        if !self.rows.members.contains_key(member) || !self.rows.is_team(team) {
            Standing::None
        } else if self.holders(team).any(|holder| holder == member) {
            Standing::Direct
        } else if self.holders(team).any(|holder| self.is_participant(member, holder)) {
            Standing::Indirect
        } else {
            Standing::None
        }
    }

    fn administered_by(&self, member: &SourceKey, reach: Reach, _page: usize) -> Vec<SourceKey> {
        self.teams().filter(|team| self.is_in_reach(member, team, reach)).cloned().collect()
    }

    fn administrators_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        _page: usize,
    ) -> Vec<SourceKey> {
        self.listed(listed, |member| self.is_in_reach(member, team, reach))
    }

    /// Level by level, each member reached holds the smallest of the shortest ways to it: all ways
    /// of one level are equally long, so the smallest way to a member goes on from the smallest
    /// way to the one before it.
    fn path(&self, member: &SourceKey, team: &SourceKey) -> Option<Vec<SourceKey>> {
        if !self.rows.members.contains_key(member) || !self.rows.is_team(team) {
            return None;
        }
        let mut seen = BTreeSet::from([member]);
        let mut level = BTreeMap::from([(member, vec![member])]);
        while !level.is_empty() && !level.contains_key(team) {
            let mut next: BTreeMap<&SourceKey, Vec<&SourceKey>> = BTreeMap::new();
            for (at, way) in &level {
                for to in self.direct(at).filter(|to| !seen.contains(to)) {
                    let further: Vec<_> = way.iter().copied().chain([to]).collect();
                    let smallest = next.entry(to).or_insert_with(|| further.clone());
                    *smallest = smallest.clone().min(further);
                }
            }
            seen.extend(next.keys());
            level = next;
        }
        level.get(team).map(|way| way.iter().copied().cloned().collect())
    }

    fn cycles(&self, limit: usize) -> Vec<Vec<SourceKey>> {
        let cycles = self.components().into_iter().filter(|component| component.len() > 1);
        cycles.take(limit).map(|cycle| cycle.into_iter().cloned().collect()).collect()
    }

    fn sizes(&self) -> Sizes {
        let stated = self.rows.stated();
        let teams = count(self.teams().count());
        let into_teams = self.teams().map(|team| self.direct(team).count());
        let cycles = self.cycles(usize::MAX);
        Sizes {
            people: count(self.rows.members.len()) - teams,
            teams,
            memberships: count(stated.len()),
            rows: count(self.rows.memberships.len()),
            team_edges: count(into_teams.sum()),
            cycles: count(cycles.len()),
            teams_on_cycles: count(cycles.iter().map(Vec::len).sum()),
            self_memberships: count(stated.keys().filter(|(member, team)| member == team).count()),
            closure_pairs: Some(self.closure_pairs()),
        }
    }
}
