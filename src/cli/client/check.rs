//! `teamgraph check MEMBER TEAM`.
//!
//! Owns how a yes or no is shown.

use super::connect::{ConnectArgs, FreshnessArgs};
use super::failure::ClientError;
use super::json;
use super::member::MemberArg;
use super::output::{conclude, staleness, standard};
use crate::pb;
use pb::Relation;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Ask whether a member participates in a team, directly or through other teams; or administers it.
///
/// Exit code: 0 for yes, 1 for no, 2 for an error.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "JSON: {\"participates\": true, \"relation\": \"none|self|direct|indirect\", \
                        \"answered_at\": {\"token\", \"applied_lsn\", \"version\", …}}; with --admin \
                        \"administers\" in place of \"participates\""
)]
pub struct CheckArgs {
    /// The member: a name, id:42, uuid:… or key:…
    #[arg(value_name = "MEMBER")]
    pub member: MemberArg,
    /// The team, written likewise.
    #[arg(value_name = "TEAM")]
    pub team: MemberArg,
    /// Ask whether the member administers the team: as its owner or an admin member, or as a
    /// participant of one.
    #[arg(long)]
    pub admin: bool,
    /// Say no, in place of an error, where the member or the team is unknown or is no team.
    #[arg(long)]
    pub lenient: bool,
    /// Which version may answer.
    #[command(flatten)]
    pub freshness: FreshnessArgs,
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Asks, shows the answer, and returns the exit code.
pub async fn run(args: CheckArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &CheckArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect().await?;
    let request = pb::CheckRequest {
        member: Some(args.member.to_wire()),
        team: Some(args.team.to_wire()),
        freshness: args.freshness.to_wire(),
        lenient: args.lenient,
        relation: asked(args.admin).into(),
    };
    let answer = client.check(args.connect.request(request)).await?.into_inner();
    let relation = answer.relation();
    let said = if args.admin { said_of_admin(args, relation) } else { said(args, relation) };
    let said = said.ok_or(ClientError::Answer("a relation that is known here"))?;
    let yes = relation != Relation::None;
    let at = answer.answered_at.as_ref();
    if args.connect.json {
        let document = json!({
            (if args.admin { "administers" } else { "participates" }): yes,
            "relation": json::relation(relation),
            "answered_at": json::answered_at(at),
        });
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{said}{}", staleness(at.map_or(0, |at| at.stale_for_ms)))?;
    }
    Ok(yes)
}

/// What is asked, by whether it is about administrators.
pub(super) const fn asked(administrators: bool) -> pb::AskedRelation {
    if administrators { pb::AskedRelation::Administrator } else { pb::AskedRelation::Participant }
}

fn said(CheckArgs { member, team, .. }: &CheckArgs, relation: Relation) -> Option<String> {
    Some(match relation {
        Relation::Unspecified => return None,
        Relation::None => format!("no: {member} is not in {team}"),
        Relation::Self_ => format!("yes: {member} is {team} itself"),
        Relation::Direct => format!("yes: {member} is a direct member of {team}"),
        Relation::Indirect => format!("yes: {member} is in {team}, through other teams"),
    })
}

fn said_of_admin(CheckArgs { member, team, .. }: &CheckArgs, relation: Relation) -> Option<String> {
    Some(match relation {
        Relation::Unspecified | Relation::Self_ => return None,
        Relation::None => format!("no: {member} does not administer {team}"),
        Relation::Direct => format!("yes: {member} administers {team} itself"),
        Relation::Indirect => format!("yes: {member} administers {team}, through a team"),
    })
}
