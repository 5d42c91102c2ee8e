//! Documents: numbered decisions, and a README that speaks of what exists.

use std::collections::BTreeMap;

use crate::{Complaint, SourceFile};

/// Pages of `docs/decisions` that are not `NNNN-title.md`, and numbers that are used twice.
pub fn decisions(documents: &[SourceFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for page in documents.iter().filter_map(|file| file.path.strip_prefix("docs/decisions/")) {
        let number = page.split('-').next().unwrap_or_default();
        let titled = page.len() > "0000-.md".len() && page.as_bytes().get(4) == Some(&b'-');
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) || !titled {
            complaints.push(format!("docs/decisions/{page} is not called NNNN-title.md"));
        } else if let Some(first) = taken.insert(number, page) {
            complaints.push(format!("docs/decisions: {first} and {page} have one number"));
        }
    }
    complaints
}

/// Commands and files that `readme` names in its code and that do not exist.
///
/// `commands` are the names the program understands; `files` are the repository's own.
pub fn readme(readme: &str, commands: &[String], files: &[String]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (number, code) in code_of(readme) {
        for used in commands_in(&code) {
            if !commands.contains(&used) {
                complaints.push(format!("README.md:{number}: there is no command `{used}`"));
            }
        }
        for path in paths_in(&code) {
            let folder = format!("{}/", path.trim_end_matches('/'));
            if !files.iter().any(|file| *file == path || file.starts_with(&folder)) {
                complaints.push(format!("README.md:{number}: there is no file `{path}`"));
            }
        }
    }
    complaints
}

/// The names of the program's commands, from its generated reference: headings such as "## `loki start`".
pub fn commands_of_reference(reference: &str) -> Vec<String> {
    let headings =
        reference.lines().filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("`loki "));
    headings.filter_map(|rest| rest.strip_suffix('`')).map(|name| name.replace(" ", "-")).collect()
}

/// Lines of fenced blocks, and `code` in the text, with line numbers.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let code = line.split(" #").next().unwrap_or_default();
            found.push((index + 1, code.to_owned()));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|code| (index + 1, code.to_owned())));
        }
    }
    found
}

/// What follows `loki` or `cargo run … --`, where it is a command and not a flag.
fn commands_in(code: &str) -> Vec<String> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let after = |index: usize| words.get(index + 1).copied();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let starts = *word == "loki" && (index == 0 || words[index - 1] == "|");
        let runs = *word == "--" && words.starts_with(&["cargo", "run"]);
        if let Some(next) = after(index).filter(|next| (starts || runs) && !next.starts_with('-')) {
            found.push(next.to_owned());
        }
    }
    found
}

/// Words that are paths of this repository: they begin with one of its folders.
fn paths_in(code: &str) -> Vec<String> {
    let ours = ["templates/", "tests/", "docs/", "cli/", "forge/", "memory/", ".ci/"];
    code.split_whitespace()
        .map(|word| word.trim_end_matches(['.', ',', ';']))
        .filter(|word| ours.iter().any(|folder| word.starts_with(folder)) && !word.contains(['<', '*']))
        .map(str::to_owned)
        .collect()
}
