//! The graph under test as a [`Subject`]: its ids translated to source keys and back.
//!
//! Owns the checks that concern ids, versions and pages themselves, which answers by source key
//! cannot show; each is an assertion that names what broke.

use super::{Answers, Listed, Named, Reach, Sizes, Standing, Subject};
use std::collections::BTreeMap;
use std::sync::Arc;
use teamgraph::change::Change;
use teamgraph::graph::{
    Digest, GraphLimits, GraphWriter, Kinds, Named as GraphNamed, Relation, Scope, Snapshot,
};
use teamgraph::id::{History, Lsn, MemberId, MemberKind, Role, SourceKey, TeamId};

/// No compared list has more pages: a cursor that does not move ends here.
const PAGES_MAX: usize = 1_000_000;

/// The cluster that all compared graphs claim to be copied from.
const HISTORY: History = History { system_id: 7, timeline: 3 };

/// A writer, with what its committed versions have shown of ids.
#[derive(Debug)]
pub struct GraphSubject {
    writer: GraphWriter,
    copy: u64,
    limits: GraphLimits,
    keys: Vec<SourceKey>,
    sequence: u64,
    members: BTreeMap<SourceKey, MemberId>,
    teams: BTreeMap<SourceKey, TeamId>,
}

impl GraphSubject {
    /// An empty graph that will be asked about `keys`.
    pub fn new(copy: u64, limits: GraphLimits, keys: Vec<SourceKey>) -> Self {
        GraphSubject {
            writer: GraphWriter::new(copy, HISTORY, limits),
            copy,
            limits,
            keys,
            sequence: 0,
            members: BTreeMap::new(),
            teams: BTreeMap::new(),
        }
    }

    /// An id, once shown, means the same key in every later version.
    fn check_ids(&mut self, snapshot: &Snapshot) {
        for key in &self.keys {
            let Some(member) = snapshot.find(key) else { continue };
            assert_eq!(
                snapshot.key(member).as_ref(),
                Some(key),
                "key of the member found by key {key}"
            );
            let first = *self.members.entry(key.clone()).or_insert(member);
            assert_eq!(first, member, "the id of {key} changed");
            let Some(team) = snapshot.team(member) else { continue };
            assert_eq!(snapshot.member(team), Some(member), "member of the team of {key}");
            let first = *self.teams.entry(key.clone()).or_insert(team);
            assert_eq!(first, team, "the team id of {key} changed");
        }
    }
}

impl Subject for GraphSubject {
    type Version = GraphVersion;

    fn apply(&mut self, change: &Change) {
        self.writer.apply(change.clone()).unwrap();
    }

    fn commit(&mut self, end_lsn: Lsn) -> GraphVersion {
        let snapshot = self.writer.commit(end_lsn);
        let version = snapshot.version();
        assert_eq!((version.history, version.end_lsn), (HISTORY, end_lsn), "the version's name");
        assert_eq!(snapshot.copy(), self.copy, "the version's copy");
        assert!(snapshot.sequence() > self.sequence, "the version's sequence does not grow");
        self.sequence = snapshot.sequence();
        self.check_ids(&snapshot);
        let stats = snapshot.stats();
        assert!(stats.closure_pairs <= self.limits.closure_pairs_max, "budget passed: {stats:?}");
        GraphVersion(snapshot)
    }

    fn abort(&mut self) {
        self.writer.abort();
    }

    fn validate(&self) -> Result<(), String> {
        self.writer.validate()
    }

    fn digest(&self, GraphVersion(snapshot): &GraphVersion) -> Option<Digest> {
        Some(snapshot.digest())
    }

    fn check_foreign_ids(&self, GraphVersion(snapshot): &GraphVersion) -> Result<(), String> {
        let never = (MemberId(u32::MAX), TeamId(u32::MAX));
        if snapshot.key(never.0).is_some() || snapshot.member(never.1).is_some() {
            return Err("an id past the version's count has a key".to_owned());
        }
        let unknown = self.members.iter().filter(|(key, _)| snapshot.find(key).is_none());
        for member in unknown.map(|(_, member)| *member).chain([never.0]) {
            let shown = (snapshot.kind(member), snapshot.name(member), snapshot.team(member));
            let teams = snapshot.list_teams(member, Scope::All, None, 1).teams;
            if shown != (None, None, None) || !teams.is_empty() {
                return Err(format!("unknown {member:?} is {shown:?}, in {teams:?}"));
            }
            for team in self.teams.values().filter(|team| snapshot.member(**team) != Some(member)) {
                let standing = snapshot.relation(member, *team);
                let path = snapshot.shortest_path(member, *team);
                if snapshot.administers(member, *team) {
                    return Err(format!("unknown {member:?} administers {team:?}"));
                }
                if standing != Relation::None || path.is_some() {
                    return Err(format!(
                        "unknown {member:?} is {standing:?} in {team:?}: {path:?}"
                    ));
                }
            }
        }
        let is_team = |key| snapshot.find(key).is_some_and(|it| snapshot.team(it).is_some());
        let none = self.teams.iter().filter(|(key, _)| !is_team(key));
        for team in none.map(|(_, team)| *team).chain([never.1]) {
            let both = Kinds { people: true, teams: true };
            let members = snapshot.list_members(team, Scope::All, both, None, 1).members;
            if !members.is_empty() {
                return Err(format!("{team:?} is no team of this version but has {members:?}"));
            }
        }
        Ok(())
    }
}

/// One version of the graph.
#[derive(Clone, Debug)]
pub struct GraphVersion(pub Arc<Snapshot>);

impl GraphVersion {
    fn team(&self, key: &SourceKey) -> Option<TeamId> {
        self.0.team(self.0.find(key)?)
    }

