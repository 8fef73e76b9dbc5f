//! Each example mapping answers over gRPC, with its own kinds of keys and names.

use super::world::{Application, LAUNCHPAD, PEOPLE_AND_TEAMS, UUID, World};
use teamgraph::pb;
use teamgraph::pb::member_ref::Ref;
use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::pb::{MemberKind, MemberRef, Relation};
use tonic::transport::Channel;

struct Asker {
    world: World,
    client: ParticipationServiceClient<Channel>,
}

const ANY: MemberKind = MemberKind::Unspecified;

fn of(kind: MemberKind, reference: Ref) -> MemberRef {
    MemberRef { kind: kind.into(), r#ref: Some(reference) }
}

fn name(name: &str) -> MemberRef {
    of(ANY, Ref::Name(name.to_owned()))
}

fn uuid(number: u8) -> MemberRef {
    of(ANY, Ref::Uuid([number; 16].to_vec()))
}

impl Asker {
    async fn new(application: Application, rows: &str) -> Asker {
        let world = World::start(application).await;
        world.execute(rows).await;
        world.agrees().await;
        let url = format!("http://{}", world.address);
        let client = ParticipationServiceClient::connect(url).await.unwrap();
        Asker { world, client }
    }

    /// The relation, or the reason of the error.
    async fn check(&mut self, member: MemberRef, team: MemberRef) -> Result<Relation, String> {
        let request = pb::CheckRequest {
            member: Some(member),
            team: Some(team),
            ..pb::CheckRequest::default()
        };
        match self.client.check(request).await {
            Ok(answer) => Ok(answer.into_inner().relation()),
            Err(status) => {
                let details = tonic_types::StatusExt::get_error_details(&status);
                Err(details.error_info().unwrap().reason.clone())
            }
        }
    }

    async fn packed(&mut self, kind: MemberKind, members: &[i64], teams: &[i64]) -> (u8, usize) {
        let request = pb::BatchCheckRequest {
            packed_pairs: Some(pb::PackedPairs {
                member_kind: kind.into(),
                member_ids: members.to_vec(),
                team_ids: teams.to_vec(),
            }),
            ..pb::BatchCheckRequest::default()
        };
        let answer = self.client.batch_check(request).await.unwrap().into_inner();
        let answer = answer.packed_results.unwrap();
        (answer.participates[0], answer.errors.len())
    }
}

#[tokio::test]
async fn launchpad() {
    let rows = "INSERT INTO person (id, name, displayname, teamowner) VALUES
                    (1, 'alice', '', NULL), (2, 'bob', '', NULL), (3, 'web', '', 1), (4, 'all', '', 2);
                INSERT INTO teammembership (person, team, status) VALUES (1, 3, 3), (3, 4, 2), (2, 4, 1)";
    let mut asker = Asker::new(LAUNCHPAD, rows).await;
    let id = |id| of(ANY, Ref::Id(id));
    assert_eq!(asker.check(id(1), id(3)).await, Ok(Relation::Direct));
    assert_eq!(asker.check(name("alice"), name("all")).await, Ok(Relation::Indirect));
    // Proposed, and owning, are not being in.
    assert_eq!(asker.check(id(2), id(4)).await, Ok(Relation::None));
    assert_eq!(asker.check(id(1), id(2)).await, Err("NOT_A_TEAM".to_owned()));
    assert_eq!(asker.packed(ANY, &[1], &[3, 4, 2]).await, (0b011, 1));
    asker.world.end().await;
}

#[tokio::test]
async fn people_and_teams_whose_ids_collide() {
    let rows = "INSERT INTO directory.people VALUES (1, 'alice'), (2, 'bob'), (9, 'same');
                INSERT INTO directory.teams VALUES (1, 'web', 2), (2, 'all', NULL), (5, 'same', NULL);
                INSERT INTO directory.team_members VALUES (1, 1, 'lead', NULL), (2, 1, 'member', now());
                INSERT INTO directory.team_teams VALUES (1, 1, 2, false)";
    let mut asker = Asker::new(PEOPLE_AND_TEAMS, rows).await;
    let person = |id| of(MemberKind::Person, Ref::Id(id));
    let team = |id| of(MemberKind::Team, Ref::Id(id));
    assert_eq!(asker.check(person(1), team(1)).await, Ok(Relation::Direct));
    assert_eq!(asker.check(person(1), team(2)).await, Ok(Relation::Indirect));
    assert_eq!(asker.check(team(1), team(2)).await, Ok(Relation::Direct));
    assert_eq!(asker.check(team(1), team(1)).await, Ok(Relation::Self_));
    assert_eq!(asker.check(person(2), team(1)).await, Ok(Relation::None));
    // Two members have this id; one alone has it where only one can be meant.
    let either = |id| of(ANY, Ref::Id(id));
    assert_eq!(asker.check(either(1), team(2)).await, Err("AMBIGUOUS_MEMBER".to_owned()));
    assert_eq!(asker.check(either(9), team(2)).await, Ok(Relation::None));
    assert_eq!(asker.check(person(5), team(2)).await, Err("MEMBER_UNKNOWN".to_owned()));
    assert_eq!(asker.check(name("same"), team(2)).await, Err("AMBIGUOUS_MEMBER".to_owned()));
    let same = of(MemberKind::Team, Ref::Name("same".to_owned()));
    let found = asker.check(same, team(5)).await;
    assert_eq!(found, Ok(Relation::Self_));
    assert_eq!(asker.packed(MemberKind::Person, &[1], &[1, 2, 9]).await, (0b011, 1));
    assert_eq!(asker.packed(MemberKind::Team, &[1], &[1, 2]).await, (0b011, 0));
    asker.world.end().await;
}

#[tokio::test]
async fn uuid_keys() {
    let rows = r#"
        INSERT INTO "Identity"."Account" SELECT repeat(to_char(g, 'FM00'), 16)::uuid, name, kind::"Identity"."AccountKind"
            FROM (VALUES (1, 'Alice', 'user'), (2, 'Web', 'group'), (3, NULL, 'group')) v (g, name, kind);
        INSERT INTO "Identity"."GroupMember" ("AccountId", "GroupId", "Active")
            SELECT repeat(a, 16)::uuid, repeat(b, 16)::uuid, active
            FROM (VALUES ('01', '02', true), ('02', '03', true), ('01', '03', false)) v (a, b, active)"#;
    let mut asker = Asker::new(UUID, rows).await;
    assert_eq!(asker.check(uuid(1), uuid(2)).await, Ok(Relation::Direct));
    assert_eq!(asker.check(uuid(1), uuid(3)).await, Ok(Relation::Indirect));
    assert_eq!(asker.check(name("Alice"), name("Web")).await, Ok(Relation::Direct));
    assert_eq!(asker.check(uuid(3), uuid(2)).await, Ok(Relation::None));
    assert_eq!(asker.check(uuid(9), uuid(2)).await, Err("MEMBER_UNKNOWN".to_owned()));
    let id = of(ANY, Ref::Id(1));
    assert_eq!(asker.check(id, uuid(2)).await, Err("MEMBER_UNKNOWN".to_owned()));
    asker.world.end().await;
}
