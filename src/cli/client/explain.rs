//! `teamgraph explain MEMBER TEAM`.
//!
//! Owns how a path is shown.

use super::connect::{ConnectArgs, FreshnessArgs};
use super::failure::ClientError;
use super::json;
use super::member::{MemberArg, name_text};
use super::output::{conclude, staleness, standard};
use crate::pb;
use pb::Relation;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Show why a member participates in a team: the shortest path of direct memberships; or what is
/// known of why not.
///
/// Exit code: 0 if it participates, 1 if not, 2 for an error.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "JSON: {\"participates\": true, \"relation\": \"none|self|direct|indirect\", \
                        \"path\": [{\"id\": 42, \"name\": \"alice\", \"kind\": \"person\", \
                        \"role\": \"member|admin\"}, …], \"why_not\": \
                        null|\"member-in-no-team\"|\"team-empty\"|\"no-chain\", \"note\": \"…\", \
                        \"answered_at\": {…}}; a role is that in the next of the path."
)]
pub struct ExplainArgs {
    /// The member: a name, id:42, uuid:… or key:…
    #[arg(value_name = "MEMBER")]
    pub member: MemberArg,
    /// The team, written likewise.
    #[arg(value_name = "TEAM")]
    pub team: MemberArg,
    /// Which version may answer.
    #[command(flatten)]
    pub freshness: FreshnessArgs,
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Asks, shows the answer, and returns the exit code.
pub async fn run(args: ExplainArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &ExplainArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect().await?;
    let request = pb::ExplainRequest {
        member: Some(args.member.to_wire()),
        team: Some(args.team.to_wire()),
        freshness: args.freshness.to_wire(),
    };
    let answer = client.explain(args.connect.request(request)).await?.into_inner();
    let steps = answer.path.iter().map(|step| {
        let member = step.member.as_ref().ok_or(ClientError::Answer("a member of the path"))?;
        Ok((member, step.role()))
    });
    let steps = steps.collect::<Result<Vec<_>, ClientError>>()?;
    if answer.relation() == Relation::Unspecified {
        return Err(ClientError::Answer("a relation that is known here"));
    }
    if args.connect.json {
        write_json(&answer, &steps, out)?;
    } else {
        write_text(args, &answer, &steps, out)?;
    }
    Ok(answer.relation() != Relation::None)
}

type Step<'a> = (&'a pb::Member, pb::Role);

fn write_json(
    answer: &pb::ExplainResponse,
    steps: &[Step<'_>],
    out: &mut impl Write,
) -> Result<(), ClientError> {
    let step = |&(member, role): &Step<'_>| {
        let mut document = json::member(member);
        if let Value::Object(fields) = &mut document {
            fields.insert("role".to_owned(), json!(json::role(role)));
        }
        document
    };
    let document = json!({
        "participates": answer.relation() != Relation::None,
        "relation": json::relation(answer.relation()),
        "path": steps.iter().map(step).collect::<Vec<_>>(),
        "why_not": why_not(answer.why_not()),
        "note": answer.note,
        "answered_at": json::answered_at(answer.answered_at.as_ref()),
    });
    Ok(writeln!(out, "{document}")?)
}

const fn why_not(why_not: pb::WhyNot) -> Option<&'static str> {
    match why_not {
        pb::WhyNot::Unspecified => None,
        pb::WhyNot::MemberInNoTeam => Some("member-in-no-team"),
        pb::WhyNot::TeamEmpty => Some("team-empty"),
        pb::WhyNot::NoChain => Some("no-chain"),
    }
}

fn write_text(
    args: &ExplainArgs,
    answer: &pb::ExplainResponse,
    steps: &[Step<'_>],
    out: &mut impl Write,
) -> Result<(), ClientError> {
    let ExplainArgs { member, team, .. } = args;
    let stale = staleness(answer.answered_at.as_ref().map_or(0, |at| at.stale_for_ms));
    match (answer.relation(), steps.len().saturating_sub(1)) {
        (Relation::None, _) => {
            writeln!(out, "no: {member} is not in {team}{stale}")?;
            writeln!(out, "  {}", answer.note)?;
        }
        (_, 0) => writeln!(out, "yes: {member} is {team} itself{stale}")?,
        (_, 1) => writeln!(out, "yes: {member} is in {team} by 1 membership:{stale}")?,
        (_, many) => writeln!(out, "yes: {member} is in {team} by {many} memberships:{stale}")?,
    }
    for ((below, role), (above, _)) in steps.iter().zip(steps.iter().skip(1)) {
        let (below, above) = (name_text(below), name_text(above));
        let role = if *role == pb::Role::Admin { " (admin)" } else { "" };
        writeln!(out, "  {below} → {above}{role}")?;
    }
    Ok(())
}
