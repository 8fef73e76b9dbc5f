//! Questions over gRPC, and their answers in the judge's words.
//!
//! Owns the conversion to and from the wire. It must not know what is true.

use crate::asked::{Asked, Kinds, Listed, Relation, Who};
use crate::population as of;
use anyhow::Context;
use teamgraph::pb;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::synthetic::Random;
use tonic::Status;
use tonic::transport::Channel;

pub type Asker = ParticipationServiceClient<Channel>;

/// An answer with the state that it names; or what was refused.
pub type Observed = Result<(Asked, pb::AnsweredAt), Refusal>;

/// Pairs in one batch.
const PAIRS: u64 = 24;

/// Small, so that lists have several pages.
const PAGE: u32 = 7;

/// No answer.
#[derive(Debug)]
pub enum Refusal {
    /// The service said no, or could not be reached.
    Status(Box<Status>),
    /// It said something that cannot be.
    Nonsense(String),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Refusal::Status(Box::new(status))
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Refusal::Nonsense(format!("{error:#}"))
    }
}

/// A random question.
pub async fn ask(
    asker: &mut Asker,
    random: &mut Random,
    freshness: Option<pb::Freshness>,
) -> Observed {
    match random.below(10) {
        0..4 => check(asker, random, freshness).await,
        4 => batch(asker, random, freshness).await,
        5 => {
            let of = of::core_person(random);
            teams(asker, listed(random, of), freshness).await
        }
        6 => {
            let list = listed_team(random);
            members(asker, list, any_kinds(random), freshness).await
        }
        7 => {
            let list = listed_team(random);
            count(asker, list, any_kinds(random), freshness).await
        }
        8 => directory(asker, random, freshness).await,
        _ if freshness.is_some() => check(asker, random, freshness).await,
        _ => sizes(asker).await,
    }
}

fn listed(random: &mut Random, of: i64) -> Listed {
    Listed { of, direct: random.below(3) == 0, admin: random.below(4) == 0 }
}

fn listed_team(random: &mut Random) -> Listed {
    let team = of::core_team(random);
    listed(random, team)
}

fn any_kinds(random: &mut Random) -> Kinds {
    match random.below(3) {
        0 => Kinds::People,
        1 => Kinds::Teams,
        _ => Kinds::Both,
    }
}

fn reference(who: &Who) -> Option<pb::MemberRef> {
    let r#ref = match who {
        Who::Key(key) => pb::member_ref::Ref::Id(*key),
        Who::Name(name) => pb::member_ref::Ref::Name(name.clone()),
    };
    Some(pb::MemberRef { r#ref: Some(r#ref), ..pb::MemberRef::default() })
}

fn relation_asked(admin: bool) -> i32 {
    match admin {
        true => pb::AskedRelation::Administrator.into(),
        false => pb::AskedRelation::Participant.into(),
    }
}

fn scope(direct: bool) -> i32 {
    if direct { pb::ListScope::Direct.into() } else { pb::ListScope::All.into() }
}

fn kinds_asked(kinds: Kinds) -> i32 {
    match kinds {
        Kinds::People => pb::ListKinds::People.into(),
        Kinds::Teams => pb::ListKinds::Teams.into(),
        Kinds::Both => pb::ListKinds::All.into(),
    }
}

fn named(answered_at: Option<pb::AnsweredAt>) -> Result<pb::AnsweredAt, Refusal> {
    Ok(answered_at.context("an answer names no state")?)
}

async fn check(
    asker: &mut Asker,
    random: &mut Random,
    freshness: Option<pb::Freshness>,
) -> Observed {
    let (member, team) = (of::anybody(random), of::anybody(random));
    let by_name = random.below(4) == 0 && member != team;
    let who = |key| if by_name { Who::Name(format!("m{key}")) } else { Who::Key(key) };
    let (member, team, admin) = (who(member), who(team), random.below(4) == 0);
    let request = pb::CheckRequest {
        member: reference(&member),
        team: reference(&team),
        freshness,
        lenient: true,
        relation: relation_asked(admin),
    };
    let answer = asker.check(request).await?.into_inner();
    let got = match answer.relation() {
        pb::Relation::None => Relation::None,
        pb::Relation::Self_ => Relation::Itself,
        pb::Relation::Direct => Relation::Direct,
        pb::Relation::Indirect => Relation::Indirect,
        pb::Relation::Unspecified => return Err(anyhow::anyhow!("no relation").into()),
    };
    Ok((Asked::Check { member, team, admin, got }, named(answer.answered_at)?))
}

async fn batch(
    asker: &mut Asker,
    random: &mut Random,
    freshness: Option<pb::Freshness>,
) -> Observed {
    let pairs: Vec<(i64, i64)> =
        (0..PAIRS).map(|_| (of::member(random), of::team(random))).collect();
    let request = pb::BatchCheckRequest {
        packed_pairs: Some(pb::PackedPairs {
            member_kind: 0,
            member_ids: pairs.iter().map(|pair| pair.0).collect(),
            team_ids: pairs.iter().map(|pair| pair.1).collect(),
        }),
        freshness,
        lenient: true,
        ..pb::BatchCheckRequest::default()
    };
    let answer = asker.batch_check(request).await?.into_inner();
    let packed = answer.packed_results.context("no packed results")?;
    if !packed.errors.is_empty() || packed.participates.len() * 8 < pairs.len() {
        return Err(anyhow::anyhow!("errors in a lenient batch: {packed:?}").into());
    }
    let bit = |index: usize| packed.participates[index / 8] >> (index % 8) & 1 == 1;
    let got = (0..pairs.len()).map(bit).collect();
    Ok((Asked::Batch { pairs, got }, named(answer.answered_at)?))
}

/// A whole list of teams, page by page at one version.
pub async fn teams(asker: &mut Asker, list: Listed, freshness: Option<pb::Freshness>) -> Observed {
    let mut request = pb::ListTeamsRequest {
        member: reference(&Who::Key(list.of)),
        scope: scope(list.direct),
        relation: relation_asked(list.admin),
        page_size: PAGE,
        freshness,
        ..pb::ListTeamsRequest::default()
    };
    let (mut got, mut first) = (Vec::new(), None);
    loop {
        let page = asker.list_teams(request.clone()).await?.into_inner();
        got.extend(page.keys.unwrap_or_default().ids);
        same_version(&mut first, named(page.answered_at)?)?;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok((Asked::Teams { list, got }, named(first)?));
        }
    }
}

