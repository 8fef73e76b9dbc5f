//! `Explain`: why a member participates in a team, or what is known of why not.
//!
//! Owns the path's form and its bound, and the words for a no. It must not know how paths are
//! found.

use super::convert;
use super::errors::{Failure, Reason};
use super::limits;
use super::list::{one_member, one_team};
use super::listed::{MEMBERS_BYTES, field_bytes};
use super::participation::Answers;
use super::turns::Turns;
use crate::graph::{Kinds, Relation, Scope, Snapshot};
use crate::id::{MemberId, TeamId};
use crate::pb;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

impl Answers {
    pub(crate) async fn explain(
        &self,
        request: &pb::ExplainRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::ExplainResponse, Failure> {
        let mut turns = Turns::new(client_timeout);
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let snapshot = basis.snapshot();
        let member = one_member(snapshot, request.member.as_ref())?;
        let team = one_team(snapshot, request.team.as_ref())?;
        let relation = snapshot.relation(member, team);
        let path = match relation {
            Relation::None => Vec::new(),
            Relation::Itself => vec![member],
            Relation::Direct | Relation::Indirect => {
                self.search(basis.shared(), member, team).await?
            }
        };
        let why_not = if relation == Relation::None {
            why_not(snapshot, member, team)
        } else {
            pb::WhyNot::Unspecified
        };
        Ok(pb::ExplainResponse {
            relation: convert::relation(relation).into(),
            path: steps(snapshot, &path, &mut turns).await?,
            answered_at: Some(self.answered_at(&basis)),
            why_not: why_not.into(),
            note: note(why_not).to_owned(),
        })
    }

    /// The path, searched on a thread of its own: through very many teams it takes long. A search
    /// whose caller is gone runs to its end, and counts among the searches until then.
    async fn search(
        &self,
        snapshot: Arc<Snapshot>,
        member: MemberId,
        team: TeamId,
    ) -> Result<Vec<MemberId>, Failure> {
        let stopped = |_| Failure::new(Reason::ShuttingDown, "the server is stopping");
        let turn = Arc::clone(&self.searches).acquire_owned().await.map_err(stopped)?;
        let search = tokio::task::spawn_blocking(move || {
            let path = snapshot.shortest_path(member, team);
            drop(turn);
            path
        });
        let failed = |_| Failure::new(Reason::Internal, "the search for a path broke off");
        search.await.map_err(failed)?.ok_or_else(no_path)
    }
}

fn no_path() -> Failure {
    Failure::new(
        Reason::Internal,
        "a version says that there is a participation, but finds no path",
    )
}

fn why_not(snapshot: &Snapshot, member: MemberId, team: TeamId) -> pb::WhyNot {
    let anybody = Kinds { people: true, teams: true };
    if snapshot.list_teams(member, Scope::Direct, None, 1).teams.is_empty() {
        pb::WhyNot::MemberInNoTeam
    } else if snapshot.count_members(team, Scope::Direct, anybody) == 0 {
        pb::WhyNot::TeamEmpty
    } else {
        pb::WhyNot::NoChain
    }
}

const fn note(why_not: pb::WhyNot) -> &'static str {
    match why_not {
        pb::WhyNot::Unspecified => "",
        pb::WhyNot::MemberInNoTeam => {
            "the member has no active membership in any team; rows that are not active are not kept"
        }
        pb::WhyNot::TeamEmpty => {
            "the team has no active member; rows that are not active are not kept"
        }
        pb::WhyNot::NoChain => {
            "no chain of active memberships leads from the member to the team; rows that are not \
             active are not kept"
        }
    }
}

async fn steps(
    snapshot: &Snapshot,
    path: &[MemberId],
    turns: &mut Turns,
) -> Result<Vec<pb::PathStep>, Failure> {
    let mut steps = Vec::new();
    let mut room = MEMBERS_BYTES;
    for (at, &member) in path.iter().enumerate() {
        let next = path.get(at + 1).and_then(|&next| snapshot.team(next));
        let role = next.and_then(|team| snapshot.role(member, team));
        let step = pb::PathStep {
            member: Some(convert::member(snapshot, member)?),
            role: convert::role(role).into(),
        };
        room = room
            .checked_sub(field_bytes(step.encoded_len()))
            .ok_or_else(|| too_long(path.len()))?;
        steps.push(step);
        turns.spend(1).await?;
    }
    Ok(steps)
}

fn too_long(members: usize) -> Failure {
    let limits::Limit { name, value } = limits::ANSWER_BYTES;
    let message = format!(
        "the shortest path has {members} members, more than an answer of {value} bytes holds"
    );
    Failure::new(Reason::PathTooLong, message)
        .with("path_members", members)
        .with("limit", name)
        .with("limit_value", value)
}
