//! Graphs whose closures are hard: a chain, a ring, a funnel that one row closes.

use crate::organisation::{Organisation, join, leave, member_put};
use crate::sample::timed;
use teamgraph::change::Change;
use teamgraph::graph::{HistoryLimits, Kinds, Scope};
use teamgraph::id::{Key, MemberKind, SourceKey};
use teamgraph::synthetic::Synthetic;

/// One membership of a team in a team, as the row with this key.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub row: i64,
    pub member: i64,
    pub team: i64,
}

/// Teams 1, 2, … each a member of the next; the row of an edge is its member's key.
pub fn chain(teams: i64) -> Organisation {
    let mut organisation = Organisation::empty(HistoryLimits::default());
    for team in 1..=teams {
        organisation.change(member_put(team, MemberKind::Team));
    }
    for team in 1..teams {
        organisation.change(join(team, team, team + 1));
    }
    organisation.publish();
    organisation
}

pub const fn chain_edge(team: i64) -> Edge {
    Edge { row: team, member: team, team: team + 1 }
}

/// Milliseconds until the edge's absence is published.
pub fn remove(organisation: &mut Organisation, edge: Edge) -> f64 {
    apply(organisation, leave(edge.row))
}

/// Milliseconds until the edge is published.
pub fn add(organisation: &mut Organisation, edge: Edge) -> f64 {
    apply(organisation, join(edge.row, edge.member, edge.team))
}

fn apply(organisation: &mut Organisation, change: Change) -> f64 {
    let applied = || {
        organisation.change(change);
        organisation.publish();
    };
    timed(applied).1 * 1e3
}

/// Puts the spare team into every team of the big tree, in one transaction: everything is right
/// still. Gives the bad row that then makes one cycle of them all, the big team put into the spare
/// team.
pub fn funnel(organisation: &mut Organisation, synthetic: &Synthetic) -> anyhow::Result<Edge> {
    let (big, spare) = (synthetic.big_team(), synthetic.spare_team());
    let below = {
        let snapshot = organisation.writer.last();
        let team = snapshot.find(&SourceKey::int(big)).and_then(|big| snapshot.team(big));
        let team = team.ok_or_else(|| anyhow::anyhow!("there is no big team"))?;
        let kinds = Kinds { people: false, teams: true };
        let page = snapshot.list_members(team, Scope::All, kinds, None, usize::MAX);
        let keys = page.members.iter().filter_map(|&member| match snapshot.key(member)?.key {
            Key::Int(key) => Some(key),
            Key::Uuid(_) | Key::Text(_) => None,
        });
        keys.collect::<Vec<i64>>()
    };
    let mut row = i64::MAX;
    for team in below {
        row -= 1;
        organisation.change(join(row, spare, team));
    }
    organisation.publish();
    Ok(Edge { row: i64::MAX, member: big, team: spare })
}
