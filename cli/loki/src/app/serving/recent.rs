//! The newest requests that a server has answered, in a file where the dashboard finds them.
//!
//! They are lines of the access log ([`forge_server::Sink`]), so nothing of a key, a token, a body or what is
//! behind a question mark is among them. The file is made anew at most once a second, and goes with nothing: after
//! the server it tells what was asked last.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use loki_store::replace_file;

/// Its name in the folder of the backend.
pub(crate) const FILE: &str = "requests.jsonl";

/// Requests that are kept.
pub(crate) const KEPT_MAX: usize = 100;

/// The newest requests.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first.
    lines: VecDeque<String>,
    /// Whether there are some that the file does not have.
    is_new: bool,
}

impl Recent {
    /// Keeps a line. Never waits for a file.
    pub(crate) fn note(&self, line: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.lines.len() == KEPT_MAX {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line.to_owned());
        kept.is_new = true;
    }

    /// Writes the file in the folder of the backend, where there is something new.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let text = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut kept.is_new) {
                return Ok(());
            }
            kept.lines.iter().fold(String::new(), |text, line| text + line + "\n")
        };
        replace_file(&dir.join(FILE), text.as_bytes(), 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_written_where_there_are_new_ones() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let recent = Recent::default();
        recent.write(dir.path()).unwrap();
        assert!(!file.exists(), "nothing was asked");
        for number in 0..KEPT_MAX + 5 {
            recent.note(&format!("{{\"n\":{number}}}"));
        }
        recent.write(dir.path()).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), KEPT_MAX);
        assert!(text.starts_with("{\"n\":5}\n") && text.ends_with("{\"n\":104}\n"), "{text}");
        std::fs::remove_file(&file).unwrap();
        recent.write(dir.path()).unwrap();
        assert!(!file.exists(), "there was nothing new");
    }
}
