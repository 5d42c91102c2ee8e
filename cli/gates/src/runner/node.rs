//! `node --test`: the reporters `tap` and `spec` end with the same list of numbers.

use super::text::number;
use super::{Count, Found};

/// The numbers at the end.
#[derive(Default)]
struct Summary {
    tests: u64,
    pass: Option<u64>,
    fail: Option<u64>,
    cancelled: Option<u64>,
    skipped: u64,
    todo: u64,
}

pub(super) fn parse(lines: &[&str]) -> Found {
    let mut last: Option<Summary> = None;
    for line in lines {
        let Some((word, number)) = figure(line) else { continue };
        if word == "tests" {
            last = Some(Summary { tests: number, ..Summary::default() });
        }
        let Some(summary) = &mut last else { continue };
        match word {
            "pass" => summary.pass = Some(number),
            "fail" => summary.fail = Some(number),
            "cancelled" => summary.cancelled = Some(number),
            "skipped" => summary.skipped = number,
            "todo" => summary.todo = number,
            _ => {}
        }
    }
    let Summary { tests, pass, fail, cancelled, skipped, todo } = last?;
    // Other reporters of TAP end with `tests`, `pass` and `fail`, and know of nothing cancelled.
    let (passed, fail, cancelled) = (pass?, fail?, cancelled?);
    let (Some(failed), Some(skipped)) = (fail.checked_add(cancelled), skipped.checked_add(todo)) else {
        return Some(Err("a summary of `node --test` whose numbers do not add up"));
    };
    if passed.checked_add(failed).and_then(|sum| sum.checked_add(skipped)) != Some(tests) {
        return Some(Err("a summary of `node --test` whose numbers do not add up"));
    }
    // A file that tells of no test is reported as a test of its own that passes; so is one whose first test
    // ends the process.
    let untested = lines.iter().filter(|line| is_passing_file(line)).count() as u64;
    let (passed, skipped) = (passed.saturating_sub(untested), skipped.saturating_add(untested.min(passed)));
    let names = tap_failing(lines).into_iter().chain(spec_failing(lines));
    Some(Ok(Count { passed, failed, skipped, failing: Vec::new() }.with_failing(names)))
}

/// `ok 1 - /project/a.test.js` or `✔ /project/a.test.js (160.1ms)`
fn is_passing_file(line: &str) -> bool {
    let tap = line.strip_prefix("ok ").and_then(number).and_then(|(_, rest)| rest.strip_prefix("- "));
    let Some(name) = tap.or_else(|| line.strip_prefix("\u{2714} ").map(untimed)) else { return false };
    let ends = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"];
    ends.iter().any(|end| name.ends_with(end)) && !name.contains(' ')
}

/// `# pass 2` or `ℹ pass 2`
fn figure(line: &str) -> Option<(&str, u64)> {
    let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("\u{2139} "))?;
    let (word, rest) = rest.split_once(' ')?;
    match number(rest)? {
        (number, "") => Some((word, number)),
        _ => None,
    }
}

/// `not ok 2 - name`, with the names of the suites around it. Suites, which fail when something in them
/// does, are left out.
fn tap_failing(lines: &[&str]) -> Vec<String> {
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut names = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some(name) = text.strip_prefix("# Subtest: ") {
            path.retain(|(outer, _)| *outer < depth);
            path.push((depth, name));
        }
        let Some((_, rest)) = text.strip_prefix("not ok ").and_then(number) else { continue };
        let Some(name) = rest.strip_prefix("- ").filter(|name| !is_excused(name)) else { continue };
        let details =
            lines[at + 1..].iter().map(|line| line.trim()).take_while(|line| *line != "...").take(100);
        if !details.into_iter().any(|line| line == "failureType: 'subtestsFailed'") {
            let outer = path.iter().filter(|(outer, _)| *outer < depth).map(|(_, name)| *name);
            names.push(outer.chain([name]).collect::<Vec<_>>().join(" > "));
        }
    }
    names
}

fn is_excused(name: &str) -> bool {
    name.contains(" # TODO") || name.contains(" # SKIP")
}

/// `  ✖ name (0.2ms)` below `▶ suite`, up to the list that repeats them.
fn spec_failing(lines: &[&str]) -> Vec<String> {
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut names = Vec::new();
    for line in lines {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some(name) = text.strip_prefix("\u{25b6} ") {
            path.retain(|(outer, _)| *outer < depth);
            path.push((depth, untimed(name)));
        }
        let Some(name) = text.strip_prefix("\u{2716} ") else { continue };
        if name == "failing tests:" {
            break;
        }
        let name = untimed(name);
        if is_excused(name) || path.contains(&(depth, name)) {
            continue;
        }
        let outer = path.iter().filter(|(outer, _)| *outer < depth).map(|(_, name)| *name);
        names.push(outer.chain([name]).collect::<Vec<_>>().join(" > "));
    }
    names
}

/// Without the time it took, which is never the same.
fn untimed(name: &str) -> &str {
    match name.rsplit_once(" (") {
        Some((rest, time)) if time.ends_with("ms)") => rest,
        _ => name,
    }
}
