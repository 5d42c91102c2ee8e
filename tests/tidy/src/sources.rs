//! Where things are written: file lengths, printing, the environment, names, words.

use crate::manifests::EMPTY_NAMES;
use crate::{Complaint, SourceFile};

/// No source file is longer; most are below 400. A line that is one text and nothing else, as in a
/// vocabulary, is data and does not count.
pub const LINES_MAX: usize = 800;

/// What belongs to one place, and the folders that are that place.
const TERRITORIES: [(&str, &[&str]); 7] = [
    ("println!", &["cli/loki/src/ui", "tests/"]),
    ("eprintln!", &["cli/loki/src/ui", "tests/"]),
    ("print!(", &["cli/loki/src/ui", "tests/"]),
    ("std::env::", &["cli/loki/", "tests/"]),
    ("env::var", &["cli/loki/src/environment.rs", "tests/"]),
    ("std::process::exit", &["tests/"]),
    ("git2::", &["cli/engine/"]),
];

/// Files that are too long.
pub fn lengths(sources: &[SourceFile]) -> Vec<Complaint> {
    let too_long = sources.iter().map(|file| (file, lines_of_code(&file.text)));
    too_long
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{} has {lines} lines, more than {LINES_MAX}", file.path))
        .collect()
}

/// The longest files, longest first, for a report.
pub fn longest(sources: &[SourceFile], count: usize) -> Vec<(usize, &str)> {
    let mut lengths: Vec<(usize, &str)> =
        sources.iter().map(|file| (lines_of_code(&file.text), file.path.as_str())).collect();
    lengths.sort_by(|left, right| right.cmp(left));
    lengths.truncate(count);
    lengths
}

/// Uses of what has a home, outside it. Tests and examples, which are not shipped, are free.
pub fn territories(sources: &[SourceFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in sources.iter().filter(|file| !is_test_file(&file.path)) {
        for (number, line) in code_lines(&file.text) {
            for (used, homes) in TERRITORIES {
                if names(line, used) && !homes.iter().any(|home| file.path.starts_with(home)) {
                    complaints.push(format!("{}:{number}: `{used}` outside its home", file.path));
                }
            }
        }
    }
    complaints
}

/// Files whose name says nothing, and files without a `//!` purpose.
pub fn purposes(sources: &[SourceFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in sources {
        let stem = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
        if EMPTY_NAMES.contains(&stem) {
            complaints.push(format!("the name of {} says nothing", file.path));
        }
        if file.text.lines().count() <= 1 {
            continue; // Nothing is in it; clippy refuses the empty comment.
        }
        let first = file.text.lines().next().unwrap_or_default();
        let says = first.strip_prefix("//!").is_some_and(|purpose| !purpose.trim().is_empty());
        if !says && !is_test_file(&file.path) {
            complaints.push(format!("{} does not begin with its purpose (`//! …`)", file.path));
        }
    }
    complaints
}

/// Lines that hold one of `words`, one a line in `list`; blank lines and `#` lines of it do not count.
pub fn forbidden_words(files: &[SourceFile], list: &str) -> Vec<Complaint> {
    let words: Vec<String> = list
        .lines()
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.starts_with('#'))
        .map(str::to_lowercase)
        .collect();
    let mut complaints = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                complaints.push(format!("{}:{}: the word `{word}`", file.path, index + 1));
            }
        }
    }
    complaints
}

fn lines_of_code(text: &str) -> usize {
    let is_data = |line: &str| line.len() > 2 && line.starts_with('"') && line.ends_with("\",");
    text.lines().filter(|line| !is_data(line.trim())).count()
}

/// Code up to the file's own tests, with line numbers, without lines that are comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// True where `line` holds `used` as a name of its own, not as the end of another.
fn names(line: &str, used: &str) -> bool {
    line.match_indices(used).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"' || c == '`')
    })
}

fn is_test_file(path: &str) -> bool {
    let folders = ["/tests/", "/examples/"];
    path.starts_with("tests/")
        || path.ends_with("/tests.rs")
        || folders.iter().any(|folder| path.contains(folder))
}
