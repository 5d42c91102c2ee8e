//! A file that differs, ready to be looked at: its path as text, both sides as text where they are text.

use std::collections::HashSet;
use std::path::Path;

use loki_engine::worktree::{Change, Side};

/// Bytes of a file that is read as text. A longer one is looked through for known secrets alone.
pub(crate) const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes at the head of a file in which a zero byte tells that it is no text.
const HEAD_BYTES: usize = 8 * 1024;

/// A file that differs.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    /// Its path, below the project, with `/` between its parts.
    pub(crate) path: String,
    /// As it was.
    pub(crate) before: File,
    /// As it is.
    pub(crate) after: File,
}

/// One side of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum File {
    /// Not there.
    Absent,
    /// Text.
    Text(String),
    /// No text, or too long a text.
    Bytes(Vec<u8>),
    /// There, and not read: no regular file, or larger than is read at all. With its bytes.
    Unread(u64),
}

impl File {
    /// What is in it, as text: nothing where it is none.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Bytes(_) | Self::Unread(_) => "",
        }
    }

    /// What is in it, as far as it was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Absent | Self::Unread(_) => &[],
        }
    }

    /// How large it is, in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Unread(size) => *size,
            other => other.bytes().len() as u64,
        }
    }

    fn of(side: Option<Side>) -> Self {
        let Some(side) = side else { return Self::Absent };
        let Some(content) = side.content else { return Self::Unread(side.size) };
        let head = content.get(..HEAD_BYTES).unwrap_or(&content);
        if content.len() > TEXT_BYTES_MAX || head.contains(&0) {
            return Self::Bytes(content);
        }
        Self::Text(match String::from_utf8(content) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}

impl Edit {
    /// A file whose sides are texts.
    #[cfg(test)]
    pub(crate) fn text(path: &str, before: Option<&str>, after: Option<&str>) -> Self {
        let file = |text: Option<&str>| text.map_or(File::Absent, |text| File::Text(text.to_owned()));
        Self { path: path.to_owned(), before: file(before), after: file(after) }
    }

    /// Whether it is new.
    pub(crate) fn is_added(&self) -> bool {
        self.before == File::Absent
    }

    /// Whether it is gone.
    pub(crate) fn is_deleted(&self) -> bool {
        self.after == File::Absent
    }

    /// The name of the file, without its folder.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The lines that are in the text now and were not in it before, with their numbers from 1.
    pub(crate) fn added_lines(&self) -> Vec<(u32, &str)> {
        let before: HashSet<&str> = self.before.text().lines().collect();
        let lines = self.after.text().lines().zip(1..);
        lines.filter(|(line, _)| !before.contains(line)).map(|(line, number)| (number, line)).collect()
    }
}

/// Changes, ready to be looked at.
pub(crate) fn edits(changes: Vec<Change>) -> Vec<Edit> {
    let edit = |change: Change| Edit {
        path: shown(&change.path),
        before: File::of(change.before),
        after: File::of(change.after),
    };
    changes.into_iter().map(edit).collect()
}

/// A path as text on one line: bytes that are none, and characters that steer a terminal, are escaped.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if !text.chars().any(char::is_control) {
        return text.into_owned();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Whether a file holds tests or what they feed on, or is an example: what looks like a secret there seldom
/// is one.
pub(crate) fn is_for_tests(path: &str) -> bool {
    const FOLDERS: [&str; 15] = [
        "test",
        "tests",
        "__tests__",
        "spec",
        "specs",
        "fixtures",
        "fixture",
        "__fixtures__",
        "testdata",
        "mocks",
        "__mocks__",
        "e2e",
        "examples",
        "example",
        "testing",
    ];
    const ENDS: [&str; 4] = ["example", "sample", "template", "dist"];
    let path = path.to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let mut parts = name.split('.');
    let stem = parts.next().unwrap_or_default();
    folders.split('/').any(|folder| FOLDERS.contains(&folder))
        || parts.clone().any(|part| matches!(part, "test" | "spec" | "fixture" | "mock"))
        || parts.next_back().is_some_and(|end| ENDS.contains(&end))
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || matches!(stem, "tests" | "conftest")
}
