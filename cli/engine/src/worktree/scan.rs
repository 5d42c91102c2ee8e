//! Walks the work tree: which files are part of the project.
//!
//! Everything but what is ignored, `.git` and our own state. What is tracked counts although it is ignored.
//! A repository inside the project (a submodule, a clone, an added work tree) follows its own rules, and
//! its files count too.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::Index;

use super::beneath::{Folder, Stamp};
use super::git::{Found, Git};
use super::rules::{self, Rules};
use super::{WorktreeError, read_error};

/// Files in a snapshot.
const FILES_MAX: u64 = 250_000;
/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of all files together.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Files of the repositories inside the project.
const NESTED_FILES_MAX: u64 = 50_000;
/// Bytes of the files of the repositories inside the project.
const NESTED_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Folders inside each other.
const DEPTH_MAX: usize = 256;
/// Bytes of an index file that is read for what is tracked.
const INDEX_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A file or a symbolic link of the work tree.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path below the project.
    pub(crate) path: Vec<u8>,
    /// What it was like when it was seen.
    pub(crate) stamp: Stamp,
}

/// What there is in a work tree.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Files and links, in the order of their paths.
    pub(crate) entries: Vec<Entry>,
    /// Folders that are not ignored, each with the rules that hold in it and after the one it is in; the
    /// project's own path is empty.
    pub(crate) folders: Vec<(Vec<u8>, Rules)>,
    /// Folders that are repositories of their own.
    pub(crate) nested: Vec<Vec<u8>>,
    /// Whether there is a `.gitattributes` that is no regular file.
    pub(crate) odd_attributes: bool,
}

/// Which counts are reached when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) files_max: u64,
    pub(super) bytes_max: u64,
    pub(super) nested_files_max: u64,
    pub(super) nested_bytes_max: u64,
}

impl Limits {
    /// What a snapshot may hold.
    pub(super) const SNAPSHOT: Self = Self {
        files_max: FILES_MAX,
        bytes_max: BYTES_MAX,
        nested_files_max: NESTED_FILES_MAX,
        nested_bytes_max: NESTED_BYTES_MAX,
    };
}

/// What the repository that a folder belongs to tracks, in order. Links to other repositories are in it.
type Tracked = Vec<Vec<u8>>;

struct Walk<'w> {
    scan: Scan,
    limits: Limits,
    root: &'w Path,
    /// Our own state, relative to the project.
    ours: Option<&'w [u8]>,
    user: Vec<u8>,
    files: u64,
    bytes: u64,
    nested_files: u64,
    nested_bytes: u64,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Here<'w> {
    path: &'w [u8],
    rules: &'w Rules,
    tracked: &'w Tracked,
    /// Whether a folder above is ignored: only what is tracked counts.
    ignored: bool,
    /// The outermost repository inside the project that this is in.
    nested: Option<&'w [u8]>,
    depth: usize,
}

/// Walks the project at `root`, which leaves out `ours`, a path below it.
pub(super) fn scan(root: &Path, ours: Option<&Path>, limits: Limits) -> Result<Scan, WorktreeError> {
    let folder = Folder::open(root).map_err(|source| read_error(root, source))?;
    let ours = ours.map(|ours| ours.as_os_str().as_bytes());
    let (rules, tracked, user) = project(root);
    let mut walk = Walk {
        scan: Scan::default(),
        limits,
        root,
        ours,
        user,
        files: 0,
        bytes: 0,
        nested_files: 0,
        nested_bytes: 0,
    };
    let here = Here { path: b"", rules: &rules, tracked: &tracked, ignored: false, nested: None, depth: 0 };
    walk.folder(&folder, here)?;
    walk.scan.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(walk.scan)
}

/// The rules of the project before any `.gitignore`, what it tracks, and the user's own list.
fn project(root: &Path) -> (Rules, Tracked, Vec<u8>) {
    let user = rules::of_user();
    let git = match Git::find(root) {
        Ok(Found::Git(git)) => Some(git),
        _ => None,
    };
    let rules = Rules::of_repository(b"", &user, git.as_ref().map(|git| git.common.as_path()));
    let tracked = git.map(|git| tracked(&git, b"")).unwrap_or_default();
    (rules, tracked, user)
}

/// The rules of the project before any `.gitignore`.
pub(super) fn rules_of(root: &Path, base: &[u8]) -> Rules {
    let git = match Git::find(&root.join(OsStr::from_bytes(base))) {
        Ok(Found::Git(git)) => Some(git),
        _ => None,
    };
    Rules::of_repository(base, &rules::of_user(), git.as_ref().map(|git| git.common.as_path()))
}

