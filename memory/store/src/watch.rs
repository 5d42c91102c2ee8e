//! Waiting for commits, of this process or another.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::StoreError;

/// Time between two looks whether another process has committed, while some do.
const POLL: Duration = Duration::from_millis(25);

/// The same once nothing has been committed for [`QUIET`]: a look is cheap, and forty a second are not.
const POLL_QUIET: Duration = Duration::from_millis(100);

/// After so long without a commit it is quiet.
const QUIET: Duration = Duration::from_secs(1);

/// The longest single wait.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

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
    /// When a commit was last seen, or the watch was made.
    stirred: Instant,
}

impl Watch {
    pub(crate) fn new(conn: Connection, commits: Arc<Commits>) -> Result<Self, StoreError> {
        let seen = data_version(&conn)?;
        Ok(Self { conn, commits, seen, stirred: now() })
    }

    /// Waits until something was committed since the watch was made or last said so, or until
    /// `timeout` is up: then `false`.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        self.wait_until(now() + timeout.min(WAIT_MAX))
    }

    /// Looks for something at once and again after each commit, until it is there or `timeout` is up.
    pub fn wait_for<T, E: From<StoreError>>(
        &mut self,
        timeout: Duration,
        mut look: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let deadline = now() + timeout.min(WAIT_MAX);
        loop {
            // A commit since the last look, even one during it, ends the wait below at once.
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            if !self.wait_until(deadline)? {
                return Ok(None);
            }
        }
    }

    fn wait_until(&mut self, deadline: Instant) -> Result<bool, StoreError> {
        loop {
            // Counted before the file is asked: a commit between the two ends the wait at once.
            let count = self.commits.count();
            let version = data_version(&self.conn)?;
            if version != self.seen {
                (self.seen, self.stirred) = (version, now());
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(now());
            if left.is_zero() {
                return Ok(false);
            }
            let pause = if self.stirred.elapsed() < QUIET { POLL } else { POLL_QUIET };
            self.commits.wait(count, left.min(pause));
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

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a wait lasts; what is recorded comes from a Clock"
)]
fn now() -> Instant {
    Instant::now()
}
