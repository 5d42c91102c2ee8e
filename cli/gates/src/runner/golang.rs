//! `go test`, by its events or by its lines.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Count, Found};

/// An event of `go test -json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TestEvent {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: Option<String>,
    #[serde(default)]
    output: String,
}

/// How far a test is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Passed,
    Failed,
    Skipped,
}

pub(super) fn parse(lines: &[&str]) -> Found {
    events(lines).or_else(|| plain(lines))
}

/// What the events of `go test -json` say that was printed, for people; none where the text is no such
/// events.
pub fn readable(stdout: &str) -> Option<String> {
    let first = stdout.lines().next()?;
    serde_json::from_str::<TestEvent>(first).ok()?;
    let line = |line: &str| match serde_json::from_str::<TestEvent>(line) {
        Ok(event) => event.output,
        Err(_) => format!("{line}\n"), // Printed beside the events.
    };
    Some(stdout.lines().map(line).collect())
}

fn events(lines: &[&str]) -> Found {
    let mut tests: BTreeMap<(String, String), State> = BTreeMap::new();
    let mut packages: BTreeMap<String, State> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.starts_with('{')) {
        let Ok(event) = serde_json::from_str::<TestEvent>(line) else { continue };
        let state = match event.action.as_str() {
            "run" => State::Running,
            "pass" => State::Passed,
            "fail" => State::Failed,
            "skip" => State::Skipped,
            _ => continue,
        };
        match event.test {
            None => {
                packages.insert(event.package, state);
            }
            Some(test) => {
                let known = tests.insert((event.package, test), state);
                if known.is_none() && state != State::Running {
                    return Some(Err("`go test` tells the end of a test that never began"));
                }
            }
        }
    }
    if packages.is_empty() && tests.is_empty() {
        return None;
    }
    let ended = |package: &String| packages.contains_key(package);
    if tests.iter().any(|((package, _), state)| *state == State::Running && !ended(package)) {
        return Some(Err("`go test` does not tell how a test ended"));
    }
    let mut count = Count::default();
    let mut names = Vec::new();
    let mut told = BTreeSet::new();
    for ((package, test), state) in &tests {
        if is_parent(&tests, package, test) {
            continue;
        }
        match state {
            State::Passed => count.passed += 1,
            State::Skipped => count.skipped += 1,
            // One that had not ended when its package did was cut short.
            State::Failed | State::Running => {
                count.failed += 1;
                names.push(format!("{package} {test}"));
                told.insert(package.as_str());
            }
        }
    }
    for (package, _) in packages.iter().filter(|(_, state)| **state == State::Failed) {
        // A package that fails without a test that does could not be built, or ended early.
        if !told.contains(package.as_str()) {
            count.failed += 1;
            names.push(package.clone());
        }
    }
    Some(Ok(count.with_failing(names)))
}

/// Whether a test is only there for the tests in it.
fn is_parent(tests: &BTreeMap<(String, String), State>, package: &str, test: &str) -> bool {
    let first = (package.to_owned(), format!("{test}/"));
    tests.range(first.clone()..).next().is_some_and(|((p, t), _)| p == package && t.starts_with(&first.1))
}

/// `--- PASS: TestAdd (0.00s)` with `-v`; else only packages are told: `ok`, the package and the time, with
/// tabs between them.
fn plain(lines: &[&str]) -> Found {
    let (mut tests, mut packages) = (Count::default(), Count::default());
    let (mut names, mut broken) = (Vec::new(), Vec::new());
    let mut seen = false;
    for line in lines {
        if let Some((state, name)) =
            line.trim_start().strip_prefix("--- ").and_then(|rest| rest.split_once(": "))
        {
            let name = name.split(" (").next().unwrap_or(name);
            match state {
                "PASS" => tests.passed += 1,
                "SKIP" => tests.skipped += 1,
                "FAIL" => {
                    tests.failed += 1;
                    names.push(name.to_owned());
                }
                _ => {}
            }
            continue;
        }
        let mut words = line.split('\t').map(str::trim);
        match (words.next(), words.next()) {
            (Some("ok"), Some(package)) if !package.is_empty() => {
                seen = true;
                packages.passed += u64::from(!line.contains("[no tests to run]"));
            }
            (Some("FAIL"), Some(package)) if !package.is_empty() => {
                seen = true;
                packages.failed += 1;
                broken.push(package.split(' ').next().unwrap_or(package).to_owned());
            }
            _ => {}
        }
    }
    if !seen {
        return None; // Without the line of a package it is not `go test` that printed it.
    }
    let named = tests.passed > 0;
    let count = Count {
        passed: if named { tests.passed } else { packages.passed },
        failed: tests.failed.max(packages.failed),
        skipped: tests.skipped,
        failing: Vec::new(),
    };
    Some(Ok(count.with_failing(if names.is_empty() { broken } else { names })))
}
