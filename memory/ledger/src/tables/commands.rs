//! `commands`: the inbox of the process that drives.

use rusqlite::Connection;

use crate::error::{LedgerError, doing};
use crate::event::RunId;

/// A command as it is stored: its number, when it was sent, and itself as JSON.
pub(crate) type CommandRow = (i64, i64, String);

/// Adds a command; returns its number, which no other command ever has.
pub(crate) fn insert(conn: &Connection, run: &RunId, sent_ms: i64, body: &str) -> Result<i64, LedgerError> {
    conn.prepare_cached("INSERT INTO commands (run_id, sent_ms, body) VALUES (?1, ?2, ?3) RETURNING id")
        .and_then(|mut statement| statement.query_row((run.as_str(), sent_ms, body), |row| row.get(0)))
        .map_err(doing("insert a command"))
}

/// Commands that nobody has taken, oldest first.
pub(crate) fn pending(
    conn: &Connection,
    run: &RunId,
    rows_max: usize,
) -> Result<Vec<CommandRow>, LedgerError> {
    let sql = "SELECT id, sent_ms, body FROM commands
        WHERE run_id = ?1 AND taken_iteration IS NULL ORDER BY id LIMIT ?2";
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
            statement
                .query_map((run.as_str(), rows_max), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect()
        })
        .map_err(doing("read the inbox"))
}

/// Notes which iteration took a command. The first note stays.
pub(crate) fn take(conn: &Connection, id: i64, iteration: u32) -> Result<(), LedgerError> {
    let sql = "UPDATE commands SET taken_iteration = coalesce(taken_iteration, ?2) WHERE id = ?1";
    let changed = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute((id, iteration)))
        .map_err(doing("note that a command was taken"))?;
    if changed == 0 { Err(LedgerError::UnknownCommand { id }) } else { Ok(()) }
}

/// The iteration that took a command, if one has.
pub(crate) fn taken(conn: &Connection, id: i64) -> Result<Option<u32>, LedgerError> {
    match conn.query_row("SELECT taken_iteration FROM commands WHERE id = ?1", [id], |row| row.get(0)) {
        Ok(iteration) => Ok(iteration),
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(LedgerError::UnknownCommand { id }),
        Err(source) => Err(doing("read whether a command was taken")(source)),
    }
}
