//! The table that `scripts/bench` prints: names, targets and verdicts.

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the benchmark's own file, as it is"
)]
#[path = "../../benches/suite/figures.rs"]
mod figures;

use figures::{ALL, Figure, Target, Targets, head};

fn figure(name: &str) -> &'static Figure {
    ALL.iter().find(|figure| figure.name == name).unwrap()
}

fn columns(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn a_value_on_its_target_reaches_it_and_one_beyond_is_short() {
    let verdict = |target: Target, value| target.judge(value).1;
    assert_eq!(verdict(Target::AtMost(1.5), 1.5), "reached");
    assert_eq!(verdict(Target::AtMost(1.5), 1.501), "short");
    assert_eq!(verdict(Target::AtLeast(0.6), 0.6), "reached");
    assert_eq!(verdict(Target::AtLeast(0.6), 0.599), "short");
    assert_eq!(verdict(Target::None, 7.0), "-");
}

#[test]
fn a_line_has_name_value_unit_target_and_verdict() {
    assert_eq!(columns(&head()), ["figure", "value", "target", "verdict"]);
    let line = figure("batch_checks_per_s").line(2_950_238.4, Targets::M, "");
    let expected = ["batch_checks_per_s", "2,950,238", "/s", ">=", "3,000,000", "short"];
    assert_eq!(columns(&line), expected);
    let line = figure("visible_ms_p99").line(0.894, Targets::M, "");
    assert_eq!(columns(&line), ["visible_ms_p99", "0.894", "ms", "<=", "3.0", "reached"]);
    let line = figure("project_fill_s").line(88.25, Targets::M, "");
    assert_eq!(columns(&line), ["project_fill_s", "88.2", "s", "-", "-"]);
}

#[test]
fn each_size_is_held_to_its_own_targets() {
    let line = |targets, suffix| figure("check_ns").line(300.0, targets, suffix);
    assert_eq!(columns(&line(Targets::M, ""))[3..], ["<=", "200", "short"]);
    let at_l = line(Targets::L, "_l");
    assert_eq!(columns(&at_l), ["check_ns_l", "300", "ns", "<=", "350", "reached"]);
    let other = figure("cycle_ms").line(300.0, Targets::L, "_l");
    assert_eq!(columns(&other)[3..], ["<=", "200", "short"], "the same at M and L");
    assert_eq!(columns(&line(Targets::None, ""))[3..], ["-", "-"], "none at S");
}

#[test]
fn how_each_figure_is_measured_stands_in_the_document() {
    let document = include_str!("../../docs/benchmarks.md");
    let (measured, _) = document.split_once("\n## Figures").unwrap();
    let names: Vec<&str> = measured.split('`').skip(1).step_by(2).collect();
    let is_told = |name: &str| {
        // Parts of a figure stand behind it by their endings.
        let ending = |it: &&str| it.starts_with('_') && name.ends_with(*it);
        names.contains(&name) || names.iter().any(ending)
    };
    let missing: Vec<&str> =
        ALL.iter().map(|figure| figure.name).filter(|name| !is_told(name)).collect();
    assert!(missing.is_empty(), "docs/benchmarks.md does not say how {missing:?} are measured");
}
