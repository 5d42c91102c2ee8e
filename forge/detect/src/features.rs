//! Services a document asks for besides tables.

pub(crate) mod access;
pub(crate) mod auth;
mod cron;
pub(crate) mod flags;
pub(crate) mod functions;
mod naming;
pub(crate) mod roles;
pub(crate) mod schedules;
pub(crate) mod secrets;
pub(crate) mod storage;

use crate::lexicon::{Hit, Tag};
use crate::scope::Sentence;

/// Characters of a sentence that are kept as evidence.
const TEXT_CHARS_MAX: usize = 200;

/// The sentence, shortened.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}\u{2026}", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// True when the sentence says `tag` outside every phrase of `but`.
fn says_outside(sentence: &Sentence, tag: Tag, but: Tag) -> bool {
    let shadows: Vec<&Hit> = sentence.hits.iter().filter(|h| h.tag == but).collect();
    sentence
        .hits
        .iter()
        .any(|h| h.tag == tag && !h.negated && !shadows.iter().any(|s| s.start < h.end && h.start < s.end))
}
