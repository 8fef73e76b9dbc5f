//! How the rows of a graph were read, in a form that outlives the process, and whether that is how
//! they would be read now.
//!
//! Owns the comparison, which is the one of [`Catalogue::differs`], with the mapping added. It must
//! not know where the facts are kept.

use super::mapping::Mapping;
use super::tables::Catalogue;
use crate::resume::{SourceFacts, TableMarks};

/// Raise it when the same rows would become other changes than before: what was kept is copied anew
/// then.
const TRANSLATION: u32 = 1;

/// The facts of the tables as they are.
pub(crate) fn of(mapping: &Mapping, catalogue: &Catalogue) -> SourceFacts {
    let (tables, marks) = catalogue.facts();
    SourceFacts { mapping: format!("translation {TRANSLATION}: {mapping:?}"), tables, marks }
}

/// What differs from what was kept, if so that rows may not be what they were read as.
pub(crate) fn differ(now: &SourceFacts, kept: &SourceFacts) -> Option<&'static str> {
    if now.mapping != kept.mapping {
        return Some("the mapping is another one, or this release reads rows in another way");
    }
    if now.tables != kept.tables || now.marks.len() != kept.marks.len() {
        return Some("the publication, a mapped table or a mapped column was made anew or changed");
    }
    // Each of the two alone is harmless: see the marks.
    let rewritten = |(now, kept): (&TableMarks, &TableMarks)| {
        now.definitions != kept.definitions && now.files != kept.files
    };
    let is_rewritten = now.marks.iter().zip(&kept.marks).any(rewritten);
    is_rewritten.then_some("the values of a mapped table may have been rewritten")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_other_rows_is_seen() {
        let marks = |definitions: &str, files: &str| TableMarks {
            definitions: definitions.into(),
            files: files.into(),
        };
        let kept = of(&Mapping::built_in(), &Catalogue::of(Vec::new()));
        let kept = SourceFacts { marks: vec![marks("1", "1")], ..kept };
        assert_eq!(differ(&kept, &kept), None);
        let with = |definitions, files| SourceFacts {
            marks: vec![marks(definitions, files)],
            ..kept.clone()
        };
        assert_eq!(differ(&with("2", "1"), &kept), None);
        assert_eq!(differ(&with("1", "2"), &kept), None);
        assert!(differ(&with("2", "2"), &kept).is_some());
        assert!(differ(&SourceFacts { marks: Vec::new(), ..kept.clone() }, &kept).is_some());
        assert!(differ(&SourceFacts { tables: "x".into(), ..kept.clone() }, &kept).is_some());
        let mut mapping = Mapping::built_in();
        mapping.memberships.iter_mut().for_each(|table| table.admin = None);
        let other = of(&mapping, &Catalogue::of(Vec::new()));
        assert!(differ(&SourceFacts { mapping: other.mapping, ..kept.clone() }, &kept).is_some());
    }
}
