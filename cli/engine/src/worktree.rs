//! Snapshots of the project's work tree, as git objects.
//!
//! Where the project is a git repository, snapshots are commits under `refs/loki/<run>/<n>` in it;
//! elsewhere they are kept in a private store, `.loki/snapshots.git`. Either way a temporary index of
//! our own is used: the user's index, branches, stash and hooks are never touched. Ignored files and
//! `.loki` itself are not part of a snapshot.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process;

use git2::{
    Delta, DiffFormat, DiffOptions, FileMode, Index, IndexAddOption, Oid, Repository, Signature, Time,
};
use loki_ledger::event::RunId;
use sha2::{Digest, Sha256};

/// The project's files, and the snapshots of them.
#[derive(Debug, Clone)]
pub struct Worktree {
    root: PathBuf,
    state: PathBuf,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its commit, hex.
    pub commit: String,
    /// Hash of the files in it, hex: equal trees are equal files.
    pub tree: String,
}

/// How two snapshots differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Paths that differ, in order.
    pub paths: Vec<String>,
    /// SHA-256 of the difference in git's patch format, hex.
    pub sha256: String,
}

/// Why a snapshot could not be made, read or put back.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// Git's library refused.
    #[error("failed to {what}")]
    Git {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: git2::Error,
    },
    /// A file could not be put back.
    #[error("failed to put back `{path}`")]
    Restore {
        /// The file.
        path: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// Who signs commits in the project, as git's settings have it: the repository's, the user's, the system's.
/// None where there is no repository, or where they do not say.
pub fn identity(root: &Path) -> Option<(String, String)> {
    if !root.join(".git").exists() {
        return None;
    }
    // A repository need not be opened for the user's settings, and its own are seldom about people.
    let own = fs::read_to_string(root.join(".git/config")).unwrap_or_default();
    let config = if own.contains("user") || own.contains("include") {
        Repository::open(root).and_then(|repository| repository.config()?.snapshot()).ok()?
    } else {
        git2::Config::open_default().and_then(|mut config| config.snapshot()).ok()?
    };
    let text = |key: &str| config.get_string(key).ok().filter(|text| !text.trim().is_empty());
    text("user.name").zip(text("user.email"))
}

impl Worktree {
    /// The work tree at `root`, whose own state is kept in `state` (the `.loki` folder).
    pub fn new(root: &Path, state: &Path) -> Self {
        Self { root: root.to_owned(), state: state.to_owned() }
    }

    /// Keeps the work tree as it is, under `refs/loki/<run>/<number>`.
    pub fn snapshot(&self, run: &RunId, number: u64, at_ms: i64) -> Result<Snapshot, WorktreeError> {
        let repository = self.repository()?;
        let tree = self.write_tree(&repository)?;
        let git = |what| move |source| WorktreeError::Git { what, source };
        let signature = Signature::new("loki", "loki@localhost", &Time::new(at_ms / 1000, 0))
            .map_err(git("sign a snapshot"))?;
        let found = repository.find_tree(tree).map_err(git("read the snapshot's tree"))?;
        let message = format!("loki: run {run}, snapshot {number}\n");
        let commit = repository
            .commit(None, &signature, &signature, &message, &found, &[])
            .map_err(git("write a snapshot"))?;
        let name = format!("refs/loki/{run}/{number}");
        // A process that died while it wrote this very name left it locked, and nobody else writes it.
        let lock = repository.commondir().join(format!("{name}.lock"));
        if lock.exists() {
            fs::remove_file(&lock).map_err(|source| restore_error(&lock, source))?;
        }
        repository.reference(&name, commit, true, "loki: snapshot").map_err(git("name a snapshot"))?;
        Ok(Snapshot { commit: commit.to_string(), tree: tree.to_string() })
    }

    /// The hash of the work tree as it is. Keeps nothing under a name.
    pub fn tree(&self) -> Result<String, WorktreeError> {
        let repository = self.repository()?;
        Ok(self.write_tree(&repository)?.to_string())
    }

    /// How the work tree differs from a snapshot.
    pub fn difference(&self, from: &str) -> Result<Difference, WorktreeError> {
        let repository = self.repository()?;
        let now = self.write_tree(&repository)?;
        let git = |what| move |source| WorktreeError::Git { what, source };
        let old = commit_tree(&repository, from)?;
        let new = repository.find_tree(now).map_err(git("read the work tree's tree"))?;
        let mut options = DiffOptions::new();
        options.show_binary(true).context_lines(3);
        let diff = repository
            .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
            .map_err(git("compare with a snapshot"))?;
        let mut digest = Sha256::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                digest.update([line.origin() as u8]);
            }
            digest.update(line.content());
            true
        })
        .map_err(git("print the difference"))?;
        let path =
            |delta: git2::DiffDelta<'_>| delta.new_file().path().map(|p| p.to_string_lossy().into_owned());
        let paths = diff.deltas().filter_map(path).collect();
        Ok(Difference { paths, sha256: hex(&digest.finalize()) })
    }

    /// Puts the work tree back to a snapshot: files are rewritten, brought back or removed so that it
    /// equals the snapshot; ignored files stay. Returns how many files changed.
    pub fn restore(&self, commit: &str) -> Result<usize, WorktreeError> {
        let repository = self.repository()?;
        let now = self.write_tree(&repository)?;
        let git = |what| move |source| WorktreeError::Git { what, source };
        let now = repository.find_tree(now).map_err(git("read the work tree's tree"))?;
        let then = commit_tree(&repository, commit)?;
        let diff = repository
            .diff_tree_to_tree(Some(&now), Some(&then), None)
            .map_err(git("compare with a snapshot"))?;
        for delta in diff.deltas().filter(|delta| delta.status() == Delta::Deleted) {
            if let Some(path) = delta.old_file().path() {
                self.remove(path).map_err(|source| restore_error(path, source))?;
            }
        }
        for delta in diff.deltas().filter(|delta| delta.status() != Delta::Deleted) {
            let file = delta.new_file();
            let (Some(path), mode) = (file.path(), file.mode()) else { continue };
            if mode == FileMode::Commit {
                continue; // A nested repository: its files are its own.
            }
            let blob = repository.find_blob(file.id()).map_err(git("read a file of the snapshot"))?;
            self.write(path, blob.content(), mode).map_err(|source| restore_error(path, source))?;
        }
        Ok(diff.deltas().len())
    }

    /// The snapshots kept for a run: number and commit, oldest first.
    pub fn kept(&self, run: &RunId) -> Result<Vec<(u64, String)>, WorktreeError> {
        let git = |what| move |source| WorktreeError::Git { what, source };
        let repository = self.repository()?;
        let prefix = format!("refs/loki/{run}/");
        let found = repository.references_glob(&format!("{prefix}*")).map_err(git("list the snapshots"))?;
        let mut kept = Vec::new();
        for reference in found {
            let reference = reference.map_err(git("read a snapshot's name"))?;
            let number = reference.name().ok().and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
            if let (Some(number), Some(commit)) = (number, reference.target()) {
                kept.push((number, commit.to_string()));
            }
        }
        kept.sort_unstable();
        Ok(kept)
    }

    /// Whether a snapshot of that name can still be read.
    pub fn holds(&self, commit: &str) -> bool {
        self.repository().is_ok_and(|repository| commit_tree(&repository, commit).is_ok())
    }

    /// The repository that keeps the snapshots, with the project as its work tree.
    fn repository(&self) -> Result<Repository, WorktreeError> {
        let git = |what| move |source| WorktreeError::Git { what, source };
        if self.root.join(".git").exists() {
            return Repository::open(&self.root).map_err(git("open the project's git repository"));
        }
        let store = self.state.join("snapshots.git");
        let repository = match Repository::open_bare(&store) {
            Ok(repository) => repository,
            Err(_absent) => Repository::init_bare(&store).map_err(git("create the snapshot store"))?,
        };
        repository.set_workdir(&self.root, false).map_err(git("point the snapshot store at the project"))?;
        Ok(repository)
    }

    /// Writes the work tree's files as objects and returns their tree.
    fn write_tree(&self, repository: &Repository) -> Result<Oid, WorktreeError> {
        let git = |what| move |source| WorktreeError::Git { what, source };
        let index_file = IndexFile::take(&self.state).map_err(|source| restore_error(&self.state, source))?;
        let mut index = match Index::open(&index_file.own) {
            Ok(index) => index,
            Err(_damaged) => {
                // It only saves time: a damaged one is made anew.
                fs::remove_file(&index_file.own).map_err(|source| restore_error(&index_file.own, source))?;
                Index::open(&index_file.own).map_err(git("open the snapshot index"))?
            }
        };
        if index.is_empty()
            && let Ok(head) = repository.head().and_then(|head| head.peel_to_tree())
        {
            // Files that are tracked although they are ignored belong to the project.
            index.read_tree(&head).map_err(git("read the newest commit"))?;
        }
        repository.set_index(&mut index).map_err(git("use the snapshot index"))?;
        let ours = self.state.strip_prefix(&self.root).ok().map(Path::to_owned);
        let mut skip = |path: &Path, _: &[u8]| {
            i32::from(ours.as_ref().is_some_and(|ours| path.starts_with(ours)) || path.starts_with(".git"))
        };
        index.update_all(["*"], Some(&mut skip)).map_err(git("see which files changed"))?;
        index
            .add_all(["*"], IndexAddOption::DEFAULT, Some(&mut skip))
            .map_err(git("take the project's files into a snapshot"))?;
        index.write().map_err(git("write the snapshot index"))?;
        let tree = index.write_tree_to(repository).map_err(git("write a snapshot's tree"))?;
        index_file.give_back().map_err(|source| restore_error(&self.state, source))?;
        Ok(tree)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let full = self.place(path)?;
        match fs::remove_file(&full) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // A folder that this emptied was not in the snapshot: git knows files only.
        for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            if fs::remove_dir(self.root.join(parent)).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, content: &[u8], mode: FileMode) -> io::Result<()> {
        let full = self.place(path)?;
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent)?;
        }
        match fs::symlink_metadata(&full) {
            Ok(_) => fs::remove_file(&full)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if mode == FileMode::Link {
            return symlink(Path::new(&*String::from_utf8_lossy(content)), &full);
        }
        fs::write(&full, content)?;
        let bits = if mode == FileMode::BlobExecutable { 0o755 } else { 0o644 };
        fs::set_permissions(&full, fs::Permissions::from_mode(bits))
    }

    /// The full path of a file of a snapshot, none of whose parents is a link out of the project.
    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let mut full = self.root.clone();
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path leads out of the project"));
            };
            full.push(name);
            let is_parent = components.peek().is_some();
            if is_parent && fs::symlink_metadata(&full).is_ok_and(|found| found.is_symlink()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a parent folder is a symbolic link",
                ));
            }
        }
        Ok(full)
    }
}

