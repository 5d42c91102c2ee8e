//! Whether the tests are still run: commands, settings of test runners, builds and CI.

mod ci;
mod command;
mod settings;

use serde_json::Value;

use super::lex::{Kind, Language, Token, tokens};
use crate::diff::found::{Found, Weight};
use crate::diff::scope::{Edit, File};
use command::{runs_tests, weaknesses};

/// What weakens the run of the tests in a file that differs.
pub(super) fn weakened(edit: &Edit) -> Vec<Found> {
    // What is new weakens nothing that was there; but new settings may switch old tests off.
    let name = edit.name();
    match name {
        "package.json" => package(edit),
        "conftest.py" => conftest(edit),
        "Makefile" | "makefile" | "GNUmakefile" | "justfile" | "Justfile" | ".justfile" | "Taskfile.yml" => {
            recipes(edit)
        }
        "pom.xml" => marked(
            edit,
            &[
                "<skipTests>true",
                "<skip>true",
                "maven.test.skip>true",
                "<testFailureIgnore>true",
                "<skipITs>true",
            ],
        ),
        "pytest.ini" | "tox.ini" | "setup.cfg" | "pyproject.toml" | "Cargo.toml" | "nextest.toml"
        | ".mocharc.yml" | ".mocharc.json" | "gradle.properties" => settings::weakened(edit),
        _ if name.ends_with(".gradle") || name.ends_with(".gradle.kts") => marked(
            edit,
            &[
                "test { enabled = false",
                "test.enabled = false",
                "ignoreFailures = true",
                "ignoreFailures.set(true)",
                "excludeTestsMatching",
                "failOnNoDiscoveredTests = false",
            ],
        ),
        _ if is_script_settings(name) => script(edit),
        _ if ci::is_ci(&edit.path) => ci::weakened(edit),
        _ => Vec::new(),
    }
}

pub(super) fn weak(edit: &Edit, line: Option<u32>, subject: &str, message: String) -> Found {
    Found {
        rule: "tests-not-run",
        weight: Weight::Fails,
        path: edit.path.clone(),
        line,
        subject: subject.to_owned(),
        message,
        fix: "let the tests be run as they were, all of them, and let a failure be one".to_owned(),
    }
}

/// What is weak about a command now and was not before.
pub(super) fn newly_weak(before: &str, after: &str) -> Option<String> {
    let was = weaknesses(before);
    weaknesses(after).into_iter().find(|weakness| !was.contains(weakness))
}

/// The scripts and the runner's settings in a `package.json`.
fn package(edit: &Edit) -> Vec<Found> {
    let parse = |file: &File| serde_json::from_str::<Value>(file.text()).ok();
    let Some(before) = parse(&edit.before) else { return Vec::new() };
    let mut found = Vec::new();
    let Some(after) = parse(&edit.after) else {
        let runs = before["scripts"]["test"].is_string();
        return if runs {
            vec![weak(edit, None, "", "it cannot be read any more: no script runs the tests".to_owned())]
        } else {
            found
        };
    };
    let scripts = before["scripts"].as_object().into_iter().flatten();
    for (name, was) in scripts.filter(|(name, _)| is_test_script(name)) {
        let was = was.as_str().unwrap_or_default();
        if was.contains("no test specified") {
            continue;
        }
        let subject = format!("scripts.{name}");
        match after["scripts"][name].as_str() {
            None => {
                found.push(weak(edit, None, &subject, "the script that ran the tests is gone".to_owned()))
            }
            Some(is) => {
                if let Some(how) = newly_weak(was, is) {
                    found.push(weak(
                        edit,
                        None,
                        &subject,
                        format!("the script no longer fails when tests do, or leaves some out: {how}"),
                    ));
                } else if runs_tests(was) && !runs_tests(is) {
                    found.push(weak(edit, None, &subject, "the script no longer runs the tests".to_owned()));
                }
            }
        }
    }
    for key in ["jest", "vitest", "mocha", "ava", "nyc"] {
        let (was, is) = (before[key].to_string(), after[key].to_string());
        found.extend(script_keys(edit, &was, &is).map(|found| Found {
            subject: key.to_owned(),
            line: None,
            ..found
        }));
    }
    found
}

fn is_test_script(name: &str) -> bool {
    name.split([':', '-']).any(|part| matches!(part, "test" | "tests" | "pretest" | "unit" | "e2e"))
}

fn is_script_settings(name: &str) -> bool {
    let begins = [
        "jest.config",
        "vitest.config",
        "vite.config",
        "playwright.config",
        "cypress.config",
        "karma.conf",
        "ava.config",
        "vitest.workspace",
    ];
    begins.iter().any(|begin| name.starts_with(begin)) || name.starts_with(".mocharc")
}

/// Settings of a runner that leave tests out.
fn script(edit: &Edit) -> Vec<Found> {
    script_keys(edit, edit.before.text(), edit.after.text()).into_iter().collect()
}

