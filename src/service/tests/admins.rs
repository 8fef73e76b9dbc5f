//! The administrator relation, in every call that can ask for it.

use super::*;
use pb::check_result::Result as PairResult;
use pb::{ListKinds, ListScope, Relation};

/// The wire's value of `ASKED_RELATION_ADMINISTRATOR`.
const ADMINISTRATOR: i32 = 2;

/// As [`World::ready`]: and bob owns eng, all owns dev.
async fn owned() -> (World, Client) {
    let (mut world, client) = World::ready().await;
    world.own(11, "eng", 2);
    world.own(10, "dev", 12);
    world.publish(200);
    (world, client)
}

async fn administration(client: &mut Client, member: i64, team: i64) -> Relation {
    let request = pb::CheckRequest { relation: ADMINISTRATOR, ..check(id(member), id(team)) };
    client.check(request).await.unwrap().into_inner().relation()
}

#[tokio::test]
async fn owners_and_admins_and_all_in_them_administer() {
    let (_world, mut client) = owned().await;
    for (member, team, relation) in [
        (1, 10, Relation::Direct),   // an admin member
        (12, 10, Relation::Direct),  // the owner
        (2, 10, Relation::Indirect), // in eng, in all, which owns dev
        (11, 10, Relation::Indirect),
        (3, 10, Relation::None),
        (2, 11, Relation::Direct),
        (1, 11, Relation::None), // in it, and no more
        (12, 12, Relation::None),
    ] {
        assert_eq!(administration(&mut client, member, team).await, relation, "{member} {team}");
    }
}

#[tokio::test]
async fn a_change_of_hands_shows_in_the_next_version() {
    let (mut world, mut client) = owned().await;
    world.own(11, "eng", 3);
    assert_eq!(administration(&mut client, 2, 11).await, Relation::Direct);
    world.publish(300);
    assert_eq!(administration(&mut client, 2, 11).await, Relation::None);
    assert_eq!(administration(&mut client, 3, 11).await, Relation::Direct);
    world.forget(3);
    world.publish(400);
    let lenient =
        pb::CheckRequest { lenient: true, relation: ADMINISTRATOR, ..check(id(3), id(11)) };
    let answer = client.check(lenient.clone()).await.unwrap().into_inner();
    assert_eq!(answer.relation(), Relation::None);
    // Being oneself is no administration, not even where the lenient take it for participation.
    let itself = pb::CheckRequest { member: id(1), team: id(1), ..lenient };
    assert_eq!(client.check(itself).await.unwrap().into_inner().relation(), Relation::None);
}

#[tokio::test]
async fn lists_and_counts_of_administrators() {
    let (_world, mut client) = owned().await;
    for (scope, kinds, expected) in [
        (ListScope::Direct, ListKinds::All, vec![1, 12]),
        (ListScope::All, ListKinds::All, vec![1, 2, 10, 11, 12]),
        (ListScope::All, ListKinds::People, vec![1, 2]),
        (ListScope::Direct, ListKinds::Teams, vec![12]),
    ] {
        let mut request = pb::ListMembersRequest {
            team: id(10),
            scope: scope.into(),
            kinds: kinds.into(),
            relation: ADMINISTRATOR,
            page_size: 1,
            ..Default::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = client.list_members(request.clone()).await.unwrap().into_inner();
            ids.extend(page.keys.unwrap().ids);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        ids.sort_unstable();
        assert_eq!(ids, expected, "{scope:?} {kinds:?}");
        let count = pb::CountMembersRequest {
            team: id(10),
            scope: scope.into(),
            kinds: kinds.into(),
            relation: ADMINISTRATOR,
            freshness: None,
        };
        let count = client.count_members(count).await.unwrap().into_inner().count;
        assert_eq!(usize::try_from(count), Ok(expected.len()));
    }
    for (member, scope, expected) in [
        (1, ListScope::Direct, vec![10]),
        (2, ListScope::Direct, vec![11]),
        (2, ListScope::All, vec![10, 11]),
        (12, ListScope::All, vec![10]),
        (3, ListScope::All, vec![]),
    ] {
        let request = pb::ListTeamsRequest {
            member: id(member),
            scope: scope.into(),
            relation: ADMINISTRATOR,
            ..Default::default()
        };
        let page = client.list_teams(request).await.unwrap().into_inner();
        assert_eq!(page.keys.unwrap().ids, expected, "{member} {scope:?}");
        let count = pb::CountTeamsRequest {
            member: id(member),
            scope: scope.into(),
            relation: ADMINISTRATOR,
            freshness: None,
        };
        let count = client.count_teams(count).await.unwrap().into_inner().count;
        assert_eq!(usize::try_from(count), Ok(expected.len()));
    }
}

#[tokio::test]
async fn batches_ask_for_administrators_too() {
    let (_world, mut client) = owned().await;
    let pairs =
        pb::PackedPairs { member_kind: 0, member_ids: vec![1, 2, 3, 12], team_ids: vec![10] };
    let request = pb::BatchCheckRequest {
        packed_pairs: Some(pairs),
        relation: ADMINISTRATOR,
        ..Default::default()
    };
    let answer = client.batch_check(request).await.unwrap().into_inner();
    assert_eq!(answer.packed_results.unwrap().participates, [0b1011]);
    let team_members = pb::TeamMembers {
        team: named("dev"),
        members: vec![named("bob").unwrap(), named("carol").unwrap()],
    };
    let request = pb::BatchCheckRequest {
        team_members: Some(team_members),
        relation: ADMINISTRATOR,
        ..Default::default()
    };
    let results = client.batch_check(request).await.unwrap().into_inner().results;
    let relations: Vec<_> = results.into_iter().map(|it| it.result.unwrap()).collect();
    let of = |relation: Relation| PairResult::Relation(relation.into());
    assert_eq!(relations, [of(Relation::Indirect), of(Relation::None)]);
}
