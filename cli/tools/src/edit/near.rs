//! The line of a text that is most like a piece which does not occur in it.

use std::collections::HashMap;

use crate::files::shown;

/// Bytes of a line that are compared and shown.
const LINE_BYTES_MAX: usize = 200;
/// Lines that are looked at.
const LINES_MAX: usize = 200_000;
/// Likeness below which a line is not worth showing, in hundredths.
const LIKENESS_MIN: usize = 40;

/// A line that is like what was looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Near {
    /// Its number, from 1.
    pub(super) line: usize,
    /// Its beginning, as it may be shown.
    pub(super) text: String,
    /// Whether white space is all that differs.
    pub(super) only_space: bool,
}

/// The line most like the first line of `old` that says anything. Takes time in proportion to the text.
pub(super) fn nearest(text: &[u8], old: &str) -> Option<Near> {
    let wanted = old.lines().map(without_number).find(|line| !line.trim().is_empty())?;
    let wanted = Pairs::of(wanted.as_bytes());
    let mut best: Option<(usize, usize, &[u8])> = None;
    for (index, line) in text.split(|byte| *byte == b'\n').take(LINES_MAX).enumerate() {
        let likeness = wanted.likeness(line);
        if likeness >= LIKENESS_MIN && best.is_none_or(|(most, ..)| likeness > most) {
            best = Some((likeness, index + 1, line));
        }
    }
    let (_, line, found) = best?;
    let only_space = squeezed(found) == wanted.squeezed;
    let shown_bytes = &found[..found.len().min(LINE_BYTES_MAX)];
    Some(Near { line, text: shown(shown_bytes).trim_end().to_owned(), only_space })
}

/// Whether a text carries the numbers that `read_file` puts before lines.
pub(super) fn has_line_numbers(old: &str) -> bool {
    old.lines().any(|line| without_number(line) != line)
}

/// A line without such a number.
fn without_number(line: &str) -> &str {
    let digits = line.trim_start_matches(' ');
    let rest = digits.trim_start_matches(|character: char| character.is_ascii_digit());
    match rest.strip_prefix('\t') {
        Some(text) if rest.len() < digits.len() => text,
        _ => line,
    }
}

/// How often each pair of neighbouring bytes occurs in a line, white space left out.
struct Pairs {
    squeezed: Vec<u8>,
    counts: HashMap<(u8, u8), usize>,
}

impl Pairs {
    fn of(line: &[u8]) -> Pairs {
        let squeezed = squeezed(line);
        let mut counts = HashMap::new();
        for pair in squeezed.windows(2) {
            *counts.entry((pair[0], pair[1])).or_default() += 1;
        }
        Pairs { squeezed, counts }
    }

    /// How much of two lines is the same, in hundredths.
    fn likeness(&self, line: &[u8]) -> usize {
        let line = squeezed(line);
        if line == self.squeezed {
            return 100;
        }
        let pairs = (line.len() + self.squeezed.len()).saturating_sub(2);
        let shared_max = line.len().min(self.squeezed.len()).saturating_sub(1);
        if 200 * shared_max < LIKENESS_MIN * pairs || pairs == 0 {
            return 0;
        }
        let mut left = self.counts.clone();
        let mut shared = 0;
        for pair in line.windows(2) {
            if let Some(count) = left.get_mut(&(pair[0], pair[1])).filter(|count| **count > 0) {
                *count -= 1;
                shared += 1;
            }
        }
        (200 * shared / pairs).min(99)
    }
}

fn squeezed(line: &[u8]) -> Vec<u8> {
    line.iter().copied().take(LINE_BYTES_MAX).filter(|byte| !byte.is_ascii_whitespace()).collect()
}
