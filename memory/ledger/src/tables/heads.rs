//! `heads`: the last event of each run, apart from the events, so that cutting them off is noticed.

use rusqlite::{Connection, OptionalExtension};

use super::events::hash;
use crate::chain::{EventHash, Head};
use crate::error::{LedgerError, doing};
use crate::event::RunId;

/// Moves the head of a run, or makes its first.
pub(crate) fn set(conn: &Connection, run: &RunId, head: Head) -> Result<(), LedgerError> {
    let sql = "INSERT INTO heads (run_id, seq, hash) VALUES (?1, ?2, ?3)
        ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement.execute((run.as_str(), head.seq.cast_signed(), head.hash.as_bytes()))
        })
        .map(drop)
        .map_err(doing("move the head of a run"))
}

/// The head of a run. One that is damaged matches no event.
pub(crate) fn get(conn: &Connection, run: &RunId) -> Result<Option<Head>, LedgerError> {
    conn.prepare_cached("SELECT seq, hash FROM heads WHERE run_id = ?1")
        .and_then(|mut statement| {
            let head = statement.query_row([run.as_str()], |row| {
                let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
                Ok(Head { seq, hash: hash(row, 1)?.unwrap_or(EventHash::NONE) })
            });
            head.optional()
        })
        .map_err(doing("read the head of a run"))
}
