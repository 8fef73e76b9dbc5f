//! A made-up organisation as a [`Roster`]: the one that benchmarks measure.

use super::roster::{NewMember, NewMembership, Roster, Standing};
use crate::id::MemberKind;
use crate::synthetic::{Shape, Synthetic};

/// Reads a size's name, for the command line.
pub(super) fn shape(name: &str) -> Result<Shape, String> {
    Shape::named(name).ok_or_else(|| format!("`{name}` is no size: write s, m, l or xl"))
}

/// The organisation of that shape. Teams are owned by `registry`.
pub(super) fn roster(shape: Shape) -> Roster {
    let synthetic = Synthetic::new(shape);
    let members = synthetic.members().map(|member| NewMember {
        display_name: member.name.clone(),
        name: member.name,
        standing: match member.kind {
            MemberKind::Person => Standing::Person,
            MemberKind::Team => Standing::Team { owner: None },
        },
        place: None,
    });
    // Keys count from 1 in the members' order, indices from 0.
    let index = |key: i64| u32::try_from(key - 1).unwrap_or(u32::MAX);
    let memberships = synthetic.memberships().map(|membership| NewMembership {
        member: index(membership.member),
        team: index(membership.team),
        role: membership.role,
        line: 0,
    });
    Roster { members: members.collect(), memberships: memberships.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_name_whom_the_keys_named() {
        let (roster, synthetic) = (roster(Shape::S), Synthetic::new(Shape::S));
        let name = |index: u32| roster.members[usize::try_from(index).unwrap()].name.as_str();
        let rows = synthetic.memberships();
        let expected = rows.map(|row| match synthetic.teams().contains(&row.member) {
            true => (format!("team-{}", row.member), format!("team-{}", row.team)),
            false => (format!("person-{}", row.member), format!("team-{}", row.team)),
        });
        let loaded = roster.memberships.iter();
        let loaded = loaded.map(|row| (name(row.member).to_owned(), name(row.team).to_owned()));
        assert!(loaded.eq(expected));
    }

    #[test]
    fn an_unknown_size_is_refused_with_those_there_are() {
        assert_eq!(shape("M"), Ok(Shape::M));
        assert_eq!(shape("huge"), Err("`huge` is no size: write s, m, l or xl".to_owned()));
    }
}
