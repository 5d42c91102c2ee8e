//! The project's files: the only way by which tools touch them.
//!
//! Everything is opened beneath a descriptor of the root by `openat2`, which follows no link, so that a
//! command that runs at the same moment cannot slip one in. What is no regular file is never opened to be
//! read for long: no pipe, no device. Folders that are loki's and git's own are closed, and so is what the
//! policy for commands keeps from being changed: a tool must not be the way around it.

mod error;
mod ignored;
mod names;
mod replace;
#[cfg(test)]
mod tests;
mod walk;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use loki_sandbox::policy::{Access, Files, Places, Policy, Preset};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

pub use error::FileError;
pub use names::{Place, shown};
pub use walk::{Entry, Kind, WALKED_MAX, Walked};

/// Bytes of a file that is written, or that is read as a whole.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// Times that a file is opened where the kernel says that names changed meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// What `openat2` must hold to: nothing above the root, no link of any kind.
const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// A project folder whose files may be read and written. A clone is the same project.
#[derive(Clone)]
pub struct Project {
    root: Arc<OwnedFd>,
    /// The root's names: as it was given, made absolute, and without links.
    names: Vec<PathBuf>,
    rules: Arc<Rules>,
    /// Held while a file is replaced, since two writers of one file would share its temporary name.
    writing: Arc<Mutex<()>>,
}

/// What may be done with which file.
struct Rules {
    policy: Arc<Policy>,
    /// `None`: there is no policy of this project, and only what presets protect below it counts.
    places: Option<Places>,
}

impl Project {
    /// The project in `root`, a folder that exists. What the built-in policies keep commands from changing
    /// (editors' settings, hooks) the tools do not change either.
    pub fn open(root: &Path) -> Result<Project, FileError> {
        let failed = |source| FileError::Root { path: root.to_owned(), source };
        let absolute = std::path::absolute(root).map_err(failed)?;
        let real = root.canonicalize().map_err(failed)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(CWD, &real, flags, Mode::empty());
        let descriptor = descriptor.map_err(|errno| failed(errno.into()))?;
        let mut names = vec![real];
        if absolute != names[0] {
            names.push(absolute);
        }
        let rules = Rules { policy: Arc::new(Preset::Test.policy()), places: None };
        let writing = Arc::new(Mutex::new(()));
        Ok(Project { root: Arc::new(descriptor), names, rules: Arc::new(rules), writing })
    }

    /// The same project, with a policy in the place of the built-in one: what a command may not read or
    /// change, tools do not read or change.
    #[must_use]
    pub fn under(&self, policy: &Arc<Policy>, places: &Places) -> Project {
        let rules = Rules { policy: Arc::clone(policy), places: Some(places.clone()) };
        Project { rules: Arc::new(rules), ..self.clone() }
    }

    /// The root, absolute and without links.
    pub fn root(&self) -> &Path {
        &self.names[0]
    }

    /// The place that a path names: relative to the root, or absolute and below it. Nothing is looked up.
    pub fn place(&self, path: &str) -> Result<Place, FileError> {
        names::place(&self.names, path)
    }

    /// The root as a place.
    pub fn top(&self) -> Place {
        Place::top()
    }

    /// A place on the disk, absolute.
    pub fn path_of(&self, place: &Place) -> PathBuf {
        match place.is_top() {
            true => self.root().to_owned(),
            false => self.root().join(place.path()),
        }
    }

    /// Opens a regular file to be read.
    pub fn file(&self, place: &Place) -> Result<File, FileError> {
        self.allowed(place, Access::Read)?;
        self.regular(place)
    }

    /// A whole file of at most `bytes_max` bytes.
    pub fn read(&self, place: &Place, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        read_whole(self.file(place)?, place, bytes_max)
    }

