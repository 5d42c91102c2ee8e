//! Private keys in PEM blocks, on lines of their own or within a text.

use super::{Certainty, Hit};

const BEGIN: &str = "-----BEGIN ";
const KEY: &str = "PRIVATE KEY";
/// Characters of a key below which there is none: an elliptic curve's has more than a hundred.
const BODY_CHARS_MIN: usize = 64;
/// Bytes after the first line in which the body must begin to be one.
const BODY_BYTES_MAX: usize = 8 * 1024;

/// The private keys in a text: the line each begins on, and where its body begins.
pub(super) fn keys(text: &str) -> Vec<(u32, Hit)> {
    let mut keys = Vec::new();
    for (begin, _) in text.match_indices(BEGIN) {
        let rest = &text[begin + BEGIN.len()..];
        let Some((label, body)) = rest.split_once("-----") else { continue };
        if label.len() > 40 || !label.contains(KEY) {
            continue;
        }
        let at = begin + BEGIN.len() + label.len() + 5;
        if let Some((start, end)) = body_of(body) {
            let line = text[..begin].bytes().filter(|byte| *byte == b'\n').count();
            let hit = Hit { rule: "private-key", span: at + start..at + end, certainty: Certainty::Likely };
            keys.push((u32::try_from(line + 1).unwrap_or(u32::MAX), hit));
        }
    }
    keys
}

/// The first long line of a key's body. Headers (`Proc-Type: …`), quotes and escapes may precede it.
fn body_of(text: &str) -> Option<(usize, usize)> {
    let mut end = text.len().min(BODY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let text = text.find("-----END").map_or(text, |end| &text[..end]);
    let mut count = 0;
    let mut first = None;
    let mut from = 0;
    for piece in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))) {
        let word = piece.trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
        // After a backslash the `n` of a line break belongs to the escape.
        let escaped = from > 0 && text.as_bytes()[from - 1] == b'\\' && word.starts_with(['n', 'r']);
        let skip = usize::from(escaped);
        if word.len() >= 24 + skip {
            first.get_or_insert((from + skip, from + word.len()));
            count += word.len() - skip;
        }
        from += piece.len();
    }
    let (start, end) = first?;
    let varied = super::placeholder::entropy(&text[start..end]) > 2.75;
    (count >= BODY_CHARS_MIN && varied).then_some((start, end))
}
