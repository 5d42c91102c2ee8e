//! Snapshots of the project's work tree, as git objects.
//!
//! Where the project is a git repository, snapshots are commits under `refs/loki/<run>/<n>` in it;
//! elsewhere they are kept in a private store, `.loki/snapshots.git`. Either way the user's index, branches,
//! stash and hooks are never touched, and nothing in the repository says what is run, read or written: its
//! settings are not obeyed, contents are taken byte for byte, links are kept and never followed. Ignored files
//! and `.loki` itself are not part of a snapshot; the files of repositories inside the project are. Pipes,
//! sockets and devices are left out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{DiffFormat, DiffOptions, ObjectType, Oid};
use loki_ledger::event::RunId;
use sha2::{Digest, Sha256};

use beneath::{Folder, Paths};
use objects::{Node, Taken};
use scan::{Entry, Limits, Scan};
use store::Store;

mod beneath;
mod cache;
mod commit;
mod git;
mod lock;
mod objects;
mod resolve;
mod restore;
mod rules;
mod scan;
mod settings;
mod store;

pub(crate) use beneath::Stamp;
pub(crate) use rules::Rules;
pub use settings::identity;

/// Bytes of a snapshot's name.
const NAME_BYTES_MAX: usize = 64;

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

/// A file that differs between a snapshot and the work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path below the project, with whatever bytes its name has.
    pub path: PathBuf,
    /// As it was; `None` where it was not there.
    pub before: Option<Side>,
    /// As it is; `None` where it is gone.
    pub after: Option<Side>,
}

/// One side of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Bytes in the file.
    pub size: u64,
    /// The file's content; `None` where it is larger than was asked for, or is no regular file.
    pub content: Option<Vec<u8>>,
}

/// A commit on the user's branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its name, hex.
    pub commit: String,
    /// The paths that it changes, in order.
    pub paths: Vec<String>,
    /// Paths that changed and were left out, in order: the user has staged them in another state, or an
    /// attribute asks for a program that would have to change their content (such as Git LFS).
    pub left_out: Vec<String>,
}

