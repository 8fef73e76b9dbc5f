//! Checks a version's invariants by recomputation.
//!
//! Owns the checks that tests run after every step. Slow on purpose: it trusts nothing that is
//! kept up.

use super::adjacency::Standing;
use super::pages::{count, number};
use super::rows::Rows;
use super::state::{Counts, State};
use crate::id::{MemberId, Role, TeamId};

pub(super) fn validate(state: &State, rows: &Rows) -> Result<(), String> {
    let members = || (0..state.numbers.member_count()).map(MemberId);
    rows_agree(state, rows)?;
    let mut expected =
        Counts { rows: rows.len(), rows_bytes: state.counts.rows_bytes, ..Counts::default() };
    for member in members() {
        match state.standing(member) {
            Standing::Absent if state.name(member).is_some() => {
                return Err(format!("names: {member:?} is absent and has a name"));
            }
            Standing::Absent => {}
            Standing::Person => expected.people += 1,
            Standing::Team => expected.teams += 1,
        }
        expected.memberships += count(state.up.of(member).len());
        let to_itself = state
            .up
            .of(member)
            .iter()
            .filter(|edge| Some(edge.team()) == state.numbers.team(member));
        expected.self_memberships += count(to_itself.count());
    }
    mirror(state)?;
    holders(state)?;
    expected.team_edges = state.count_team_edges();
    if expected != state.counts {
        return Err(format!("counts: {:?}, recounted {expected:?}", state.counts));
    }
    let sums = state.recounted_sums(rows.stated());
    if sums != state.sums {
        return Err(format!("digest: {:?}, summed up anew {sums:?}", state.sums));
    }
    state.closure.validate(state)
}

/// INVARIANT (rows): the stated edges are those of the active rows, with the highest role.
fn rows_agree(state: &State, rows: &Rows) -> Result<(), String> {
    let expected = rows.recount()?;
    let mut stated = 0;
    for member in (0..state.numbers.member_count()).map(MemberId) {
        for edge in state.up.of(member).iter() {
            stated += 1;
            let role = expected.get(&(member, edge.team()));
            if role != Some(&edge.role()) {
                return Err(format!("rows: {member:?} {edge:?} is stated by rows as {role:?}"));
            }
        }
    }
    if stated == expected.len() {
        Ok(())
    } else {
        Err(format!("rows: they state {} edges, and {stated} are kept", expected.len()))
    }
}

/// INVARIANT (mirror): every edge stands both ways, in the set of its member's standing.
fn mirror(state: &State) -> Result<(), String> {
    let mut mirrored = 0;
    for team in (0..state.numbers.team_count()).map(TeamId) {
        let Some(direct) = state.down.of(team) else { continue };
        let people = direct.people.iter_from(0).map(|n| (Some(MemberId(n)), Standing::Person));
        let absent = direct.absent.iter_from(0).map(|n| (Some(MemberId(n)), Standing::Absent));
        let teams = direct.teams.iter_from(0).map(TeamId);
        let teams = teams.map(|child| (state.numbers.member(child), Standing::Team));
        for (member, standing) in people.chain(absent).chain(teams) {
            mirrored += 1;
            let stands = member.is_some_and(|member| {
                state.standing(member) == standing && state.up.role(member, team).is_some()
            });
            if !stands {
                return Err(format!(
                    "mirror: {member:?} is in {team:?} as {standing:?} only below"
                ));
            }
        }
    }
    if mirrored == state.counts.memberships {
        Ok(())
    } else {
        Err(format!("mirror: {mirrored} below, {} above", state.counts.memberships))
    }
}

/// INVARIANT (mirror): each team's admins and each owner's teams are those of the edges' roles and
/// of the owner columns.
fn holders(state: &State) -> Result<(), String> {
    let (mut admins, mut owned) = (0, 0);
    for team in (0..state.numbers.team_count()).map(TeamId) {
        for admin in state.down.of(team).into_iter().flat_map(|direct| direct.admins.iter_from(0)) {
            admins += 1;
            if state.up.role(MemberId(admin), team) != Some(Role::Admin) {
                return Err(format!("admins: {admin} is none of {team:?}"));
            }
        }
    }
    for member in (0..state.numbers.member_count()).map(MemberId) {
        let edges = state.up.of(member).iter();
        admins -= i64::from(number(edges.filter(|edge| edge.role() == Role::Admin).count()));
        for team in state.owned.of(member) {
            let is_owner = |of: MemberId| state.owner(of) == Some(member);
            if !state.is_team(team) || !state.numbers.member(team).is_some_and(is_owner) {
                return Err(format!("owned: {member:?} does not own {team:?}"));
            }
            owned += 1;
        }
        let is_owned = state.standing(member) == Standing::Team && state.owner(member).is_some();
        owned -= i64::from(is_owned);
    }
    if (admins, owned) == (0, 0) {
        Ok(())
    } else {
        Err(format!("holders: {admins} admins and {owned} owned teams too many"))
    }
}