    fn pair(&self, member: &SourceKey, team: &SourceKey) -> Option<(MemberId, TeamId)> {
        Some((self.0.find(member)?, self.team(team)?))
    }

    fn key(&self, member: MemberId) -> SourceKey {
        self.0.key(member).expect("an answer holds a member that the version has not")
    }

    fn team_key(&self, team: TeamId) -> SourceKey {
        self.key(self.0.member(team).expect("an answer holds a team that the version has not"))
    }
}

/// Reads a list page by page.
fn fold<T, Cursor>(
    limit: usize,
    mut read: impl FnMut(Option<Cursor>) -> (Vec<T>, Option<Cursor>),
) -> Vec<T> {
    let (mut all, mut from) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let (page, next) = read(from);
        assert!(page.len() <= limit, "a page of {} passes its limit of {limit}", page.len());
        assert!(next.is_none() || !page.is_empty(), "an empty page says that more comes");
        all.extend(page);
        match next {
            Some(_) => from = next,
            None => return all,
        }
    }
    panic!("the list does not end");
}

impl Answers for GraphVersion {
    fn kind(&self, member: &SourceKey) -> Option<MemberKind> {
        let kind = self.0.kind(self.0.find(member)?);
        assert!(kind.is_some(), "{member} is found but is nobody");
        kind
    }

    fn name(&self, member: &SourceKey) -> Option<String> {
        self.0.name(self.0.find(member)?).map(str::to_owned)
    }

    fn named(&self, name: &str) -> Named {
        match self.0.find_named(name) {
            GraphNamed::Unknown => Named::Unknown,
            GraphNamed::One(member) => Named::One(self.key(member)),
            GraphNamed::Ambiguous => Named::Ambiguous,
        }
    }

    fn standing(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        let Some((member, team)) = self.pair(member, team) else { return Standing::None };
        standing(self.0.relation(member, team))
    }

    fn role(&self, member: &SourceKey, team: &SourceKey) -> Option<Role> {
        let (member, team) = self.pair(member, team)?;
        self.0.role(member, team)
    }

    fn teams_of(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        let Some(member) = self.0.find(member) else { return Vec::new() };
        let teams = fold(page, |from| {
            let page = self.0.list_teams(member, scope(reach), from, page);
            (page.teams, page.next)
        });
        assert!(teams.is_sorted(), "teams are not by ascending id: {teams:?}");
        teams.into_iter().map(|team| self.team_key(team)).collect()
    }

    fn members_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        let Some(team) = self.team(team) else { return Vec::new() };
        let (scope, kinds) = (scope(reach), kinds(listed));
        let members = fold(page, |from| {
            let page = self.0.list_members(team, scope, kinds, from, page);
            (page.members, page.next)
        });
        let count = self.0.count_members(team, scope, kinds);
        assert_eq!(usize::try_from(count), Ok(members.len()), "counted otherwise than listed");
        members.into_iter().map(|member| self.key(member)).collect()
    }

    fn administration(&self, member: &SourceKey, team: &SourceKey) -> Standing {
        let Some((member, team)) = self.pair(member, team) else { return Standing::None };
        let standing = standing(self.0.administration(member, team));
        assert_eq!(self.0.administers(member, team), standing != Standing::None);
        standing
    }

    fn administered_by(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey> {
        let Some(member) = self.0.find(member) else { return Vec::new() };
        let teams = fold(page, |from| {
            let page = self.0.list_administered(member, scope(reach), from, page);
            (page.teams, page.next)
        });
        teams.into_iter().map(|team| self.team_key(team)).collect()
    }

    fn administrators_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey> {
        let Some(team) = self.team(team) else { return Vec::new() };
        let mut list = self.0.administrator_list(team, scope(reach), kinds(listed));
        let members = fold(page, |from| {
            let page = list.page(from, page);
            (page.members, page.next)
        });
        members.into_iter().map(|member| self.key(member)).collect()
    }

    fn path(&self, member: &SourceKey, team: &SourceKey) -> Option<Vec<SourceKey>> {
        let (member, team) = self.pair(member, team)?;
        let path = self.0.shortest_path(member, team)?;
        Some(path.into_iter().map(|member| self.key(member)).collect())
    }

    fn cycles(&self, limit: usize) -> Vec<Vec<SourceKey>> {
        let cycles = self.0.cycles(limit).into_iter();
        cycles.map(|cycle| cycle.into_iter().map(|team| self.team_key(team)).collect()).collect()
    }

    fn sizes(&self) -> Sizes {
        let stats = self.0.stats();
        assert!(stats.closure_materialised || stats.closure_pairs == 0, "{stats:?}");
        Sizes {
            people: stats.people,
            teams: stats.teams,
            memberships: stats.memberships,
            rows: stats.rows,
            team_edges: stats.team_edges,
            cycles: stats.cycles,
            teams_on_cycles: stats.teams_on_cycles,
            self_memberships: stats.self_memberships,
            closure_pairs: stats.closure_materialised.then_some(stats.closure_pairs),
        }
    }
}

fn scope(reach: Reach) -> Scope {
    match reach {
        Reach::Direct => Scope::Direct,
        Reach::All => Scope::All,
    }
}

fn standing(relation: Relation) -> Standing {
    match relation {
        Relation::None => Standing::None,
        Relation::Itself => Standing::Itself,
        Relation::Direct => Standing::Direct,
        Relation::Indirect => Standing::Indirect,
    }
}

fn kinds(listed: Listed) -> Kinds {
    Kinds { people: listed != Listed::Teams, teams: listed != Listed::People }
}
