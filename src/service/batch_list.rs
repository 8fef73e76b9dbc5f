//! `BatchListTeams` and `BatchListMembers`: many lists at one version, in one answer or few.
//!
//! Owns how lists stand one behind the other and how an answer that is full goes on. It must not
//! know how members are written.

use super::convert;
use super::errors::Failure;
use super::limits;
use super::list::Start;
use super::listed::{List, Listed, START, field_bytes, page_size};
use super::paging::Place;
use super::participation::Answers;
use super::refs::{Part, RefFault, as_team, find_key, find_member, wanted_kind};
use super::turns::Turns;
use crate::graph::Snapshot;
use crate::id::{Key, MemberId, MemberKind};
use crate::pb;
use prost::Message;
use std::mem::take;
use std::time::Duration;

/// Bytes of one list's count, at most: a varint of 32 bits.
const COUNT_BYTES: usize = 5;
/// What finding a member and its list costs beside the members listed, in units of work.
const LIST_WORK: usize = 8;

impl Answers {
    pub(crate) async fn batch_list_teams(
        &self,
        mut request: pb::BatchListTeamsRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::BatchListTeamsResponse, Failure> {
        let (scope, view) = (convert::scope(request.scope)?, convert::view(request.view)?);
        let asked = convert::asked(request.relation)?;
        let size = take(&mut request.page_size);
        let size = page_size("page_size", size, limits::PAGE_MEMBERS)?;
        let start = Start::new("batch-teams", &mut request);
        let kind = wanted_kind(request.member_kind).map_err(|it| it.failure(Part::Member, None))?;
        let subjects = Subjects::new(Part::Member, kind, &request.member_ids, &request.members)?;
        let mut turns = Turns::new(client_timeout);
        let (basis, place) = self.page_start(&start, client_timeout).await?;
        let snapshot = basis.snapshot();
        let mut page = Page::new(Listed::new(view), size);
        let next = page
            .fill(snapshot, &subjects, place, &mut turns, |member| {
                Ok(List::teams(snapshot, asked, member, scope))
            })
            .await?;
        let next_page_token = self.next_token(snapshot, &start, place, next)?;
        let Page { listed, counts, errors, .. } = page;
        let (keys, members) = listed.into_wire();
        Ok(pb::BatchListTeamsResponse {
            first_list: place.list,
            counts,
            keys,
            members,
            errors,
            next_page_token,
            answered_at: Some(self.answered_at(&basis)),
        })
    }

    pub(crate) async fn batch_list_members(
        &self,
        mut request: pb::BatchListMembersRequest,
        client_timeout: Option<Duration>,
    ) -> Result<pb::BatchListMembersResponse, Failure> {
        let (scope, view) = (convert::scope(request.scope)?, convert::view(request.view)?);
        let (kinds, asked) = (convert::kinds(request.kinds)?, convert::asked(request.relation)?);
        let size = take(&mut request.page_size);
        let size = page_size("page_size", size, limits::PAGE_MEMBERS)?;
        let start = Start::new("batch-members", &mut request);
        let subjects = Subjects::new(Part::Team, None, &request.team_ids, &request.teams)?;
        let mut turns = Turns::new(client_timeout);
        let (basis, place) = self.page_start(&start, client_timeout).await?;
        let snapshot = basis.snapshot();
        let mut page = Page::new(Listed::new(view), size);
        let next = page
            .fill(snapshot, &subjects, place, &mut turns, |member| {
                let team = as_team(snapshot, member)?;
                Ok(List::members(snapshot, asked, team, scope, kinds))
            })
            .await?;
        let next_page_token = self.next_token(snapshot, &start, place, next)?;
        let Page { listed, counts, errors, .. } = page;
        let (keys, members) = listed.into_wire();
        Ok(pb::BatchListMembersResponse {
            first_list: place.list,
            counts,
            keys,
            members,
            errors,
            next_page_token,
            answered_at: Some(self.answered_at(&basis)),
        })
    }
}

/// Whose lists are asked for.
#[derive(Debug)]
struct Subjects<'a> {
    part: Part,
    kind: Option<MemberKind>,
    ids: &'a [i64],
    refs: &'a [pb::MemberRef],
}

impl<'a> Subjects<'a> {
    fn new(
        part: Part,
        kind: Option<MemberKind>,
        ids: &'a [i64],
        refs: &'a [pb::MemberRef],
    ) -> Result<Self, Failure> {
        if !ids.is_empty() && !refs.is_empty() {
            return Err(convert::conflict("the batch holds both integer keys and references"));
        }
        let subjects = Subjects { part, kind, ids, refs };
        if subjects.len() > limits::BATCH_LISTS.count() {
            let what = "the number of lists";
            return Err(Failure::past(limits::BATCH_LISTS, what, subjects.len()));
        }
        Ok(subjects)
    }

    const fn len(&self) -> usize {
        self.ids.len() + self.refs.len()
    }

    /// Those from the given list on, each with its number.
    fn iter_from(
        &self,
        snapshot: &Snapshot,
        list: u32,
    ) -> impl Iterator<Item = (u32, Result<MemberId, RefFault>)> {
        let ids = self.ids.iter().map(|&id| find_key(snapshot, &Key::Int(id), self.kind));
        let refs = self.refs.iter().map(|reference| find_member(snapshot, Some(reference)));
        let skipped = usize::try_from(list).unwrap_or(usize::MAX);
        (list..).zip(ids.chain(refs).skip(skipped))
    }
}

/// One page of many lists.
#[derive(Debug)]
struct Page {
    listed: Listed,
    /// Members that may still come.
    left: usize,
    counts: Vec<u32>,
    errors: Vec<pb::PackedError>,
}

impl Page {
    const fn new(listed: Listed, size: usize) -> Self {
        Page { listed, left: size, counts: Vec::new(), errors: Vec::new() }
    }

    /// Adds lists from the place on while they fit; where the next page begins, if there is one.
    async fn fill<'a>(
        &mut self,
        snapshot: &'a Snapshot,
        subjects: &Subjects<'_>,
        place: Place,
        turns: &mut Turns,
        list_of: impl Fn(MemberId) -> Result<List<'a>, RefFault>,
    ) -> Result<Option<Place>, Failure> {
        let mut from = place.from;
        for (at, subject) in subjects.iter_from(snapshot, place.list) {
            let here = Place { list: at, from: std::mem::replace(&mut from, START) };
            if self.left == 0 || !self.listed.take(COUNT_BYTES) {
                return Ok(Some(here));
            }
            turns.spend(LIST_WORK).await?;
            let mut list = match subject.and_then(&list_of) {
                Ok(list) => list,
                Err(fault) if self.push_error(at, fault.reason(subjects.part).row().name) => {
                    continue;
                }
                Err(_) => return Ok(Some(here)),
            };
            let before = self.listed.len();
            let next = self.listed.fill(&mut list, here.from, self.left, turns).await?;
            let count = self.listed.len() - before;
            self.left -= count;
            // At most a page's members.
            self.counts.push(u32::try_from(count).unwrap_or(u32::MAX));
            if let Some(from) = next {
                return Ok(Some(Place { list: at, from }));
            }
        }
        Ok(None)
    }

    /// Says that there is no such list; false if that does not fit.
    fn push_error(&mut self, index: u32, reason: &str) -> bool {
        let error = Some(pb::ItemError { reason: reason.to_owned() });
        let error = pb::PackedError { index, error };
        let fits = self.listed.take(field_bytes(error.encoded_len()));
        if fits {
            self.errors.push(error);
            self.counts.push(0);
        }
        fits
    }
}
