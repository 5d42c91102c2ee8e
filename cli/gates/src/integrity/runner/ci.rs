//! What continuous integration runs: lines of its files, as no two services have the same form.

use super::command::{runs_tests, weaknesses};
use super::weak;
use crate::diff::found::Found;
use crate::diff::scope::Edit;

/// Whether a file tells continuous integration what to do.
pub(super) fn is_ci(path: &str) -> bool {
    let yaml = path.ends_with(".yml") || path.ends_with(".yaml");
    let folders = [
        ".github/workflows/",
        ".circleci/",
        ".gitea/workflows/",
        ".forgejo/workflows/",
        ".buildkite/",
        ".woodpecker/",
    ];
    let names = [
        ".gitlab-ci.yml",
        "azure-pipelines.yml",
        ".travis.yml",
        "bitbucket-pipelines.yml",
        "Jenkinsfile",
        ".drone.yml",
        ".woodpecker.yml",
    ];
    yaml && folders.iter().any(|folder| path.starts_with(folder)) || names.contains(&path)
}

/// What continuous integration no longer runs, or no longer fails with.
pub(super) fn weakened(edit: &Edit) -> Vec<Found> {
    let (before, after) = (lines(edit.before.text()), lines(edit.after.text()));
    let run = |lines: &[(u32, String)]| lines.iter().filter(|(_, line)| runs(line)).count();
    if run(&before) == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    if run(&after) < run(&before) {
        let message = "fewer of its steps run tests than before".to_owned();
        found.push(weak(edit, None, "", message));
    }
    let lenient = |line: &str| {
        let plain = line.replace([' ', '"', '\'', '-'], "");
        let forgives = [
            "continueonerror:true",
            "allow_failure:true",
            "if:false",
            "if:${{false}}",
            "when:never",
            "softfail:true",
            "soft_fail:true",
        ];
        forgives
            .into_iter()
            .find(|mark| plain.starts_with(mark))
            .map(str::to_owned)
            .or_else(|| runs(line).then(|| weaknesses(command(line)).into_iter().next()).flatten())
    };
    for (number, line) in &after {
        let Some(how) = lenient(line) else { continue };
        let count = |lines: &[(u32, String)]| {
            lines.iter().filter(|(_, line)| lenient(line).as_ref() == Some(&how)).count()
        };
        if count(&after) > count(&before) && !found.iter().any(|found: &Found| found.subject == how) {
            let message = "a step may fail, or leaves tests out, and nothing says so".to_owned();
            found.push(weak(edit, Some(*number), &how, message));
        }
    }
    found
}

/// Whether a line runs tests; what hands work on must say that it is tests.
fn runs(line: &str) -> bool {
    const WORDS: [&str; 10] =
        ["test", "jest", "mocha", "karma", "jasmine", "tox", "nox", "rspec", "check", "verify"];
    runs_tests(line) && WORDS.iter().any(|word| line.contains(word))
}

/// The command of a line such as `- run: cargo test`.
fn command(line: &str) -> &str {
    let said = line.trim().trim_start_matches("- ");
    ["run:", "script:", "command:", "sh "]
        .iter()
        .find_map(|begin| said.strip_prefix(begin))
        .unwrap_or(said)
        .trim()
}

/// Lines that say something, with their numbers.
fn lines(text: &str) -> Vec<(u32, String)> {
    let said = |line: &str| {
        let line = line.trim();
        let line = line.split_once(" #").map_or(line, |(said, _)| said).trim();
        (!line.is_empty() && !line.starts_with('#') && !line.starts_with("//")).then(|| line.to_owned())
    };
    text.lines().zip(1..).filter_map(|(line, number)| Some((number, said(line)?))).collect()
}
