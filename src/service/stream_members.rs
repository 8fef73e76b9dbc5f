//! `StreamMembers`: all members of a team, at one version, as fast as the caller reads.
//!
//! Owns the chunks. Each is made when the transport asks for it, which it does when the caller has
//! room: nothing is read ahead, and a caller who leaves ends the work. It must not know how members
//! are written.

use super::convert::{self, Asked, View};
use super::errors::Failure;
use super::freshness::Basis;
use super::limits;
use super::list::one_team;
use super::listed::{List, Listed, START, page_size, unlistable};
use super::participation::Answers;
use super::turns::Turns;
use crate::graph::{Kinds, Scope};
use crate::id::TeamId;
use crate::pb;
use async_stream::try_stream;
use std::time::Duration;
use tokio_stream::Stream;
use tonic::Status;

/// A stream that was asked for, ready to begin.
#[derive(Debug)]
pub(crate) struct MemberStream {
    basis: Basis,
    asked: Asked,
    team: TeamId,
    scope: Scope,
    kinds: Kinds,
    view: View,
    chunk_size: usize,
    answered_at: pb::AnsweredAt,
    turns: Turns,
}

impl Answers {
    /// Checks the question and chooses the version; what is wrong with it fails the call at once.
    pub(crate) async fn stream_members(
        &self,
        request: &pb::StreamMembersRequest,
        client_timeout: Option<Duration>,
    ) -> Result<MemberStream, Failure> {
        let (scope, view) = (convert::scope(request.scope)?, convert::view(request.view)?);
        let (kinds, asked) = (convert::kinds(request.kinds)?, convert::asked(request.relation)?);
        let chunk_size = page_size("chunk_size", request.chunk_size, limits::PAGE_MEMBERS_DEFAULT)?;
        let most = limits::STREAM_MS.milliseconds();
        let turns = Turns::new(Some(client_timeout.map_or(most, |timeout| timeout.min(most))));
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let team = one_team(basis.snapshot(), request.team.as_ref())?;
        let answered_at = self.answered_at(&basis);
        Ok(MemberStream { basis, asked, team, scope, kinds, view, chunk_size, answered_at, turns })
    }
}

impl MemberStream {
    /// The chunks.
    pub(crate) fn chunks(self) -> impl Stream<Item = Result<pb::StreamMembersResponse, Status>> {
        let MemberStream { basis, asked, team, scope, kinds, view, chunk_size, .. } = self;
        let (mut turns, mut answered_at) = (self.turns, Some(self.answered_at));
        try_stream! {
            let mut list = List::members(basis.snapshot(), asked, team, scope, kinds);
            let mut from = Some(START);
            while let Some(start) = from {
                // The caller may have taken its time since the last chunk.
                turns.check()?;
                let mut listed = Listed::new(view);
                from = listed.fill(&mut list, start, chunk_size, &mut turns).await?;
                if from == Some(start) {
                    Err(unlistable())?;
                }
                let (keys, members) = listed.into_wire();
                yield pb::StreamMembersResponse { keys, members, answered_at: answered_at.take() };
            }
        }
    }
}
