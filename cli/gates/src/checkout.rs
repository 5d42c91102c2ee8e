//! A clean copy of the work tree's files for the gates of one verification, and homes for their commands.
//!
//! A copy is below `.loki/checkout`, named after the process that made it, and is removed when it is
//! dropped; what dead processes left is removed when the next one is made. Commands of gates have homes of
//! their own, which no other command can reach. Before each verification everything in a home is removed but
//! for what package managers downloaded, so that nothing planted there (a `.npmrc`, a `sitecustomize.py`, a
//! build cache with a result in it) is ever used.
//!
//! What is downloaded is kept packed: sources that were unpacked from it, and results of building it, are
//! not. Code under test runs with the same home and could change even that, so that a later verification
//! builds with it. To look for that is not possible for a tool of every kind; the alternative is to download
//! everything each time. For the same reason no `CARGO_TARGET_DIR` outlives a checkout: a planted build
//! result is easier to make than a planted package and is not checked against anything, and would turn a
//! verification into a look at the last one. It costs the time of a full build.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use loki_engine::worktree::{Worktree, WorktreeError};

use crate::confined::Place;

/// Copies that this process has made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// What package managers downloaded, below a home.
const KEPT: &[&str] = &[
    ".cargo/registry/index",
    ".cargo/registry/cache",
    ".cargo/git/db",
    ".npm/_cacache",
    ".local/share/pnpm/store",
    ".yarn/berry/cache",
    ".cache/yarn",
    ".bun/install/cache",
    ".cache/pip/http",
    ".cache/pip/http-v2",
    ".cache/uv",
    ".cache/pypoetry/cache",
    "go/pkg/mod/cache/download",
    ".m2/repository",
    ".gradle/wrapper/dists",
    ".gradle/caches/modules-2/files-2.1",
];

/// Whose commands a home is for. What one leaves there, the other never sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Gates whose outputs are told.
    Gates,
    /// Checks of which nothing is told.
    HeldOut,
}

/// Why there is no clean copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckoutError {
    /// The files could not be copied.
    #[error("failed to write the project's files into a clean folder")]
    Worktree(#[from] WorktreeError),
    /// A folder could not be made or emptied.
    #[error("failed to {attempt} `{}`", path.display())]
    Folder {
        /// What was attempted.
        attempt: &'static str,
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// A clean copy of the work tree's files. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Checkout {
    path: PathBuf,
    tree: String,
}

impl Checkout {
    /// Copies the work tree into a folder of its own below `state`, and empties the homes of gates. Blocks.
    pub(crate) fn make(worktree: &Worktree, state: &Path) -> Result<Checkout, CheckoutError> {
        let folder = state.join("checkout");
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        remove_leftovers(&folder)?;
        for whose in [Whose::Gates, Whose::HeldOut] {
            let Place { home, tmp, .. } = place(state, Path::new(""), whose);
            prune(&home, &KEPT.iter().map(Path::new).collect::<Vec<_>>()).map_err(failed("empty", &home))?;
            prune(&tmp, &[]).map_err(failed("empty", &tmp))?;
        }
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(failed("make", &path))?;
        // As commands will name it, so that its name can be taken out of what they print.
        let path = path.canonicalize().map_err(failed("find", &path))?;
        let mut checkout = Checkout { path, tree: String::new() };
        checkout.tree = worktree.checkout(&checkout.path)?;
        Ok(checkout)
    }

    /// The hash of the files in it as they were written.
    pub(crate) fn tree(&self) -> &str {
        &self.tree
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // What cannot be removed now is removed before the next one is made, which says so if it fails too.
        drop(remove(&self.path));
    }
}

/// Where commands run in `project`, with a home of their own below `state`.
pub(crate) fn place(state: &Path, project: &Path, whose: Whose) -> Place {
    let name = match whose {
        Whose::Gates => "gate",
        Whose::HeldOut => "held-out",
    };
    let own = |what: &str| state.join("sandbox").join(format!("{name}-{what}"));
    Place { project: project.to_owned(), home: own("home"), tmp: own("tmp") }
}

fn failed<'a>(attempt: &'static str, path: &'a Path) -> impl Fn(io::Error) -> CheckoutError + use<'a> {
    move |source| CheckoutError::Folder { attempt, path: path.to_owned(), source }
}

/// Removes copies of processes that are dead, or that had our number before us.
fn remove_leftovers(folder: &Path) -> Result<(), CheckoutError> {
    let own = std::process::id();
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let named =
            name.split_once('-').and_then(|(pid, number)| Some((pid.parse().ok()?, number.parse().ok()?)));
        let in_use = named.is_some_and(|(pid, number): (u32, u64)| match pid == own {
            true => number < MADE.load(Ordering::Relaxed),
            false => Path::new(&format!("/proc/{pid}")).exists(),
        });
        if !in_use {
            remove(&entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Removes everything in a folder but for the folders `kept` below it. A link is never one of them.
fn prune(folder: &Path, kept: &[&Path]) -> io::Result<()> {
    match fs::symlink_metadata(folder) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_dir() => return remove(folder),
        Ok(meta) => make_writable(folder, &meta)?,
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let below: Vec<&Path> = kept.iter().filter_map(|path| path.strip_prefix(&name).ok()).collect();
        let is_folder = entry.file_type()?.is_dir();
        if !is_folder || below.is_empty() {
            remove(&entry.path())?;
        } else if !below.contains(&Path::new("")) {
            prune(&entry.path(), &below)?;
        }
    }
    Ok(())
}

/// Removes a file, a link, or a folder with everything in it, also where folders do not let their owner
/// (go's module cache has such). Links are not followed.
fn remove(path: &Path) -> io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !meta.is_dir() {
        return fs::remove_file(path);
    }
    let first = fs::remove_dir_all(path);
    match first {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        decided => decided,
    }
}

/// Lets the owner into every folder at and below `path`.
fn open_up(path: &Path) -> io::Result<()> {
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        make_writable(&folder, &fs::symlink_metadata(&folder)?)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

fn make_writable(folder: &Path, meta: &fs::Metadata) -> io::Result<()> {
    let mode = meta.permissions().mode();
    if mode & 0o700 == 0o700 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))
}

#[cfg(test)]
mod tests;
