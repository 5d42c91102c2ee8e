//! `runs`: which runs there are.

use rusqlite::{Connection, OptionalExtension};

use crate::error::{LedgerError, doing};
use crate::event::RunId;
use crate::reader::RunRow;

pub(crate) fn insert(conn: &Connection, run: &RunId, started_ms: i64) -> Result<(), LedgerError> {
    conn.prepare_cached("INSERT INTO runs (id, started_ms) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute((run.as_str(), started_ms)))
        .map(drop)
        .map_err(doing("insert a run"))
}

/// Refuses a name that no run has.
pub(crate) fn expect(conn: &Connection, run: &RunId) -> Result<(), LedgerError> {
    conn.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([run.as_str()], |_| Ok(())).optional())
        .map_err(doing("look for a run"))?
        .ok_or_else(|| LedgerError::UnknownRun { run: run.clone() })
}

/// The newest runs, newest first. A row whose name cannot be one is left out: nothing could name it.
pub(crate) fn newest(conn: &Connection, runs_max: usize) -> Result<Vec<RunRow>, LedgerError> {
    let sql = "SELECT runs.id, runs.started_ms, coalesce(heads.seq, 0) FROM runs
        LEFT JOIN heads ON heads.run_id = runs.id
        ORDER BY runs.started_ms DESC, runs.id DESC LIMIT ?1";
    let rows: rusqlite::Result<Vec<(String, i64, i64)>> =
        conn.prepare_cached(sql).and_then(|mut statement| {
            statement
                .query_map([i64::try_from(runs_max).unwrap_or(i64::MAX)], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect()
        });
    let rows = rows.map_err(doing("list the runs"))?;
    let run = |(id, started_ms, seq): (String, i64, i64)| {
        Some(RunRow { id: RunId::parse(&id)?, started_ms, seq: u64::try_from(seq).unwrap_or(0) })
    };
    Ok(rows.into_iter().filter_map(run).collect())
}