/// The index that remembers which files were seen unchanged. Several processes may look at a work tree at
/// a time, and any of them may die: each works on a copy of its own and puts it back whole.
struct IndexFile {
    shared: PathBuf,
    own: PathBuf,
}

impl IndexFile {
    fn take(state: &Path) -> io::Result<Self> {
        let name = |pid: u32| format!("snapshot-{pid}.index");
        for entry in fs::read_dir(state)?.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let pid = file.strip_prefix("snapshot-").and_then(|rest| rest.split('.').next()?.parse().ok());
            // What a process left that is gone, or that had our number before us.
            if pid
                .is_some_and(|pid: u32| pid == process::id() || !Path::new(&format!("/proc/{pid}")).exists())
            {
                fs::remove_file(entry.path())?;
            }
        }
        let file = Self { shared: state.join("snapshot.index"), own: state.join(name(process::id())) };
        match fs::copy(&file.shared, &file.own) {
            Ok(_) => Ok(file),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(file),
            Err(error) => Err(error),
        }
    }

    fn give_back(self) -> io::Result<()> {
        fs::rename(self.own, self.shared)
    }
}

fn commit_tree<'r>(repository: &'r Repository, commit: &str) -> Result<git2::Tree<'r>, WorktreeError> {
    let git = |what| move |source| WorktreeError::Git { what, source };
    Oid::from_str(commit)
        .and_then(|id| repository.find_commit(id))
        .and_then(|commit| commit.tree())
        .map_err(git("find the snapshot"))
}

fn restore_error(path: &Path, source: io::Error) -> WorktreeError {
    WorktreeError::Restore { path: path.display().to_string(), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
