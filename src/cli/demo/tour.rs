//! The tour: six short scenes, each a change in plain SQL or a question over gRPC.

use super::asks::Asks;
use super::organisation::{COMPANY, DIVISION, GUILD, SQUAD};
use super::story::Story;
use crate::pb::Relation;
use anyhow::Context;
use indicatif::HumanCount;
use std::collections::HashSet;
use tokio::time::Instant;
use tokio_postgres::Client;

/// The team that the tour creates, and removes at its end.
const PROJECT: &str = "project-aurora";

/// Adds a membership of one name in another.
const JOIN: &str = "INSERT INTO teamgraph.team_membership (person, team, status) \
    SELECT p.id, t.id, 2 FROM teamgraph.person p, teamgraph.person t WHERE p.name = $1 AND t.name = $2";
/// Removes it.
const LEAVE: &str = "DELETE FROM teamgraph.team_membership USING teamgraph.person p, teamgraph.person t \
    WHERE person = p.id AND team = t.id AND p.name = $1 AND t.name = $2";

/// Takes the tour; gives the person that it followed. The database is left as it was found, unless
/// the tour is cut short: then [`clear`] is left to do.
pub(super) async fn take(
    story: &mut Story,
    asks: &mut Asks,
    sql: &Client,
) -> anyhow::Result<String> {
    clear(sql).await?;
    let hero = choose_hero(sql).await?;
    check_and_explain(story, asks, &hero).await?;
    change_one_membership(story, asks, sql, &hero).await?;
    let people = nest_a_division(story, asks, sql).await?;
    take_it_out_again(story, asks, sql, &people).await?;
    show_status(story, asks).await?;
    clear(sql).await?;
    Ok(hero)
}

/// A person who works in the division, in [`SQUAD`] if anybody there will do, and is not yet in
/// the community that the tour lets them join.
async fn choose_hero(sql: &Client) -> anyhow::Result<String> {
    let chosen = sql
        .query_opt(
            "SELECT p.name FROM teamgraph.person p \
             JOIN teamgraph.team_membership m ON m.person = p.id AND m.status IN (2, 3) \
             JOIN teamgraph.person t ON t.id = m.team \
             WHERE p.team_owner IS NULL AND starts_with(t.name, $1 || '-') AND NOT EXISTS ( \
                 SELECT FROM teamgraph.team_membership n JOIN teamgraph.person g ON g.id = n.team \
                 WHERE n.person = p.id AND starts_with(g.name, $2)) \
             ORDER BY t.name <> $3, p.id LIMIT 1",
            &[&DIVISION, &PROJECT_GUILD, &SQUAD],
        )
        .await?;
    let chosen = chosen.context(
        "the tour needs somebody who works in payments and is not in guild-photography, and there is \
         nobody: give an empty database, or none",
    )?;
    Ok(chosen.get(0))
}

async fn check_and_explain(story: &mut Story, asks: &mut Asks, hero: &str) -> anyhow::Result<()> {
    story.step("Who is in what?")?;
    let begun = Instant::now();
    let relation = asks.check(hero, COMPANY, None).await?;
    let took = ms(begun);
    story.answer(&format!("is {hero} in {COMPANY}?"), &format!("{} ({took})", word(relation)))?;
    let path = asks.explain(hero, COMPANY).await?;
    story.answer("why?", &path.join(" → "))?;
    let relation = asks.check(hero, PROJECT_GUILD, None).await?;
    story.answer(&format!("is {hero} in {PROJECT_GUILD}?"), word(relation))?;
    story.say("The database holds only the direct memberships; the rest follows from them.")?;
    Ok(())
}

/// A community that the tour's person joins: outside the divisions, so nothing else leads there.
const PROJECT_GUILD: &str = "guild-photography";

/// The part of it that is joined.
fn chapter() -> String {
    format!("{PROJECT_GUILD}-{DIVISION}")
}

async fn change_one_membership(
    story: &mut Story,
    asks: &mut Asks,
    sql: &Client,
    hero: &str,
) -> anyhow::Result<()> {
    let chapter = chapter();
    story.step("A change in plain SQL is seen at once")?;
    story.sql(&format!("INSERT … membership of {hero} in {chapter}; COMMIT"))?;
    sql.execute(JOIN, &[&hero, &chapter]).await?;
    let committed = Instant::now();
    let token = token(sql).await?;
    let relation = asks.check(hero, PROJECT_GUILD, Some(&token)).await?;
    let question = format!("is {hero} in {PROJECT_GUILD}, knowing all up to {token}?");
    let since = format!("{}: {} after the commit was acknowledged", word(relation), ms(committed));
    story.answer(&question, &since)?;
    story.say(
        "The token, from SELECT teamgraph.teamgraph_token(), makes sure that the answer knows the \
         change.",
    )?;
    sql.execute(LEAVE, &[&hero, &chapter]).await?;
    Ok(())
}