/// Why a snapshot could not be made, read or put back.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// There is no such commit.
    #[error("there is no commit `{name}`: {reason}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Why there is none.
        reason: &'static str,
    },
    /// Git's library refused.
    #[error("failed to {what}")]
    Git {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: git2::Error,
    },
    /// A file could not be read.
    #[error("failed to read `{path}`")]
    Read {
        /// The file.
        path: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file could not be written, or put back.
    #[error("failed to write `{path}`")]
    Write {
        /// The file.
        path: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The project's folder is none that snapshots can be taken of.
    #[error("`{path}` {reason}")]
    Refused {
        /// The folder, or the file that says so.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is more than a snapshot takes.
    #[error("at `{path}`, {what} are more than a snapshot takes ({max}): have git ignore what is not source")]
    TooMuch {
        /// Where the limit was reached.
        path: String,
        /// What is limited.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// A snapshot's name would be no name of a reference.
    #[error("`{name}` is no name for a snapshot")]
    Name {
        /// The name.
        name: String,
    },
    /// The project's repository is in no state to commit to.
    #[error("cannot commit: {reason}")]
    NoCommit {
        /// Why.
        reason: &'static str,
    },
    /// Everything that changed would have to be left out of a commit.
    #[error("cannot commit: {} (staged in another state, or in need of a program)", paths.join(", "))]
    LeftOut {
        /// What changed, in order.
        paths: Vec<String>,
    },
}

impl Worktree {
    /// The work tree at `root`, whose own state is kept in `state` (the `.loki` folder, which exists).
    pub fn new(root: &Path, state: &Path) -> Self {
        Self { root: root.to_owned(), state: state.to_owned() }
    }

    /// Keeps the work tree as it is, under `refs/loki/<run>/<number>`.
    pub fn snapshot(&self, run: &RunId, number: u64, at_ms: i64) -> Result<Snapshot, WorktreeError> {
        let store = self.store()?;
        let (_, taken) = self.take(&store)?;
        kept(&store, taken.tree, (run, &number.to_string()), at_ms)
    }

    /// Keeps the work tree as it is, under `refs/loki/<run>/<name>`. Before a restore, `before` is the snapshot
    /// that will be put back: what it will overwrite is kept too where it is ignored by now. A name is 1 to
    /// 64 letters, digits and dashes, of which the first is a letter.
    pub fn snapshot_named(
        &self,
        run: &RunId,
        name: &str,
        at_ms: i64,
        before: Option<&str>,
    ) -> Result<Snapshot, WorktreeError> {
        let is_name = name.len() <= NAME_BYTES_MAX
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
        if !is_name {
            return Err(WorktreeError::Name { name: name.chars().take(NAME_BYTES_MAX).collect() });
        }
        let store = self.store()?;
        let mut scan = self.scan()?;
        if let Some(before) = before {
            let then = store.tree_of(before)?;
            self.add_overwritten(&store, &mut scan, then)?;
        }
        let taken = objects::take(&store.objects()?, &self.root, &self.state, &scan)?;
        kept(&store, taken.tree, (run, name), at_ms)
    }

    /// The hash of the work tree as it is. Keeps nothing under a name.
    pub fn tree(&self) -> Result<String, WorktreeError> {
        Ok(self.take(&self.store()?)?.1.tree.to_string())
    }

    /// Writes the files that a snapshot would have into a folder that is empty, or is made, and returns
    /// their hash. What is ignored is not there; a link that leads out of the project is left out.
    pub fn checkout(&self, into: &Path) -> Result<String, WorktreeError> {
        let store = self.store()?;
        let (_, taken) = self.take(&store)?;
        restore::fill(&store.objects()?, into, &taken)?;
        Ok(taken.tree.to_string())
    }

    /// How the work tree differs from a snapshot.
    pub fn difference(&self, from: &str) -> Result<Difference, WorktreeError> {
        let store = self.store()?;
        let (old, new) = (store.tree_of(from)?, self.take(&store)?.1.tree);
        let tree = |id| store.repository.find_tree(id).map_err(git_error("read a tree to compare"));
        let (old, new) = (tree(old)?, tree(new)?);
        let mut options = DiffOptions::new();
        options.show_binary(true).context_lines(3).old_prefix("a").new_prefix("b");
        let diff = store
            .repository
            .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
            .map_err(git_error("compare with a snapshot"))?;
        let mut digest = Sha256::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                digest.update([line.origin() as u8]);
            }
            digest.update(line.content());
            true
        })
        .map_err(git_error("print the difference"))?;
        let path =
            |delta: git2::DiffDelta<'_>| delta.new_file().path().map(|p| p.to_string_lossy().into_owned());
        let paths = diff.deltas().filter_map(path).collect();
        Ok(Difference { paths, sha256: hex(&digest.finalize()) })
    }

    /// The files that differ between a snapshot and a later one, or the files as they are now, in the order
    /// of their paths. Contents of more than `bytes_max` are left out.
    pub fn changes(
        &self,
        from: &str,
        until: Option<&str>,
        bytes_max: u64,
    ) -> Result<Vec<Change>, WorktreeError> {
        let store = self.store()?;
        let new = match until {
            Some(until) => store.tree_of(until)?,
            None => self.take(&store)?.1.tree,
        };
        let old = store.tree_of(from)?;
        changes(&store, (old, new), bytes_max)
    }

    /// Puts the work tree back to a snapshot: files are rewritten, brought back or removed so that it
    /// equals the snapshot. What is ignored stays, and so does what the snapshot itself ignored. Returns
    /// how many files changed. Called again after it failed or died, it goes on.
    pub fn restore(&self, commit: &str) -> Result<usize, WorktreeError> {
        let store = self.store()?;
        let then = store.tree_of(commit)?;
        let now = self.take(&store)?.1.tree;
        let changes = objects::compare(&store.repository, now, then)?;
        restore::apply(&store.repository, &self.root, then, &changes)
    }

    /// Commits what differs from the snapshot `base`, minus the paths in `leave_out`, on the branch that the
    /// user is on, as the user. Whatever else is staged stays so; no hook runs, nothing is signed, and line
    /// ends are kept as the repository's attributes ask. `co_author` is a name and an address, as in
    /// `Jo <jo@example.com>`. None where nothing is to be committed. Refused where git knows no identity,
    /// while a merge or the like is in progress, and where no branch is checked out.
    pub fn commit(
        &self,
        base: &str,
        leave_out: &BTreeSet<String>,
        message: &str,
        co_author: Option<&str>,
        at_ms: i64,
    ) -> Result<Option<Committed>, WorktreeError> {
        let store = self.store()?;
        let base = store.tree_of(base)?;
        let (scan, taken) = self.take(&store)?;
        let request = commit::Request { base, leave_out, message, co_author, at_ms };
        commit::commit(&self.root, &store, (&scan, &taken), &request)
    }

    /// The numbered snapshots kept for a run: number and commit, oldest first.
    pub fn kept(&self, run: &RunId) -> Result<Vec<(u64, String)>, WorktreeError> {
        self.store()?.kept(run)
    }

    /// Whether a snapshot of that name can still be read.
    pub fn holds(&self, commit: &str) -> bool {
        self.store().is_ok_and(|store| store.tree_of(commit).is_ok())
    }

    /// The project's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of our own state.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Whether a path below the project is the folder of our own state.
    pub(crate) fn is_state(&self, path: &[u8]) -> bool {
        self.state.strip_prefix(&self.root).is_ok_and(|state| state.as_os_str().as_bytes() == path)
    }

    /// What there is in the work tree, without its content.
    pub(crate) fn seen(&self) -> Result<Scan, WorktreeError> {
        self.scan()
    }

    /// The rules that hold in a folder, given those of the one above.
    pub(crate) fn rules_in(&self, folder: &[u8], above: &Rules) -> Rules {
        scan::rules_in(&self.root, folder, above)
    }

    fn store(&self) -> Result<Store, WorktreeError> {
        Store::open(&self.root, &self.state)
    }

    fn scan(&self) -> Result<Scan, WorktreeError> {
        scan::scan(&self.root, self.state.strip_prefix(&self.root).ok(), Limits::SNAPSHOT)
    }

    fn take(&self, store: &Store) -> Result<(Scan, Taken), WorktreeError> {
        let scan = self.scan()?;
        let taken = objects::take(&store.objects()?, &self.root, &self.state, &scan)?;
        Ok((scan, taken))
    }

    /// Adds what is there at the paths of a tree and was not seen, because it is ignored.
    fn add_overwritten(&self, store: &Store, scan: &mut Scan, tree: Oid) -> Result<(), WorktreeError> {
        let empty = store.objects()?.write(ObjectType::Tree, b"");
        let empty = empty.map_err(git_error("write a snapshot's tree"))?;
        let folder = Folder::open(&self.root).map_err(|source| read_error(&self.root, source))?;
        let mut paths = Paths::below(folder);
        let mut more = Vec::new();
        for file in objects::compare(&store.repository, empty, tree)? {
            let is_seen = scan.entries.binary_search_by(|entry| entry.path.cmp(&file.path)).is_ok();
            let found = paths.parent(Path::new(OsStr::from_bytes(&file.path)));
            let Ok(stamp) = found.and_then(|(folder, name)| folder.stamp(name)) else { continue };
            if !is_seen && (stamp.is_file() || stamp.is_link()) {
                more.push(Entry { path: file.path, stamp });
            }
        }
        scan.entries.extend(more);
        scan.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }
}

