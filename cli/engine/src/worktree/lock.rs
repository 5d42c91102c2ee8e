//! The user's index, locked as git locks it while we bring it up to date.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use git2::Index;

use super::{WorktreeError, git_error, write_error};

/// What our lock says, before the number of our process. Git does not read it.
const OURS: &str = "loki ";

/// Held by the one lock that this process has: one of ours that is found otherwise is from a process before.
static ONE: Mutex<()> = Mutex::new(());

/// The lock on an index, until it is dropped.
pub(super) struct IndexLock {
    index: PathBuf,
    lock: PathBuf,
    draft: PathBuf,
    /// The index as it was; `None` where there was none.
    before: Option<Vec<u8>>,
    _one: MutexGuard<'static, ()>,
}

impl IndexLock {
    /// Locks the index in a git folder. Refuses where another process has it locked.
    pub(super) fn take(own: &Path) -> Result<Self, WorktreeError> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = own.join("index.lock");
        clear(&lock);
        let made = OpenOptions::new().write(true).create_new(true).open(&lock);
        let mut file = match made {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WorktreeError::NoCommit { reason: "another git process has the index locked" });
            }
            Err(error) => return Err(write_error(&lock, error)),
        };
        let (index, draft) = (own.join("index"), own.join("loki-commit.index"));
        let mut taken = Self { index, lock, draft, before: None, _one: one };
        let failed = |source| write_error(&own.join("index"), source);
        file.write_all(format!("{OURS}{}\n", process::id()).as_bytes()).map_err(failed)?;
        taken.before = match fs::read(&taken.index) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        taken.put_draft().map_err(failed)?;
        Ok(taken)
    }

    /// The index, as a copy to change.
    pub(super) fn index(&self) -> Result<Index, WorktreeError> {
        Index::open(&self.draft).map_err(git_error("read the project's index"))
    }

    /// Puts a changed copy in place.
    pub(super) fn install(&self, mut index: Index) -> Result<(), WorktreeError> {
        index.write().map_err(git_error("write the project's index"))?;
        fs::rename(&self.draft, &self.index).map_err(|source| write_error(&self.index, source))
    }

    /// Puts the index back as it was.
    pub(super) fn put_back(&self) -> Result<(), WorktreeError> {
        let put = || match self.before {
            Some(_) => self.put_draft().and_then(|()| fs::rename(&self.draft, &self.index)),
            None => fs::remove_file(&self.index),
        };
        put().map_err(|source| write_error(&self.index, source))
    }

    fn put_draft(&self) -> io::Result<()> {
        for left in [self.draft.clone(), self.draft.with_extension("index.lock")] {
            match fs::remove_file(&left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let Some(before) = &self.before else { return Ok(()) };
        let mut draft = OpenOptions::new().write(true).create_new(true).open(&self.draft)?;
        draft.write_all(before)?;
        if let Ok(meta) = fs::metadata(&self.index) {
            draft.set_permissions(meta.permissions())?;
        }
        Ok(())
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        // What stays of either is cleared by whoever comes next.
        drop(fs::remove_file(&self.draft));
        drop(fs::remove_file(&self.lock));
    }
}

/// Removes a lock that a process of ours left when it died.
fn clear(lock: &Path) {
    let regular = fs::symlink_metadata(lock).is_ok_and(|meta| meta.is_file() && meta.len() < 64);
    let Some(text) = regular.then(|| fs::read_to_string(lock).ok()).flatten() else { return };
    let Some(pid) = text.strip_prefix(OURS).and_then(|pid| pid.trim().parse::<u32>().ok()) else { return };
    if pid == process::id() || !Path::new(&format!("/proc/{pid}")).exists() {
        drop(fs::remove_file(lock));
    }
}
