//! The teams and how they are nested.
//!
//! Owns the trees, the second parents and the cycles. Teams are counted here by their place in the
//! making (0 is the big team, the last is the spare one); keys are places scattered.

use super::random::{Permutation, Random};
use super::shape::Shape;
use std::collections::BTreeSet;

/// Teams of a small tree, at most.
const SMALL_TREE_TEAMS: u64 = 400;
/// One team in so many has a second parent in its own tree.
const DIAMOND_SHARE: u64 = 7;
/// One team of the big tree in so many is also in a team of a small tree. Not the other way: the
/// big team's participants are counted beforehand.
const ABROAD_SHARE: u64 = 50;

/// All teams.
#[derive(Debug)]
pub(super) struct Hierarchy {
    teams_in_big_tree: u32,
    /// Without the spare team.
    teams_in_trees: u32,
    keys: Permutation,
    ranks: Permutation,
    /// Keys of member and team.
    edges: Vec<(i64, i64)>,
}

/// A team that was made.
#[derive(Clone, Copy)]
struct Made {
    depth: u32,
    parent: Option<u32>,
}

impl Hierarchy {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut hierarchy = Hierarchy {
            teams_in_big_tree: shape.teams_in_big_tree(),
            teams_in_trees: shape.teams.saturating_sub(1),
            keys: Permutation::new(u64::from(shape.teams), shape.seed ^ 0x6b_6579),
            ranks: Permutation::new(u64::from(shape.teams_in_big_tree()), shape.seed ^ 0x72_616e),
            edges: Vec::new(),
        };
        hierarchy.nest(shape);
        hierarchy
    }

    /// The team's key.
    pub(super) fn key_of(&self, team: u32) -> i64 {
        i64::try_from(self.keys.of(u64::from(team))).unwrap_or(i64::MAX).saturating_add(1)
    }

    pub(super) fn edges(&self) -> &[(i64, i64)] {
        &self.edges
    }

    /// A team for a person to join, in the big tree or outside it; `evenly`, or some far more often
    /// than others. Which ones has nothing to do with how high they are.
    pub(super) fn draw(&self, in_big: bool, evenly: bool, random: &mut Random) -> u32 {
        let big = u64::from(self.teams_in_big_tree);
        let others = u64::from(self.teams_in_trees) - big;
        let in_big = in_big || others == 0;
        let bound = if in_big { big } else { others };
        let rank = if evenly { random.below(bound) } else { random.skewed(bound) };
        let team = if in_big { self.ranks.of(rank) } else { big + rank };
        u32::try_from(team).unwrap_or(u32::MAX)
    }

    fn nest(&mut self, shape: &Shape) {
        let mut random = Random::new(shape.seed ^ 0x7465_616d);
        let mut made: Vec<Made> = Vec::new();
        for team in 0..self.teams_in_trees {
            let tree = self.tree_of(team);
            let parent = (team > tree).then(|| pick_above(&made, tree, team, shape, &mut random));
            let depth = parent.and_then(|parent| made.get(at(parent))).map_or(0, |up| up.depth + 1);
            made.push(Made { depth, parent });
            let Some(parent) = parent else { continue };
            self.join(team, parent);
            if random.below(DIAMOND_SHARE) == 0 {
                let second = pick_above(&made, tree, team, shape, &mut random);
                if second != parent {
                    self.join(team, second);
                }
            }
            let in_big_tree = team < self.teams_in_big_tree;
            if in_big_tree && random.below(ABROAD_SHARE) == 0 {
                self.join(team, self.draw(false, true, &mut random));
            }
        }
        self.close_cycles(shape.cycles, &made, &mut random);
    }

    /// The first team of the tree that the team is in.
    fn tree_of(&self, team: u32) -> u32 {
        match team.checked_sub(self.teams_in_big_tree) {
            None => 0,
            Some(outside) => {
                let tree = u64::from(outside) / SMALL_TREE_TEAMS * SMALL_TREE_TEAMS;
                self.teams_in_big_tree + u32::try_from(tree).unwrap_or(u32::MAX)
            }
        }
    }

    /// Puts teams high up under teams two steps or one below them.
    fn close_cycles(&mut self, cycles: u32, made: &[Made], random: &mut Random) {
        let wanted = self.edges.len() + usize::try_from(cycles).unwrap_or(usize::MAX);
        let mut closed = BTreeSet::new();
        // A tree without depth has no place for a cycle.
        for _ in 0..cycles.saturating_mul(100) {
            if self.edges.len() == wanted {
                return;
            }
            let below = random.below(u64::from(self.teams_in_trees));
            let below = u32::try_from(below).unwrap_or_default();
            let parent = |team: u32| made.get(at(team)).and_then(|made| made.parent);
            let Some(up) = parent(below) else { continue };
            let above = parent(up).unwrap_or(up);
            if closed.insert((above, below)) {
                self.join(above, below);
            }
        }
    }

    fn join(&mut self, member: u32, team: u32) {
        self.edges.push((self.key_of(member), self.key_of(team)));
    }
}

/// A team of the same tree that was made before, not so deep that `team` would be too deep. Those
/// near the top more often: the first teams of a company stay its departments.
fn pick_above(made: &[Made], tree: u32, team: u32, shape: &Shape, random: &mut Random) -> u32 {
    let before = u64::from(team - tree);
    loop {
        let drawn = random.below(before).min(random.below(before));
        let parent = tree + u32::try_from(drawn).unwrap_or_default();
        if made.get(at(parent)).is_some_and(|up| up.depth < shape.depth_max) {
            return parent;
        }
    }
}

fn at(team: u32) -> usize {
    usize::try_from(team).unwrap_or(usize::MAX)
}
