//! Puts a [`Roster`] into the database, by `COPY`, in one transaction.

use super::error::{LoadError, Place};
use super::read::bar_style;
use super::roster::{NewMember, Roster, Standing};
use crate::database::Session;
use crate::id::Role;
use indicatif::ProgressBar;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::SystemTime;
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

/// The person that owns the teams that nobody owns.
const REGISTRY: &str = "registry";
/// More warnings than this are read by nobody.
const NEW_OWNERS_SHOWN_MAX: usize = 20;
/// The status of an active membership, by role.
const fn status(role: Role) -> i32 {
    match role {
        Role::Member => 2,
        Role::Admin => 3,
    }
}

/// What was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Inserted {
    pub(in crate::cli) people: u64,
    pub(in crate::cli) teams: u64,
    pub(in crate::cli) memberships: u64,
}

/// A member that the database has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Existing {
    pub(super) id: i64,
    pub(super) is_team: bool,
}

/// Puts everything in, or nothing.
pub(in crate::cli) async fn insert(
    session: &mut Session,
    roster: &Roster,
) -> Result<Inserted, LoadError> {
    let transaction = session.client_mut().transaction().await;
    let transaction = transaction.map_err(LoadError::statement("begin a transaction"))?;
    let table = transaction.query_one("SELECT to_regclass('teamgraph.person') IS NOT NULL", &[]);
    let has_schema: bool = table.await.map_err(LoadError::statement("look for the tables"))?.get(0);
    if !has_schema {
        return Err(LoadError::NoSchema);
    }
    let existing = find_existing(&transaction, roster).await?;
    refuse_what_exists(roster, &existing)?;
    warn_of_new_owners(roster, &existing);
    refuse_existing_memberships(&transaction, roster, &existing).await?;
    let placed = Placed::new(&transaction, roster, &existing).await?;
    let (people, teams) = copy_members(&transaction, roster, &placed).await?;
    let memberships = copy_memberships(&transaction, roster, &placed).await?;
    transaction.commit().await.map_err(LoadError::statement("commit"))?;
    Ok(Inserted { people, teams, memberships })
}

/// Which of the roster's names the database has.
async fn find_existing(
    transaction: &Transaction<'_>,
    roster: &Roster,
) -> Result<HashMap<String, Existing>, LoadError> {
    let mut names: Vec<&str> = roster.members.iter().map(|member| member.name.as_str()).collect();
    names.push(REGISTRY);
    let found = transaction
        .query(
            "SELECT name, id, team_owner IS NOT NULL FROM teamgraph.person WHERE name = ANY($1)",
            &[&names],
        )
        .await
        .map_err(LoadError::statement("look for members that are there already"))?;
    Ok(found
        .iter()
        .map(|row| (row.get(0), Existing { id: row.get(1), is_team: row.get(2) }))
        .collect())
}

/// Compares what the files say of each member with what the database has.
fn refuse_what_exists(
    roster: &Roster,
    existing: &HashMap<String, Existing>,
) -> Result<(), LoadError> {
    for member in &roster.members {
        let name = &member.name;
        let problem = match (member.standing, existing.get(name)) {
            (Standing::Person | Standing::Team { .. }, Some(_)) => {
                format!("`{name}` is in the database already: remove the line")
            }
            (Standing::MentionedAsTeam, Some(Existing { is_team: false, .. })) => {
                format!("`{name}` is a person in the database: only a team can have members")
            }
            (Standing::MentionedAsTeam, None) => {
                format!("there is no team `{name}`: add a line for it to the file of members")
            }
            (Standing::Person | Standing::Team { .. }, None)
            | (Standing::Mentioned, _)
            | (Standing::MentionedAsTeam, Some(_)) => continue,
        };
        return Err(refused(member, problem));
    }
    Ok(())
}

fn refused(member: &NewMember, problem: String) -> LoadError {
    match &member.place {
        Some(place) => LoadError::line(place, problem),
        None => LoadError::Roster(problem),
    }
}

/// An owner that nothing else knows of becomes a person, and may be a slip of the pen.
fn warn_of_new_owners(roster: &Roster, existing: &HashMap<String, Existing>) {
    let new = new_owners(roster, existing);
    for owner in new.iter().take(NEW_OWNERS_SHOWN_MAX) {
        let name = &owner.name;
        let line = owner.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        tracing::warn!(
            "{line}the owner `{name}` is neither in the files nor in the database, and becomes a new \
             person: is it spelt right?"
        );
    }
    if let Some(more) = new.len().checked_sub(NEW_OWNERS_SHOWN_MAX).filter(|more| *more > 0) {
        tracing::warn!("{more} more owners become new persons");
    }
}