    /// What a file that may be changed holds now; `None` where it is not there.
    pub fn present(&self, place: &Place) -> Result<Option<Vec<u8>>, FileError> {
        self.allowed(place, Access::Write)?;
        match self.read(place, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FileError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a whole file in its place, with the folders it needs: after a crash the old bytes are there or
    /// the new ones. A file that is there keeps its mode. With [`Before::Absent`] an existing file is an
    /// error.
    pub fn replace(&self, place: &Place, bytes: &[u8], before: Before) -> Result<(), FileError> {
        self.allowed(place, Access::Write)?;
        place.may_be_made()?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(FileError::too_large(place, bytes.len() as u64, FILE_BYTES_MAX));
        }
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        replace::replace(self.root.as_fd(), place, bytes, before)
    }

    /// True where the place is a folder.
    pub fn is_folder(&self, place: &Place) -> Result<bool, FileError> {
        self.allowed(place, Access::Read)?;
        let found = beneath(self.root.as_fd(), place.path_or_dot(), OFlags::PATH, Mode::empty());
        let found = found.map_err(|errno| FileError::of(errno, place))?;
        let stat = rustix::fs::fstat(&found).map_err(|errno| FileError::of(errno, place))?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Goes through what is below a folder; see [`walk::walk`].
    pub fn walk(
        &self,
        start: &Place,
        depth_max: usize,
        visit: &mut dyn FnMut(Entry) -> std::ops::ControlFlow<()>,
    ) -> Result<Walked, FileError> {
        self.allowed(start, Access::Read)?;
        walk::walk(self, start, depth_max, visit)
    }

    fn regular(&self, place: &Place) -> Result<File, FileError> {
        if place.is_top() {
            return Err(FileError::IsFolder { path: place.shown() });
        }
        regular_beneath(self.root.as_fd(), place.path(), place)
    }

    /// Refuses what is closed, and what the rules do not allow.
    fn allowed(&self, place: &Place, wanted: Access) -> Result<(), FileError> {
        place.is_open()?;
        let files = self.rules.places.as_ref().map(|places| self.rules.policy.files_at(places));
        self.access(files.as_ref(), place, wanted)
    }

    fn access(&self, files: Option<&Files<'_>>, place: &Place, wanted: Access) -> Result<(), FileError> {
        let lower = place.path().to_lowercase();
        // File systems that do not tell letters' case apart have one file by both names.
        let names = [Some(place.path()), (lower != place.path()).then_some(lower.as_str())];
        for name in names.into_iter().flatten() {
            let (access, reason) = self.rules.of(files, self.root(), name);
            let allowed = if wanted == Access::Write { access.writes() } else { access.reads() };
            if !allowed {
                let verb = if wanted == Access::Write { "changed" } else { "read" };
                return Err(FileError::Protected { path: place.shown(), verb, reason });
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project").field("root", &self.root()).finish_non_exhaustive()
    }
}

/// What was in a place before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Absent,
    /// A file.
    Present,
}

impl Rules {
    /// What may be done with a path below the root, and why no more.
    fn of(&self, files: Option<&Files<'_>>, root: &Path, path: &str) -> (Access, String) {
        let because = |rule: Option<&loki_sandbox::policy::FileRule>| {
            rule.map_or_else(|| "no rule of the policy names it".to_owned(), |rule| rule.reason.clone())
        };
        if let Some(files) = files {
            let whole = if path.is_empty() { root.to_owned() } else { root.join(path) };
            let (access, rule) = files.file(&whole);
            return (access, because(rule));
        }
        let covers = |rule: &&loki_sandbox::policy::FileRule| {
            rule.access == Access::Protect && Path::new(path).starts_with(&rule.path)
        };
        match self.policy.files.iter().find(covers) {
            Some(rule) => (rule.access, because(Some(rule))),
            None => (Access::Write, String::new()),
        }
    }
}

/// Opens beneath a folder, again where names changed while the kernel looked.
fn beneath(
    folder: BorrowedFd<'_>,
    path: impl rustix::path::Arg + Copy,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    for _ in 1..ATTEMPTS_MAX {
        match openat2(folder, path, flags | OFlags::CLOEXEC, mode, BENEATH) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            decided => return decided,
        }
    }
    openat2(folder, path, flags | OFlags::CLOEXEC, mode, BENEATH)
}

/// Opens a regular file beneath a folder; whatever else has that name is not waited for.
fn regular_beneath(folder: BorrowedFd<'_>, path: &str, place: &Place) -> Result<File, FileError> {
    let failed = |errno| FileError::of(errno, place);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let found = beneath(folder, path, flags, Mode::empty()).map_err(failed)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&found).map_err(failed)?.st_mode);
    match kind {
        FileType::RegularFile => Ok(File::from(found)),
        FileType::Directory => Err(FileError::IsFolder { path: place.shown() }),
        _ => Err(FileError::Special { path: place.shown() }),
    }
}

/// Reads to the end, or says that there is too much.
fn read_whole(file: File, place: &Place, bytes_max: usize) -> Result<Vec<u8>, FileError> {
    let failed = |source: io::Error| FileError::io("read", place, source);
    let length = file.metadata().map_err(failed)?.len();
    if length > bytes_max as u64 {
        return Err(FileError::too_large(place, length, bytes_max));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    (&file).take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() > bytes_max {
        true => Err(FileError::too_large(place, bytes.len() as u64, bytes_max)),
        false => Ok(bytes),
    }
}
