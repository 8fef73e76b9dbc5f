//! What a report says beside what was compared.

use crate::command::{DriftReport, Finding, FindingExample, FindingKind, NamedMember};
use crate::feed::{UnknownStatus, UnknownStatuses};
use crate::id::SourceKey;

/// The report with what the comparison does not know.
pub(crate) fn finished(mut report: DriftReport, statuses: UnknownStatuses) -> DriftReport {
    let UnknownStatuses { count, examples } = statuses;
    if count > 0 {
        let examples = examples.into_iter().map(status_example).collect();
        report.findings.push(Finding { kind: FindingKind::StatusUnknown, count, examples });
    }
    report
}

fn status_example(UnknownStatus { member, team, status }: UnknownStatus) -> FindingExample {
    let named = |key: SourceKey| NamedMember { key, name: None, kind: None };
    let members = vec![named(member), named(team)];
    FindingExample { members, source: format!("status {status}"), graph: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_statuses_are_told_and_no_difference() {
        let status = UnknownStatus {
            member: SourceKey::int(1),
            team: SourceKey::int(2),
            status: "9".into(),
        };
        let statuses = UnknownStatuses { count: 3, examples: vec![status] };
        let report = finished(DriftReport::default(), statuses);
        assert_eq!((report.findings.len(), report.differences()), (1, 0));
        assert_eq!(
            (report.findings[0].count, report.findings[0].examples[0].source.as_str()),
            (3, "status 9")
        );
        assert!(finished(DriftReport::default(), UnknownStatuses::default()).findings.is_empty());
    }
}
