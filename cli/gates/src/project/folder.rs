//! One folder of a project, as recognition sees it.

use std::collections::BTreeMap;

/// A folder and what is in it.
pub(super) struct Folder<'a> {
    /// Its path below the root; empty for the root.
    pub(super) path: &'a str,
    /// Every file of the project, sorted.
    files: &'a [String],
    read: &'a dyn Fn(&str) -> Option<String>,
}

/// The folders that could hold a part, the root first. `files` are sorted; `skipped` are names of folders
/// that hold none.
pub(super) fn all<'a>(
    files: &'a [String],
    read: &'a dyn Fn(&str) -> Option<String>,
    skipped: &[&str],
) -> Vec<Folder<'a>> {
    let mut paths: BTreeMap<&str, ()> = BTreeMap::from([("", ())]);
    for file in files {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let sound = |name: &str| !name.starts_with('.') && !skipped.contains(&name);
        if folder.is_empty() || folder.split('/').all(sound) {
            paths.insert(folder, ());
        }
    }
    paths.into_keys().map(|path| Folder { path, files, read }).collect()
}

impl<'a> Folder<'a> {
    /// Whether a file is there, by its path below this folder.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.binary_search(&self.full(name)).is_ok()
    }

    /// Whether one of these files is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// The first of these files that is there.
    pub(super) fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// The text of a file, by its path below this folder; none where it is not there or cannot be read.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            return None;
        }
        (self.read)(&self.full(name))
    }

    /// Paths below this folder of the files in it and below it.
    pub(super) fn below(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let start = self.full("");
        let first = self.files.partition_point(|file| *file < start);
        self.files[first..].iter().map_while(move |file| file.strip_prefix(start.as_str()))
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}
