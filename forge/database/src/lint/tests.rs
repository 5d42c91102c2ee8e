//! Every rule fires where it must, stays silent where it must, and is missed when it is gone.

mod examples;
pub(crate) mod kit;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Finding, Rule, Severity, lint, lint_with, rules};
use examples::examples;
use kit::Example;

fn run<'r>(example: &Example, rules: impl Iterator<Item = &'r Rule>) -> Vec<Finding> {
    lint_with(rules, &example.current, &example.migration, &example.target, &example.stats)
}

/// What an example's test asserts; an error where it would be red.
fn judge<'r>(
    id: &str,
    bad: &Example,
    good: &Example,
    rules: impl Iterator<Item = &'r Rule> + Clone,
) -> Result<(), String> {
    if !run(bad, rules.clone()).iter().any(|finding| finding.rule == id) {
        return Err(format!("{id} is silent where it must fire"));
    }
    match run(good, rules).into_iter().find(|finding| finding.rule == id) {
        Some(finding) => {
            Err(format!("{id} fires where it must be silent: {}: {}", finding.subject, finding.message))
        }
        None => Ok(()),
    }
}

#[test]
fn each_rule_fires_on_its_example_and_only_there() {
    for (id, bad, good) in examples() {
        if let Err(red) = judge(id, &bad, &good, rules()) {
            panic!("{red}");
        }
    }
}

#[test]
fn each_rule_is_missed_when_it_is_disconnected() {
    for (id, bad, good) in examples() {
        let others = rules().filter(|rule| rule.id != id);
        assert!(judge(id, &bad, &good, others).is_err(), "{id}'s test stays green without {id}");
    }
}

#[test]
fn each_rule_has_an_example_and_an_id_of_its_own() {
    let ids: Vec<&str> = rules().map(|rule| rule.id).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id is used twice");
    let shown: BTreeSet<&str> = examples().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(unique, shown);
}

#[test]
fn an_ordinary_schema_has_no_findings_that_block() {
    let example = kit::ordinary();
    let findings = lint(&example.current, &example.migration, &example.target, &example.stats);
    let blocking: Vec<&Finding> = findings.iter().filter(|finding| finding.severity.blocks()).collect();
    assert!(blocking.is_empty(), "{blocking:?}");
}

#[test]
fn an_old_flaw_does_not_stop_an_unrelated_change() {
    let mut example = kit::ordinary();
    let flawed = kit::table("legacy", &["password text"]);
    example.current.tables.insert("legacy".to_owned(), flawed.clone());
    example.target.tables.insert("legacy".to_owned(), flawed);
    let findings = lint(&example.current, &example.migration, &example.target, &example.stats);
    assert!(findings.iter().all(|finding| !finding.subject.starts_with("legacy")), "{findings:?}");
}

#[test]
fn the_worst_findings_come_first() {
    let example = kit::adding(vec![kit::bare("order", &["password text"])]);
    let findings = lint(&example.current, &example.migration, &example.target, &example.stats);
    assert!(findings.is_sorted_by_key(|finding| finding.severity), "{findings:?}");
    assert_eq!(findings.first().map(|finding| finding.severity), Some(Severity::Critical));
}

#[test]
fn a_secret_is_not_repeated_in_the_finding() {
    let (_, bad, _) = examples().into_iter().find(|(id, ..)| *id == "MIG093").expect("there is an example");
    let findings = run(&bad, rules());
    assert!(!serde_json::to_string(&findings).expect("findings are JSON").contains("sk_live_"));
}

/// Rewrites the page when it is out of date, and fails, so that the change is seen and committed.
#[test]
fn the_reference_page_lists_every_rule() {
    let mut page = String::from(
        "# Linter rules\n\nEvery migration is judged by these rules before it runs. Findings that are critical or \
         high stop it until\nthe migration is corrected, or a person approves it. This page is generated from \
         `forge/database/src/lint`.\n\n| Rule | Severity | Area | Finds | Why | Instead |\n|---|---|---|---|---|---|\n",
    );
    let mut sorted: Vec<&Rule> = rules().collect();
    sorted.sort_by_key(|rule| rule.id);
    for rule in sorted {
        let (severity, area) = (rule.severity.name(), rule.area.name());
        writeln!(
            page,
            "| {} | {severity} | {area} | {} | {} | {} |",
            rule.id, rule.title, rule.reason, rule.fix
        )
        .expect("a string takes every write");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/lint.md");
    if std::fs::read_to_string(path).ok().as_ref() != Some(&page) {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference"))
            .expect("docs can be made");
        std::fs::write(path, page).expect("the page can be written");
        panic!("docs/reference/lint.md was out of date and is now rewritten: commit it");
    }
}
