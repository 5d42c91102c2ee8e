//! The Test Anything Protocol: numbered results, and a plan that says how many there are.

use super::text::number;
use super::{Count, Found};

pub(super) fn parse(lines: &[&str]) -> Found {
    let mut plan = None;
    let mut count = Count::default();
    let mut names = Vec::new();
    for line in lines {
        if let Some(planned) = line.strip_prefix("1..").and_then(number) {
            if plan.replace(planned.0).is_some() {
                return Some(Err("two plans in one output of TAP"));
            }
        } else if line.starts_with("Bail out!") {
            return Some(Err("the output of TAP ends with `Bail out!`"));
        } else if let Some((ok, name)) = result(line) {
            match (ok, directive(name)) {
                (_, true) => count.skipped += 1,
                (true, false) => count.passed += 1,
                (false, false) => {
                    count.failed += 1;
                    names.push(name.trim_start_matches("- ").to_owned());
                }
            }
        }
    }
    // A range that someone prints is no plan: there is nothing that it could be the plan of.
    let plan = plan.filter(|_| count != Count::default())?;
    if plan != count.passed + count.failed + count.skipped {
        return Some(Err("the output of TAP has not as many results as planned"));
    }
    Some(Ok(count.with_failing(names)))
}

/// `ok 1 - name` or `not ok 1 name`. A result without a number could be any sentence.
fn result(line: &str) -> Option<(bool, &str)> {
    let (ok, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    number(rest).map(|(_, name)| (ok, name))
}

fn directive(name: &str) -> bool {
    let Some((_, directive)) = name.rsplit_once("# ") else { return false };
    let directive = directive.to_ascii_uppercase();
    directive.starts_with("SKIP") || directive.starts_with("TODO")
}
