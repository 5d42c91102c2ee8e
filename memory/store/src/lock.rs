//! One process at a time.
//!
//! The kernel's lock on the file decides, and goes with the process that holds it. What is written in
//! the file only tells the others who that is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::Clock;

/// Bytes of a lock file that are looked at.
const RECORD_BYTES_MAX: u64 = 4096;

/// Looks at a held lock file in search of its holder, which writes its name only once it has the lock.
const LOOKS_MAX: u32 = 100;

/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Why the lock is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it (or this one has it already).
    #[error("process {pid} holds the lock since {started_at}")]
    Held {
        /// Its process id.
        pid: u32,
        /// When it took the lock.
        started_at: Timestamp,
    },
    /// Another process has it and has not written down who it is.
    #[error("an unknown process holds the lock `{}`", path.display())]
    HeldByUnknown {
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file could not be used.
    #[error("failed to {what} the lock file `{}`", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// When it took the lock.
    pub started_at: Timestamp,
}

/// A lock that one process at a time can hold, until it is dropped or the process ends.
#[derive(Debug)]
pub struct ProcessLock {
    file: File,
}

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pid: u32,
    /// When the process began, in the kernel's ticks since boot: tells it from a later one of the same pid.
    start_ticks: Option<u64>,
    started_at: String,
}

impl ProcessLock {
    /// Takes the lock at `path`, or says who has it. What a dead process left is taken over.
    pub fn acquire(path: &Path, clock: &dyn Clock) -> Result<Self, LockError> {
        let failed = |what| move |source| LockError::File { what, path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(path)),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let pid = std::process::id();
        let record = Record { pid, start_ticks: start_ticks(pid), started_at: clock.now().to_string() };
        let text = serde_json::to_vec(&record).map_err(|error| failed("write")(error.into()))?;
        // Emptied first: a reader sees nothing, or part of this record, or all of it; never a mixture.
        file.set_len(0).and_then(|()| file.write_all_at(&text, 0)).map_err(failed("write"))?;
        Ok(Self { file })
    }

    /// The live process that the file at `path` names. A file that is missing, unreadable, or left by
    /// a process that is dead (its pid perhaps another's by now) names none.
    pub fn holder(path: &Path) -> Option<Holder> {
        let (record, holder) = read(path)?;
        let alive = match record.start_ticks {
            Some(ticks) => start_ticks(record.pid) == Some(ticks),
            None => fs::exists(format!("/proc/{}", record.pid)).unwrap_or(false),
        };
        alive.then_some(holder)
    }
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        // A process that lives on after it let go is not the holder any more. Where that cannot be written down, it
        // is taken for the holder until it ends.
        self.file.set_len(0).ok();
    }
}

/// Finds out who holds the lock. Its holder may be just about to write its name over an older one.
fn held(path: &Path) -> LockError {
    for _ in 0..LOOKS_MAX {
        if let Some(Holder { pid, started_at }) = ProcessLock::holder(path) {
            return LockError::Held { pid, started_at };
        }
        thread::park_timeout(LOOK_AGAIN);
    }
    match read(path) {
        // Not among this machine's processes, as far as we see them: another container, perhaps.
        Some((_, Holder { pid, started_at })) => LockError::Held { pid, started_at },
        None => LockError::HeldByUnknown { path: path.to_owned() },
    }
}

fn read(path: &Path) -> Option<(Record, Holder)> {
    let mut text = String::new();
    File::open(path).ok()?.take(RECORD_BYTES_MAX).read_to_string(&mut text).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    let holder = Holder { pid: record.pid, started_at: record.started_at.parse().ok()? };
    Some((record, holder))
}

/// When the process began, in ticks since boot: field 22 of its `stat`, the 20th after the name in
/// parentheses (which may itself contain anything).
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests;
