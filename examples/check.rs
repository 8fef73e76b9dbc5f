//! Asks a server on its default address whether a member participates in a team. The names are
//! those of `scripts/demo --keep`.
#![expect(clippy::print_stdout, reason = "the answer is for a person")]

use teamgraph::pb::participation_service_client::ParticipationServiceClient;
use teamgraph::pb::{CheckRequest, MemberRef, member_ref::Ref};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let named = |name: &str| Some(MemberRef { kind: 0, r#ref: Some(Ref::Name(name.into())) });
    let (member, team) = (named("elsa.campos"), named("acme"));
    let mut client = ParticipationServiceClient::connect("http://127.0.0.1:7420").await?;
    let answer = client.check(CheckRequest { member, team, ..Default::default() }).await?;
    println!("{}", answer.get_ref().relation().as_str_name());
    Ok(())
}