/// The rules in a folder, given those of the one above.
pub(super) fn rules_in(root: &Path, folder: &[u8], above: &Rules) -> Rules {
    let full = root.join(OsStr::from_bytes(folder));
    let is_repository = fs::symlink_metadata(full.join(".git")).is_ok();
    let rules = if is_repository { rules_of(root, folder) } else { above.clone() };
    Folder::open(&full).map_or_else(|_gone| rules.clone(), |opened| rules.with_list_of(&opened, folder))
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Folder, here: Here<'_>) -> Result<(), WorktreeError> {
        if here.depth > DEPTH_MAX {
            return Err(too_much(here.path, "folders inside each other", DEPTH_MAX as u64));
        }
        let rules =
            if here.ignored { here.rules.clone() } else { here.rules.with_list_of(folder, here.path) };
        let here = Here { rules: &rules, ..here };
        if !here.ignored {
            self.scan.folders.push((here.path.to_vec(), rules.clone()));
        }
        let names = folder.names().map_err(|source| read_error(shown(here.path), source))?;
        for name in names {
            let path = joined(here.path, name.as_bytes());
            if name == ".git" || self.ours == Some(path.as_slice()) {
                continue;
            }
            let stamp = match folder.stamp(&name) {
                Ok(stamp) => stamp,
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(read_error(shown(&path), error)),
            };
            if stamp.is_folder() {
                self.below(folder, &name, Here { path: &path, depth: here.depth + 1, ..here })?;
            } else {
                self.file(path, stamp, here)?;
            }
        }
        Ok(())
    }

    /// A folder that may be ignored, or a repository.
    fn below(&mut self, above: &Folder, name: &OsStr, here: Here<'_>) -> Result<(), WorktreeError> {
        let ignored = here.ignored || here.rules.ignored(here.path, true);
        // A folder that is tracked itself is a submodule.
        let is_link = here.tracked.binary_search_by(|path| path.as_slice().cmp(here.path)).is_ok();
        if ignored && !is_link && !tracks_below(here.tracked, here.path) {
            return Ok(());
        }
        let folder = match above.enter(name) {
            Ok(folder) => folder,
            // Gone, or something else since it was looked at.
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(read_error(shown(here.path), error)),
        };
        if folder.stamp(OsStr::new(".git")).is_err() || (ignored && !is_link) {
            return self.folder(&folder, Here { ignored, ..here });
        }
        self.scan.nested.push(here.path.to_vec());
        let git = match Git::find(&self.root.join(OsStr::from_bytes(here.path))) {
            Ok(Found::Git(git)) => Some(git),
            _ => None,
        };
        let common = git.as_ref().map(|git| git.common.as_path());
        let rules = Rules::of_repository(here.path, &self.user, common);
        let tracked = git.map(|git| tracked(&git, here.path)).unwrap_or_default();
        let nested = Some(here.nested.unwrap_or(here.path));
        self.folder(&folder, Here { rules: &rules, tracked: &tracked, ignored: false, nested, ..here })
    }

    fn file(&mut self, path: Vec<u8>, stamp: Stamp, here: Here<'_>) -> Result<(), WorktreeError> {
        if path.ends_with(b".gitattributes") && !stamp.is_file() {
            self.scan.odd_attributes = true;
        }
        // A pipe, a socket or a device cannot be kept.
        if !stamp.is_file() && !stamp.is_link() {
            return Ok(());
        }
        let ignored = here.ignored || here.rules.ignored(&path, false);
        if ignored && here.tracked.binary_search(&path).is_err() {
            return Ok(());
        }
        self.count(&path, stamp.size, here.nested)?;
        self.scan.entries.push(Entry { path, stamp });
        Ok(())
    }

    fn count(&mut self, path: &[u8], size: u64, nested: Option<&[u8]>) -> Result<(), WorktreeError> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(size);
        let limits = self.limits;
        let mut reached = vec![
            (path, "the bytes of a file", size, FILE_BYTES_MAX),
            (path, "the files of a project", self.files, limits.files_max),
            (path, "the bytes of a project", self.bytes, limits.bytes_max),
        ];
        if let Some(nested) = nested {
            self.nested_files += 1;
            self.nested_bytes = self.nested_bytes.saturating_add(size);
            let files = "the files of repositories inside the project";
            let bytes = "the bytes of repositories inside the project";
            reached.push((nested, files, self.nested_files, limits.nested_files_max));
            reached.push((nested, bytes, self.nested_bytes, limits.nested_bytes_max));
        }
        match reached.into_iter().find(|(_, _, count, max)| count > max) {
            Some((path, what, _, max)) => Err(too_much(path, what, max)),
            None => Ok(()),
        }
    }
}

/// What the index of a repository at `base` tracks; where it cannot be read, nothing.
fn tracked(git: &Git, base: &[u8]) -> Tracked {
    let path: PathBuf = git.own.join("index");
    let is_right = |meta: fs::Metadata| meta.is_file() && meta.len() <= INDEX_BYTES_MAX;
    if !fs::symlink_metadata(&path).is_ok_and(is_right) {
        return Tracked::new();
    }
    let Ok(index) = Index::open(&path) else { return Tracked::new() };
    let mut tracked: Tracked = index.iter().map(|entry| joined(base, &entry.path)).collect();
    tracked.sort_unstable();
    tracked.dedup();
    tracked
}

/// Whether a file in that folder is tracked, or the folder is.
fn tracks_below(tracked: &Tracked, folder: &[u8]) -> bool {
    let below = joined(folder, b"");
    let place = tracked.partition_point(|path| *path < below);
    tracked.get(place).is_some_and(|path| path.starts_with(&below))
}

/// A name in a folder, both as bytes.
pub(super) fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// Whether something went, or became something else, while it was looked at.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    // Opened without following links: a link says that it is one of too many.
    matches!(error.kind(), NotFound | NotADirectory | InvalidInput)
        || [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn shown(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

fn too_much(path: &[u8], what: &'static str, max: u64) -> WorktreeError {
    WorktreeError::TooMuch { path: shown(path).display().to_string(), what, max }
}
