//! `teamgraph members TEAM`.
//!
//! Owns the walk over the pages of a team's members, and a member's line.

use super::check::asked;
use super::connect::{ConnectArgs, FreshnessArgs};
use super::failure::ClientError;
use super::json;
use super::member::{MemberArg, key_text, kind_text};
use super::output::{conclude, standard};
use crate::pb;
use pb::{ListKinds, ListScope, ListView};
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

/// List the members of a team, direct or through other teams, or those who administer it.
///
/// Exit code: 0, or 2 for an error. All pages are of one version; each is written as it comes.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "JSON: a line for each member: {\"id\": 42, \"name\": \"alice\", \"kind\": \
                        \"person|team\"}; with --count {\"count\": 2}"
)]
pub struct MembersArgs {
    /// The team: a name, id:42, uuid:… or key:…
    #[arg(value_name = "TEAM")]
    pub team: MemberArg,
    /// Direct members only.
    #[arg(long)]
    pub direct: bool,
    /// The members that administer the team instead: with --direct its owner and admin members,
    /// otherwise also everyone in those.
    #[arg(long)]
    pub administrators: bool,
    /// Only how many.
    #[arg(long)]
    pub count: bool,
    /// Which members.
    #[arg(long, value_enum, default_value_t = Kinds::All)]
    pub kinds: Kinds,
    /// Which version may answer.
    #[command(flatten)]
    pub freshness: FreshnessArgs,
    /// Where and how to ask.
    #[command(flatten)]
    pub connect: ConnectArgs,
}

/// Which members are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kinds {
    /// People and teams.
    All,
    /// People alone.
    People,
    /// Teams alone.
    Teams,
}

/// Asks, shows the answer, and returns the exit code.
pub async fn run(args: MembersArgs) -> ExitCode {
    let mut out = standard();
    let outcome = answer(&args, &mut out).await;
    conclude(outcome, out, args.connect.json)
}

pub(super) async fn answer(args: &MembersArgs, out: &mut impl Write) -> Result<bool, ClientError> {
    let mut client = args.connect.connect().await?;
    let scope = if args.direct { ListScope::Direct } else { ListScope::All };
    let kinds = match args.kinds {
        Kinds::All => ListKinds::All,
        Kinds::People => ListKinds::People,
        Kinds::Teams => ListKinds::Teams,
    };
    let mut request = pb::ListMembersRequest {
        team: Some(args.team.to_wire()),
        scope: scope.into(),
        kinds: kinds.into(),
        view: ListView::Members.into(),
        page_size: 0,
        page_token: String::new(),
        freshness: args.freshness.to_wire(),
        relation: asked(args.administrators).into(),
    };
    if args.count {
        let pb::ListMembersRequest { team, scope, kinds, relation, freshness, .. } = request;
        let request = pb::CountMembersRequest { team, scope, kinds, relation, freshness };
        let answer = client.count_members(args.connect.request(request)).await?.into_inner();
        write_count(answer.count, args.connect.json, out)?;
        return Ok(true);
    }
    loop {
        let call = args.connect.request(request.clone());
        let page = client.list_members(call).await?.into_inner();
        for member in &page.members {
            write_member(member, args.connect.json, out)?;
        }
        out.flush()?;
        if page.next_page_token.is_empty() {
            return Ok(true);
        }
        request.page_token = page.next_page_token;
    }
}

/// A line: the number, or a JSON document.
pub(super) fn write_count(count: u64, as_json: bool, out: &mut impl Write) -> io::Result<()> {
    if as_json { writeln!(out, "{}", json!({ "count": count })) } else { writeln!(out, "{count}") }
}

/// A line: kind, key and name, or a JSON document.
pub(super) fn write_member(
    member: &pb::Member,
    as_json: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if as_json {
        return writeln!(out, "{}", json::member(member));
    }
    let (kind, key) = (kind_text(member.kind()), key_text(member));
    writeln!(out, "{kind:<6}  {key:<10}  {}", member.name())
}
