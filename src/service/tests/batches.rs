//! `BatchListTeams`, `BatchListMembers`, and the forms of `BatchCheck` by reference.

use super::*;
use pb::Relation;
use pb::check_result::Result as PairResult;

fn teams_of(member_ids: Vec<i64>) -> pb::BatchListTeamsRequest {
    pb::BatchListTeamsRequest { member_ids, ..Default::default() }
}

type Lists = Vec<Vec<i64>>;

/// All lists, how many pages they came on, and the errors.
async fn all_lists(
    client: &mut Client,
    mut request: pb::BatchListTeamsRequest,
    lists: usize,
) -> (Lists, u32, Vec<(u32, String)>) {
    let (mut all, mut pages, mut errors) = (vec![Vec::new(); lists], 0, Vec::new());
    loop {
        let page = client.batch_list_teams(request.clone()).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) <= 3 << 20);
        pages += 1;
        let mut ids = page.keys.unwrap().ids.into_iter();
        let first = usize::try_from(page.first_list).unwrap();
        for (list, &count) in all[first..].iter_mut().zip(&page.counts) {
            list.extend(ids.by_ref().take(usize::try_from(count).unwrap()));
        }
        assert_eq!(ids.next(), None);
        errors.extend(page.errors.into_iter().map(|it| (it.index, it.error.unwrap().reason)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return (all, pages, errors);
        }
    }
}

#[tokio::test]
async fn the_teams_of_many_members_come_in_one_answer() {
    let (_world, mut client) = World::ready().await;
    let request = teams_of(vec![1, 99, 3, 2, 10]);
    let (lists, pages, errors) = all_lists(&mut client, request.clone(), 5).await;
    let expected: Lists = vec![vec![10, 11, 12], vec![], vec![], vec![11, 12], vec![11, 12]];
    assert_eq!((&lists, pages), (&expected, 1));
    assert_eq!(errors, [(1, "MEMBER_UNKNOWN".to_owned())]);
    let direct = pb::BatchListTeamsRequest { scope: 1, ..request.clone() };
    let (lists, ..) = all_lists(&mut client, direct, 5).await;
    assert_eq!(lists, [vec![10], vec![], vec![], vec![11], vec![11]]);
    // Cut anywhere, the lists are the same.
    for page_size in 1..8 {
        let request = pb::BatchListTeamsRequest { page_size, ..request.clone() };
        let (lists, pages, errors) = all_lists(&mut client, request, 5).await;
        assert_eq!(lists, expected, "{page_size}");
        assert!(pages >= 7 / page_size, "{pages} pages of {page_size}");
        assert_eq!(errors.len(), 1);
    }
    let (lists, pages, _) = all_lists(&mut client, teams_of(vec![]), 0).await;
    assert_eq!((lists.len(), pages), (0, 1));
}

#[tokio::test]
async fn members_of_many_teams_by_reference_with_names() {
    let (_world, mut client) = World::ready().await;
    let request = pb::BatchListMembersRequest {
        teams: vec![named("dev").unwrap(), named("alice").unwrap(), named("all").unwrap()],
        kinds: pb::ListKinds::People.into(),
        view: pb::ListView::Members.into(),
        ..Default::default()
    };
    let page = client.batch_list_members(request).await.unwrap().into_inner();
    let names: Vec<&str> = page.members.iter().map(pb::Member::name).collect();
    assert_eq!((page.counts, names), (vec![1, 0, 2], vec!["alice", "alice", "bob"]));
    let error = Some(pb::ItemError { reason: "NOT_A_TEAM".to_owned() });
    assert_eq!(page.errors, [pb::PackedError { index: 1, error }]);
    assert_eq!(page.next_page_token, "");
}

#[tokio::test]
async fn a_batch_of_nothing_but_errors_goes_on_until_its_end() {
    let (_world, mut client) = World::ready().await;
    let unknown: Vec<i64> = (1_000_000..1_100_000).collect();
    let (lists, pages, errors) = all_lists(&mut client, teams_of(unknown), 100_000).await;
    assert!(lists.iter().all(Vec::is_empty) && pages >= 1);
    assert!(errors.iter().map(|(index, _)| *index).eq(0..100_000));
}

