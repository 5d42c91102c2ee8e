//! Replacing an exact piece of a text. Pure.

use memchr::memmem;

use super::near::{self, Near};
use crate::files::FILE_BYTES_MAX;

/// Occurrences that are counted where one is expected.
pub(super) const OCCURRENCES_MAX: usize = 1_000;

/// Which occurrences are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// The only one; several are an error.
    Only,
    /// Every one.
    All,
}

/// A text with pieces replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) content: Vec<u8>,
    /// Lines, from 1, on which the pieces began.
    pub(super) lines: Vec<usize>,
}

/// Why nothing was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// It does not occur.
    Absent {
        /// The line most like it.
        nearest: Option<Near>,
    },
    /// It occurs on these lines, and only one was expected. Occurrences may overlap; no more than
    /// [`OCCURRENCES_MAX`] are named.
    Several { lines: Vec<usize> },
    /// The result would be too large for a file.
    TooLarge,
}

/// Replaces `old`, which is not empty, by `new`. Bytes around it stay as they are, whatever they are. Models
/// write lines that end in LF: in a text whose lines end in CRLF, so do those that are looked for and put in.
pub(super) fn edit(text: &[u8], old: &str, new: &str, which: Which) -> Result<Edit, Miss> {
    let line_ends = LineEnds::of(text);
    if line_ends == LineEnds::Crlf {
        return replace(text, &with_crlf(old), &with_crlf(new), which)
            .map_err(|miss| explained(miss, text, old));
    }
    match replace(text, old, new, which) {
        Err(Miss::Absent { .. }) if line_ends == LineEnds::Mixed && old.contains('\n') => {
            replace(text, &with_crlf(old), &with_crlf(new), which)
        }
        replaced => replaced,
    }
    .map_err(|miss| explained(miss, text, old))
}

/// How the lines of a text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnds {
    Lf,
    Crlf,
    Mixed,
}

impl LineEnds {
    fn of(text: &[u8]) -> LineEnds {
        let all = memchr::memchr_iter(b'\n', text).count();
        let crlf = memmem::find_iter(text, b"\r\n").count();
        match crlf {
            0 => LineEnds::Lf,
            _ if crlf == all => LineEnds::Crlf,
            _ => LineEnds::Mixed,
        }
    }
}

fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

fn explained(miss: Miss, text: &[u8], old: &str) -> Miss {
    match miss {
        Miss::Absent { .. } => Miss::Absent { nearest: near::nearest(text, old) },
        other => other,
    }
}

fn replace(text: &[u8], old: &str, new: &str, which: Which) -> Result<Edit, Miss> {
    let places = match which {
        Which::All => memmem::find_iter(text, old).collect(),
        Which::Only => overlapping(text, old.as_bytes()),
    };
    match (places.len(), which) {
        (0, _) => return Err(Miss::Absent { nearest: None }),
        (1, _) | (_, Which::All) => {}
        (_, Which::Only) => return Err(Miss::Several { lines: lines(text, &places) }),
    }
    let left = text.len() - places.len() * old.len();
    let length = places.len().checked_mul(new.len()).and_then(|added| added.checked_add(left));
    let Some(length) = length.filter(|length| *length <= FILE_BYTES_MAX) else { return Err(Miss::TooLarge) };
    let mut content = Vec::with_capacity(length);
    let mut from = 0;
    for place in &places {
        content.extend_from_slice(&text[from..*place]);
        content.extend_from_slice(new.as_bytes());
        from = place + old.len();
    }
    content.extend_from_slice(&text[from..]);
    Ok(Edit { content, lines: lines(text, &places) })
}

/// Every place at which `old` begins, even within another occurrence: either could be meant.
fn overlapping(text: &[u8], old: &[u8]) -> Vec<usize> {
    let finder = memmem::Finder::new(old);
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = finder.find(&text[from..]).filter(|_| places.len() < OCCURRENCES_MAX) {
        places.push(from + at);
        from += at + 1;
    }
    places
}

/// The lines of ascending places.
fn lines(text: &[u8], places: &[usize]) -> Vec<usize> {
    let (mut line, mut from) = (1, 0);
    let count = |place: &usize| {
        line += memchr::memchr_iter(b'\n', &text[from..*place]).count();
        from = *place;
        line
    };
    places.iter().map(count).collect()
}
