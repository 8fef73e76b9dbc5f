//! `Check`, `BatchCheck`, `Explain` and `GetMembers`.

use super::*;
use pb::Relation;
use pb::check_result::Result as PairResult;

#[tokio::test]
async fn relations_by_id_and_by_name() {
    let (_world, mut client) = World::ready().await;
    for (member, team, relation) in [
        (id(1), id(10), Relation::Direct),
        (named("alice"), named("all"), Relation::Indirect),
        (named("bob"), id(10), Relation::None),
        (id(12), named("all"), Relation::Self_),
        (id(12), id(10), Relation::None),
    ] {
        let answer = client.check(check(member, team)).await.unwrap().into_inner();
        assert_eq!(answer.relation(), relation);
        let at = answer.answered_at.unwrap();
        assert_eq!(at.applied_lsn, "0/64");
        assert_eq!(at.token, "1/0/64");
        assert_eq!(at.version.unwrap().end_lsn, 100);
        assert_eq!((at.instance.as_str(), at.copy, at.stale_for_ms), ("test", 1, 0));
    }
}

#[tokio::test]
async fn each_wrong_reference_has_its_reason() {
    use pb::member_ref::Ref;
    let (mut world, mut client) = World::ready().await;
    world.people(&[(20, "twin"), (21, "twin")]);
    world.publish(200);
    let of = |kind, r#ref| Some(pb::MemberRef { kind, r#ref });
    let cases = [
        (id(99), id(10), "MEMBER_UNKNOWN"),
        (named("nobody"), id(10), "MEMBER_UNKNOWN"),
        (of(2, Some(Ref::Id(1))), id(10), "MEMBER_UNKNOWN"),
        (of(0, Some(Ref::Key("1".into()))), id(10), "MEMBER_UNKNOWN"),
        (of(0, Some(Ref::Uuid(vec![0; 16]))), id(10), "MEMBER_UNKNOWN"),
        (id(1), id(99), "TEAM_UNKNOWN"),
        (id(1), of(2, Some(Ref::Id(2))), "TEAM_UNKNOWN"),
        (id(1), id(2), "NOT_A_TEAM"),
        (id(1), id(1), "NOT_A_TEAM"),
        (named("twin"), id(10), "AMBIGUOUS_MEMBER"),
        (None, id(10), "REFERENCE_MALFORMED"),
        (of(0, None), id(10), "REFERENCE_MALFORMED"),
        (named(""), id(10), "REFERENCE_MALFORMED"),
        (of(0, Some(Ref::Uuid(vec![0; 15]))), id(10), "REFERENCE_MALFORMED"),
        (of(9, Some(Ref::Id(1))), id(10), "VALUE_UNKNOWN"),
        (named(&"x".repeat(4_097)), id(10), "LIMIT_EXCEEDED"),
    ];
    for (member, team, expected) in cases {
        let status = client.check(check(member.clone(), team.clone())).await.unwrap_err();
        assert_eq!(reason(&status), expected, "{member:?} {team:?}");
        // An item of a batch says the same word.
        let pairs = vec![pb::CheckPair { member, team }];
        let batch = pb::BatchCheckRequest { pairs, ..Default::default() };
        let answer = client.batch_check(batch).await.unwrap().into_inner();
        let error = pb::ItemError { reason: expected.to_owned() };
        assert_eq!(answer.results[0].result, Some(PairResult::Error(error)));
    }
    let status = client.check(check(id(1), of(2, Some(Ref::Id(2))))).await.unwrap_err();
    assert_eq!(value(&status, "is"), "person");
    assert_eq!(value(&status, "part"), "team");
    let status =
        client.check(pb::CheckRequest { relation: 9, ..check(id(1), id(10)) }).await.unwrap_err();
    assert_eq!(reason(&status), "VALUE_UNKNOWN");
}

#[tokio::test]
async fn lenient_questions_take_the_unknown_for_a_no() {
    let (_world, mut client) = World::ready().await;
    let mut ask = async |member, team| {
        let request = pb::CheckRequest { lenient: true, ..check(member, team) };
        client.check(request).await.map(|answer| answer.into_inner().relation())
    };
    assert_eq!(ask(id(99), id(10)).await.unwrap(), Relation::None);
    assert_eq!(ask(id(1), id(99)).await.unwrap(), Relation::None);
    assert_eq!(ask(id(99), id(99)).await.unwrap(), Relation::None);
    assert_eq!(ask(id(1), id(2)).await.unwrap(), Relation::None);
    assert_eq!(ask(id(1), id(1)).await.unwrap(), Relation::Self_);
    assert_eq!(ask(id(1), named("all")).await.unwrap(), Relation::Indirect);
    assert_eq!(reason(&ask(id(99), None).await.unwrap_err()), "REFERENCE_MALFORMED");
}

