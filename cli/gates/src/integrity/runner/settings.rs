//! Settings of test runners in INI and TOML files: which tests are left out.

use std::collections::BTreeMap;

use super::command::weaknesses;
use super::weak;
use crate::diff::found::Found;
use crate::diff::scope::Edit;

/// What the settings leave out now and did not before.
pub(super) fn weakened(edit: &Edit) -> Vec<Found> {
    let (before, after) = (settings(edit.before.text()), settings(edit.after.text()));
    let mut found = Vec::new();
    let empty = (0, String::new());
    for (key, (line, is)) in &after {
        let (_, was) = before.get(key).unwrap_or(&empty);
        if was != is
            && let Some(how) = weakness(key, was, is)
        {
            found.push(weak(edit, Some(*line), key, how));
        }
    }
    found
}

fn weakness(key: &str, was: &str, is: &str) -> Option<String> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let words = |text: &str| text.replace(['[', ']', ',', '"', '\''], " ");
    let pytest = section.contains("pytest");
    match name {
        "addopts" if pytest => {
            let (was, is) = (weaknesses(&words(was)), weaknesses(&words(is)));
            let fresh = is.into_iter().find(|weakness| !was.contains(weakness))?;
            Some(format!("pytest is run with `{fresh}` now"))
        }
        "norecursedirs" | "collect_ignore" if pytest => {
            Some("pytest looks into fewer folders now".to_owned())
        }
        "testpaths" | "python_files" | "python_functions" | "python_classes" if pytest => {
            let was: Vec<String> = words(was).split_whitespace().map(str::to_owned).collect();
            let is = words(is);
            let kept = was.iter().all(|path| is.split_whitespace().any(|other| other == path));
            (!kept || was.is_empty()).then(|| "pytest may find fewer tests now".to_owned())
        }
        "test" | "doctest" | "harness" | "autotests" if cargo_section(section) && is == "false" => {
            Some(format!("`{name} = false` keeps cargo from running tests"))
        }
        "default-filter" => Some("nextest leaves tests out now".to_owned()),
        "commands" if section.contains("testenv") => super::newly_weak(was, is)
            .map(|how| format!("tox no longer fails when tests do, or leaves some out: {how}")),
        _ => None,
    }
}

fn cargo_section(section: &str) -> bool {
    matches!(section, "lib" | "package") || section.starts_with("test") || section.starts_with("bin")
}

/// Values by section and name, with their lines. A value may go over several lines.
fn settings(text: &str) -> BTreeMap<String, (u32, String)> {
    let mut all: BTreeMap<String, (u32, String)> = BTreeMap::new();
    let mut section = String::new();
    let mut open: Option<String> = None;
    for (line, number) in text.lines().zip(1_u32..) {
        let said = without_comment(line);
        let trimmed = said.trim();
        if trimmed.is_empty() {
            continue;
        }
        let goes_on = open.as_ref().is_some_and(|key| {
            let value = all.get(key).map_or("", |(_, value)| value.as_str());
            unclosed(value) || line.starts_with([' ', '\t'])
        });
        if let (true, Some(key)) = (goes_on, &open) {
            if let Some((_, value)) = all.get_mut(key) {
                value.push(if key.ends_with("commands") { '\n' } else { ' ' });
                value.push_str(trimmed);
            }
            continue;
        }
        if trimmed.starts_with('[') {
            section = trimmed.trim_matches(['[', ']']).replace(['"', '\''], "");
            open = None;
        } else if let Some((name, value)) = trimmed.split_once('=') {
            let key = match section.is_empty() {
                true => name.trim().to_owned(),
                false => format!("{section}.{}", name.trim()),
            };
            all.insert(key.clone(), (number, value.trim().to_owned()));
            open = Some(key);
        }
    }
    all
}

/// Whether brackets or a text over several lines are still open.
fn unclosed(value: &str) -> bool {
    let count = |c: char| value.matches(c).count();
    value.starts_with('[') && count('[') > count(']')
        || ["\"\"\"", "'''"].iter().any(|quote| value.matches(quote).count() % 2 == 1)
}

/// A line without its comment; marks within quotes begin none.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') => return &line[..at],
            (None, ';') if at == 0 => return "",
            _ => {}
        }
    }
    line
}
