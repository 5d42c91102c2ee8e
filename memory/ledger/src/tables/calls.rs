//! `calls`: what was asked of the desk that changes something, by whom, and what it came to.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{LedgerError, doing};
use crate::journal::{Call, NewCall};

const COLUMNS: &str = "id, at_ms, door, operation, key, input_hash, ended_ms, outcome, answer";

/// Writes down that something is about to be done; returns the call's number.
pub(crate) fn insert(conn: &Connection, call: &NewCall, now_ms: i64) -> Result<i64, LedgerError> {
    let sql = "INSERT INTO calls (at_ms, door, operation, key, input_hash) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    let values = (now_ms, &call.door, &call.operation, &call.key, &call.input_hash);
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, |row| row.get(0)))
        .map_err(doing("insert a call"))
}

/// The call that was made under this key.
pub(crate) fn of_key(conn: &Connection, key: &str) -> Result<Option<Call>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE key = ?1");
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([key], call).optional())
        .map_err(doing("look for a call by its key"))
}

/// Writes down that a call succeeded, with its answer.
pub(crate) fn done(conn: &Connection, id: i64, answer: Option<&str>, now_ms: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE calls SET ended_ms = ?2, outcome = 'done', answer = ?3 WHERE id = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((id, now_ms, answer)))
        .map(drop)
        .map_err(doing("write down what came of a call"))
}

/// Writes down that a call was refused. Nothing was done, so its key is free again.
pub(crate) fn refused(conn: &Connection, id: i64, code: &str, now_ms: i64) -> Result<(), LedgerError> {
    let sql = "UPDATE calls SET ended_ms = ?2, outcome = ?3, key = NULL WHERE id = ?1";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute((id, now_ms, code)))
        .map(drop)
        .map_err(doing("write down why a call was refused"))
}

/// Calls after the one numbered `after`.
pub(crate) fn page(conn: &Connection, after: i64, rows_max: u32) -> Result<Vec<Call>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE id > ?1 ORDER BY id LIMIT ?2");
    conn.prepare_cached(&sql)
        .and_then(|mut statement| statement.query_map((after, rows_max), call)?.collect())
        .map_err(doing("list the calls"))
}

/// Forgets all but the newest calls.
pub(crate) fn prune(conn: &Connection, kept_max: u32) -> Result<(), LedgerError> {
    conn.prepare_cached("DELETE FROM calls WHERE id <= (SELECT max(id) FROM calls) - ?1")
        .and_then(|mut statement| statement.execute([kept_max]))
        .map(drop)
        .map_err(doing("forget old calls"))
}

fn call(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        id: row.get(0)?,
        at_ms: row.get(1)?,
        door: row.get(2)?,
        operation: row.get(3)?,
        key: row.get(4)?,
        input_hash: row.get(5)?,
        ended_ms: row.get(6)?,
        outcome: row.get(7)?,
        answer: row.get(8)?,
    })
}
