//! Waiting for commits, of this process or another.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::StoreError;

/// How often the file is asked whether another process has committed.
const POLL: Duration = Duration::from_millis(25);

/// Counts this process's commits through one store, and wakes those who wait for one.
#[derive(Default)]
pub(crate) struct Commits {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Commits {
    pub(crate) fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the count is no longer `seen`, or the time is up.
    fn wait(&self, seen: u64, timeout: Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(count, timeout, |count| *count == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Tells when something was committed to the file. It keeps the connection it was given for itself.
pub struct Watch {
    conn: Connection,
    commits: Arc<Commits>,
    seen: i64,
}

impl Watch {
    pub(crate) fn new(conn: Connection, commits: Arc<Commits>) -> Result<Self, StoreError> {
        let seen = data_version(&conn)?;
        Ok(Self { conn, commits, seen })
    }

    /// Waits until something was committed since the watch was made or last said so, or until
    /// `timeout` is up: then `false`.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let mut left = timeout;
        loop {
            // Counted before the file is asked: a commit between the two ends the wait at once.
            let count = self.commits.count();
            let now = data_version(&self.conn)?;
            if now != self.seen {
                self.seen = now;
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
            let step = left.min(POLL);
            self.commits.wait(count, step);
            left -= step;
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("seen", &self.seen).finish()
    }
}

/// A number that changes with every commit of any other connection.
fn data_version(conn: &Connection) -> Result<i64, StoreError> {
    let mut statement = conn
        .prepare_cached("PRAGMA data_version")
        .map_err(|source| StoreError::sqlite("prepare a watch", source))?;
    statement
        .query_row([], |row| row.get(0))
        .map_err(|source| StoreError::sqlite("ask for changes of the database", source))
}
