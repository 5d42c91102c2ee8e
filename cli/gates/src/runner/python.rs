//! Pytest and Python's `unittest`.

use super::text::{items, number};
use super::{Count, Found};

/// `==== 4 failed, 3 passed, 2 skipped, 1 error in 0.07s ====`, or without the lines where it is quiet.
pub(super) fn pytest(lines: &[&str]) -> Found {
    let (at, count) =
        lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, pytest_summary(line)?)))?;
    let start = lines[..at].iter().rposition(|line| line.contains(" short test summary info "));
    let names = lines[start.map_or(at, |start| start + 1)..at].iter().filter_map(|line| pytest_name(line));
    Some(Ok(count.with_failing(names)))
}

fn pytest_summary(line: &str) -> Option<Count> {
    let line = line.trim_matches('=').trim();
    let (list, time) = line.rsplit_once(" in ")?;
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    let mut count = Count::default();
    if list == "no tests ran" {
        return Some(count);
    }
    for (number, word) in items(list, ", ")? {
        let figure = match word {
            "passed" => &mut count.passed,
            "failed" | "error" | "errors" => &mut count.failed,
            // One that was expected to fail and passed is no more than unexpected.
            "skipped" | "xfailed" | "xpassed" => &mut count.skipped,
            "deselected" | "warning" | "warnings" | "rerun" | "reruns" => continue,
            _ if word.starts_with("subtests ") => continue,
            _ => return None,
        };
        *figure = figure.saturating_add(number);
    }
    Some(count)
}

/// `FAILED tests/test_a.py::test_p[z - w] - assert ...`
fn pytest_name(line: &str) -> Option<String> {
    let rest = line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?;
    let mut depth = 0_u32;
    for (at, char) in rest.char_indices() {
        match char {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && rest[at..].starts_with(" - ") => return Some(rest[..at].to_owned()),
            _ => {}
        }
    }
    Some(rest.to_owned())
}

/// `Ran 4 tests in 0.001s`, and then `OK` or `FAILED (failures=1, errors=1, skipped=1)`.
pub(super) fn unittest(lines: &[&str]) -> Found {
    let ran = |line: &str| {
        let (ran, rest) = number(line.strip_prefix("Ran ")?)?;
        let time = rest.strip_prefix("tests in ").or_else(|| rest.strip_prefix("test in "))?;
        time.strip_suffix('s')?.parse::<f64>().ok().map(|_| ran)
    };
    let (at, ran) = lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, ran(line)?)))?;
    let Some(end) = lines[at + 1..].iter().find(|line| !line.trim().is_empty()) else {
        return Some(Err("a summary of unittest without a result"));
    };
    let (word, details) = end.split_once(" (").unwrap_or((end, ""));
    let mut count = Count::default();
    for detail in details.trim_end_matches(')').split(", ").filter(|detail| !detail.is_empty()) {
        let (what, number) = detail.split_once('=')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "failures" | "errors" | "unexpected successes" => {
                count.failed = count.failed.saturating_add(number)
            }
            "skipped" | "expected failures" => count.skipped = count.skipped.saturating_add(number),
            _ => return Some(Err("a summary of unittest that cannot be read")),
        }
    }
    match (word, count.failed) {
        ("OK" | "NO TESTS RAN", 0) | ("FAILED", 1..) => {}
        _ => return Some(Err("a summary of unittest that contradicts itself")),
    }
    count.passed = ran.saturating_sub(count.failed).saturating_sub(count.skipped);
    let name = |line: &&str| {
        let name = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: "))?;
        Some(name.trim().to_owned())
    };
    Some(Ok(count.with_failing(lines[..at].iter().filter_map(name))))
}
