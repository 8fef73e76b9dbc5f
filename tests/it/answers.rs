//! Questions and subjects: what every implementation of the graph can be asked, by source key.
//!
//! Owns the vocabulary of the proof, apart from the graph's own so that the oracle shares no code
//! with it. An implementation is a [`Subject`] that takes changes and a [`Answers`] for each
//! version; the oracle, the graph and a server behind a socket can each be one.

pub mod compare;
pub mod graph;
pub mod served;

use teamgraph::change::Change;
use teamgraph::graph::Digest;
use teamgraph::id::{Lsn, MemberKind, Role, SourceKey};

/// How a member stands to a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    None,
    Itself,
    Direct,
    Indirect,
}

/// How far a list reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Direct,
    All,
}

/// Which members a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    People,
    Teams,
    Both,
}

/// What a directory name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Unknown,
    One(SourceKey),
    Ambiguous,
}

/// Sizes and peculiarities of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub people: u64,
    pub teams: u64,
    pub memberships: u64,
    pub rows: u64,
    pub team_edges: u64,
    pub cycles: u64,
    pub teams_on_cycles: u64,
    pub self_memberships: u64,
    /// Pairs of components in the closure; `None` where no closure is kept.
    pub closure_pairs: Option<u64>,
}

/// The questions that one version answers. An unknown member, or a team that is none, is no
/// error here: it participates in nothing and nothing in it.
pub trait Answers {
    fn kind(&self, member: &SourceKey) -> Option<MemberKind>;
    fn name(&self, member: &SourceKey) -> Option<String>;
    fn named(&self, name: &str) -> Named;
    fn standing(&self, member: &SourceKey, team: &SourceKey) -> Standing;
    fn role(&self, member: &SourceKey, team: &SourceKey) -> Option<Role>;
    /// The teams in the order given, read in pages of at most `page`.
    fn teams_of(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey>;
    /// The members in the order given, read in pages of at most `page`.
    fn members_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey>;
    /// How the member administers the team: directly as its owner or an admin member, indirectly as
    /// a participant of one; never as itself.
    fn administration(&self, member: &SourceKey, team: &SourceKey) -> Standing;
    /// The teams that the member administers, in the order given, in pages of at most `page`.
    fn administered_by(&self, member: &SourceKey, reach: Reach, page: usize) -> Vec<SourceKey>;
    /// Those who administer the team, in the order given, in pages of at most `page`.
    fn administrators_of(
        &self,
        team: &SourceKey,
        reach: Reach,
        listed: Listed,
        page: usize,
    ) -> Vec<SourceKey>;
    fn path(&self, member: &SourceKey, team: &SourceKey) -> Option<Vec<SourceKey>>;
    fn cycles(&self, limit: usize) -> Vec<Vec<SourceKey>>;
    fn sizes(&self) -> Sizes;
}

/// Takes changes and makes versions.
pub trait Subject {
    type Version: Answers;

    fn apply(&mut self, change: &Change);
    /// The version after the transaction that ends here.
    fn commit(&mut self, end_lsn: Lsn) -> Self::Version;
    fn abort(&mut self);
    /// Checks its own invariants.
    fn validate(&self) -> Result<(), String>;
    /// Checks that ids which a kept version does not know mean nothing to it.
    fn check_foreign_ids(&self, _version: &Self::Version) -> Result<(), String> {
        Ok(())
    }
    /// The version's digest, if it has one.
    fn digest(&self, _version: &Self::Version) -> Option<Digest> {
        None
    }
}
