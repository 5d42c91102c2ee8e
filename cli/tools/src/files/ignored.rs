//! What `.gitignore` files say, read with the same care as every other file.

use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Project, regular_beneath};
use crate::files::Place;

/// Bytes of a file of patterns; the rest is not looked at.
const BYTES_MAX: u64 = 256 << 10;
/// Lines of one.
const LINES_MAX: usize = 4_096;
/// Bytes of a pattern; a longer one is left out.
const PATTERN_BYTES_MAX: usize = 1_024;

/// The patterns of a folder and of those above it, the innermost first.
pub(super) struct Rules {
    /// The folder, empty or ending in a slash.
    folder: Vec<u8>,
    patterns: Gitignore,
    above: Option<Rc<Rules>>,
}

impl Rules {
    /// The patterns for the root: its own `.gitignore`, and what git keeps for this copy alone.
    pub(super) fn of_root(project: &Project) -> Option<Rc<Rules>> {
        let kept = read(project, ".git/info/exclude").map(|text| Rules {
            folder: Vec::new(),
            patterns: parsed(&text),
            above: None,
        });
        Rules::within(project, b"", kept.map(Rc::new))
    }

    /// The patterns that count in `folder` (empty: the root), whose parent's are `above`.
    pub(super) fn within(project: &Project, folder: &[u8], above: Option<Rc<Rules>>) -> Option<Rc<Rules>> {
        let mut folder = folder.to_owned();
        if !folder.is_empty() {
            folder.push(b'/');
        }
        // What is no UTF-8 is out of reach, and so are its patterns.
        let Some(text) =
            str::from_utf8(&folder).ok().and_then(|at| read(project, &format!("{at}.gitignore")))
        else {
            return above;
        };
        Some(Rc::new(Rules { folder, patterns: parsed(&text), above }))
    }

    /// Whether a path from the root is to be left out. Its folders are asked about before it.
    pub(super) fn leave_out(&self, path: &[u8], is_folder: bool) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let mut rules = Some(self);
        while let Some(at) = rules {
            let relative = path.strip_prefix(at.folder.as_slice()).unwrap_or(path);
            match at.patterns.matched(Path::new(std::ffi::OsStr::from_bytes(relative)), is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = at.above.as_deref(),
            }
        }
        false
    }
}

/// A file of patterns; none where there is no regular file.
fn read(project: &Project, path: &str) -> Option<String> {
    use std::os::fd::AsFd;
    let file = regular_beneath(project.root.as_fd(), path, &Place::top()).ok()?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn parsed(text: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in text.lines().take(LINES_MAX).filter(|line| line.len() <= PATTERN_BYTES_MAX) {
        // A line that is no pattern says nothing, as for git.
        let _unusable = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