/// Creates a project, puts a guild and a whole division into it; gives its people.
async fn nest_a_division(
    story: &mut Story,
    asks: &mut Asks,
    sql: &Client,
) -> anyhow::Result<HashSet<i64>> {
    story.step("A whole division joins a new team: one row")?;
    let create = "INSERT INTO teamgraph.person (name, display_name, team_owner) \
                  SELECT $1, $1, id FROM teamgraph.person WHERE name = 'registry'";
    story.sql(&format!("INSERT … team {PROJECT}; INSERT … membership of {GUILD} in {PROJECT}"))?;
    sql.execute(create, &[&PROJECT]).await?;
    sql.execute(JOIN, &[&GUILD, &PROJECT]).await?;
    let before = asks.people(PROJECT, &token(sql).await?).await?;
    story.sql(&format!("INSERT … membership of {DIVISION} in {PROJECT}"))?;
    sql.execute(JOIN, &[&DIVISION, &PROJECT]).await?;
    let committed = Instant::now();
    let people = asks.people(PROJECT, &token(sql).await?).await?;
    story.answer(
        &format!("who is in {PROJECT}?"),
        &format!(
            "{} people, where there were {} ({} after the commit, the list itself included)",
            count(people.len()),
            count(before.len()),
            ms(committed),
        ),
    )?;
    story.say("A flattened table would have been written once for each of them.")?;
    Ok(people)
}

/// Takes the division out, and shows who loses what and who does not.
async fn take_it_out_again(
    story: &mut Story,
    asks: &mut Asks,
    sql: &Client,
    before: &HashSet<i64>,
) -> anyhow::Result<()> {
    story.step("It leaves again: who loses what?")?;
    let members = asks.people(DIVISION, &token(sql).await?).await?;
    story.sql(&format!("DELETE … membership of {DIVISION} in {PROJECT}"))?;
    sql.execute(LEAVE, &[&DIVISION, &PROJECT]).await?;
    let after = asks.people(PROJECT, &token(sql).await?).await?;
    let lost = before.difference(&after).count();
    // The smallest key, so that the same run tells the same story.
    let kept = members.intersection(&after).min().copied();
    story.answer(
        &format!("who is in {PROJECT} now?"),
        &format!("{} people: {} of {DIVISION} lost it", count(after.len()), count(lost)),
    )?;
    if let Some(kept) = kept {
        let name = asks.name(kept).await?;
        let path = asks.explain(&name, PROJECT).await?;
        let still = members.intersection(&after).count();
        story.answer(
            &format!("why are {} of {DIVISION} still in it, such as {name}?", count(still)),
            &path.join(" → "),
        )?;
        story.say("Removing one path never takes away what another one gives.")?;
    }
    Ok(())
}

async fn show_status(story: &mut Story, asks: &mut Asks) -> anyhow::Result<()> {
    story.step("How is the server?")?;
    let status = asks.status().await?;
    let sizes = status.sizes.unwrap_or_default();
    let feed = status.feed.unwrap_or_default();
    let closure = if sizes.closure_materialised { "kept" } else { "searched" };
    story.answer(
        "status",
        &format!(
            "{}, {} bytes of log behind; {} people, {} teams, {} memberships; closure of teams {closure} \
             ({} pairs); {} cycles",
            feed.state,
            HumanCount(status.lag_bytes),
            HumanCount(sizes.people),
            HumanCount(sizes.teams),
            HumanCount(sizes.memberships),
            HumanCount(sizes.closure_pairs),
            HumanCount(sizes.cycles),
        ),
    )?;
    Ok(())
}

/// Removes what the tour, or one that was cut short, has added: the project with what is in it, and
/// the membership in the chapter, which unlike those that were loaded says nothing of when it began.
pub(super) async fn clear(sql: &Client) -> anyhow::Result<()> {
    sql.execute(
        "DELETE FROM teamgraph.team_membership USING teamgraph.person t \
         WHERE t.id IN (team, person) AND t.name = $1",
        &[&PROJECT],
    )
    .await?;
    sql.execute("DELETE FROM teamgraph.person WHERE name = $1", &[&PROJECT]).await?;
    sql.execute(
        "DELETE FROM teamgraph.team_membership USING teamgraph.person t \
         WHERE team = t.id AND t.name = $1 AND date_joined IS NULL",
        &[&chapter()],
    )
    .await?;
    Ok(())
}

async fn token(sql: &Client) -> anyhow::Result<String> {
    Ok(sql.query_one("SELECT teamgraph.teamgraph_token()", &[]).await?.get(0))
}

const fn word(relation: Relation) -> &'static str {
    match relation {
        Relation::Unspecified => "no answer",
        Relation::None => "no",
        Relation::Self_ => "it is the team itself",
        Relation::Direct => "yes, directly",
        Relation::Indirect => "yes, through other teams",
    }
}

fn ms(since: Instant) -> String {
    format!("{:.1} ms", since.elapsed().as_secs_f64() * 1_000.0)
}

fn count(number: usize) -> HumanCount {
    HumanCount(u64::try_from(number).unwrap_or(u64::MAX))
}
