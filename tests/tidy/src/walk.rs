//! Reads the repository into memory once.

use std::io;
use std::path::{Path, PathBuf};

use crate::manifests::Manifest;

/// A source file with its path from the repository's root, written with slashes.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Such as `cli/loki/src/main.rs`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Everything the checks look at.
#[derive(Debug, Default)]
pub struct Repository {
    /// The members of the workspace.
    pub manifests: Vec<Manifest>,
    /// Every `.rs` file.
    pub sources: Vec<SourceFile>,
    /// Every `.md` file.
    pub documents: Vec<SourceFile>,
    /// Every file, by path.
    pub files: Vec<String>,
}

impl Repository {
    /// Reads everything below `root`, except what is built or hidden.
    pub fn read(root: &Path) -> io::Result<Repository> {
        let mut repository = Repository::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                let name =
                    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if path.is_symlink() || (name.starts_with('.') && name != ".ci") || name == "target" {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    repository.add(root, path)?;
                }
            }
        }
        repository.sources.sort_by(|left, right| left.path.cmp(&right.path));
        repository.documents.sort_by(|left, right| left.path.cmp(&right.path));
        repository.manifests.sort_by(|left, right| left.folder.cmp(&right.folder));
        repository.files.sort();
        Ok(repository)
    }

    fn add(&mut self, root: &Path, path: PathBuf) -> io::Result<()> {
        let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let read = || std::fs::read_to_string(&path);
        if relative.ends_with(".rs") {
            self.sources.push(SourceFile { path: relative.clone(), text: read()? });
        } else if relative.ends_with(".md") {
            self.documents.push(SourceFile { path: relative.clone(), text: read()? });
        } else if let Some(folder) = relative.strip_suffix("/Cargo.toml") {
            let manifest = Manifest::parse(folder, &read()?);
            let manifest = manifest.map_err(|error| io::Error::other(format!("{relative}: {error}")))?;
            if !manifest.is_workspace {
                self.manifests.push(manifest);
            }
        }
        self.files.push(relative);
        Ok(())
    }
}
