//! The files of a folder on the disk, for recognition.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{NO_PARTS, Project, recognise};

/// Files that are listed; the ones deepest down are left out first.
const FILES_MAX: usize = 50_000;

/// Folders within folders that are looked into.
const DEPTH_MAX: usize = 5;

/// Bytes of a file that are read; a larger one is none that recognition reads.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A folder whose project is to be recognised. Links are neither followed nor read.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

/// Why a folder could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("failed to list `{}`", path.display())]
pub struct TreeError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Tree {
    /// The folder at `root`.
    pub fn new(root: &Path) -> Tree {
        Tree { root: root.to_owned() }
    }

    /// The project in it. A folder below that cannot be listed is taken to be empty.
    pub fn project(&self) -> Result<Project, TreeError> {
        Ok(recognise(&self.files()?, &|path| self.text(path)))
    }

    fn files(&self) -> Result<Vec<String>, TreeError> {
        let mut files = Vec::new();
        let mut folders = VecDeque::from([(String::new(), 0)]);
        while let Some((folder, depth)) = folders.pop_front() {
            let path = self.root.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(source) if folder.is_empty() => return Err(TreeError { path, source }),
                Err(_unreadable) => continue,
            };
            for entry in entries.flatten() {
                // What has no name in UTF-8 is none of the files that are looked for.
                let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
                    continue;
                };
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                if kind.is_file() {
                    files.push(path);
                } else if kind.is_dir()
                    && depth < DEPTH_MAX
                    && !name.starts_with('.')
                    && !NO_PARTS.contains(&&*name)
                {
                    folders.push_back((path, depth + 1));
                }
            }
            if files.len() > FILES_MAX {
                break;
            }
        }
        files.truncate(FILES_MAX);
        Ok(files)
    }

    fn text(&self, path: &str) -> Option<String> {
        let mut options = OpenOptions::new();
        // Neither a link nor, should a file have become one, a pipe that nobody writes to.
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        let file = options.open(self.root.join(path)).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return None;
        }
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_large_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("Cargo.toml"), "[package]").unwrap();
        fs::create_dir(outside.path().join("api")).unwrap();
        fs::write(outside.path().join("api/go.mod"), "module x").unwrap();
        symlink(outside.path().join("Cargo.toml"), folder.path().join("Cargo.toml")).unwrap();
        symlink(outside.path().join("api"), folder.path().join("api")).unwrap();
        let tree = Tree::new(folder.path());
        assert_eq!(tree.project().unwrap(), Project::default());
        assert_eq!(tree.text("Cargo.toml"), None);
        fs::write(folder.path().join("go.mod"), "module x").unwrap();
        assert_eq!(tree.project().unwrap().parts.len(), 1);
        fs::write(folder.path().join("large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        assert_eq!(tree.text("large"), None);
    }

    #[test]
    fn what_is_deep_or_packed_away_is_no_part() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/b/c/d/e/f/go.mod", "node_modules/x/go.mod", ".cache/go.mod", "api/target/go.mod"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "module x").unwrap();
        }
        assert_eq!(Tree::new(folder.path()).project().unwrap(), Project::default());
        assert!(Tree::new(&folder.path().join("absent")).project().is_err());
    }
}