/// The owners that are neither defined in a file, nor members of anything, nor in the database.
pub(super) fn new_owners<'a>(
    roster: &'a Roster,
    existing: &HashMap<String, Existing>,
) -> Vec<&'a NewMember> {
    let joined: HashSet<u32> = roster.memberships.iter().map(|stated| stated.member).collect();
    let mut owners: Vec<u32> = roster.members.iter().filter_map(NewMember::owner).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
        .into_iter()
        .filter(|owner| !joined.contains(owner))
        .filter_map(|owner| at(&roster.members, owner))
        .filter(|owner| {
            owner.standing == Standing::Mentioned && !existing.contains_key(&owner.name)
        })
        .collect()
}

/// Only a pair of members that both exist can have a membership already.
async fn refuse_existing_memberships(
    transaction: &Transaction<'_>,
    roster: &Roster,
    existing: &HashMap<String, Existing>,
) -> Result<(), LoadError> {
    let known = |index: u32| {
        let member = at(&roster.members, index)?;
        Some((member, existing.get(&member.name)?.id))
    };
    let mut lines = HashMap::new();
    for membership in &roster.memberships {
        if let (Some((member, person)), Some((team, joined))) =
            (known(membership.member), known(membership.team))
        {
            lines.insert((person, joined), (member, team, membership.line));
        }
    }
    let (people, teams): (Vec<i64>, Vec<i64>) = lines.keys().copied().unzip();
    let found = transaction
        .query_opt(
            "SELECT person, team FROM teamgraph.team_membership \
             JOIN unnest($1::bigint[], $2::bigint[]) AS stated (person, team) USING (person, team) \
             LIMIT 1",
            &[&people, &teams],
        )
        .await
        .map_err(LoadError::statement("look for memberships that are there already"))?;
    let Some(row) = found else { return Ok(()) };
    let Some((member, team, line)) = lines.get(&(row.get(0), row.get(1))) else { return Ok(()) };
    let problem = format!(
        "the membership of `{}` in `{}` is in the database already: remove the line, or change its \
         status there",
        member.name, team.name,
    );
    // The team's place is in the same file of memberships, unless that file is all there is.
    Err(match &team.place {
        Some(place) => LoadError::line(&Place { line: *line, ..place.clone() }, problem),
        None => LoadError::Roster(problem),
    })
}

/// Every member's id, whether it is new or not.
struct Placed {
    ids: Vec<i64>,
    /// The indexes of those that are new.
    new: HashSet<usize>,
    registry: i64,
    /// Whether `registry` is to be created beside the roster.
    registry_is_new: bool,
}

impl Placed {
    async fn new(
        transaction: &Transaction<'_>,
        roster: &Roster,
        existing: &HashMap<String, Existing>,
    ) -> Result<Self, LoadError> {
        let missing = roster.members.iter().filter(|member| !existing.contains_key(&member.name));
        // One more, for `registry`.
        let mut fresh = reserve_ids(transaction, missing.count() + 1).await?.into_iter();
        let mut take = || fresh.next().ok_or(LoadError::TooMany);
        let mut ids = Vec::with_capacity(roster.members.len());
        let mut new = HashSet::new();
        let mut registry = existing.get(REGISTRY).map(|found| found.id);
        for (index, member) in roster.members.iter().enumerate() {
            let id = match existing.get(&member.name) {
                Some(found) => found.id,
                None => {
                    new.insert(index);
                    take()?
                }
            };
            if member.name == REGISTRY {
                if member.standing == (Standing::Team { owner: None }) {
                    let problem =
                        format!("the team `{REGISTRY}` would own itself: give it an owner");
                    return Err(refused(member, problem));
                }
                registry = Some(id);
            }
            ids.push(id);
        }
        let ownerless = |member: &NewMember| member.standing == Standing::Team { owner: None };
        let registry_is_new = registry.is_none() && roster.members.iter().any(ownerless);
        let registry = match registry {
            Some(id) => id,
            None => take()?,
        };
        Ok(Placed { ids, new, registry, registry_is_new })
    }

    fn id(&self, index: u32) -> Result<i64, LoadError> {
        at(&self.ids, index).copied().ok_or(LoadError::TooMany)
    }

