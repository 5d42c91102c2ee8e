//! Secrets that are known because they are configured: searched for as they are, in base64 and in hex.

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::diff::scope::Edit;

/// Bytes below which a value is no secret that could be searched for.
const BYTES_MIN: usize = 6;

/// Searches for all of them at a time.
pub(super) struct Known {
    search: Option<AhoCorasick>,
}

impl Known {
    /// For these values.
    pub(super) fn new(values: &[Vec<u8>]) -> Self {
        let values = values.iter().map(|value| value.trim_ascii()).filter(|value| value.len() >= BYTES_MIN);
        let patterns: Vec<Vec<u8>> = values.flat_map(spellings).collect();
        Self { search: if patterns.is_empty() { None } else { AhoCorasick::new(patterns).ok() } }
    }

    /// The line, from 1, of the first that is in the file now and was not in it before.
    pub(super) fn added(&self, edit: &Edit) -> Option<u32> {
        let search = self.search.as_ref()?;
        let (before, after) = (edit.before.bytes(), edit.after.bytes());
        let old: Vec<usize> = search.find_iter(before).map(|found| found.pattern().as_usize()).collect();
        let new = search.find_iter(after).find(|found| !old.contains(&found.pattern().as_usize()))?;
        let lines = after[..new.start()].iter().filter(|byte| **byte == b'\n').count();
        Some(u32::try_from(lines + 1).unwrap_or(u32::MAX))
    }

    /// A text without them.
    pub(super) fn without(&self, text: &str) -> String {
        let Some(search) = &self.search else { return text.to_owned() };
        let mut rest = String::new();
        let mut from = 0;
        for found in search.find_iter(text) {
            // A pattern of any bytes may begin within a character.
            if let (Some(head), true) = (text.get(from..found.start()), text.is_char_boundary(found.end())) {
                rest.push_str(head);
                rest.push('…');
                from = found.end();
            }
        }
        rest + text.get(from..).unwrap_or_default()
    }
}

/// The ways in which a value may be written.
fn spellings(value: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![value.to_vec(), hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()];
    // Within a longer text that is encoded, a value begins at one of three places of a group; the letters
    // at its edges depend on its neighbours and are left out.
    for shift in 0..3 {
        let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(value.iter().copied()).collect();
        let whole = shifted.len() / 3 * 4;
        let from = if shift == 0 { 0 } else { 4 };
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            if let Some(inner) = encoded.get(from..whole).filter(|inner| inner.len() >= BYTES_MIN) {
                all.push(inner.as_bytes().to_vec());
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
