//! The one thread that writes.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::store::Durability;
use crate::watch::Commits;

/// Writes that may wait; a further one waits for a place.
const QUEUE_MAX: usize = 256;

type Job = Box<dyn FnOnce(&mut Pen) + Send>;

/// The handle to the thread. Dropping it ends the thread, after the writes in the queue.
pub(crate) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(conn: Connection, commits: Arc<Commits>) -> io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE_MAX);
        let pen = Pen { conn, durability: Durability::Process, commits };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || work(pen, &queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(crate) fn write<T, E>(
        &self,
        durability: Durability,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        if self.is_current_thread() {
            return Err(StoreError::Nested.into());
        }
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        let (reply, answer) = sync_channel(1);
        let job: Job = Box::new(move |pen| {
            // The caller waits for the answer, so there is always somebody to take it.
            drop(reply.send(pen.transact(durability, act)));
        });
        jobs.send(job).map_err(|_| StoreError::Closed)?;
        answer.recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    fn is_current_thread(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let own = self.is_current_thread();
        match self.thread.take() {
            // A closure held the last handle: the thread is ending by itself.
            Some(_) if own => {}
            // It catches the panics of closures; there is nothing else in it to fail.
            Some(thread) => drop(thread.join()),
            None => {}
        }
    }
}

fn work(mut pen: Pen, queue: &Receiver<Job>) {
    for job in queue {
        job(&mut pen);
    }
}

/// The writer connection, and how it is set now.
struct Pen {
    conn: Connection,
    durability: Durability,
    commits: Arc<Commits>,
}

impl Pen {
    fn transact<T, E: From<StoreError>>(
        &mut self,
        durability: Durability,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.set(durability)?;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| StoreError::sqlite("begin a write transaction", source))?;
        // Nothing that the closure could leave half-done is seen again: the transaction is rolled back.
        match catch_unwind(AssertUnwindSafe(|| act(&tx))) {
            Ok(Ok(value)) => {
                tx.commit().map_err(|source| StoreError::sqlite("commit a transaction", source))?;
                self.commits.add();
                Ok(value)
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(StoreError::Panicked { message: message(panic.as_ref()) }.into()),
        }
    }

    /// SQLite takes the setting only outside a transaction.
    fn set(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.durability != durability {
            let level = match durability {
                Durability::Process => "NORMAL",
                Durability::Disk => "FULL",
            };
            self.conn
                .pragma_update(None, "synchronous", level)
                .map_err(|source| StoreError::sqlite("set the durability of a write", source))?;
            self.durability = durability;
        }
        Ok(())
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
