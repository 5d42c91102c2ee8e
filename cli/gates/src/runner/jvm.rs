//! Maven's surefire and failsafe, which sum up once for each module.

use super::text::items_after;
use super::{Count, Found};

pub(super) fn maven(lines: &[&str]) -> Found {
    let mut total: Option<Count> = None;
    let mut names = Vec::new();
    let mut in_results = false;
    for line in lines {
        let Some(text) =
            ["[INFO] ", "[ERROR] ", "[WARNING] "].iter().find_map(|level| line.strip_prefix(level))
        else {
            continue;
        };
        if text.trim_end() == "Results:" || text.trim_end() == "Results :" {
            in_results = true;
        } else if !in_results {
            continue;
        } else if let Some(count) = tests_run(text) {
            total.get_or_insert_with(Count::default).add(count);
            in_results = false;
        } else if let Some(name) = text.strip_prefix("  ").filter(|_| line.starts_with("[ERROR]")) {
            names.extend(failing(name));
        }
    }
    total.map(|total| Ok(total.with_failing(names)))
}

/// `Tests run: 4, Failures: 1, Errors: 1, Skipped: 1`, and nothing after it.
fn tests_run(text: &str) -> Option<Count> {
    let [run, failures, errors, skipped] =
        items_after(text.trim(), ["Tests run: ", "Failures: ", "Errors: ", "Skipped: "])?;
    let failed = failures.checked_add(errors)?;
    let passed = run.checked_sub(failed)?.checked_sub(skipped)?;
    Some(Count { passed, failed, skipped, failing: Vec::new() })
}

/// `ATest.bad:3 expected: <1> but was: <2>`: the name, without the line, which changes.
fn failing(text: &str) -> Option<String> {
    let name = text.split([' ', ':']).next().unwrap_or_default();
    let name = name.split("->").next().unwrap_or(name);
    (name.contains('.')).then(|| name.to_owned())
}
