//! Members on their way into an answer, as many as fit.
//!
//! Owns the room of an answer, the two forms of a member in it, and the steps in which a list is
//! read. It must not know which call lists, nor how the graph orders a list.
//!
//! A list is never cut silently: what does not fit is where the next page begins.

use super::convert::{self, Asked, View};
use super::errors::{Failure, Reason};
use super::limits;
use super::turns::Turns;
use crate::graph::{Kinds, MemberCursor, MemberList, MemberPage, Scope, Snapshot};
use crate::id::{MemberId, TeamId};
use crate::pb;
use prost::Message;

/// Bytes of an answer that are kept for what surrounds its members: token, version, framing.
pub(crate) const ENVELOPE_BYTES: usize = 4_096;
/// Bytes of an answer's members.
pub(crate) const MEMBERS_BYTES: usize = (3 << 20) - ENVELOPE_BYTES;
/// The most bytes that a packed integer takes, by the encoding of varints.
const INTEGER_BYTES: usize = 10;
/// Members that are read from the graph at a stretch.
const STEP_MEMBERS: usize = 4_096;
/// Where every list begins.
pub(crate) const START: MemberCursor = MemberCursor::Teams { from: TeamId(0) };

/// One list of one version.
#[derive(Debug)]
pub(crate) enum List<'a> {
    /// The members or administrators of a team.
    Members(&'a Snapshot, MemberList<'a>),
    /// The teams of a member, or those that it administers, ascending.
    Teams(&'a Snapshot, Vec<TeamId>),
}

impl<'a> List<'a> {
    pub(crate) fn members(
        snapshot: &'a Snapshot,
        asked: Asked,
        team: TeamId,
        scope: Scope,
        kinds: Kinds,
    ) -> Self {
        let list = match asked {
            Asked::Participant => snapshot.member_list(team, scope, kinds),
            Asked::Administrator => snapshot.administrator_list(team, scope, kinds),
        };
        List::Members(snapshot, list)
    }

    pub(crate) fn teams(
        snapshot: &'a Snapshot,
        asked: Asked,
        member: MemberId,
        scope: Scope,
    ) -> Self {
        let page = match asked {
            Asked::Participant => snapshot.list_teams(member, scope, None, usize::MAX),
            Asked::Administrator => snapshot.list_administered(member, scope, None, usize::MAX),
        };
        List::Teams(snapshot, page.teams)
    }

    /// At most `limit` members from `from` on.
    fn page(&mut self, from: MemberCursor, limit: usize) -> Result<MemberPage, Failure> {
        match (self, from) {
            (List::Members(_, list), from) => Ok(list.page(Some(from), limit)),
            (List::Teams(snapshot, teams), MemberCursor::Teams { from }) => {
                let rest = teams.get(teams.partition_point(|&team| team < from)..);
                let rest = rest.unwrap_or_default();
                let members = rest.iter().take(limit).map(|&team| snapshot.member(team));
                Ok(MemberPage {
                    members: members.collect::<Option<_>>().ok_or_else(convert::lost)?,
                    next: rest.get(limit).map(|&from| MemberCursor::Teams { from }),
                })
            }
            (List::Teams(..), MemberCursor::People { .. } | MemberCursor::Alone { .. }) => {
                Err(misplaced())
            }
        }
    }

    const fn snapshot(&self) -> &'a Snapshot {
        match self {
            List::Members(snapshot, _) | List::Teams(snapshot, _) => snapshot,
        }
    }

    /// How many members the list has.
    pub(crate) async fn count(&mut self, turns: &mut Turns) -> Result<usize, Failure> {
        let list = match self {
            List::Members(_, list) => list,
            List::Teams(_, teams) => return Ok(teams.len()),
        };
        let (mut counted, mut from) = (0, Some(START));
        while from.is_some() {
            let page = list.page(from, STEP_MEMBERS);
            counted += page.members.len();
            turns.spend(page.members.len()).await?;
            from = page.next;
        }
        Ok(counted)
    }
}

fn misplaced() -> Failure {
    Failure::new(Reason::PageTokenMismatch, "the page token's position is not one of this list")
}

/// The members of one answer.
#[derive(Debug)]
pub(crate) struct Listed {
    view: View,
    room: usize,
    ids: Vec<i64>,
    keys: Vec<String>,
    members: Vec<pb::Member>,
}

impl Listed {
    pub(crate) const fn new(view: View) -> Self {
        let room = MEMBERS_BYTES;
        Listed { view, room, ids: Vec::new(), keys: Vec::new(), members: Vec::new() }
    }

    /// How many members there are.
    pub(crate) const fn len(&self) -> usize {
        self.ids.len() + self.keys.len() + self.members.len()
    }

    /// Takes room for something else; false if there is not so much.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Adds members of the list from `from` on, at most `most`, while they fit; where the rest
    /// begins, if there is one.
    pub(crate) async fn fill(
        &mut self,
        list: &mut List<'_>,
        from: MemberCursor,
        most: usize,
        turns: &mut Turns,
    ) -> Result<Option<MemberCursor>, Failure> {
        let (mut from, mut left) = (from, most);
        while left > 0 {
            let page = list.page(from, left.min(STEP_MEMBERS))?;
            let fitting = self.extend(list.snapshot(), &page.members)?;
            if fitting == 0 && !page.members.is_empty() {
                return Ok(Some(from));
            }
            if fitting < page.members.len() {
                // Only the list knows where the first that does not fit stands.
                return Ok(list.page(from, fitting)?.next);
            }
            turns.spend(page.members.len()).await?;
            left -= fitting;
            match page.next {
                Some(next) => from = next,
                None => return Ok(None),
            }
        }
        Ok(Some(from))
    }

