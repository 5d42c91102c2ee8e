//! The project's git folder: where it is, and whether it can be relied on.

use std::fs;
use std::path::{Path, PathBuf};

use super::WorktreeError;
use super::rules::read;
use super::settings::{Settings, resolved};

/// A git folder that belongs to a work tree.
#[derive(Debug, Clone)]
pub(super) struct Git {
    /// Where `HEAD` and the index of this work tree are.
    pub(super) own: PathBuf,
    /// Where objects and branches are; another than `own` in a work tree that was added.
    pub(super) common: PathBuf,
    /// What its settings file says.
    pub(super) settings: Settings,
}

/// What there is of git in a folder.
#[derive(Debug)]
pub(super) enum Found {
    /// A repository.
    Git(Git),
    /// Something that we leave alone, and why. Snapshots are kept apart from it.
    Odd(&'static str),
    /// Nothing.
    None,
}

impl Git {
    /// Looks for the repository whose work tree is `root`. Refuses a folder that is no work tree at all.
    pub(super) fn find(root: &Path) -> Result<Found, WorktreeError> {
        let named = root.join(".git");
        let Ok(meta) = fs::symlink_metadata(&named) else {
            let bare =
                root.join("HEAD").is_file() && root.join("objects").is_dir() && root.join("refs").is_dir();
            let reason = "is itself a git repository without a work tree";
            return if bare { Err(refused(root, reason)) } else { Ok(Found::None) };
        };
        if meta.is_symlink() {
            return Ok(Found::Odd("`.git` is a symbolic link"));
        }
        let own = if meta.is_dir() { Some(named.clone()) } else { led_to(root, &named) };
        let Some(own) = own else {
            return Ok(Found::Odd("`.git` is neither a folder nor a file that leads to one"));
        };
        let common = read(&own.join("commondir"))
            .and_then(|text| resolved(&own, std::str::from_utf8(&text).ok()?.trim()))
            .unwrap_or_else(|| own.clone());
        let git = Self { settings: Settings::of(&common, &own), own, common };
        if meta.is_dir() && git.common != git.own {
            return Ok(Found::Odd("`.git` says that its objects are elsewhere"));
        }
        if meta.is_file() && !git.leads_back(root) {
            return Ok(Found::Odd("`.git` leads to a repository that knows nothing of this folder"));
        }
        if git.settings.is("core.bare") && git.own == git.common {
            return Err(refused(&named, "says that it has no work tree (`core.bare`)"));
        }
        Ok(git.odd().map_or_else(|| Found::Git(git.clone()), Found::Odd))
    }

    /// Why git's library must not open it as a repository: what it would read then may be anywhere.
    pub(super) fn unreadable(&self) -> Option<&'static str> {
        if self.settings.includes() {
            return Some("the repository's settings include other files");
        }
        let names = ["core.attributesfile", "core.excludesfile"];
        if names.iter().any(|name| self.settings.get(name).is_some()) {
            return Some("the repository's settings name files outside it");
        }
        let files = ["config", "info/attributes", "info/exclude", "shallow", "packed-refs"];
        let odd = |file: PathBuf| fs::symlink_metadata(file).is_ok_and(|meta| !meta.is_file());
        if files.iter().any(|file| odd(self.common.join(file)) || odd(self.own.join(file))) {
            return Some("a file of the repository is a link or a pipe");
        }
        ["HEAD", "index", "config.worktree"]
            .iter()
            .any(|file| odd(self.own.join(file)))
            .then_some("a file of the repository is a link or a pipe")
    }

    /// Whether the repository that a `.git` file names has this folder for a work tree.
    fn leads_back(&self, root: &Path) -> bool {
        let Ok(root) = root.canonicalize() else { return false };
        let added = read(&self.own.join("gitdir"))
            .and_then(|text| resolved(&self.own, std::str::from_utf8(&text).ok()?.trim()))
            .is_some_and(|back| back == root.join(".git"));
        let tree = self.settings.get("core.worktree").and_then(|named| resolved(&self.own, named));
        added || tree.is_some_and(|tree| tree == root)
    }

    /// Why nothing is written to it.
    fn odd(&self) -> Option<&'static str> {
        if self
            .settings
            .get("extensions.objectformat")
            .is_some_and(|format| !format.eq_ignore_ascii_case("sha1"))
        {
            return Some("the repository names its objects by SHA-256");
        }
        if self.settings.get("extensions.refstorage").is_some_and(|kind| !kind.eq_ignore_ascii_case("files"))
        {
            return Some("the repository keeps its branches in a format that loki does not write");
        }
        let folders = ["objects", "objects/pack", "objects/info", "refs", "refs/loki"];
        let linked = |path: &Path| fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_dir());
        let missing = !self.common.join("objects").is_dir() || !self.common.join("refs").is_dir();
        if missing || folders.iter().any(|folder| linked(&self.common.join(folder))) {
            return Some("a folder of the repository is missing, or is a link");
        }
        let odd = |file: &str| fs::symlink_metadata(self.common.join(file)).is_ok_and(|meta| !meta.is_file());
        if odd("objects/info/alternates") || odd("packed-refs") {
            return Some("a file of the repository is a link or a pipe");
        }
        let all_are = |folder: &str, right: fn(&fs::FileType) -> bool| {
            let entries = fs::read_dir(self.common.join(folder)).into_iter().flatten().flatten();
            entries.into_iter().all(|entry| entry.file_type().is_ok_and(|kind| right(&kind)))
        };
        let plain = |kind: &fs::FileType| kind.is_dir() || kind.is_file();
        let whole = all_are("objects", plain)
            && all_are("objects/pack", fs::FileType::is_file)
            && all_are("refs/loki", fs::FileType::is_dir);
        (!whole).then_some("a folder of the repository has links or pipes in it")
    }
}

/// Where a `.git` file leads.
fn led_to(root: &Path, file: &Path) -> Option<PathBuf> {
    let text = String::from_utf8(read(file)?).ok()?;
    let found = resolved(root, text.trim_end().strip_prefix("gitdir:")?.trim())?;
    found.join("HEAD").is_file().then_some(found)
}

fn refused(path: &Path, reason: &'static str) -> WorktreeError {
    WorktreeError::Refused { path: path.display().to_string(), reason }
}
