//! Which files are ignored: `.gitignore` files, a repository's `info/exclude`, the user's own list.
//!
//! Read by us and not through git's library, which would follow what a repository's settings name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use git2::Config;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::beneath::Folder;

/// Bytes of one list that are taken; a longer one counts as absent.
const LIST_BYTES_MAX: u64 = 1024 * 1024;

/// The lists that hold in a folder, the nearest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    patterns: Gitignore,
    /// The folder the patterns are relative to: its path below the project.
    base: Vec<u8>,
    above: Rules,
}

impl Rules {
    /// These rules, and a list of a folder, which comes first.
    pub(crate) fn with(&self, base: &[u8], list: &[u8]) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(list).trim_start_matches('\u{feff}').lines() {
            // A line that is no pattern excludes nothing, as in git.
            drop(builder.add_line(None, line));
        }
        match builder.build() {
            Ok(patterns) if !patterns.is_empty() => {
                Self(Some(Arc::new(Level { patterns, base: base.to_vec(), above: self.clone() })))
            }
            _ => self.clone(),
        }
    }

    /// These rules, and the `.gitignore` of a folder, where it has one. A link to a list is not followed.
    pub(super) fn with_list_of(&self, folder: &Folder, base: &[u8]) -> Self {
        match folder.file(OsStr::new(".gitignore")) {
            Ok((file, _)) => bounded(file).map_or_else(|| self.clone(), |list| self.with(base, &list)),
            Err(_absent) => self.clone(),
        }
    }

    /// The rules of a repository at `base` before any `.gitignore`: `common` is where it keeps
    /// `info/exclude`; `user` is the user's own list.
    pub(super) fn of_repository(base: &[u8], user: &[u8], common: Option<&Path>) -> Self {
        let rules = Self::default().with(base, user);
        match common.and_then(|common| read(&common.join("info/exclude"))) {
            Some(list) => rules.with(base, &list),
            None => rules,
        }
    }

    /// Whether a path below the project is ignored by a list itself. Whether a folder above it is must
    /// have been asked before.
    pub(crate) fn ignored(&self, path: &[u8], is_folder: bool) -> bool {
        let mut level = self.0.as_deref();
        while let Some(found) = level {
            let inside = if found.base.is_empty() { path } else { &path[found.base.len() + 1..] };
            match found.patterns.matched(Path::new(OsStr::from_bytes(inside)), is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => level = found.above.0.as_deref(),
            }
        }
        false
    }
}

/// The user's own list of what every repository ignores; empty where there is none.
pub(super) fn of_user() -> Vec<u8> {
    let named = Config::open_default().and_then(|config| config.get_path("core.excludesfile"));
    let path = named.ok().or_else(|| Some(Config::find_xdg().ok()?.with_file_name("ignore")));
    path.and_then(|path| read(&path)).unwrap_or_default()
}

/// A small regular file of git's, or of the user's settings.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name()?;
    // The folder it is in may be linked to, as home folders are; the file itself may not.
    let folder = Folder::open(&fs::canonicalize(path.parent()?).ok()?).ok()?;
    bounded(folder.file(name).ok()?.0)
}

fn bounded(file: File) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let read: io::Result<usize> = file.take(LIST_BYTES_MAX + 1).read_to_end(&mut content);
    (read.is_ok() && content.len() as u64 <= LIST_BYTES_MAX).then_some(content)
}
