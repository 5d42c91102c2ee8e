//! Jest, Vitest, Mocha and Bun.

use super::text::{items, number};
use super::{Count, Found};

/// `Tests:       2 failed, 1 skipped, 2 passed, 5 total`, after a line of suites in the same shape.
pub(super) fn jest(lines: &[&str]) -> Found {
    let (at, list) = last(lines, |line| line.strip_prefix("Tests: "))?;
    let suites = lines[..at].last()?.strip_prefix("Test Suites: ").and_then(|list| items(list, ", "))?;
    let list = items(list, ", ")?;
    let mut count = words(&list, &["passed"], &["failed"], &["skipped", "pending", "todo"]);
    let total = list.iter().find(|(_, word)| *word == "total").map(|(total, _)| *total);
    if total != sum(&count) {
        return Some(Err("a summary of jest whose numbers do not add up"));
    }
    // A suite that could not be run has no tests that could fail.
    let broken = suites.iter().find(|(_, word)| *word == "failed").map_or(0, |(number, _)| *number);
    count.failed = count.failed.max(broken);
    let mut file = "";
    let mut names = Vec::new();
    for line in &lines[..at] {
        if let Some(named) = line.strip_prefix("FAIL ") {
            file = named.split(" (").next().unwrap_or(named).trim();
        } else if let Some(name) = line.strip_prefix("  \u{25cf} ") {
            let notice = name == "Console" || name.ends_with(" Warning:") || name.starts_with("Cannot log");
            names.extend((!notice).then(|| format!("{file} > {}", name.replace(" \u{203a} ", " > "))));
        } else if line.starts_with("Summary of all failing tests") {
            break;
        }
    }
    Some(Ok(count.with_failing(names)))
}

/// `      Tests  2 failed | 1 passed | 1 skipped (4)`
pub(super) fn vitest(lines: &[&str]) -> Found {
    let (at, list) = last(lines, |line| line.trim_start().strip_prefix("Tests  "))?;
    let files =
        lines[..at].iter().rev().take(2).find_map(|line| line.trim_start().strip_prefix("Test Files  "))?;
    let ((list, total), (files, _)) = (totalled(list)?, totalled(files)?);
    let mut count = words(&list, &["passed"], &["failed"], &["skipped", "todo", "expected fail"]);
    if Some(total) != sum(&count) {
        return Some(Err("a summary of vitest whose numbers do not add up"));
    }
    let broken = files.iter().find(|(_, word)| *word == "failed").map_or(0, |(number, _)| *number);
    count.failed = count.failed.max(broken);
    Some(Ok(count.with_failing(vitest_failing(lines))))
}

/// ` FAIL  file > suite > test`, which goes to stderr while the summary goes to stdout.
pub(super) fn vitest_failing(lines: &[&str]) -> Vec<String> {
    let name = |line: &&str| line.trim_start().strip_prefix("FAIL  ").map(|name| name.trim().to_owned());
    lines.iter().filter_map(name).collect()
}

/// `2 failed | 1 passed (3)`
fn totalled(list: &str) -> Option<(Vec<(u64, &str)>, u64)> {
    let (list, total) = list.trim().rsplit_once(" (")?;
    Some((items(list, " | ")?, total.strip_suffix(')')?.parse().ok()?))
}

/// `  1 passing (6ms)`, then `  1 pending` and `  1 failing` where there are any.
pub(super) fn mocha(lines: &[&str]) -> Found {
    let (at, passed) = last(lines, passing)?;
    let mut count = Count { passed, ..Count::default() };
    for line in lines[at + 1..].iter().take(2) {
        match line.strip_prefix("  ").and_then(number) {
            Some((number, "pending")) => count.skipped = number,
            Some((number, "failing")) => count.failed = number,
            Some(_) | None => break,
        }
    }
    Some(Ok(count.with_failing(mocha_failing(&lines[at + 1..]))))
}

fn passing(line: &str) -> Option<u64> {
    let (passed, rest) = number(line.strip_prefix("  ")?)?;
    let time = rest.strip_prefix("passing (")?.strip_suffix(')')?;
    (time.len() <= 8 && time.starts_with(|char: char| char.is_ascii_digit())).then_some(passed)
}

/// Names in the list after the summary: `  1) suite`, and below it, indented further, up to a colon.
fn mocha_failing(lines: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, first)) = line.strip_prefix("  ").and_then(number) else { continue };
        let Some(first) = first.strip_prefix(") ") else { continue };
        let rest = lines[at..].iter().take(20).map(|line| line.trim_end());
        let mut parts = Vec::new();
        for (index, line) in rest.enumerate() {
            let part = if index == 0 { first } else { line.trim_start() };
            if part.is_empty() {
                break;
            }
            parts.push(part.trim_end_matches(':'));
            if line.ends_with(':') {
                break;
            }
        }
        names.push(parts.join(" > "));
    }
    names
}

/// ` 2 pass`, ` 1 fail`, and then `Ran 3 tests across 1 file. [12.00ms]`.
pub(super) fn bun(lines: &[&str]) -> Found {
    let (at, ran) = last(lines, |line| {
        let (ran, rest) = number(line.strip_prefix("Ran ")?)?;
        let files = rest.strip_prefix("tests across ").or_else(|| rest.strip_prefix("test across "))?;
        number(files).filter(|(_, rest)| rest.starts_with("file")).map(|_| ran)
    })?;
    let mut count = Count::default();
    let mut seen = false;
    for line in lines[..at].iter().rev().take(8) {
        match line.strip_prefix(' ').and_then(|line| number(line.trim_start())) {
            Some((number, "pass")) => (seen, count.passed) = (true, number),
            Some((number, "fail")) => count.failed = number,
            Some((number, "skip" | "todo")) => count.skipped = count.skipped.saturating_add(number),
            Some(_) => {}
            None => break,
        }
    }
    if !seen || sum(&count) != Some(ran) {
        return Some(Err("a summary of `bun test` whose numbers do not add up"));
    }
    let name = |line: &&str| {
        let name = line.strip_prefix("(fail) ").or_else(|| line.strip_prefix("\u{2717} "))?;
        Some(name.rsplit_once(" [").map_or(name, |(name, _)| name).to_owned())
    };
    Some(Ok(count.with_failing(lines[..at].iter().filter_map(name))))
}

/// The last line of which `read` makes something, and where it is.
fn last<'a, T>(lines: &[&'a str], read: impl Fn(&'a str) -> Option<T>) -> Option<(usize, T)> {
    lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, read(line)?)))
}

fn words(list: &[(u64, &str)], passed: &[&str], failed: &[&str], skipped: &[&str]) -> Count {
    let of = |words: &[&str]| {
        let numbers = list.iter().filter(|(_, word)| words.contains(word)).map(|(number, _)| *number);
        numbers.fold(0_u64, u64::saturating_add)
    };
    Count { passed: of(passed), failed: of(failed), skipped: of(skipped), failing: Vec::new() }
}

fn sum(count: &Count) -> Option<u64> {
    count.passed.checked_add(count.failed)?.checked_add(count.skipped)
}