    fn owner(&self, member: &NewMember) -> Result<Option<i64>, LoadError> {
        match member.standing {
            Standing::Team { owner: Some(owner) } => Ok(Some(self.id(owner)?)),
            Standing::Team { owner: None } => Ok(Some(self.registry)),
            Standing::Person | Standing::Mentioned | Standing::MentionedAsTeam => Ok(None),
        }
    }
}

/// Ids that nobody else gets, from the column's own sequence.
async fn reserve_ids(transaction: &Transaction<'_>, count: usize) -> Result<Vec<i64>, LoadError> {
    let count = i64::try_from(count).map_err(|_| LoadError::TooMany)?;
    let rows = transaction
        .query(
            "SELECT nextval(pg_get_serial_sequence('teamgraph.person', 'id')) \
             FROM generate_series(1, $1::bigint)",
            &[&count],
        )
        .await
        .map_err(LoadError::statement("reserve ids"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Copies the new members; gives the numbers of people and of teams.
async fn copy_members(
    transaction: &Transaction<'_>,
    roster: &Roster,
    placed: &Placed,
) -> Result<(u64, u64), LoadError> {
    let failed = || LoadError::statement("copy the members");
    let sql = "COPY teamgraph.person (id, name, display_name, team_owner) FROM STDIN BINARY";
    let sink = transaction.copy_in(sql).await.map_err(failed())?;
    let types = [Type::INT8, Type::TEXT, Type::TEXT, Type::INT8];
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let bar = rows_bar("loading members", placed.new.len());
    let (mut people, mut teams) = (0, 0);
    for (index, (member, id)) in roster.members.iter().zip(&placed.ids).enumerate() {
        if !placed.new.contains(&index) {
            continue;
        }
        let owner = placed.owner(member)?;
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [id, &member.name, &member.display_name, &owner];
        writer.as_mut().write(&row).await.map_err(failed())?;
        *if owner.is_some() { &mut teams } else { &mut people } += 1;
        bar.inc(1);
    }
    if placed.registry_is_new {
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&placed.registry, &REGISTRY, &"Registry", &None::<i64>];
        writer.as_mut().write(&row).await.map_err(failed())?;
        people += 1;
    }
    writer.finish().await.map_err(|error| refused_by_postgres(roster, placed, error))?;
    bar.finish_and_clear();
    Ok((people, teams))
}

/// Finds the line that a refused row came from: PostgreSQL's error has the number of the row, in
/// its context `COPY person, line 3, column display_name`.
fn refused_by_postgres(
    roster: &Roster,
    placed: &Placed,
    error: tokio_postgres::Error,
) -> LoadError {
    let row = error.as_db_error().and_then(|db| row_of(db.where_()?));
    let mut new = roster.members.iter().enumerate().filter(|(at, _)| placed.new.contains(at));
    let member = row.and_then(|row| new.nth(row.checked_sub(1)?));
    let place = member.and_then(|(_, member)| member.place.as_ref());
    match (place, error.as_db_error()) {
        (Some(place), Some(db)) => {
            LoadError::line(place, format!("PostgreSQL refuses it ({})", db.message()))
        }
        _ => LoadError::statement("copy the members")(error),
    }
}

/// The first number in the line about the copy; the words around it are the server's language's.
fn row_of(context: &str) -> Option<usize> {
    let line = context.lines().find(|line| line.starts_with("COPY "))?;
    line.split(|it: char| !it.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// Copies the memberships; gives their number.
async fn copy_memberships(
    transaction: &Transaction<'_>,
    roster: &Roster,
    placed: &Placed,
) -> Result<u64, LoadError> {
    let failed = || LoadError::statement("copy the memberships");
    let sql =
        "COPY teamgraph.team_membership (person, team, status, date_joined) FROM STDIN BINARY";
    let sink = transaction.copy_in(sql).await.map_err(failed())?;
    let types = [Type::INT8, Type::INT8, Type::INT4, Type::TIMESTAMPTZ];
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let bar = rows_bar("loading memberships", roster.memberships.len());
    let now = SystemTime::now();
    for membership in &roster.memberships {
        let (member, team) = (placed.id(membership.member)?, placed.id(membership.team)?);
        let status = status(membership.role);
        writer.as_mut().write(&[&member, &team, &status, &now]).await.map_err(failed())?;
        bar.inc(1);
    }
    let rows = writer.finish().await.map_err(failed())?;
    bar.finish_and_clear();
    Ok(rows)
}

fn rows_bar(title: &str, rows: usize) -> ProgressBar {
    ProgressBar::new(u64::try_from(rows).unwrap_or(u64::MAX)).with_style(bar_style(title))
}

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}
