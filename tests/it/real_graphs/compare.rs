//! Compares a version with the plain graph.
//!
//! Owns what is asked about one member, and about all. A difference panics with the member's name.

use super::changes::Dice;
use super::plain::{Kind, Node, PlainGraph, Reached, Walker, Way, index};
use std::collections::{BTreeMap, HashMap};
use teamgraph::graph::{Kinds, MemberCursor, Named, Relation, Scope, Snapshot};
use teamgraph::id::{Key, KeySpace, MemberId, MemberKind, Role, SourceKey, TeamId};

/// Members' numbers in the data set and their keys; a key is also the name.
#[derive(Default)]
pub struct Directory {
    keys: Vec<SourceKey>,
    nodes: HashMap<SourceKey, Node>,
}

impl Directory {
    pub fn add(&mut self, name: String) {
        let key = SourceKey { space: KeySpace::DEFAULT, key: Key::Text(name.into()) };
        assert_eq!(self.nodes.insert(key.clone(), self.len()), None, "{key} is there twice");
        self.keys.push(key);
    }

    pub fn len(&self) -> Node {
        Node::try_from(self.keys.len()).unwrap()
    }

    pub fn key(&self, node: Node) -> &SourceKey {
        &self.keys[index(node)]
    }

    pub fn name(&self, node: Node) -> &str {
        let Key::Text(name) = &self.key(node).key else { panic!("the keys are text") };
        name
    }
}

/// A version, what it should be, and who is who.
pub type All<'a> = (&'a Snapshot, &'a PlainGraph, &'a Directory);

/// What the version counts.
pub fn counts(snapshot: &Snapshot, plain: &PlainGraph) {
    let stats = snapshot.stats();
    let counted = [stats.rows, stats.memberships, stats.team_edges];
    let counted = counted.map(|number| usize::try_from(number).unwrap());
    assert_eq!(counted, plain.counts(), "rows, memberships, memberships of teams");
    let of = |kind| (0..plain.nodes()).filter(|&node| plain.kind(node) == kind).count();
    let counted = [stats.people, stats.teams].map(|number| usize::try_from(number).unwrap());
    assert_eq!(counted, [of(Kind::Person), of(Kind::Team)], "people, teams");
}

/// The cycles, and how many pairs of components there are.
pub fn components(
    snapshot: &Snapshot,
    plain: &PlainGraph,
    directory: &Directory,
    walker: &mut Walker,
) {
    let components = walker.components(plain);
    let mut cycles: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
    for (node, &component) in (0..).zip(&components) {
        cycles.entry(component).or_default().push(node);
    }
    let mut pairs = 0;
    for &component in cycles.keys().filter(|&&node| plain.kind(node) == Kind::Team) {
        let above = walker.reach(plain, component, Way::Up).others;
        // The others of a component are not counted: its name is, once.
        pairs += above
            .iter()
            .filter(|&&(other, _)| components[index(other)] == other && other != component)
            .count();
    }
    let expected: Vec<Vec<Node>> = cycles.into_values().filter(|teams| teams.len() > 1).collect();
    let nodes = |cycle: Vec<TeamId>| -> Vec<Node> {
        let members = cycle.into_iter().map(|team| snapshot.member(team).unwrap());
        sorted(members.map(|member| node((snapshot, plain, directory), member)).collect())
    };
    let mut found: Vec<Vec<Node>> = snapshot.cycles(usize::MAX).into_iter().map(nodes).collect();
    found.sort_unstable();
    assert_eq!(found, expected, "cycles");
    let stats = snapshot.stats();
    let on_cycles: usize = expected.iter().map(Vec::len).sum();
    assert_eq!(stats.cycles, u64::try_from(expected.len()).unwrap());
    assert_eq!(stats.teams_on_cycles, u64::try_from(on_cycles).unwrap());
    let pairs = if stats.closure_materialised { u64::try_from(pairs).unwrap() } else { 0 };
    assert_eq!(stats.closure_pairs, pairs, "pairs of components");
}

fn sorted(mut nodes: Vec<Node>) -> Vec<Node> {
    nodes.sort_unstable();
    nodes
}

fn node((snapshot, _, directory): All<'_>, member: MemberId) -> Node {
    directory.nodes[&snapshot.key(member).expect("an answer names nobody that is unknown")]
}

/// All teams of one member, in one page.
pub fn all_teams(all: All<'_>, member: Node, walker: &mut Walker) -> Reached {
    let (snapshot, plain, directory) = all;
    let mut above = walker.reach(plain, member, Way::Up);
    if plain.kind(member) == Kind::Absent {
        above.others.clear();
        assert_eq!(snapshot.find(directory.key(member)), None, "{}", directory.name(member));
        return above;
    }
    let found = snapshot.find(directory.key(member)).unwrap();
    let teams = snapshot.list_teams(found, Scope::All, None, usize::MAX).teams;
    let teams = teams.iter().map(|&team| node(all, snapshot.member(team).unwrap())).collect();
    let expected = above.others.iter().map(|&(team, _)| team).collect();
    let name = directory.name(member);
    assert_eq!(sorted(teams), sorted(expected), "teams of {name}");
    above
}

