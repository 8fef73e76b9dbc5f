//! The oracle with one deliberate error: what the comparisons must be able to find.
//!
//! Owns a list of plausible mistakes. A proof that cannot fail proves nothing, so the scripts run
//! against each of these and have to notice.

use super::{NaiveGraph, NaiveVersion};
use crate::answers::{Answers, Listed, Named, Reach, Sizes, Standing, Subject};
use std::cell::RefCell;
use std::rc::Rc;
use teamgraph::change::{Change, NamePut};
use teamgraph::id::{Lsn, MemberKind, Role, SourceKey};

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    // In applying changes.
    AbortKeepsRows,
    AbortKeepsMembers,
    DeleteTakesOtherRowsOfTheEdge,
    TruncateTakesAllTables,
    TruncateTakesAllSpaces,
    KeepLosesName,
    UpdateLeavesOldStatement,
    SecondRemovalIgnored,
    InactiveRowStaysActive,
    DanglingRowDropped,
    MemberDeleteTakesItsRows,
    ConversionIgnored,
    OwnerChangeIgnored,
    OldVersionsChange,
    // In answering.
    PathTiesByLargestKey,
    RoleIsLowest,
    DirectListReachesAll,
    ListHoldsItself,
    ListRepeats,
    PageBorderLosesOne,
    PeopleBeforeTeams,
    DirectToldAsIndirect,
    ItselfToldAsNone,
    NameOfTwoIsOne,
    CycleLosesATeam,
    RowsCountedAsMemberships,
    SelfMembershipsUncounted,
    OwnerIsNoAdministrator,
    OwningTeamAdministersAlone,
    EveryMemberAdministers,
    AdministratorsLoseTheOwner,
    AdministeredLosesItself,
}

impl Flaw {
    pub const ALL: [Flaw; 32] = [
        Flaw::AbortKeepsRows,
        Flaw::AbortKeepsMembers,
        Flaw::DeleteTakesOtherRowsOfTheEdge,
        Flaw::TruncateTakesAllTables,
        Flaw::TruncateTakesAllSpaces,
        Flaw::KeepLosesName,
        Flaw::UpdateLeavesOldStatement,
        Flaw::SecondRemovalIgnored,
        Flaw::InactiveRowStaysActive,
        Flaw::DanglingRowDropped,
        Flaw::MemberDeleteTakesItsRows,
        Flaw::ConversionIgnored,
        Flaw::OwnerChangeIgnored,
        Flaw::OldVersionsChange,
        Flaw::PathTiesByLargestKey,
        Flaw::RoleIsLowest,
        Flaw::DirectListReachesAll,
        Flaw::ListHoldsItself,
        Flaw::ListRepeats,
        Flaw::PageBorderLosesOne,
        Flaw::PeopleBeforeTeams,
        Flaw::DirectToldAsIndirect,
        Flaw::ItselfToldAsNone,
        Flaw::NameOfTwoIsOne,
        Flaw::CycleLosesATeam,
        Flaw::RowsCountedAsMemberships,
        Flaw::SelfMembershipsUncounted,
        Flaw::OwnerIsNoAdministrator,
        Flaw::OwningTeamAdministersAlone,
        Flaw::EveryMemberAdministers,
        Flaw::AdministratorsLoseTheOwner,
        Flaw::AdministeredLosesItself,
    ];
}

/// The oracle, flawed.
#[derive(Debug)]
pub struct FlawedGraph {
    graph: NaiveGraph,
    flaw: Flaw,
    removals: u32,
    newest: Rc<RefCell<NaiveVersion>>,
}

impl FlawedGraph {
    pub fn new(flaw: Flaw) -> Self {
        let graph = NaiveGraph::default();
        let newest = Rc::new(RefCell::new(NaiveVersion::new(graph.working.clone())));
        FlawedGraph { graph, flaw, removals: 0, newest }
    }

