//! A bounded pool of connections that can only read.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::store::connect;

pub(crate) struct Readers {
    path: PathBuf,
    readers_max: usize,
    busy_timeout: Duration,
    pool: Mutex<Pool>,
    free: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Connections that exist, idle or lent.
    open: usize,
}

/// A connection on loan.
pub(crate) struct Lease<'a> {
    readers: &'a Readers,
    /// `None` only while it is given back.
    conn: Option<Connection>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, readers_max: usize, busy_timeout: Duration) -> Self {
        let readers_max = readers_max.max(1);
        Self { path, readers_max, busy_timeout, pool: Mutex::default(), free: Condvar::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection of its own, outside the pool.
    pub(crate) fn open(&self) -> Result<Connection, StoreError> {
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY, self.busy_timeout)
    }

    /// Lends a connection; waits for one no longer than the busy timeout.
    pub(crate) fn take(&self) -> Result<Lease<'_>, StoreError> {
        let (mut pool, waited) = self
            .free
            .wait_timeout_while(self.lock(), self.busy_timeout, |pool| {
                pool.idle.is_empty() && pool.open >= self.readers_max
            })
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(conn) = pool.idle.pop() {
            return Ok(Lease { readers: self, conn: Some(conn) });
        }
        if waited.timed_out() {
            return Err(StoreError::Busy);
        }
        pool.open += 1;
        drop(pool);
        // From here on the lease gives the place back, whatever happens.
        let mut lease = Lease { readers: self, conn: None };
        lease.conn = Some(self.open()?);
        Ok(lease)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match &self.conn {
            Some(conn) => conn,
            None => unreachable!("a lease has its connection until it is dropped"),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.conn.take() {
            // One with a transaction still open would serve the next reader an old moment.
            Some(conn) if conn.is_autocommit() => pool.idle.push(conn),
            Some(_) | None => pool.open -= 1,
        }
        drop(pool);
        self.readers.free.notify_one();
    }
}
