//! Why a policy was refused: where, what is wrong, and what to write instead.

use std::fmt;

/// A place in a policy's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, as the reader was told to call it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The position of the byte `offset` of `text`.
    pub(super) fn of(file: &str, text: &str, offset: usize) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a policy was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is too long to be a policy.
    #[error("{file}: a policy has at most {bytes_max} bytes, this has {bytes}")]
    TooLarge {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
        /// The longest there may be.
        bytes_max: usize,
    },
    /// It is not a text.
    #[error("{at}: this is not UTF-8")]
    NotText {
        /// The first byte that is none.
        at: Position,
    },
    /// It is not TOML, or has a value of another kind than belongs there.
    #[error("{at}: {problem}")]
    Syntax {
        /// Where.
        at: Position,
        /// What the parser says.
        problem: String,
    },
    /// A key or a word nobody knows.
    #[error("{at}: unknown {what} `{name}`")]
    Unknown {
        /// Where.
        at: Position,
        /// `key`, `access`, `preset` …
        what: &'static str,
        /// What stands there.
        name: String,
        /// What might stand there.
        known: Vec<String>,
    },
    /// More of something than a policy may have.
    #[error("{at}: at most {count_max} {what}, not {count}")]
    TooMany {
        /// Where.
        at: Position,
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        count_max: usize,
    },
    /// A value that no policy may hold.
    #[error("{at}: {problem}")]
    Invalid {
        /// Where.
        at: Position,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A project's file that would allow more than the user does.
    #[error("{at}: a project's policy can only narrow, and {problem}")]
    Widens {
        /// Where.
        at: Position,
        /// What it would allow.
        problem: String,
    },
}

impl PolicyError {
    /// Where it is; none where the whole file is meant.
    pub fn position(&self) -> Option<&Position> {
        match self {
            PolicyError::TooLarge { .. } => None,
            PolicyError::NotText { at }
            | PolicyError::Syntax { at, .. }
            | PolicyError::Unknown { at, .. }
            | PolicyError::TooMany { at, .. }
            | PolicyError::Invalid { at, .. }
            | PolicyError::Widens { at, .. } => Some(at),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            PolicyError::TooLarge { .. } => Some("Allow a folder rather than each of its files.".to_owned()),
            PolicyError::NotText { .. } => Some("Save the file as UTF-8.".to_owned()),
            PolicyError::Syntax { .. } | PolicyError::TooMany { .. } => None,
            PolicyError::Unknown { name, known, .. } => Some(match nearest(name, known) {
                Some(nearest) => format!("Did you mean `{nearest}`?"),
                None => {
                    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                    format!("There are: {}.", known.join(", "))
                }
            }),
            PolicyError::Invalid { hint, .. } => hint.clone(),
            PolicyError::Widens { .. } => Some(
                "Put it into your own policy file if you want it: what a project brings along must not give itself rights."
                    .to_owned(),
            ),
        }
    }
}

/// What is wrong with a value, before anyone knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) problem: String,
    pub(super) hint: Option<String>,
}

impl Flaw {
    pub(super) fn new(problem: impl Into<String>) -> Flaw {
        Flaw { problem: problem.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Flaw {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn at(self, at: Position) -> PolicyError {
        PolicyError::Invalid { at, problem: self.problem, hint: self.hint }
    }
}

/// The candidate that `name` is most likely a slip of, if any is near enough.
pub(super) fn nearest(name: &str, candidates: &[String]) -> Option<String> {
    const CHARS_MAX: usize = 64; // Longer names are no slips of ours, and the distance takes quadratic time.
    if name.chars().count() > CHARS_MAX {
        return None;
    }
    let allowed = ((name.chars().count() + 1) / 3).clamp(1, 3);
    let near = candidates.iter().map(|candidate| (distance(name, candidate), candidate));
    let near = near.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance);
    near.map(|(_, candidate)| candidate.clone())
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
