//! `ListTeams` and `ListMembers`, and their pages.

use super::*;
use pb::{ListKinds, ListScope, ListView};
use std::collections::BTreeSet;

fn teams_of(member: i64) -> pb::ListTeamsRequest {
    pb::ListTeamsRequest { member: id(member), ..Default::default() }
}

fn members_of(team: i64) -> pb::ListMembersRequest {
    pb::ListMembersRequest { team: id(team), ..Default::default() }
}

/// All keys of a list of members, and on how many pages they came.
async fn all_members(client: &mut Client, mut request: pb::ListMembersRequest) -> (Vec<i64>, u32) {
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let page = client.list_members(request.clone()).await.unwrap().into_inner();
        ids.extend(page.keys.unwrap().ids);
        pages += 1;
        if page.next_page_token.is_empty() {
            return (ids, pages);
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn teams_direct_or_all_by_key_or_with_names() {
    let (_world, mut client) = World::ready().await;
    let mut list = async |scope: ListScope| {
        let request = pb::ListTeamsRequest { scope: scope.into(), ..teams_of(1) };
        client.list_teams(request).await.unwrap().into_inner()
    };
    assert_eq!(list(ListScope::Direct).await.keys.unwrap().ids, [10]);
    let all = list(ListScope::Unspecified).await;
    assert_eq!(all.keys.unwrap().ids, [10, 11, 12]);
    assert_eq!((all.members.len(), all.next_page_token.as_str()), (0, ""));
    let request = pb::ListTeamsRequest { view: ListView::Members.into(), ..teams_of(10) };
    let named = client.list_teams(request).await.unwrap().into_inner();
    let names: Vec<&str> = named.members.iter().map(pb::Member::name).collect();
    assert_eq!(names, ["eng", "all"]);
    assert!(named.keys.is_none());
    assert_eq!(named.members[0].kind(), pb::MemberKind::Team);
    let status = client.list_teams(teams_of(99)).await.unwrap_err();
    assert_eq!(reason(&status), "MEMBER_UNKNOWN");
}

#[tokio::test]
async fn members_of_each_kind_and_scope() {
    let (_world, mut client) = World::ready().await;
    for (kinds, scope, expected) in [
        (ListKinds::Unspecified, ListScope::All, vec![1, 2, 10, 11]),
        (ListKinds::People, ListScope::All, vec![1, 2]),
        (ListKinds::Teams, ListScope::All, vec![10, 11]),
        (ListKinds::All, ListScope::Direct, vec![11]),
        (ListKinds::People, ListScope::Direct, vec![]),
    ] {
        let request =
            pb::ListMembersRequest { kinds: kinds.into(), scope: scope.into(), ..members_of(12) };
        let (mut ids, _) = all_members(&mut client, request).await;
        ids.sort_unstable();
        assert_eq!(ids, expected, "{kinds:?} {scope:?}");
    }
    for (team, expected) in [(99, "TEAM_UNKNOWN"), (1, "NOT_A_TEAM")] {
        let status = client.list_members(members_of(team)).await.unwrap_err();
        assert_eq!(reason(&status), expected);
    }
    let request = pb::ListMembersRequest { kinds: 7, ..members_of(12) };
    assert_eq!(reason(&client.list_members(request).await.unwrap_err()), "VALUE_UNKNOWN");
}

/// People 100 to 119 in team 10 (so in 11 and 12), every other one in team 11 too.
fn fill(world: &mut World) {
    for person in 100..120 {
        world.people(&[(person, &format!("person {person}"))]);
        world.join(person, 10, Role::Member);
        if person % 2 == 0 {
            world.join(person, 11, Role::Member);
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_make_the_same_list() {
    let (mut world, mut client) = World::ready().await;
    fill(&mut world);
    world.publish(200);
    let (whole, pages) = all_members(&mut client, members_of(12)).await;
    assert_eq!((whole.len(), pages), (24, 1));
    assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 24);
    for page_size in [1, 2, 3, 7, 23, 24] {
        let request = pb::ListMembersRequest { page_size, ..members_of(12) };
        let (paged, pages) = all_members(&mut client, request).await;
        assert_eq!(paged, whole, "{page_size}");
        assert!(pages >= 24 / page_size, "{pages} pages of {page_size}");
    }
    // Teams, too.
    let first = client
        .list_teams(pb::ListTeamsRequest { page_size: 2, ..teams_of(1) })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.keys.unwrap().ids, [10, 11]);
    let rest = pb::ListTeamsRequest { page_token: first.next_page_token, ..teams_of(1) };
    let rest = client.list_teams(rest).await.unwrap().into_inner();
    assert_eq!((rest.keys.unwrap().ids, rest.next_page_token), (vec![12], String::new()));
}

#[tokio::test]
async fn a_list_goes_on_in_the_version_that_it_began_with() {
    let (mut world, mut client) = World::ready().await;
    fill(&mut world);
    world.publish(200);
    let (whole, _) = all_members(&mut client, members_of(12)).await;
    let request = pb::ListMembersRequest { page_size: 5, ..members_of(12) };
    let first = client.list_members(request).await.unwrap().into_inner();
    // All but the team itself goes, and a stranger comes.
    for gone in whole {
        world.forget(gone);
    }
    world.people(&[(500, "stranger")]);
    world.join(500, 12, Role::Member);
    world.publish(300);
    let mut listed = first.keys.unwrap().ids;
    let mut request = members_of(12);
    request.page_token = first.next_page_token;
    // The token decides the version; the page's size may change on the way.
    request.freshness = at_least("0/12C", 0);
    let rest = client.list_members(request).await.unwrap().into_inner();
    listed.extend(rest.keys.unwrap().ids);
    assert_eq!(listed.len(), 24);
    assert!(!listed.contains(&500));
    let at = rest.answered_at.unwrap();
    assert_eq!((at.version, at.token.as_str()), (first.answered_at.unwrap().version, "1/0/C8"));
    assert_eq!(all_members(&mut client, members_of(12)).await.0, [500]);
}

#[tokio::test]
async fn a_token_out_of_place_is_refused() {
    let (_world, mut client) = World::ready().await;
    let request = pb::ListMembersRequest { page_size: 1, ..members_of(12) };
    let token = client.list_members(request).await.unwrap().into_inner().next_page_token;
    let mut ask = async |request| reason(&client.list_members(request).await.unwrap_err());
    let with = |token: &str, team| pb::ListMembersRequest {
        page_token: token.to_owned(),
        ..members_of(team)
    };
    assert_eq!(ask(with("nonsense", 12)).await, "PAGE_TOKEN_MALFORMED");
    assert_eq!(ask(with(token.get(1..).unwrap(), 12)).await, "PAGE_TOKEN_MALFORMED");
    assert_eq!(ask(with(&token, 11)).await, "PAGE_TOKEN_MISMATCH");
    let mut other = with(&token, 12);
    other.scope = ListScope::Direct.into();
    assert_eq!(ask(other).await, "PAGE_TOKEN_MISMATCH");
    let teams = pb::ListTeamsRequest { page_token: token.clone(), ..teams_of(12) };
    assert_eq!(reason(&client.list_teams(teams).await.unwrap_err()), "PAGE_TOKEN_MISMATCH");
    // Another process of the same name, with the same copy and version numbers.
    let (_other_world, mut other) = World::ready().await;
    let status = other.list_members(with(&token, 12)).await.unwrap_err();
    assert_eq!(reason(&status), "PAGE_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_list_whose_version_is_gone_must_start_again() {
    let limits = HistoryLimits { versions_max: 1, ..HistoryLimits::default() };
    let mut world = World::start(limits).await;
    world.teams(&[(10, "dev")]);
    fill(&mut world);
    world.stream();
    world.publish(100);
    let mut client = world.client().await;
    let request = pb::ListMembersRequest { page_size: 3, ..members_of(10) };
    let first = client.list_members(request.clone()).await.unwrap().into_inner();
    let next = pb::ListMembersRequest { page_token: first.next_page_token, ..request };
    client.list_members(next.clone()).await.unwrap();
    world.publish(200);
    let status = client.list_members(next).await.unwrap_err();
    assert_eq!(reason(&status), "PAGE_TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_page_holds_what_fits_an_answer_and_says_where_the_next_begins() {
    let (mut world, mut client) = World::ready().await;
    for person in 1_000..2_000 {
        world.people(&[(person, &format!("{person}{}", "x".repeat(8_000)))]);
        world.join(person, 10, Role::Member);
    }
    world.publish(200);
    let mut request = pb::ListMembersRequest {
        view: ListView::Members.into(),
        page_size: 100_000,
        ..members_of(10)
    };
    let (mut names, mut sizes) = (BTreeSet::new(), Vec::new());
    loop {
        let page = client.list_members(request.clone()).await.unwrap().into_inner();
        assert!(prost::Message::encoded_len(&page) <= 3 << 20);
        sizes.push(page.members.len());
        names.extend(page.members.into_iter().map(|member| member.name.unwrap()));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(sizes.iter().sum::<usize>(), 1_001);
    assert_eq!(names.len(), 1_001);
    assert_eq!(sizes.len(), 3, "{sizes:?}");
}

#[tokio::test]
async fn keys_that_are_not_all_integers_are_listed_as_text() {
    let (mut world, mut client) = World::ready().await;
    let uuid = SourceKey { space: KeySpace::DEFAULT, key: Key::Uuid([0xAB; 16]) };
    for key in [text("t-1"), uuid] {
        world.put(key.clone(), MemberKind::Person, "");
        world.join_keys(key, SourceKey::int(10), Role::Member);
    }
    world.publish(200);
    let page = client.list_members(members_of(10)).await.unwrap().into_inner();
    let keys = page.keys.unwrap();
    let expected = ["1", "abababab-abab-abab-abab-abababababab", "t-1"];
    assert_eq!(keys.keys.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected.into());
    assert!(keys.ids.is_empty());
}

#[tokio::test]
async fn a_page_past_the_limit_is_refused() {
    let (_world, mut client) = World::ready().await;
    let request = pb::ListMembersRequest { page_size: 100_001, ..members_of(12) };
    let status = client.list_members(request).await.unwrap_err();
    assert_eq!(
        (reason(&status), value(&status, "limit")),
        ("LIMIT_EXCEEDED".to_owned(), "page_members".to_owned())
    );
}
