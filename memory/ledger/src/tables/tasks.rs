//! `tasks`: work that waits for somebody, who has it, and what came of it.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{LedgerError, doing};
use crate::tasks::{Ended, NewTask, Task, TaskState};

const COLUMNS: &str =
    "id, key, title, detail, priority, added_ms, lease, worker, lease_until_ms, ended, ended_ms, summary";

/// Adds a task; returns its number.
pub(crate) fn insert(conn: &Connection, task: &NewTask, now_ms: i64) -> Result<i64, LedgerError> {
    let sql =
        "INSERT INTO tasks (key, title, detail, priority, added_ms) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    let values = (&task.key, &task.title, &task.detail, task.priority, now_ms);
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, |row| row.get(0)))
        .map_err(doing("insert a task"))
}

/// The task with this number.
pub(crate) fn get(conn: &Connection, id: i64, now_ms: i64) -> Result<Option<Task>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id = ?1");
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([id], |row| task(row, now_ms)).optional())
        .map_err(doing("read a task"))
}

/// The task that was added under this key.
pub(crate) fn of_key(conn: &Connection, key: &str, now_ms: i64) -> Result<Option<Task>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM tasks WHERE key = ?1");
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([key], |row| task(row, now_ms)).optional())
        .map_err(doing("look for a task by its key"))
}

/// Tasks after the one numbered `after`, in the order in which they were added.
pub(crate) fn page(
    conn: &Connection,
    after: i64,
    rows_max: u32,
    now_ms: i64,
) -> Result<Vec<Task>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id > ?1 ORDER BY id LIMIT ?2");
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map((after, rows_max), |row| task(row, now_ms))?.collect())
        .map_err(doing("list the tasks"))
}

/// The most urgent task that nobody has, and that was not given out too often.
pub(crate) fn next(conn: &Connection, leases_max: u32, now_ms: i64) -> Result<Option<Task>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tasks
        WHERE ended IS NULL AND lease < ?1 AND (lease_until_ms IS NULL OR lease_until_ms <= ?2)
        ORDER BY priority DESC, id LIMIT 1"
    );
    conn.prepare_cached(&sql)
        .and_then(|mut statement| {
            statement.query_row((leases_max, now_ms), |row| task(row, now_ms)).optional()
        })
        .map_err(doing("look for the next task"))
}

/// Gives a task to a worker, under the next lease.
pub(crate) fn lease(conn: &Connection, id: i64, worker: &str, until_ms: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE tasks SET lease = lease + 1, worker = ?2, lease_until_ms = ?3 WHERE id = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((id, worker, until_ms)))
        .map(drop)
        .map_err(doing("lease a task"))
}

/// Moves the end of a lease.
pub(crate) fn renew(conn: &Connection, id: i64, until_ms: i64) -> Result<(), LedgerError> {
    conn.prepare_cached("UPDATE tasks SET lease_until_ms = ?2 WHERE id = ?1")
        .and_then(|mut statement| statement.execute((id, until_ms)))
        .map(drop)
        .map_err(doing("renew a lease"))
}

/// Writes down what came of a task.
pub(crate) fn end(
    conn: &Connection,
    id: i64,
    ended: Ended,
    summary: &str,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let sql = "UPDATE tasks SET ended = ?2, summary = ?3, ended_ms = ?4, lease_until_ms = NULL WHERE id = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((id, ended.as_str(), summary, now_ms)))
        .map(drop)
        .map_err(doing("end a task"))
}

/// Ends tasks that were given out `leases_max` times and never came back.
pub(crate) fn give_up(conn: &Connection, leases_max: u32, now_ms: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE tasks SET ended = 'failed', ended_ms = ?2, lease_until_ms = NULL,
            summary = 'it was given out ' || lease || ' times and never came back'
        WHERE ended IS NULL AND lease >= ?1 AND (lease_until_ms IS NULL OR lease_until_ms <= ?2)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((leases_max, now_ms)))
        .map(drop)
        .map_err(doing("give tasks up"))
}

/// How many tasks have not ended.
pub(crate) fn open(conn: &Connection) -> Result<u32, LedgerError> {
    conn.prepare_cached("SELECT count(*) FROM tasks WHERE ended IS NULL")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(doing("count the open tasks"))
}

/// Forgets the oldest tasks that have ended, but for the newest `kept_max` of them.
pub(crate) fn prune(conn: &Connection, kept_max: u32) -> Result<(), LedgerError> {
    let sql = "DELETE FROM tasks WHERE id IN
        (SELECT id FROM tasks WHERE ended IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET ?1)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([kept_max]))
        .map(drop)
        .map_err(doing("forget old tasks"))
}

fn task(row: &Row<'_>, now_ms: i64) -> rusqlite::Result<Task> {
    let until_ms: Option<i64> = row.get(8)?;
    let ended: Option<String> = row.get(9)?;
    let state = match ended.as_deref() {
        Some("done") => TaskState::Done,
        Some(_) => TaskState::Failed,
        None if until_ms.is_some_and(|until| until > now_ms) => TaskState::Leased,
        None => TaskState::Open,
    };
    Ok(Task {
        id: row.get(0)?,
        key: row.get(1)?,
        title: row.get(2)?,
        detail: row.get(3)?,
        priority: row.get(4)?,
        added_ms: row.get(5)?,
        state,
        lease: row.get(6)?,
        worker: row.get(7)?,
        lease_until_ms: until_ms,
        ended_ms: row.get(10)?,
        summary: row.get(11)?,
    })
}
