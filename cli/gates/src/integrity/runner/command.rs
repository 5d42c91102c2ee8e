//! Commands that run tests, and what makes them say less than they seem to.

/// What runs tests, as it is written on a command line.
const RUNNERS: [&str; 34] = [
    "jest",
    "vitest",
    "mocha",
    "ava",
    "tap",
    "node --test",
    "tsx --test",
    "playwright test",
    "cypress run",
    "bun test",
    "deno test",
    "karma",
    "jasmine",
    "react-scripts test",
    "ng test",
    "pytest",
    "unittest",
    "tox",
    "nox",
    "cargo test",
    "cargo nextest",
    "go test",
    "gotestsum",
    "mvn test",
    "mvn verify",
    "mvnw",
    "gradle test",
    "gradlew test",
    "gradle check",
    "gradlew check",
    "ctest",
    "rspec",
    "phpunit",
    "dotnet test",
];

/// What hands the work to another script or target, which is looked at where it is written.
const DELEGATES: [&str; 14] = [
    "npm run",
    "npm test",
    "npm t",
    "pnpm",
    "yarn",
    "bun run",
    "turbo",
    "nx ",
    "lerna",
    "make ",
    "just ",
    "npm-run-all",
    "run-s",
    "run-p",
];

/// Options that leave tests out or let the run pass without any.
const OPTIONS: [&str; 22] = [
    "--passWithNoTests",
    "--pass-with-no-tests",
    "--testPathIgnorePatterns",
    "--deselect",
    "--ignore",
    "--ignore-glob",
    "--exclude",
    "--skip",
    "--no-run",
    "--collect-only",
    "--co",
    "--listTests",
    "--list",
    "--exit-zero",
    "--no-fail",
    "--suppress-no-test-exit-code",
    "-DskipTests",
    "-Dmaven.test.skip",
    "-Dmaven.test.failure.ignore",
    "--dry-run",
    "--if-present",
    "--no-tests=pass",
];

/// Whether a command runs tests, or has another one do so.
pub(super) fn runs_tests(command: &str) -> bool {
    let command: Vec<&str> = command
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line))
        .filter(|line| !is_idle(line))
        .collect();
    let command = command.join("\n");
    let words = |needle: &str| {
        command.match_indices(needle).any(|(at, _)| {
            let bounded =
                |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
            let bytes = command.as_bytes();
            bounded(at.checked_sub(1).and_then(|before| bytes.get(before)))
                && (needle.ends_with(' ') || bounded(bytes.get(at + needle.len())))
        })
    };
    RUNNERS.iter().chain(&DELEGATES).any(|runner| words(runner))
}

/// What is weak about a command: each as it is written.
pub(super) fn weaknesses(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines: Vec<&str> =
        command.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for line in &lines {
        let plain = unquoted(line);
        for (at, _) in plain.match_indices("||") {
            let rest = plain[at + 2..].trim_start();
            let quiet = ["true", ":", "exit 0", "echo", "/bin/true", "(exit 0)", "printf"]
                .iter()
                .any(|word| begins(rest, word));
            if quiet {
                found.push(format!("|| {}", rest.split_whitespace().take(2).collect::<Vec<_>>().join(" ")));
            }
        }
        let last = plain.rsplit([';', '\n']).next().unwrap_or_default().trim();
        if plain.contains(';')
            && (begins(last, "true") || begins(last, "exit 0") || last == ":" || begins(last, "echo"))
        {
            found.push(format!("; {last}"));
        }
        if begins(&plain, "set +e") || plain.contains(" set +e") {
            found.push("set +e".to_owned());
        }
        found.extend(options(&plain));
    }
    if !lines.is_empty() && lines.iter().all(|line| is_idle(line)) {
        found.push(format!("`{}` alone", lines[0].split_whitespace().take(2).collect::<Vec<_>>().join(" ")));
    }
    found
}

fn options(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let words: Vec<&str> = line.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let name = word.split('=').next().unwrap_or(word);
        if OPTIONS.contains(&name) || OPTIONS.contains(word) {
            found.push((*word).to_owned());
        }
        let pytest = words[..at].iter().any(|before| before.ends_with("pytest"))
            || words.first().is_some_and(|w| w.starts_with('-'));
        // `-k` and `-m` choose tests for pytest; `-run` does for Go.
        if pytest && matches!(*word, "-k" | "-m") || name == "-run" || name == "-skip" || name == "-short" {
            found.push(words[at..words.len().min(at + 2)].join(" "));
        }
    }
    found
}

/// Whether a command does nothing that could fail.
fn is_idle(line: &str) -> bool {
    let plain = unquoted(line);
    let mut parts = plain.split([';', '&', '|']).map(str::trim).filter(|part| !part.is_empty()).peekable();
    parts.peek().is_some()
        && parts.all(|part| {
            ["exit 0", "true", ":", "echo", "printf", "/bin/true"].iter().any(|idle| begins(part, idle))
        })
}

fn begins(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_'))
}

/// A command with what stands in quotes blanked out: words in there are no operators.
fn unquoted(line: &str) -> String {
    let mut quote = None;
    let mut plain = String::with_capacity(line.len());
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {
                plain.push('_');
                continue;
            }
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => {}
        }
        plain.push(c);
    }
    plain
}
