//! Where snapshots are kept: the project's repository, or a store of our own.
//!
//! The project's repository is never opened as such: its settings may name anything. A folder of ours,
//! `view.git`, leads to its objects and its references, with settings that are empty.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process;

use git2::{Config, ObjectType, Odb, Oid, Repository};
use loki_ledger::event::RunId;

use super::git::{Found, Git};
use super::{WorktreeError, git_error, write_error};

/// Trees inside each other.
const DEPTH_MAX: usize = 1024;

/// The repository that snapshots are written to.
pub(super) struct Store {
    /// Has no work tree and no settings.
    pub(super) repository: Repository,
    /// The project's git folder, where it has one that can be relied on.
    pub(super) git: Result<Git, &'static str>,
    /// A store of our own from before the project was a repository.
    former: Option<Repository>,
}

impl Store {
    /// Opens the store of the project at `root`, whose state is kept in `state`.
    pub(super) fn open(root: &Path, state: &Path) -> Result<Self, WorktreeError> {
        if fs::symlink_metadata(state).is_ok_and(|meta| meta.is_symlink()) {
            let path = state.display().to_string();
            return Err(WorktreeError::Refused { path, reason: "is a symbolic link" });
        }
        let own = state.join("snapshots.git");
        let git = match Git::find(root)? {
            Found::Git(git) => Ok(git),
            Found::Odd(reason) => Err(reason),
            Found::None => Err("the project is no git repository"),
        };
        let Ok(found) = &git else {
            lay_out(&own, None).map_err(|source| write_error(&own, source))?;
            return Ok(Self { repository: opened(&own)?, git, former: None });
        };
        let view = state.join("view.git");
        let common = found.common.canonicalize().map_err(|source| write_error(&found.common, source))?;
        lay_out(&view, Some(&common)).map_err(|source| write_error(&view, source))?;
        let repository = opened(&view)?;
        let former = if own.join("HEAD").is_file() { Some(opened(&own)?) } else { None };
        Ok(Self { repository, git, former })
    }

    /// The objects of the store.
    pub(super) fn objects(&self) -> Result<Odb<'_>, WorktreeError> {
        self.repository.odb().map_err(git_error("open the objects of the snapshots"))
    }

    /// The tree of a snapshot.
    pub(super) fn tree_of(&self, commit: &str) -> Result<Oid, WorktreeError> {
        let find = |repository: &Repository| {
            let tree = repository.find_commit(Oid::from_str(commit)?)?.tree_id();
            repository.find_tree(tree).map(|tree| tree.id())
        };
        let found = find(&self.repository).or_else(|error| {
            // From before there was a repository: it gets the objects, so that it never lacks any.
            let former = self.former.as_ref().ok_or(error)?;
            let tree = find(former)?;
            adopt(&former.odb()?, &self.repository.odb()?, former, tree, DEPTH_MAX)?;
            Ok(tree)
        });
        found.map_err(git_error("find the snapshot"))
    }

    /// Keeps a tree as a commit under `refs/loki/<run>/<name>`.
    pub(super) fn keep(
        &self,
        tree: Oid,
        (run, name): (&RunId, &str),
        at_ms: i64,
    ) -> Result<Oid, WorktreeError> {
        let who = format!("loki <loki@localhost> {} +0000", at_ms / 1000);
        let text =
            format!("tree {tree}\nauthor {who}\ncommitter {who}\n\nloki: run {run}, snapshot {name}\n");
        let commit = self
            .objects()?
            .write(ObjectType::Commit, text.as_bytes())
            .map_err(git_error("write a snapshot"))?;
        let name = format!("refs/loki/{run}/{name}");
        // A process that died while it wrote this very name left it locked, and nobody else writes it.
        let lock = self.repository.path().join(format!("{name}.lock"));
        match fs::remove_file(&lock) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(write_error(&lock, error)),
            _ => {}
        }
        self.repository
            .reference(&name, commit, true, "loki: snapshot")
            .map_err(git_error("name a snapshot"))?;
        Ok(commit)
    }

    /// The numbered snapshots of a run, by number.
    pub(super) fn kept(&self, run: &RunId) -> Result<Vec<(u64, String)>, WorktreeError> {
        let prefix = format!("refs/loki/{run}/");
        let mut kept = Vec::new();
        for repository in [Some(&self.repository), self.former.as_ref()].into_iter().flatten() {
            let found =
                repository.references_glob(&format!("{prefix}*")).map_err(git_error("list the snapshots"))?;
            for reference in found {
                let reference = reference.map_err(git_error("read a snapshot's name"))?;
                let number = reference.name().ok().and_then(|name| name.strip_prefix(&prefix)?.parse().ok());
                if let (Some(number), Some(commit)) = (number, reference.target()) {
                    kept.push((number, commit.to_string()));
                }
            }
        }
        kept.sort();
        kept.dedup_by_key(|(number, _)| *number);
        Ok(kept)
    }
}

/// Copies a tree and everything in it from one store to another.
fn adopt(
    from: &Odb<'_>,
    to: &Odb<'_>,
    former: &Repository,
    tree: Oid,
    depth: usize,
) -> Result<(), git2::Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(git2::Error::from_str("there are too many folders inside each other"));
    };
    for entry in &former.find_tree(tree)? {
        match entry.kind() {
            Some(ObjectType::Tree) => adopt(from, to, former, entry.id(), depth)?,
            Some(ObjectType::Blob) => drop(to.write(ObjectType::Blob, from.read(entry.id())?.data())?),
            _ => {}
        }
    }
    to.write(ObjectType::Tree, from.read(tree)?.data()).map(drop)
}

fn opened(path: &Path) -> Result<Repository, WorktreeError> {
    let opened = || {
        let repository = Repository::open_bare(path)?;
        repository.set_config(&Config::new()?)?;
        Ok(repository)
    };
    opened().map_err(git_error("open the snapshot store"))
}

/// Makes the folder of a repository of ours; with `common`, one that leads to the project's.
fn lay_out(folder: &Path, common: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if !folder.join("HEAD").is_file() {
        settle(&folder.join("HEAD"), |path| fs::write(path, "ref: refs/heads/main\n"))?;
    }
    if !folder.join("config").is_file() {
        let text = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
        settle(&folder.join("config"), |path| fs::write(path, text))?;
    }
    let Some(common) = common else {
        fs::create_dir_all(folder.join("objects"))?;
        return fs::create_dir_all(folder.join("refs"));
    };
    for name in ["objects", "refs", "packed-refs"] {
        let (link, target) = (folder.join(name), common.join(name));
        if fs::read_link(&link).is_ok_and(|found| found == target) {
            continue;
        }
        settle(&link, |path| symlink(&target, path))?;
    }
    Ok(())
}

/// Makes something whole under another name and renames it: another process may do the same.
fn settle(path: &Path, make: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft: PathBuf = path.with_extension(process::id().to_string());
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    make(&draft)?;
    fs::rename(&draft, path)
}