    /// Adds the members from the first on that fit; how many.
    fn extend(&mut self, snapshot: &Snapshot, members: &[MemberId]) -> Result<usize, Failure> {
        if self.view == View::Keys && self.keys.is_empty() {
            self.ids.reserve(members.len());
        }
        for (fitting, &member) in members.iter().enumerate() {
            let fits = match self.view {
                View::Keys => self.push_key(snapshot, member)?,
                View::Members => self.push_member(convert::member(snapshot, member)?),
            };
            if !fits {
                return Ok(fitting);
            }
        }
        Ok(members.len())
    }

    fn push_member(&mut self, member: pb::Member) -> bool {
        let fits = self.take(field_bytes(member.encoded_len()));
        if fits {
            self.members.push(member);
        }
        fits
    }

    fn push_key(&mut self, snapshot: &Snapshot, member: MemberId) -> Result<bool, Failure> {
        if self.keys.is_empty()
            && let Some(id) = snapshot.int_key(member)
        {
            let fits = self.take(INTEGER_BYTES);
            if fits {
                self.ids.push(id);
            }
            return Ok(fits);
        }
        let key = &snapshot.key(member).ok_or_else(convert::lost)?.key;
        // One key that is no integer makes text of all.
        let ids: Vec<String> = self.ids.iter().map(i64::to_string).collect();
        let text = key.to_string();
        let more: usize = ids.iter().chain([&text]).map(|text| field_bytes(text.len())).sum();
        let fits = self.take(more.saturating_sub(ids.len() * INTEGER_BYTES));
        if fits {
            self.ids = Vec::new();
            self.keys.extend(ids);
            self.keys.push(text);
        }
        Ok(fits)
    }

    /// The fields of an answer.
    pub(crate) fn into_wire(self) -> (Option<pb::MemberKeys>, Vec<pb::Member>) {
        match self.view {
            View::Keys => (Some(pb::MemberKeys { ids: self.ids, keys: self.keys }), Vec::new()),
            View::Members => (None, self.members),
        }
    }
}

/// A single member is larger than an answer may be.
pub(crate) fn unlistable() -> Failure {
    let what = "one member of the list, in bytes,";
    Failure::past(limits::ANSWER_BYTES, what, "more than that")
}

/// The size that a request asks for; `default` for 0.
pub(crate) fn page_size(field: &str, asked: u32, default: limits::Limit) -> Result<usize, Failure> {
    let asked = u64::from(asked);
    if asked > limits::PAGE_MEMBERS.value {
        return Err(Failure::past(limits::PAGE_MEMBERS, field, asked));
    }
    let size = if asked == 0 { default.value } else { asked };
    usize::try_from(size).map_err(|_| convert::lost())
}

/// Bytes of one element of a repeated field with a number below 16, whose content takes `length`.
pub(crate) fn field_bytes(length: usize) -> usize {
    1 + prost::length_delimiter_len(length) + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Role, SourceKey};
    use crate::service::tests::World;

    #[test]
    fn members_and_envelope_are_an_answer() {
        let whole = u64::try_from(MEMBERS_BYTES + ENVELOPE_BYTES).unwrap();
        assert_eq!(whole, limits::ANSWER_BYTES.value);
    }

    #[test]
    fn the_largest_page_of_integer_keys_fits_an_answer() {
        let ids = vec![i64::MIN; limits::PAGE_MEMBERS.count()];
        assert!(ids.len() * INTEGER_BYTES < MEMBERS_BYTES);
        let keys = pb::MemberKeys { ids, keys: Vec::new() };
        assert!(keys.encoded_len() < MEMBERS_BYTES);
    }

    #[test]
    fn room_that_is_not_there_is_not_taken() {
        let mut listed = Listed::new(View::Keys);
        assert!(!listed.take(MEMBERS_BYTES + 1));
        assert!(listed.take(MEMBERS_BYTES));
        assert!(!listed.take(1));
    }

    #[tokio::test]
    async fn a_long_list_gives_way_and_ends_with_the_deadline() {
        let (mut world, _client) = World::ready().await;
        for person in 1_000..20_000 {
            world.people(&[(person, "p")]);
            world.join(person, 10, Role::Member);
        }
        let snapshot = world.publish(200);
        let kinds = Kinds { people: true, teams: true };
        let team = snapshot.team(snapshot.find(&SourceKey::int(12)).unwrap()).unwrap();
        let mut list = List::members(&snapshot, Asked::Participant, team, Scope::All, kinds);
        let (mut polls, mut turns) = (0, Turns::new(None));
        {
            let mut count = std::pin::pin!(list.count(&mut turns));
            let counted = std::future::poll_fn(|context| {
                polls += 1;
                count.as_mut().poll(context)
            });
            assert_eq!(counted.await, Ok(19_004));
        }
        assert!(polls > 4, "counted without giving way: {polls}");
        let mut late = Turns::new(Some(std::time::Duration::ZERO));
        assert_eq!(list.count(&mut late).await.unwrap_err().reason, Reason::DeadlinePassed);
        let mut listed = Listed::new(View::Keys);
        let filled = listed.fill(&mut list, START, 100_000, &mut late).await;
        assert_eq!(filled.unwrap_err().reason, Reason::DeadlinePassed);
    }
}