/// A whole list of members, page by page at one version.
pub async fn members(
    asker: &mut Asker,
    list: Listed,
    kinds: Kinds,
    freshness: Option<pb::Freshness>,
) -> Observed {
    let mut request = pb::ListMembersRequest {
        team: reference(&Who::Key(list.of)),
        scope: scope(list.direct),
        kinds: kinds_asked(kinds),
        relation: relation_asked(list.admin),
        page_size: PAGE,
        freshness,
        ..pb::ListMembersRequest::default()
    };
    let (mut got, mut first) = (Vec::new(), None);
    loop {
        let page = asker.list_members(request.clone()).await?.into_inner();
        got.extend(page.keys.unwrap_or_default().ids);
        same_version(&mut first, named(page.answered_at)?)?;
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok((Asked::Members { list, kinds, got }, named(first)?));
        }
    }
}

/// All pages are of the first one's version, which is what the list names.
fn same_version(first: &mut Option<pb::AnsweredAt>, page: pb::AnsweredAt) -> Result<(), Refusal> {
    let first = first.get_or_insert_with(|| page.clone());
    if first.version == page.version {
        return Ok(());
    }
    let (one, other) = (first.version, page.version);
    Err(anyhow::anyhow!("a list of two versions: {one:?}, {other:?}").into())
}

async fn count(
    asker: &mut Asker,
    list: Listed,
    kinds: Kinds,
    freshness: Option<pb::Freshness>,
) -> Observed {
    let request = pb::CountMembersRequest {
        team: reference(&Who::Key(list.of)),
        scope: scope(list.direct),
        kinds: kinds_asked(kinds),
        relation: relation_asked(list.admin),
        freshness,
    };
    let answer = asker.count_members(request).await?.into_inner();
    Ok((Asked::Count { list, kinds, got: answer.count }, named(answer.answered_at)?))
}

async fn directory(
    asker: &mut Asker,
    random: &mut Random,
    freshness: Option<pb::Freshness>,
) -> Observed {
    let keys: Vec<i64> = (0..PAIRS / 4).map(|_| of::anybody(random)).collect();
    let refs = keys.iter().filter_map(|key| reference(&Who::Key(*key))).collect();
    let answer = asker.get_members(pb::GetMembersRequest { refs, freshness }).await?.into_inner();
    let entry = |result: pb::MemberResult| match result.result {
        Some(pb::member_result::Result::Member(member)) => {
            let is_team = member.kind() == pb::MemberKind::Team;
            Some((member.name.unwrap_or_default(), is_team))
        }
        _ => None,
    };
    let got = answer.results.into_iter().map(entry).collect();
    Ok((Asked::Directory { keys, got }, named(answer.answered_at)?))
}

async fn sizes(asker: &mut Asker) -> Observed {
    let status = asker.get_status(pb::GetStatusRequest {}).await?.into_inner();
    let sizes = status.sizes.ok_or_else(|| Status::unavailable("nothing is served yet"))?;
    let got = [sizes.people, sizes.teams, sizes.memberships, sizes.rows];
    Ok((Asked::Sizes { got }, named(status.answered_at)?))
}