async fn packed(
    client: &mut Client,
    member_ids: Vec<i64>,
    team_ids: Vec<i64>,
) -> Result<pb::PackedResults, Status> {
    let packed_pairs = Some(pb::PackedPairs { member_kind: 0, member_ids, team_ids });
    let request = pb::BatchCheckRequest { packed_pairs, ..Default::default() };
    Ok(client.batch_check(request).await?.into_inner().packed_results.unwrap())
}

#[tokio::test]
async fn packed_pairs_are_answered_by_a_bit_each() {
    let (_world, mut client) = World::ready().await;
    // yes no yes yes | error yes no no | no yes: the tenth is in the second byte.
    let members = vec![1, 2, 1, 10, 99, 12, 3, 3, 12, 2];
    let teams = vec![10, 10, 12, 11, 10, 12, 10, 12, 10, 12];
    let results = packed(&mut client, members, teams).await.unwrap();
    assert_eq!(results.participates, [0b0010_1101, 0b10]);
    let error = pb::PackedError {
        index: 4,
        error: Some(pb::ItemError { reason: "MEMBER_UNKNOWN".to_owned() }),
    };
    assert_eq!(results.errors, [error]);
    // A single key stands for a whole column, on either side.
    let one_member = packed(&mut client, vec![1], vec![10, 11, 12, 2]).await.unwrap();
    assert_eq!(one_member.participates, [0b0111]);
    assert_eq!(one_member.errors[0].index, 3);
    let one_team = packed(&mut client, vec![1, 2, 3, 12], vec![11]).await.unwrap();
    assert_eq!(one_team.participates, [0b0011]);
    assert_eq!(packed(&mut client, vec![], vec![]).await.unwrap(), pb::PackedResults::default());
    // A batch over several turns, its last byte full.
    let many = packed(&mut client, vec![1; 4_096], vec![12; 4_096]).await.unwrap();
    assert_eq!(many.participates, vec![0xFF; 512]);
}

#[tokio::test]
async fn a_batch_that_contradicts_itself_is_refused() {
    let (_world, mut client) = World::ready().await;
    let status = packed(&mut client, vec![1, 2, 3], vec![10, 11]).await.unwrap_err();
    assert_eq!(reason(&status), "ARGUMENTS_CONFLICT");
    let both = pb::BatchCheckRequest {
        pairs: vec![pb::CheckPair { member: id(1), team: id(10) }],
        packed_pairs: Some(pb::PackedPairs::default()),
        ..Default::default()
    };
    assert_eq!(reason(&client.batch_check(both).await.unwrap_err()), "ARGUMENTS_CONFLICT");
    let status = packed(&mut client, vec![1; 100_001], vec![10]).await.unwrap_err();
    assert_eq!(reason(&status), "LIMIT_EXCEEDED");
    assert_eq!(value(&status, "limit"), "batch_pairs");
    assert_eq!(value(&status, "limit_value"), "100000");
    assert_eq!(packed(&mut client, vec![1; 100_000], vec![10]).await.unwrap().errors, []);
}

#[tokio::test]
async fn a_path_names_its_members_and_roles() {
    let (_world, mut client) = World::ready().await;
    let mut explain = async |member, team| {
        let request = pb::ExplainRequest { member, team, freshness: None };
        client.explain(request).await.map(tonic::Response::into_inner)
    };
    let answer = explain(named("alice"), named("all")).await.unwrap();
    assert_eq!(answer.relation(), Relation::Indirect);
    let steps: Vec<(&str, pb::Role)> = answer
        .path
        .iter()
        .map(|step| (step.member.as_ref().unwrap().name(), step.role()))
        .collect();
    let (member, admin, none) = (pb::Role::Member, pb::Role::Admin, pb::Role::Unspecified);
    assert_eq!(steps, [("alice", admin), ("dev", member), ("eng", member), ("all", none)]);
    let itself = explain(id(10), id(10)).await.unwrap();
    assert_eq!((itself.relation(), itself.path.len()), (Relation::Self_, 1));
    assert_eq!((itself.why_not(), itself.note.as_str()), (pb::WhyNot::Unspecified, ""));
    let nothing = explain(id(3), id(10)).await.unwrap();
    assert_eq!((nothing.relation(), nothing.path.len()), (Relation::None, 0));
    assert_eq!(reason(&explain(id(99), id(10)).await.unwrap_err()), "MEMBER_UNKNOWN");
    assert_eq!(reason(&explain(id(1), id(2)).await.unwrap_err()), "NOT_A_TEAM");
}

