//! The `diff` gate: whether anything changed at all, and what was left lying about.

use std::collections::BTreeMap;

use loki_engine::tool::Judgement;
use loki_ledger::event::Verdict;

use super::found::{Found, Weight, judgement};
use super::scope::{Edit, File};
use crate::integrity::lex::{Kind, Language, Token, tokens};

/// Bytes from which on a new file is large.
const LARGE_BYTES: u64 = 5 * 1024 * 1024;

/// Folders that are made by tools, never by hand.
const GENERATED: [&str; 12] = [
    "node_modules",
    "target",
    "__pycache__",
    ".venv",
    "venv",
    ".next",
    ".nuxt",
    ".gradle",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "coverage",
];

/// Judges what changed.
pub(super) fn judge(edits: &[Edit]) -> Judgement {
    if edits.is_empty() {
        let mut judgement = super::clean("diff", edits);
        judgement.verdict = Verdict::Fail;
        judgement.summary = "nothing changed".to_owned();
        judgement.report = "No file differs from what was there before the run. Do the work.\n".to_owned();
        judgement.failing = vec!["diff-empty".to_owned()];
        return judgement;
    }
    let mut found = generated(edits);
    for edit in edits.iter().filter(|edit| !edit.is_deleted()) {
        found.extend(conflict(edit));
        if generated_folder(&edit.path).is_none() {
            found.extend(large(edit));
            found.extend(stray(edit));
            found.extend(debugging(edit));
        }
    }
    judgement("diff", edits, found)
}

fn concern(rule: &'static str, edit: &Edit, message: String, fix: &str) -> Found {
    let path = edit.path.clone();
    let subject = String::new();
    Found { rule, weight: Weight::Concern, path, line: None, subject, message, fix: fix.to_owned() }
}

/// The markers of a merge that nobody finished: begin, middle and end in this order, not there before.
fn conflict(edit: &Edit) -> Option<Found> {
    let begin = first_conflict(edit.after.text())?;
    if first_conflict(edit.before.text()).is_some() {
        return None;
    }
    Some(Found {
        rule: "conflict-markers",
        weight: Weight::Fails,
        path: edit.path.clone(),
        line: Some(begin),
        subject: String::new(),
        message: "the markers of an unfinished merge".to_owned(),
        fix: "decide for one of the two sides, or join them, and take the markers out".to_owned(),
    })
}

fn first_conflict(text: &str) -> Option<u32> {
    let mut begin = None;
    let mut middle = false;
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with("<<<<<<< ") {
            (begin, middle) = (Some(number), false);
        } else if line == "=======" {
            middle = begin.is_some();
        } else if middle && line.starts_with(">>>>>>> ") {
            return begin;
        }
    }
    None
}

/// A large file that was not large before.
fn large(edit: &Edit) -> Option<Found> {
    let size = edit.after.size();
    if size <= LARGE_BYTES || edit.before.size() > LARGE_BYTES {
        return None;
    }
    let kind = if matches!(edit.after, File::Text(_)) { "text" } else { "file" };
    let message = format!("a {kind} of {} MB", size / 1_000_000);
    Some(concern(
        "large-file",
        edit,
        message,
        "keep what is made by a tool out of the project, and large data elsewhere",
    ))
}

fn generated_folder(path: &str) -> Option<&str> {
    let (folders, _) = path.rsplit_once('/')?;
    let mut end = 0;
    for folder in folders.split('/') {
        end += folder.len() + 1;
        if GENERATED.contains(&folder) {
            return path.get(..end);
        }
    }
    None
}

/// New files in folders that tools fill: one finding for each folder.
fn generated(edits: &[Edit]) -> Vec<Found> {
    let mut folders: BTreeMap<&str, (usize, &Edit)> = BTreeMap::new();
    for edit in edits.iter().filter(|edit| edit.is_added()) {
        if let Some(folder) = generated_folder(&edit.path) {
            folders.entry(folder).or_insert((0, edit)).0 += 1;
        }
    }
    let finding = |(folder, (files, edit)): (&str, (usize, &Edit))| {
        let message = format!("{files} new files in a folder that tools fill");
        let fix = format!("add `/{folder}` to .gitignore");
        Found { path: folder.to_owned(), ..concern("generated-files", edit, message, &fix) }
    };
    folders.into_iter().map(finding).collect()
}

/// A new file that nobody means to keep.
fn stray(edit: &Edit) -> Option<Found> {
    if !edit.is_added() {
        return None;
    }
    let name = edit.name();
    let (rule, message) = if is_dotenv(name) {
        ("env-file", "a file of settings and secrets of one machine")
    } else if is_backup(name) {
        ("editor-backup", "a backup or temporary file of an editor or a tool")
    } else {
        return None;
    };
    let fix = "remove it and name it in .gitignore; for settings, keep an example without values";
    Some(concern(rule, edit, message.to_owned(), fix))
}

fn is_dotenv(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(".env") else { return false };
    let example =
        |part: &str| matches!(part, "example" | "sample" | "template" | "dist" | "defaults" | "schema");
    rest.is_empty() || rest.starts_with('.') && !rest.split('.').any(example)
}

fn is_backup(name: &str) -> bool {
    const ENDS: [&str; 9] = ["~", ".swp", ".swo", ".orig", ".rej", ".bak", ".tmp", ".pyc", ".log"];
    name.len() > 1 && ENDS.iter().any(|end| name.ends_with(end))
        || name.starts_with("#") && name.ends_with('#')
        || matches!(name, ".DS_Store" | "Thumbs.db" | "core")
}

/// Calls that stop a program for a debugger, or print for one.
fn debugging(edit: &Edit) -> Option<Found> {
    let language = Language::of(&edit.path)?;
    let stops = |text: &str| {
        let tokens = tokens(language, text);
        let at =
            (0..tokens.len()).find(|at| is_debugging(language, &tokens[*at..], previous(&tokens, *at)))?;
        Some((tokens[at].line, tokens[at].text.to_owned()))
    };
    let (line, what) = stops(edit.after.text())?;
    if stops(edit.before.text()).is_some() {
        return None;
    }
    let fix = "take it out; tests and logs stay, breakpoints do not";
    let found = concern("debug-leftover", edit, format!("`{what}` is left over from debugging"), fix);
    Some(Found { line: Some(line), ..found })
}

fn previous<'t>(tokens: &[Token<'t>], at: usize) -> &'t str {
    at.checked_sub(1).map_or("", |before| tokens[before].text)
}

fn is_debugging(language: Language, tokens: &[Token<'_>], before: &str) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    if tokens.first().is_none_or(|token| token.kind != Kind::Word) || before == "." {
        return false;
    }
    match language {
        Language::Script => text(0) == "debugger" && matches!(text(1), ";" | "}" | ""),
        Language::Rust => text(0) == "dbg" && text(1) == "!",
        Language::Python => {
            text(0) == "breakpoint" && text(1) == "(" && before != "def"
                || text(0) == "import" && matches!(text(1), "pdb" | "ipdb" | "pudb")
        }
        Language::Go | Language::Jvm => false,
    }
}
