//! How files differ, line by line.

use std::time::{Duration, Instant};

use similar::{Algorithm, ChangeTag, TextDiff};

use crate::data::{Contents, FileChange};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 3;

/// How long one file is compared for; after that, larger parts count as different.
const COMPARE_MAX: Duration = Duration::from_millis(500);

/// Lines kept of one file.
const LINES_MAX: usize = 200_000;

/// A file that differs, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path in the project.
    pub path: String,
    /// Lines that came.
    pub added: usize,
    /// Lines that went.
    pub removed: usize,
    /// The differences with what is around them.
    pub lines: Vec<DiffLine>,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// What it is.
    pub kind: DiffKind,
    /// Its number in the file it is in, from 1.
    pub number: Option<usize>,
    /// The line, without its end; not yet fit to be shown.
    pub text: Box<str>,
}

/// What a line of a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffKind {
    /// The same on both sides.
    Same,
    /// New.
    Added,
    /// Gone.
    Removed,
    /// No line of the file.
    Note,
}

/// Compares the two sides of a file.
pub fn compare(change: &FileChange) -> FileDiff {
    let mut diff = FileDiff { path: change.path.clone(), added: 0, removed: 0, lines: Vec::new() };
    let text = |contents: &Contents| match contents {
        Contents::Absent => Ok(String::new()),
        Contents::Text(text) => Ok(text.clone()),
        Contents::Bytes(bytes) => Err(*bytes),
    };
    match (text(&change.before), text(&change.after)) {
        (Ok(before), Ok(after)) => compare_texts(&before, &after, &mut diff),
        (before, after) => {
            for (side, bytes) in [("before", before), ("now", after)] {
                if let Err(bytes) = bytes {
                    diff.note(format!("{side}: {bytes} bytes that are not shown"));
                }
            }
        }
    }
    match (&change.before, &change.after) {
        (Contents::Absent, _) => diff.lines.insert(0, note("this file is new")),
        (_, Contents::Absent) => diff.lines.insert(0, note("this file is gone")),
        (Contents::Text(_) | Contents::Bytes(_), Contents::Text(_) | Contents::Bytes(_)) => {}
    }
    diff
}

fn compare_texts(before: &str, after: &str, diff: &mut FileDiff) {
    let compared =
        TextDiff::configure().algorithm(Algorithm::Myers).deadline(deadline()).diff_lines(before, after);
    for group in compared.grouped_ops(CONTEXT) {
        if !diff.lines.is_empty() {
            diff.note("…".to_owned());
        }
        for change in group.iter().flat_map(|op| compared.iter_changes(op)) {
            let (kind, number) = match change.tag() {
                ChangeTag::Equal => (DiffKind::Same, change.new_index()),
                ChangeTag::Insert => (DiffKind::Added, change.new_index()),
                ChangeTag::Delete => (DiffKind::Removed, change.old_index()),
            };
            diff.added += usize::from(kind == DiffKind::Added);
            diff.removed += usize::from(kind == DiffKind::Removed);
            if diff.lines.len() < LINES_MAX {
                let text = change.value().trim_end_matches('\n').into();
                diff.lines.push(DiffLine { kind, number: number.map(|at| at + 1), text });
            }
        }
    }
    if diff.lines.len() == LINES_MAX {
        diff.note("further lines are not kept".to_owned());
    }
}

impl FileDiff {
    fn note(&mut self, text: String) {
        self.lines.push(note(&text));
    }
}

fn note(text: &str) -> DiffLine {
    DiffLine { kind: DiffKind::Note, number: None, text: text.into() }
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounds how long a comparison takes; nothing of it is recorded"
)]
fn deadline() -> Instant {
    Instant::now() + COMPARE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: Contents, after: Contents) -> FileDiff {
        compare(&FileChange { path: "a.rs".to_owned(), before, after })
    }

    #[test]
    fn lines_that_came_and_went_are_told_with_their_numbers() {
        let diff = change(Contents::Text("a\nb\nc\n".to_owned()), Contents::Text("a\nB\nc\n".to_owned()));
        let told: Vec<_> = diff.lines.iter().map(|line| (line.kind, line.number, &*line.text)).collect();
        assert_eq!(
            told,
            [
                (DiffKind::Same, Some(1), "a"),
                (DiffKind::Removed, Some(2), "b"),
                (DiffKind::Added, Some(2), "B"),
                (DiffKind::Same, Some(3), "c"),
            ]
        );
        assert_eq!((diff.added, diff.removed), (1, 1));
    }

    #[test]
    fn what_is_no_text_is_counted_and_not_shown() {
        let diff = change(Contents::Absent, Contents::Bytes(12));
        let told: Vec<_> = diff.lines.iter().map(|line| &*line.text).collect();
        assert_eq!(told, ["this file is new", "now: 12 bytes that are not shown"]);
    }

    #[test]
    fn a_difference_of_megabytes_is_told_in_time_and_within_bounds() {
        let many = |word: &str| (0..300_000).map(|at| format!("{word} {at}\n")).collect::<String>();
        let diff = change(Contents::Text(many("before")), Contents::Text(many("after")));
        assert_eq!((diff.added, diff.removed), (300_000, 300_000));
        assert_eq!(diff.lines.len(), LINES_MAX + 1);
    }
}