#[tokio::test]
async fn a_no_says_what_is_known_of_why() {
    let (mut world, mut client) = World::ready().await;
    world.teams(&[(20, "empty")]);
    world.publish(200);
    for (member, team, expected) in [
        (3, 10, pb::WhyNot::MemberInNoTeam),
        (1, 20, pb::WhyNot::TeamEmpty),
        (2, 10, pb::WhyNot::NoChain),
    ] {
        let request = pb::ExplainRequest { member: id(member), team: id(team), freshness: None };
        let answer = client.explain(request).await.unwrap().into_inner();
        assert_eq!(answer.why_not(), expected);
        assert!(answer.note.ends_with("not kept"), "{}", answer.note);
    }
}

#[tokio::test]
async fn a_path_that_fits_no_answer_says_its_length() {
    let (mut world, mut client) = World::ready().await;
    for team in 1_000..1_100 {
        let name = format!("{team}{}", "x".repeat(40_000));
        world.teams(&[(team, &name)]);
        if team > 1_000 {
            world.join(team - 1, team, Role::Member);
        }
    }
    world.publish(200);
    let mut explain = async |member, team| {
        client
            .explain(pb::ExplainRequest { member: id(member), team: id(team), freshness: None })
            .await
    };
    let status = explain(1_000, 1_099).await.unwrap_err();
    assert_eq!(reason(&status), "PATH_TOO_LONG");
    assert_eq!(value(&status, "path_members"), "100");
    assert_eq!(explain(1_050, 1_099).await.unwrap().into_inner().path.len(), 50);
}

#[tokio::test]
async fn the_directory_gives_one_result_or_error_each() {
    use pb::member_result::Result as RefResult;
    let (mut world, mut client) = World::ready().await;
    world.put(text("t-1"), MemberKind::Team, "text key");
    world.publish(200);
    let by_key = pb::member_ref::Ref::Key("t-1".to_owned());
    let refs = vec![
        named("dev").unwrap(),
        id(99).unwrap(),
        pb::MemberRef { kind: 0, r#ref: Some(by_key) },
    ];
    let request = pb::GetMembersRequest { refs, freshness: None };
    let results = client.get_members(request).await.unwrap().into_inner().results;
    let member = |key, name: &str, kind: pb::MemberKind| {
        let key = Some(pb::MemberKey { value: Some(key) });
        let name = Some(name.to_owned());
        Some(RefResult::Member(pb::Member { key, name, kind: kind.into() }))
    };
    use pb::member_key::Value;
    assert_eq!(results[0].result, member(Value::Id(10), "dev", pb::MemberKind::Team));
    let unknown = pb::ItemError { reason: "MEMBER_UNKNOWN".to_owned() };
    assert_eq!(results[1].result, Some(RefResult::Error(unknown)));
    let expected = member(Value::Key("t-1".to_owned()), "text key", pb::MemberKind::Team);
    assert_eq!(results[2].result, expected);
}

#[tokio::test]
async fn the_directory_refuses_what_fits_no_answer() {
    let (mut world, mut client) = World::ready().await;
    world.people(&[(50, &"y".repeat(100_000))]);
    world.publish(200);
    let mut ask = async |count| {
        let refs = vec![id(50).unwrap(); count];
        client.get_members(pb::GetMembersRequest { refs, freshness: None }).await
    };
    assert_eq!(ask(31).await.unwrap().into_inner().results.len(), 31);
    let status = ask(32).await.unwrap_err();
    assert_eq!(reason(&status), "LIMIT_EXCEEDED");
    assert_eq!(value(&status, "limit"), "answer_bytes");
    assert_eq!(value(&status, "fitting_refs"), "31");
    let status = ask(100_001).await.unwrap_err();
    assert_eq!(value(&status, "limit"), "batch_refs");
}
