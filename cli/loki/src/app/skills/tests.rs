//! What the built-in skills say about operations is carried out.

use std::sync::Arc;

use forge_core::{ApprovalBy, Explain, evidence_hash};
use forge_ops::{Forge, OpError, Outcome};
use loki_kit::examples::{Example, examples};
use loki_store::SystemClock;
use loki_tools::files::Project;
use serde_json::{Value, json};

use super::*;
use crate::app::forge::LazyForge;

#[test]
fn the_tools_of_a_run_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let project = Project::open(dir.path()).unwrap();
    for tool in loki_tools::tools(&project, None, &loki_tools::Processes::default()) {
        assert!(TOOLS.contains(&tool.spec().name.as_str()), "{}", tool.spec().name);
    }
}

/// Every operation that a skill names exists: under its name, whether or not its service is there.
#[test]
fn the_operations_that_skills_name_are_known() {
    let known: Vec<&str> = Forge::operations().iter().map(|operation| operation.info.name).collect();
    for skill in &BUILTIN {
        let words = skill.text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        for name in words.filter(|word| word.starts_with("forge_") && !word.ends_with('_')) {
            assert!(known.contains(&name), "{} names `{name}`", skill.name);
        }
    }
}

#[test]
fn every_skill_has_an_example_and_every_example_is_tried_somewhere() {
    for skill in &BUILTIN {
        let examples = examples(skill.text);
        assert!(!examples.is_empty(), "{}", skill.name);
        for example in examples {
            let tried = match (example.language.as_str(), example.with.as_str()) {
                ("yaml", "migration") | ("markdown", "PRD.md") | ("sh", "loki") => true,
                ("json", operation) => operation.starts_with("forge_"),
                (_, _) => false,
            };
            assert!(tried, "{} line {}: {example:?}", skill.name, example.line);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_of_skills_do_what_they_say() {
    for skill in &BUILTIN {
        let of_operations = |example: &Example| {
            matches!(example.language.as_str(), "yaml" | "json") && !example.with.is_empty()
        };
        let examples: Vec<Example> = examples(skill.text).into_iter().filter(of_operations).collect();
        let dir = tempfile::tempdir().unwrap();
        let forge = LazyForge::new(&dir.path().join("forge"), Arc::new(SystemClock)).open().unwrap();
        let name = skill.name;
        let tried = tokio::task::spawn_blocking(move || {
            for example in examples {
                try_out(&forge, &example).unwrap_or_else(|why| panic!("{name} line {}: {why}", example.line));
            }
        });
        tried.await.unwrap();
    }
}

fn try_out(forge: &Forge, example: &Example) -> Result<(), String> {
    if example.language == "yaml" {
        let input = json!({ "spec": example.body });
        done(forge, "forge_db_migrate_dryrun", &input).map_err(|error| told(&error))?;
        return done(forge, "forge_db_migrate", &input).map(drop).map_err(|error| told(&error));
    }
    let input: Value = serde_json::from_str(&example.body).map_err(|error| error.to_string())?;
    match (done(forge, &example.with, &input), example.rest.as_str()) {
        (Ok(_), "") => Ok(()),
        (Ok(data), code) => Err(format!("{code} was expected: {data}")),
        (Err(error), code) if error.code() == code => Ok(()),
        (Err(error), _) => Err(told(&error)),
    }
}

/// Carries it out, approved by a person where it must be.
fn done(forge: &Forge, name: &str, input: &Value) -> Result<Value, OpError> {
    match forge.call(name, input)? {
        Outcome::Done { data, .. } => Ok(data),
        Outcome::Review(proposal) => {
            let blocking: Vec<_> =
                proposal.findings.iter().filter(|finding| finding.severity.blocks()).collect();
            assert!(proposal.proven() && blocking.is_empty(), "{proposal:#?}");
            let evidence = json!({});
            let _hash = evidence_hash(&evidence);
            let by = ApprovalBy::Person { name: "ada".into(), reason: "it is a test".into() };
            forge.approve(&proposal.subject_hash, by, &evidence).unwrap();
            match forge.call(name, input)? {
                Outcome::Done { data, .. } => Ok(data),
                Outcome::Review(again) => panic!("asked again: {again:#?}"),
            }
        }
    }
}

fn told(error: &OpError) -> String {
    let mut told = format!("{}: {error}", error.code());
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        told.push_str(&format!(": {source}"));
        cause = source.source();
    }
    told
}
