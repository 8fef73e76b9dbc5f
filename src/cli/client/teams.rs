//! `teamgraph teams MEMBER`.
//!
//! Owns the walk over the pages of a member's teams.

use super::check::asked;
use super::connect::{ConnectArgs, FreshnessArgs};
use super::failure::ClientError;
use super::member::MemberArg;
use super::members::{write_count, write_member};
use super::output::{conclude, standard};
use crate::pb;
use pb::{ListScope, ListView};
use std::io::Write;
use std::process::ExitCode;

/// List the teams that a member is in, directly or through other teams, or that it administers.
///
/// Exit code: 0, or 2 for an error. All pages are of one version; each is written as it comes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "JSON: a line for each team: {\"id\": 10, \"name\": \"dev\", \"kind\": \"team\"}; \
                        with --count {\"count\": 1}"
)]
pub struct TeamsArgs {
    /// The member: a name, id:42, uuid:… or key:…
    #[arg(value_name = "MEMBER")]
    pub member: MemberArg,
    /// Direct memberships only.
    #[arg(long)]
    pub direct: bool,
    /// The teams that it administers instead: with --direct as their owner or admin member
    /// itself, otherwise also through teams that it is in.
    #[arg(long)]
    pub administered: bool,
    /// Only how many.
    #[arg(long)]
    pub count: bool,
    /// Which version may answer.
    #[command(flatten)]
    pub freshness: FreshnessArgs,
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Asks, shows the answer, and returns the exit code.
pub async fn run(args: TeamsArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &TeamsArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect().await?;
    let scope = if args.direct { ListScope::Direct } else { ListScope::All };
    let mut request = pb::ListTeamsRequest {
        member: Some(args.member.to_wire()),
        scope: scope.into(),
        view: ListView::Members.into(),
        page_size: 0,
        page_token: String::new(),
        freshness: args.freshness.to_wire(),
        relation: asked(args.administered).into(),
    };
    if args.count {
        let pb::ListTeamsRequest { member, scope, relation, freshness, .. } = request;
        let request = pb::CountTeamsRequest { member, scope, relation, freshness };
        let answer = client.count_teams(args.connect.request(request)).await?.into_inner();
        write_count(answer.count, args.connect.json, out)?;
        return Ok(true);
    }
    loop {
        let call = args.connect.request(request.clone());
        let page = client.list_teams(call).await?.into_inner();
        for team in &page.members {
            write_member(team, args.connect.json, out)?;
        }
        out.flush()?;
        if page.next_page_token.is_empty() {
            return Ok(true);
        }
        request.page_token = page.next_page_token;
    }
}