#[tokio::test]
async fn a_list_longer_than_an_answer_goes_on_where_it_was_cut() {
    let (mut world, mut client) = World::ready().await;
    for team in 1_000..1_900 {
        world.teams(&[(team, &format!("{team}{}", "x".repeat(8_000)))]);
        world.join(3, team, Role::Member);
    }
    world.publish(200);
    let view = pb::ListView::Members.into();
    let mut request = pb::BatchListTeamsRequest { view, ..teams_of(vec![1, 3, 2]) };
    let (mut counts, mut firsts) = ([0, 0, 0], Vec::new());
    loop {
        let page = client.batch_list_teams(request.clone()).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) <= 3 << 20);
        firsts.push(page.first_list);
        let first = usize::try_from(page.first_list).unwrap();
        counts[first..].iter_mut().zip(&page.counts).for_each(|(all, count)| *all += count);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!((counts, firsts), ([3, 900, 2], vec![0, 1, 1]));
}

#[tokio::test]
async fn batches_of_lists_that_contradict_themselves_are_refused() {
    let (_world, mut client) = World::ready().await;
    let mut ask = async |request| reason(&client.batch_list_teams(request).await.unwrap_err());
    let both = pb::BatchListTeamsRequest { members: vec![id(1).unwrap()], ..teams_of(vec![1]) };
    assert_eq!(ask(both).await, "ARGUMENTS_CONFLICT");
    assert_eq!(ask(teams_of(vec![1; 100_001])).await, "LIMIT_EXCEEDED");
    let wide = pb::BatchListTeamsRequest { page_size: 100_001, ..teams_of(vec![1]) };
    assert_eq!(ask(wide).await, "LIMIT_EXCEEDED");
    let kind = pb::BatchListTeamsRequest { member_kind: 9, ..teams_of(vec![1]) };
    assert_eq!(ask(kind).await, "VALUE_UNKNOWN");
    let asked = pb::BatchListTeamsRequest { relation: 9, ..teams_of(vec![1]) };
    assert_eq!(ask(asked).await, "VALUE_UNKNOWN");
    let request = pb::BatchListTeamsRequest { page_size: 1, ..teams_of(vec![1]) };
    let page = client.batch_list_teams(request).await.unwrap().into_inner();
    let page_token = page.next_page_token;
    let other =
        pb::BatchListTeamsRequest { page_token: page_token.clone(), ..teams_of(vec![1, 2]) };
    let status = client.batch_list_teams(other).await.unwrap_err();
    assert_eq!(reason(&status), "PAGE_TOKEN_MISMATCH");
    let single = pb::ListTeamsRequest { member: id(1), page_token, ..Default::default() };
    assert_eq!(reason(&client.list_teams(single).await.unwrap_err()), "PAGE_TOKEN_MISMATCH");
}

#[tokio::test]
async fn one_against_many_is_looked_up_once_and_answered_for_each() {
    let (_world, mut client) = World::ready().await;
    let mut ask = async |request| {
        let answer = client.batch_check(request).await.unwrap().into_inner();
        answer.results.into_iter().map(|it| it.result.unwrap()).collect::<Vec<_>>()
    };
    let of = |relation: Relation| PairResult::Relation(relation.into());
    let error = |reason: &str| PairResult::Error(pb::ItemError { reason: reason.to_owned() });
    let teams = ["dev", "eng", "bob", "nothing"].map(|name| named(name).unwrap()).to_vec();
    let member_teams = Some(pb::MemberTeams { member: named("alice"), teams: teams.clone() });
    let request = pb::BatchCheckRequest { member_teams, ..Default::default() };
    let expected =
        [of(Relation::Direct), of(Relation::Indirect), error("NOT_A_TEAM"), error("TEAM_UNKNOWN")];
    assert_eq!(ask(request).await, expected);
    let team_members = Some(pb::TeamMembers { team: named("eng"), members: teams.clone() });
    let request = pb::BatchCheckRequest { team_members, lenient: true, ..Default::default() };
    let expected = [Relation::Direct, Relation::Self_, Relation::Direct, Relation::None].map(of);
    assert_eq!(ask(request).await, expected);
    // The one that is wrong is wrong in every pair.
    let member_teams = Some(pb::MemberTeams { member: None, teams });
    let request = pb::BatchCheckRequest { member_teams, ..Default::default() };
    assert_eq!(ask(request).await, vec![error("REFERENCE_MALFORMED"); 4]);
    let twice = pb::BatchCheckRequest {
        member_teams: Some(pb::MemberTeams::default()),
        team_members: Some(pb::TeamMembers::default()),
        ..Default::default()
    };
    assert_eq!(reason(&client.batch_check(twice).await.unwrap_err()), "ARGUMENTS_CONFLICT");
    let members = vec![id(1).unwrap(); 100_001];
    let team_members = Some(pb::TeamMembers { team: id(10), members });
    let large = pb::BatchCheckRequest { team_members, ..Default::default() };
    assert_eq!(reason(&client.batch_check(large).await.unwrap_err()), "LIMIT_EXCEEDED");
}
