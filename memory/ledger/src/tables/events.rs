//! `events`: what happened, in order. Rows are only ever added.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::chain::{EventHash, Link};
use crate::error::{LedgerError, doing};
use crate::event::RunId;

/// Which events of a run to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    /// All there are, even such as could not be there.
    All,
    /// At most `events_max` of those after the one numbered `after`.
    After { after: u64, events_max: usize },
}

pub(crate) fn insert(
    conn: &Connection,
    run: &RunId,
    link: &Link<'_>,
    hash: EventHash,
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO events (run_id, seq, at_ms, version, body, hash)
        VALUES (?1, ?2, ?3, ?4, CAST(?5 AS TEXT), ?6)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement.execute((
                run.as_str(),
                link.seq.cast_signed(),
                link.at_ms,
                link.version,
                link.body,
                hash.as_bytes(),
            ))
        })
        .map(drop)
        .map_err(doing("insert an event"))
}

/// Hands over the events of a run in order, one at a time.
pub(crate) fn for_each(
    conn: &Connection,
    run: &RunId,
    span: Span,
    mut each: impl FnMut(&Link<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let failed = || doing("read the events of a run");
    let (after, rows_max) = match span {
        Span::All => (i64::MIN, i64::MAX),
        Span::After { after, events_max } => {
            (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(events_max).unwrap_or(i64::MAX))
        }
    };
    let sql = "SELECT seq, at_ms, version, body, hash FROM events
        WHERE run_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let mut statement = conn.prepare_cached(sql).map_err(failed())?;
    let mut rows = statement.query((run.as_str(), after, rows_max)).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        each(&link(row).map_err(failed())?)?;
    }
    Ok(())
}

/// The hash of the event with that number, if it is there and is one.
pub(crate) fn hash_at(conn: &Connection, run: &RunId, seq: u64) -> Result<Option<EventHash>, LedgerError> {
    conn.prepare_cached("SELECT hash FROM events WHERE run_id = ?1 AND seq = ?2")
        .and_then(|mut statement| {
            statement.query_row((run.as_str(), seq.cast_signed()), |row| hash(row, 0)).optional()
        })
        .map(Option::flatten)
        .map_err(doing("read the last event of a run"))
}

fn link<'row>(row: &'row Row<'_>) -> rusqlite::Result<Link<'row>> {
    Ok(Link {
        // What is out of range was not written by us; the chain will not take these numbers.
        seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        at_ms: row.get(1)?,
        version: u32::try_from(row.get::<_, i64>(2)?).unwrap_or(u32::MAX),
        body: row.get_ref(3)?.as_bytes()?,
        hash: hash(row, 4)?,
    })
}

pub(super) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<EventHash>> {
    Ok(EventHash::from_bytes(row.get_ref(column)?.as_bytes()?))
}
