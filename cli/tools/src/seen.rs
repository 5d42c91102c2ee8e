//! Which content of which file the model has seen.
//!
//! Kept in memory alone: after a restart nothing counts as seen, and a file must be read again before it is
//! changed. A call that was under way when the process died is not asked again: what it may do was decided
//! before it began, see [`crate::change`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::files::Place;

/// Files that are remembered; more than a model reads in a run.
const FILES_MAX: usize = 20_000;

/// The hash of a file's content, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What has been seen, shared by the tools of one project.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    files: Mutex<HashMap<Place, String>>,
}

impl Seen {
    /// Remembers that a file with this hash was read or written.
    pub(crate) fn note(&self, place: &Place, hash: String) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= FILES_MAX && !files.contains_key(place) {
            // All are asked to be read again; nothing is changed unseen.
            files.clear();
        }
        files.insert(place.clone(), hash);
    }

    /// The hash that was seen last.
    pub(crate) fn of(&self, place: &Place) -> Option<String> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }
}
