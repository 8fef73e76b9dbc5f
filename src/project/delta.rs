//! From the version at which the table stands to a newer one.
//!
//! Owns the translation of a difference of versions into rows. It must not know how rows are merged.

use super::error::ProjectError;
use super::merge::{Stage, Way};
use super::view::View;
use crate::graph::Snapshot;

/// Stages what came and went since the version before; false if that is no version of this copy,
/// and then nothing is staged.
pub(super) async fn stage_delta(
    stage: &mut Stage<'_>,
    before: &Snapshot,
    after: View<'_>,
) -> Result<bool, ProjectError> {
    let kinds = after.filter.kinds();
    let Some(difference) = after.snapshot.difference(before, kinds) else { return Ok(false) };
    for item in difference {
        let Some(team) = after.wanted(item.team)? else { continue };
        for (way, people) in [(Way::Out, item.lost), (Way::In, item.gained)] {
            for person in people {
                stage.push(way, team.clone(), after.person_key(person)?).await?;
            }
        }
    }
    if after.filter.self_rows {
        let (gained, lost) = after.snapshot.members_difference(before, kinds);
        for (way, members) in [(Way::Out, lost), (Way::In, gained)] {
            for member in members {
                let team = after.team_key(member)?;
                if after.filter.has_team(&team) {
                    stage.push(way, team, after.person_key(member)?).await?;
                }
            }
        }
    }
    Ok(true)
}