/// What a file, or a link itself, is like; `None` where there is none.
pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let folder = Folder::open(path.parent()?).ok()?;
    folder.stamp(path.file_name()?).ok().filter(|stamp| stamp.is_file() || stamp.is_link())
}

fn kept(store: &Store, tree: Oid, name: (&RunId, &str), at_ms: i64) -> Result<Snapshot, WorktreeError> {
    let commit = store.keep(tree, name, at_ms)?;
    Ok(Snapshot { commit: commit.to_string(), tree: tree.to_string() })
}

/// How two trees differ. Contents of more than `bytes_max` are left out.
fn changes(store: &Store, (old, new): (Oid, Oid), bytes_max: u64) -> Result<Vec<Change>, WorktreeError> {
    let odb = store.objects()?;
    let side = |node: Node| {
        let size = odb.read_header(node.id).map_or(0, |(size, _)| size as u64);
        let is_asked = node.is_file() && size <= bytes_max;
        let content = is_asked.then(|| odb.read(node.id).ok().map(|object| object.data().to_vec()));
        Side { size, content: content.flatten() }
    };
    let changed = objects::compare(&store.repository, old, new)?;
    let change = |changed: objects::Changed| Change {
        path: PathBuf::from(OsStr::from_bytes(&changed.path)),
        before: changed.before.map(side),
        after: changed.after.map(side),
    };
    Ok(changed.into_iter().map(change).collect())
}

fn git_error(what: &'static str) -> impl Fn(git2::Error) -> WorktreeError {
    move |source| WorktreeError::Git { what, source }
}

fn read_error(path: &Path, source: io::Error) -> WorktreeError {
    WorktreeError::Read { path: path.display().to_string(), source }
}

fn write_error(path: &Path, source: io::Error) -> WorktreeError {
    WorktreeError::Write { path: path.display().to_string(), source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