fn script_keys(edit: &Edit, before: &str, after: &str) -> Option<Found> {
    const KEYS: [&str; 10] = [
        "testPathIgnorePatterns",
        "modulePathIgnorePatterns",
        "passWithNoTests",
        "exclude",
        "testIgnore",
        "excludeSpecPattern",
        "grepInvert",
        "allowOnly",
        "dangerouslyIgnoreUnhandledErrors",
        "filterPath",
    ];
    let (was, is) = (tokens(Language::Script, before), tokens(Language::Script, after));
    let key = |token: &Token<'_>| token.text.trim_matches(['"', '\'']).to_owned();
    let value = |tokens: &[Token<'_>], name: &str| {
        let at = tokens.windows(2).position(|pair| key(&pair[0]) == name && pair[1].is(":"))?;
        let open = at + 2;
        let listed = tokens.get(open).is_some_and(|token| token.is("["));
        let end = if listed { super::lex::closing(tokens, open) } else { open };
        Some((tokens[at].line, super::lex::joined(tokens.get(open..(end + 1).min(tokens.len()))?)))
    };
    // A bundler has an `exclude` of its own.
    let bundler = edit.name().starts_with("vite.config");
    KEYS.iter().filter(|name| !bundler || **name != "exclude").find_map(|name| {
        let (line, now) = value(&is, name)?;
        let then = value(&was, name).map(|(_, then)| then);
        let harmless = matches!(now.as_str(), "false" | "[ ]" | "0" | "[]");
        let shrunk = then.as_ref().is_some_and(|then| {
            then == &now || then.len() > now.len() && then.starts_with(now.trim_end_matches(" ]"))
        });
        (!harmless && !shrunk)
            .then(|| weak(edit, Some(line), name, "the runner leaves tests out now".to_owned()))
    })
}

/// What keeps pytest from collecting or failing.
fn conftest(edit: &Edit) -> Vec<Found> {
    const WORDS: [&str; 6] = [
        "collect_ignore",
        "collect_ignore_glob",
        "pytest_ignore_collect",
        "pytest_collection_modifyitems",
        "pytest_runtest_makereport",
        "pytest_sessionfinish",
    ];
    let count = |text: &str, word: &str| {
        let tokens = tokens(Language::Python, text);
        tokens
            .iter()
            .filter(|token| token.kind == Kind::Word && token.text == word)
            .map(|token| token.line)
            .collect::<Vec<_>>()
    };
    let gained = WORDS.iter().filter_map(|word| {
        let (was, is) = (count(edit.before.text(), word), count(edit.after.text(), word));
        let line = *is.last().filter(|_| is.len() > was.len())?;
        Some(weak(
            edit,
            Some(line),
            word,
            "tests can be left out, or their results changed, by this".to_owned(),
        ))
    });
    gained.collect()
}

/// The recipes of a Makefile or justfile that run tests.
fn recipes(edit: &Edit) -> Vec<Found> {
    let mut found = Vec::new();
    let after = targets(edit.after.text());
    for (name, was) in targets(edit.before.text()) {
        let is_test =
            name.split(['-', '_', '.', ':']).any(|part| matches!(part, "test" | "tests" | "check" | "unit"));
        if !is_test || was.trim().is_empty() {
            continue;
        }
        match after.iter().find(|(other, _)| *other == name) {
            None => found.push(weak(edit, None, &name, "the target that ran the tests is gone".to_owned())),
            Some((_, is)) => {
                if let Some(how) = newly_weak(&was, is) {
                    found.push(weak(
                        edit,
                        None,
                        &name,
                        format!("the target no longer fails when tests do, or leaves some out: {how}"),
                    ));
                } else if runs_tests(&was) && !runs_tests(is) {
                    found.push(weak(edit, None, &name, "the target no longer runs the tests".to_owned()));
                }
            }
        }
    }
    found
}

/// Targets with their recipes, one command a line.
fn targets(text: &str) -> Vec<(String, String)> {
    let mut targets: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let recipe = line.starts_with(['\t', ' ']);
        let said = line.trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        if recipe {
            if let Some((_, recipe)) = targets.last_mut() {
                // `-` before a command lets it fail.
                let ignored = said.starts_with('-') || said.starts_with("@-");
                let said = said.trim_start_matches(['@', '-']);
                recipe.push_str(said);
                recipe.push_str(if ignored { " || true\n" } else { "\n" });
            }
        } else if let Some((name, needs)) =
            line.split_once(':').filter(|(name, rest)| !name.contains('=') && !rest.starts_with('='))
        {
            let name = name.split_whitespace().next().unwrap_or_default().to_owned();
            targets.push((name, format!("{}\n", needs.trim())));
        }
    }
    targets
}

/// Words in a build file that keep tests from being run.
fn marked(edit: &Edit, marks: &[&str]) -> Vec<Found> {
    let plain = |text: &str| without_comments(text).replace([' ', '\t', '\n', '\r'], "");
    let (was, is) = (plain(edit.before.text()), plain(edit.after.text()));
    let gained = marks.iter().filter(|mark| {
        let mark = mark.replace(' ', "");
        is.matches(&mark).count() > was.matches(&mark).count()
    });
    gained
        .map(|mark| {
            weak(
                edit,
                None,
                mark.trim_start_matches('<'),
                "the build no longer runs all tests, or no longer fails with them".to_owned(),
            )
        })
        .collect()
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some(begin) = rest.find("<!--") {
        plain.push_str(&rest[..begin]);
        rest = rest[begin..].find("-->").map_or("", |end| &rest[begin + end + 3..]);
    }
    plain.push_str(rest);
    let lines = plain.lines().map(|line| {
        line.split_once("//").filter(|(head, _)| !head.ends_with(':')).map_or(line, |(head, _)| head)
    });
    lines.collect::<Vec<_>>().join("\n")
}