    /// Applies the change wrongly, or says that the flaw does not concern it.
    fn apply_flawed(&mut self, change: &Change) -> bool {
        let rows = &mut self.graph.working;
        match (self.flaw, change) {
            (Flaw::DeleteTakesOtherRowsOfTheEdge, Change::RowDelete { row }) => {
                let gone = rows.memberships.get(row).cloned();
                let edge = gone.map(|it| (it.member, it.team));
                let has_edge = |it: &teamgraph::change::Membership| {
                    edge.as_ref() == Some(&(it.member.clone(), it.team.clone()))
                };
                rows.memberships.retain(|_, it| !has_edge(it));
            }
            (Flaw::TruncateTakesAllTables, Change::RowsTruncate { .. }) => rows.memberships.clear(),
            (Flaw::TruncateTakesAllSpaces, Change::MembersTruncate { .. }) => rows.members.clear(),
            (Flaw::KeepLosesName, Change::MemberPut { key, kind, name: NamePut::Keep, owner }) => {
                let (key, kind, owner) = (key.clone(), *kind, owner.clone());
                rows.apply(&Change::MemberPut { key, kind, name: NamePut::Set(None), owner });
            }
            (Flaw::UpdateLeavesOldStatement, Change::RowPut { row, states: Some(_) }) => {
                let Some(old) = rows.memberships.get(row).cloned() else { return false };
                let mut left = row.clone();
                left.key = teamgraph::id::Key::Text(format!("left {:?}", row.key).into()).into();
                rows.memberships.insert(left, old);
                rows.apply(change);
            }
            (Flaw::SecondRemovalIgnored, Change::RowDelete { row }) => {
                self.removals += u32::from(rows.memberships.contains_key(row));
                return self.removals > 1;
            }
            (Flaw::InactiveRowStaysActive, Change::RowPut { states: None, .. }) => {}
            (Flaw::DanglingRowDropped, Change::RowPut { states: Some(it), .. }) => {
                return !rows.members.contains_key(&it.team);
            }
            (Flaw::MemberDeleteTakesItsRows, Change::MemberDelete { key }) => {
                rows.memberships.retain(|_, it| it.member != *key);
                rows.apply(change);
            }
            (Flaw::ConversionIgnored, Change::MemberPut { key, .. }) => {
                let kind = rows.members.get(key).map(|row| row.kind);
                rows.apply(change);
                if let (Some(kind), Some(row)) = (kind, rows.members.get_mut(key)) {
                    row.kind = kind;
                }
            }
            (Flaw::OwnerChangeIgnored, Change::MemberPut { key, .. }) => {
                let owner = rows.members.get(key).map(|row| row.owner.clone());
                rows.apply(change);
                if let (Some(owner @ Some(_)), Some(row)) = (owner, rows.members.get_mut(key)) {
                    row.owner = owner;
                }
            }
            _ => return false,
        }
        true
    }
}

impl Subject for FlawedGraph {
    type Version = FlawedVersion;

    fn apply(&mut self, change: &Change) {
        if !self.apply_flawed(change) {
            self.graph.apply(change);
        }
    }

    fn commit(&mut self, end_lsn: Lsn) -> FlawedVersion {
        self.removals = 0;
        let version = self.graph.commit(end_lsn);
        if self.flaw == Flaw::OldVersionsChange {
            *self.newest.borrow_mut() = version;
        } else {
            self.newest = Rc::new(RefCell::new(version));
        }
        FlawedVersion { version: Rc::clone(&self.newest), flaw: self.flaw }
    }

    fn abort(&mut self) {
        let working = self.graph.working.clone();
        self.graph.abort();
        match self.flaw {
            Flaw::AbortKeepsRows => self.graph.working.memberships = working.memberships,
            Flaw::AbortKeepsMembers => self.graph.working.members = working.members,
            _ => {}
        }
    }

    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// One version, answered wrongly or kept wrongly.
#[derive(Debug)]
pub struct FlawedVersion {
    version: Rc<RefCell<NaiveVersion>>,
    flaw: Flaw,
}

impl FlawedVersion {
    fn spoil(&self, of: &SourceKey, page: usize, list: &mut Vec<SourceKey>) {
        match self.flaw {
            Flaw::ListHoldsItself => {
                let on_cycle = self.cycles(usize::MAX).into_iter().flatten().any(|it| it == *of);
                list.extend(on_cycle.then(|| of.clone()));
            }
            Flaw::ListRepeats if list.len() > 3 => list.push(list[0].clone()),
            Flaw::PageBorderLosesOne if list.len() > page + 1 => {
                list.remove(page);
            }
            _ => {}
        }
    }
}

impl Answers for FlawedVersion {
    fn kind(&self, member: &SourceKey) -> Option<MemberKind> {
        self.version.borrow().kind(member)
    }

