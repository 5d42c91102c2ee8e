//! `cargo test`, whose test programs each print a block of their own, and `cargo nextest`.

use super::text::{items, number};
use super::{Count, Found};

/// Adds up the blocks of test programs. Blocks within blocks, which a test prints that runs tests itself,
/// are not counted.
pub(super) fn libtest(lines: &[&str]) -> Found {
    let mut open: Vec<u64> = Vec::new();
    let mut total = None;
    let mut names = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(tests) = running(line) {
            open.push(tests);
        } else if let Some(count) = result(line) {
            let Some(tests) = open.pop() else {
                return Some(Err("a summary of `cargo test` without its beginning"));
            };
            if count.passed + count.failed + count.skipped != tests {
                return Some(Err("a summary of `cargo test` whose numbers do not add up"));
            }
            if open.is_empty() {
                total.get_or_insert_with(Count::default).add(count);
            }
        } else if *line == "failures:" && open.len() == 1 {
            names.extend(lines[at + 1..].iter().map_while(|line| listed(line)));
        }
    }
    if !open.is_empty() {
        return Some(Err("a test program began and printed no summary"));
    }
    total.map(|total: Count| Ok(total.with_failing(names)))
}

fn running(line: &str) -> Option<u64> {
    let (tests, rest) = number(line.strip_prefix("running ")?)?;
    matches!(rest, "test" | "tests").then_some(tests)
}

/// `test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s`
fn result(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("test result: ")?;
    let list = rest.strip_prefix("ok. ").or_else(|| rest.strip_prefix("FAILED. "))?;
    let list = list.split("; finished in ").next()?;
    let mut count = Count::default();
    for (number, word) in items(list, "; ")? {
        match word {
            "passed" => count.passed = number,
            "failed" => count.failed = number,
            "ignored" | "measured" => count.skipped = count.skipped.checked_add(number)?,
            "filtered out" => {}
            _ => return None,
        }
    }
    // The sum is compared later, and has to be one.
    count.passed.checked_add(count.failed)?.checked_add(count.skipped)?;
    Some(count)
}

/// A name in the list of failures. The list of their outputs, which has the same heading, is not indented.
fn listed(line: &str) -> Option<String> {
    line.strip_prefix("    ").filter(|name| !name.is_empty()).map(str::to_owned)
}

/// `     Summary [   0.118s] 4 tests run: 3 passed (1 slow), 1 failed, 1 skipped`
pub(super) fn nextest(lines: &[&str]) -> Found {
    let (at, (run, count)) =
        lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, summary(line)?)))?;
    if count.passed.checked_add(count.failed) != Some(run) {
        return Some(Err("a summary of `cargo nextest` whose numbers do not add up"));
    }
    let names = lines[at + 1..].iter().filter_map(|line| nextest_name(line));
    Some(Ok(count.with_failing(names)))
}

fn summary(line: &str) -> Option<(u64, Count)> {
    let (_, rest) = line.trim_start().strip_prefix("Summary [")?.split_once("] ")?;
    let (run, rest) = number(rest.trim_start())?;
    // Where it was cut short: `2/4 tests run`.
    let rest = rest.strip_prefix('/').and_then(number).map_or(rest, |(_, rest)| rest);
    let list = rest.strip_prefix("tests run: ").or_else(|| rest.strip_prefix("test run: "))?;
    let mut count = Count::default();
    for item in without_parentheses(list).split(", ") {
        let (number, word) = number(item.trim())?;
        match word {
            "passed" => count.passed = number,
            "failed" | "timed out" | "exec failed" => count.failed = count.failed.checked_add(number)?,
            "skipped" => count.skipped = number,
            _ => return None,
        }
    }
    Some((run, count))
}

fn without_parentheses(list: &str) -> String {
    let mut depth = 0_u32;
    list.chars()
        .filter(|char| {
            depth += u32::from(*char == '(');
            let kept = depth == 0;
            depth = depth.saturating_sub(u32::from(*char == ')'));
            kept
        })
        .collect()
}

/// `        FAIL [   0.110s] (2/4) crate tests::bad`, in the list after the summary.
fn nextest_name(line: &str) -> Option<String> {
    let (state, rest) = line.trim_start().split_once(" [")?;
    let failed = ["FAIL", "TIMEOUT", "ABORT", "XFAIL"].contains(&state) || state.starts_with("SIG");
    let (_, name) = rest.split_once("] ").filter(|_| failed)?;
    let name = name.trim_start();
    let name = name.strip_prefix('(').and_then(|name| name.split_once(") ")).map_or(name, |(_, name)| name);
    Some(name.trim().to_owned())
}
