//! `GetMembers`: the directory.
//!
//! Owns the bound of its answer. It must not know how references are found.

use super::convert;
use super::errors::Failure;
use super::limits;
use super::listed::{MEMBERS_BYTES, field_bytes};
use super::participation::Answers;
use super::refs::{Part, find_member};
use super::turns::Turns;
use crate::pb;
use pb::member_result::Result as RefResult;
use prost::Message;
use std::time::Duration;

impl Answers {
    pub(crate) async fn get_members(
        &self,
        request: &pb::GetMembersRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::GetMembersResponse, Failure> {
        let count = request.refs.len();
        if count > limits::BATCH_REFS.count() {
            return Err(Failure::past(limits::BATCH_REFS, "the number of references", count));
        }
        let mut turns = Turns::new(client_timeout);
        let basis = self.reads.basis(request.freshness.as_ref(), client_timeout).await?;
        let snapshot = basis.snapshot();
        let mut results = Vec::with_capacity(count);
        let mut room = MEMBERS_BYTES;
        for reference in &request.refs {
            let result = match find_member(snapshot, Some(reference)) {
                Ok(member) => RefResult::Member(convert::member(snapshot, member)?),
                Err(fault) => {
                    let reason = fault.reason(Part::Member).row().name.to_owned();
                    RefResult::Error(pb::ItemError { reason })
                }
            };
            let result = pb::MemberResult { result: Some(result) };
            room = room.checked_sub(field_bytes(result.encoded_len())).ok_or_else(|| {
                let what = "the answer, in bytes, for that many references,";
                Failure::past(limits::ANSWER_BYTES, what, "more than that")
                    .with("fitting_refs", results.len())
            })?;
            results.push(result);
            turns.spend(1).await?;
        }
        Ok(pb::GetMembersResponse { results, answered_at: Some(self.answered_at(&basis)) })
    }
}