/// Everything that can be asked about one member, with some of the teams.
pub fn member(all: All<'_>, member: Node, walker: &mut Walker, dice: &mut Dice) {
    let (snapshot, plain, directory) = all;
    let name = directory.name(member);
    let above = all_teams(all, member, walker);
    let Some(found) = snapshot.find(directory.key(member)) else {
        assert_eq!(snapshot.find_named(name), Named::Unknown, "{name} is absent");
        return;
    };
    assert_eq!(snapshot.find_named(name), Named::One(found), "{name} by name");
    let is_team = plain.kind(member) == Kind::Team;
    let kind = if is_team { MemberKind::Team } else { MemberKind::Person };
    assert_eq!(snapshot.kind(found), Some(kind), "kind of {name}");
    let page = 1 + dice.below(7);
    let direct = paged_teams(all, found, Scope::Direct, index(page));
    assert_eq!(direct, plain.direct(member, Way::Up).collect::<Vec<_>>(), "teams of {name}");

    let distances: BTreeMap<Node, usize> = above.others.iter().copied().collect();
    let reached: Vec<Node> = distances.keys().copied().collect();
    let mut teams: Vec<Node> = plain.direct(member, Way::Up).chain([member]).collect();
    teams.extend((0..10).filter_map(|_| dice.pick(&reached)));
    teams.extend((0..10).map(|_| dice.below(plain.nodes())));
    for team in teams.into_iter().filter(|&team| plain.kind(team) == Kind::Team) {
        pair(all, (found, member), team, distances.get(&team).copied());
    }
    if let Some(team) = snapshot.team(found) {
        members(all, team, member, walker, dice);
    } else {
        assert!(!is_team, "{name} is no team");
    }
}

/// The member and the team, which is so many memberships away.
fn pair(all: All<'_>, (found, member): (MemberId, Node), team: Node, distance: Option<usize>) {
    let (snapshot, plain, directory) = all;
    let what = || format!("{} in {}", directory.name(member), directory.name(team));
    let target = snapshot.team(snapshot.find(directory.key(team)).unwrap()).unwrap();
    let is_direct = plain.is_direct(member, team);
    let relation = match distance {
        _ if member == team => Relation::Itself,
        _ if is_direct => Relation::Direct,
        Some(_) => Relation::Indirect,
        None => Relation::None,
    };
    assert_eq!(snapshot.relation(found, target), relation, "{}", what());
    let role = if plain.is_admin(member, team) { Role::Admin } else { Role::Member };
    assert_eq!(snapshot.role(found, target), is_direct.then_some(role), "role of {}", what());

    let path = snapshot.shortest_path(found, target);
    let path = path.map(|path| path.into_iter().map(|it| node(all, it)).collect::<Vec<_>>());
    let length = if member == team { Some(0) } else { distance };
    assert_eq!(path.as_ref().map(|path| path.len() - 1), length, "path of {}", what());
    if let Some(path) = path {
        assert_eq!((path.first(), path.last()), (Some(&member), Some(&team)));
        let is_chain = path.windows(2).all(|step| plain.is_direct(step[0], step[1]));
        assert!(is_chain, "path of {}: {path:?}", what());
    }
}

/// The lists and counts of a team's members, of each kind and both.
fn members(all: All<'_>, team: TeamId, node: Node, walker: &mut Walker, dice: &mut Dice) {
    let (snapshot, plain, directory) = all;
    let below = walker.reach(plain, node, Way::Down).others;
    let below: Vec<Node> = below.into_iter().map(|(member, _)| member).collect();
    let direct: Vec<Node> = plain.direct(node, Way::Down).collect();
    for (scope, expected) in [(Scope::All, below), (Scope::Direct, direct)] {
        for (people, teams) in [(true, true), (true, false), (false, true)] {
            let is_listed =
                |&member: &Node| if plain.kind(member) == Kind::Team { teams } else { people };
            let expected: Vec<Node> = expected.iter().copied().filter(is_listed).collect();
            let kinds = Kinds { people, teams };
            // A few pages, whatever the length.
            let page = 1 + expected.len() / 4 + index(dice.below(5));
            let listed = paged_members(all, (team, scope, kinds), page);
            let what = format!("members of {}, {scope:?}, {kinds:?}", directory.name(node));
            let is_person = |&member: &Node| plain.kind(member) == Kind::Person;
            assert!(listed.is_sorted_by_key(is_person), "{what}: teams come before people");
            let counted = snapshot.count_members(team, scope, kinds);
            assert_eq!(counted, u64::try_from(expected.len()).unwrap(), "count of {what}");
            assert_eq!(sorted(listed), sorted(expected), "{what}");
        }
    }
}

fn paged_teams(all: All<'_>, member: MemberId, scope: Scope, page: usize) -> Vec<Node> {
    let (snapshot, ..) = all;
    let (mut teams, mut from) = (Vec::new(), None);
    loop {
        let read = snapshot.list_teams(member, scope, from, page);
        teams.extend(read.teams.iter().map(|&team| node(all, snapshot.member(team).unwrap())));
        from = read.next;
        if from.is_none() {
            return sorted(teams);
        }
    }
}

fn paged_members(
    all: All<'_>,
    (team, scope, kinds): (TeamId, Scope, Kinds),
    page: usize,
) -> Vec<Node> {
    let (mut members, mut from): (_, Option<MemberCursor>) = (Vec::new(), None);
    loop {
        let read = all.0.list_members(team, scope, kinds, from, page);
        assert!(read.members.len() <= page, "a page holds more than {page}");
        members.extend(read.members.into_iter().map(|member| node(all, member)));
        from = read.next;
        if from.is_none() {
            return members;
        }
    }
}
