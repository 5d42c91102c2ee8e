//! The one connection that writes, used by one caller at a time.
//!
//! A write runs on the thread that asks for it: handing it to a thread of its own costs two switches of
//! context, as much as the write itself.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::store::Durability;
use crate::watch::Commits;

/// The connection, and the callers who want it.
pub(crate) struct Writer {
    line: Mutex<Line>,
    next: Condvar,
    pen: Mutex<Pen>,
}

/// Callers in the order they came; the first has the pen. Threads, so each is in it once at most.
#[derive(Default)]
struct Line(VecDeque<ThreadId>);

/// Being first in line. Dropping it lets the next caller write.
struct Turn<'a> {
    writer: &'a Writer,
}

impl Writer {
    pub(crate) fn new(conn: Connection, commits: Arc<Commits>) -> Self {
        let pen = Mutex::new(Pen { conn, durability: Durability::Process, commits });
        Self { line: Mutex::default(), next: Condvar::new(), pen }
    }

    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        durability: Durability,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.turn()?;
        self.pen.lock().unwrap_or_else(PoisonError::into_inner).transact(durability, act)
    }

    /// Waits behind those who came before.
    fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let caller = thread::current().id();
        let mut line = self.line();
        // Only from within a write can a thread ask again before it has got its answer.
        if line.0.front() == Some(&caller) {
            return Err(StoreError::Nested);
        }
        line.0.push_back(caller);
        let waited = self.next.wait_while(line, |line| line.0.front() != Some(&caller));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Ok(Turn { writer: self })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.writer.line();
        line.0.pop_front();
        let waiting = !line.0.is_empty();
        drop(line);
        if waiting {
            self.writer.next.notify_all();
        }
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

#[cfg(test)]
mod tests {
    use std::sync::PoisonError;
    use std::thread;

    use rusqlite::Connection;

    use super::Writer;
    use crate::{Durability, StoreError};

    #[test]
    fn writes_happen_in_the_order_they_were_asked_for() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE numbers (id INTEGER PRIMARY KEY, number INTEGER)").unwrap();
        let writer = Writer::new(conn, std::sync::Arc::default());
        let insert = |number: usize| {
            writer.write::<_, StoreError>(Durability::Process, move |tx| {
                Ok(tx.execute("INSERT INTO numbers (number) VALUES (?1)", [number as i64])?)
            })
        };
        thread::scope(|scope| {
            let first = writer.turn().unwrap();
            for number in 0..20 {
                scope.spawn({
                    let insert = &insert;
                    move || insert(number).unwrap()
                });
                while writer.line().0.len() < number + 2 {
                    thread::yield_now();
                }
            }
            drop(first);
        });
        let pen = writer.pen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut asked = pen.conn.prepare("SELECT number FROM numbers ORDER BY id").unwrap();
        let numbers: Vec<i64> =
            asked.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    }
}
