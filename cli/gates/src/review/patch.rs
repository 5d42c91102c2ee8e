//! A change as text for whoever reviews it: all files by name, then what differs in them, within bounds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest, Sha256};
use similar::TextDiff;

use crate::diff::found::bounded;
use crate::diff::scope::{Edit, File};
use crate::secrets::Searcher;

/// Bytes of the whole.
const PATCH_BYTES_MAX: usize = 200 * 1024;
/// Bytes of one file's difference: of a longer one the head is shown.
const FILE_BYTES_MAX: usize = 24 * 1024;
/// Files that are listed by name.
const FILES_MAX: usize = 1000;
/// How long the best difference of a file is looked for; after that any is good enough.
const SEARCH_MAX: Duration = Duration::from_millis(500);

/// A change as text.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// What a reviewer reads.
    pub(super) text: String,
    /// Lines of each file, the longer of its two sides.
    pub(super) lines: BTreeMap<String, u32>,
    /// Files whose difference is not shown in full.
    pub(super) cut: Vec<String>,
}

impl Patch {
    /// Of these files, with secrets cut out.
    pub(super) fn of(edits: &[Edit], searcher: &Searcher) -> Self {
        let mut text = String::from("Files:\n");
        for edit in edits.iter().take(FILES_MAX) {
            let what = match (&edit.before, &edit.after) {
                (File::Absent, _) => "added",
                (_, File::Absent) => "deleted",
                _ => "changed",
            };
            let _ = writeln!(text, "- {} ({what}, {} bytes)", searcher.shown_path(edit), edit.after.size());
        }
        if edits.len() > FILES_MAX {
            let _ = writeln!(text, "- and {} more", edits.len() - FILES_MAX);
        }
        let mut patch = Self { text, lines: BTreeMap::new(), cut: Vec::new() };
        for edit in edits {
            patch.add(edit, searcher);
        }
        patch
    }

    /// A hash over everything that is shown, hex.
    pub(super) fn sha256(&self) -> String {
        Sha256::digest(self.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn add(&mut self, edit: &Edit, searcher: &Searcher) {
        let path = searcher.shown_path(edit);
        let count = |file: &File| u32::try_from(file.text().lines().count()).unwrap_or(u32::MAX);
        self.lines.insert(path.clone(), count(&edit.before).max(count(&edit.after)));
        let room = PATCH_BYTES_MAX.saturating_sub(self.text.len()).min(FILE_BYTES_MAX);
        if room == 0 {
            self.cut.push(path);
            return;
        }
        let whole = difference(edit, &path, searcher);
        let shown = bounded(&whole, room);
        if shown.len() < whole.len() {
            self.cut.push(path);
        }
        self.text.push('\n');
        self.text.push_str(shown);
        if shown.len() < whole.len() {
            let _ = writeln!(self.text, "\n[{} more bytes of this file]", whole.len() - shown.len());
        }
    }
}

fn difference(edit: &Edit, path: &str, searcher: &Searcher) -> String {
    let readable = |file: &File| matches!(file, File::Text(_) | File::Absent);
    if !readable(&edit.before) || !readable(&edit.after) {
        return format!("--- {path}\n[no text, or too long a one: it is not shown]\n");
    }
    let diff = TextDiff::configure().timeout(SEARCH_MAX).diff_lines(edit.before.text(), edit.after.text());
    let unified =
        diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string();
    if unified.len() > 2 * FILE_BYTES_MAX {
        // Only the head is shown: what lies beyond it need not be searched for secrets.
        return searcher.without_secrets(&edit.path, bounded(&unified, 2 * FILE_BYTES_MAX));
    }
    searcher.without_secrets(&edit.path, &unified)
}