    fn name(&self, member: &SourceKey) -> Option<String> {
        self.version.borrow().name(member)
    }

    fn named(&self, name: &str) -> Named {
        let version = self.version.borrow();
        let named = version.named(name);
        if self.flaw != Flaw::NameOfTwoIsOne || named != Named::Ambiguous {
            return named;
        }
        let has_name = |key: &&SourceKey| version.name(key).as_deref() == Some(name);
        version.rows.members.keys().find(has_name).cloned().map_or(named, Named::One)
    }

    fn standing(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        let standing = self.version.borrow().standing(member, team);
        match (self.flaw, standing) {
            (Flaw::DirectToldAsIndirect, Standing::Direct) => Standing::Indirect,
            (Flaw::ItselfToldAsNone, Standing::Itself) => Standing::None,
            _ => standing,
        }
    }

    fn role(&self, member: &SourceKey, team: &SourceKey) -> Option<Role> {
        let version = self.version.borrow();
        let role = version.role(member, team)?;
        let rows = version.rows.memberships.values();
        let rows = rows.filter(|it| it.member == *member && it.team == *team);
        if self.flaw == Flaw::RoleIsLowest { rows.map(|it| it.role).min() } else { Some(role) }
    }

    fn teams_of(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        let reach = if self.flaw == Flaw::DirectListReachesAll { Reach::All } else { reach };
        let mut teams = self.version.borrow().teams_of(member, reach, page);
        self.spoil(member, page, &mut teams);
        teams
    }

    fn members_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        let version = self.version.borrow();
        let mut members = version.members_of(team, reach, listed, page);
        self.spoil(team, page, &mut members);
        let people_first = self.flaw == Flaw::PeopleBeforeTeams;
        members.sort_by_key(|key| version.rows.is_team(key) == people_first);
        members
    }

    fn administration(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        let version = self.version.borrow();
        let standing = version.administration(member, team);
        let owner = version.rows.members.get(team).and_then(|row| row.owner.clone());
        let is_owner = owner.as_ref() == Some(member);
        match self.flaw {
            Flaw::OwnerIsNoAdministrator if is_owner => Standing::None,
            Flaw::OwningTeamAdministersAlone if standing == Standing::Indirect => {
                let in_owner = owner.filter(|it| version.standing(member, it) != Standing::None);
                if in_owner.is_some() { Standing::None } else { standing }
            }
            Flaw::EveryMemberAdministers if version.role(member, team).is_some() => {
                Standing::Direct
            }
            _ => standing,
        }
    }

    fn administered_by(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        let mut teams = self.version.borrow().administered_by(member, reach, page);
        teams.retain(|team| self.flaw != Flaw::AdministeredLosesItself || team != member);
        teams
    }

    fn administrators_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        let version = self.version.borrow();
        let mut members = version.administrators_of(team, reach, listed, page);
        let owner = version.rows.members.get(team).and_then(|row| row.owner.as_ref());
        members.retain(|it| self.flaw != Flaw::AdministratorsLoseTheOwner || owner != Some(it));
        members
    }

    fn path(&self, member: &SourceKey, team: &SourceKey) -> Option<Vec<SourceKey>> {
        let version = self.version.borrow();
        let path = version.path(member, team)?;
        if self.flaw != Flaw::PathTiesByLargestKey {
            return Some(path);
        }
        let ends_there = |via: &SourceKey| {
            let rest = version.path(via, team).filter(|rest| rest.len() + 1 == path.len())?;
            Some([member.clone()].into_iter().chain(rest).collect())
        };
        let direct = version.teams_of(member, Reach::Direct, usize::MAX);
        direct.iter().rev().find_map(ends_there).or(Some(path))
    }

    fn cycles(&self, limit: usize) -> Vec<Vec<SourceKey>> {
        let mut cycles = self.version.borrow().cycles(limit);
        if self.flaw == Flaw::CycleLosesATeam {
            cycles.iter_mut().filter(|cycle| cycle.len() > 3).for_each(|cycle| cycle.truncate(3));
        }
        cycles
    }

    fn sizes(&self) -> Sizes {
        let mut sizes = self.version.borrow().sizes();
        match self.flaw {
            Flaw::RowsCountedAsMemberships => sizes.memberships = sizes.rows,
            Flaw::SelfMembershipsUncounted => sizes.self_memberships = 0,
            _ => {}
        }
        sizes
    }
}
