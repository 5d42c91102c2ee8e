//! `proposals`: what waits for a person outside of runs, and what they said.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{LedgerError, doing};
use crate::journal::{Decision, Proposed};

/// Puts a proposal on the list. One that is on it already stays as it is.
pub(crate) fn insert(conn: &Connection, proposed: &Proposed, now_ms: i64) -> Result<(), LedgerError> {
    let sql = "INSERT INTO proposals (subject, operation, title, asked_ms) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (subject) DO NOTHING";
    conn.prepare_cached(sql)
        .and_then(|mut statement| {
            statement.execute((&proposed.subject, &proposed.operation, &proposed.title, now_ms))
        })
        .map(drop)
        .map_err(doing("put a proposal on the list"))
}

/// Those that nobody has decided on, oldest first.
pub(crate) fn open(conn: &Connection, rows_max: u32) -> Result<Vec<Proposed>, LedgerError> {
    let sql = "SELECT subject, operation, title FROM proposals
        WHERE approved IS NULL ORDER BY asked_ms, subject LIMIT ?1";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_map([rows_max], proposed)?.collect())
        .map_err(doing("list the proposals"))
}

/// What a person said about a proposal.
pub(crate) fn decision(conn: &Connection, subject: &str) -> Result<Option<Decision>, LedgerError> {
    let sql = "SELECT approved, person, reason FROM proposals WHERE subject = ?1 AND approved IS NOT NULL";
    let read =
        |row: &Row<'_>| Ok(Decision { approved: row.get(0)?, person: row.get(1)?, reason: row.get(2)? });
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([subject], read).optional())
        .map_err(doing("read a decision"))
}

/// Writes down what a person said; false where nothing of that name waits.
pub(crate) fn decide(
    conn: &Connection,
    subject: &str,
    decision: &Decision,
    now_ms: i64,
) -> Result<bool, LedgerError> {
    let sql = "UPDATE proposals SET approved = ?2, person = ?3, reason = ?4, decided_ms = ?5
        WHERE subject = ?1 AND approved IS NULL";
    let values = (subject, decision.approved, &decision.person, &decision.reason, now_ms);
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .map(|changed| changed > 0)
        .map_err(doing("write down a decision"))
}

/// Takes a proposal off the list.
pub(crate) fn remove(conn: &Connection, subject: &str) -> Result<bool, LedgerError> {
    conn.prepare_cached("DELETE FROM proposals WHERE subject = ?1")
        .and_then(|mut statement| statement.execute([subject]))
        .map(|changed| changed > 0)
        .map_err(doing("take a proposal off the list"))
}

/// Forgets all but the newest proposals.
pub(crate) fn prune(conn: &Connection, kept_max: u32) -> Result<(), LedgerError> {
    let sql = "DELETE FROM proposals WHERE subject IN
        (SELECT subject FROM proposals ORDER BY asked_ms DESC, subject LIMIT -1 OFFSET ?1)";
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([kept_max]))
        .map(drop)
        .map_err(doing("forget old proposals"))
}

fn proposed(row: &Row<'_>) -> rusqlite::Result<Proposed> {
    Ok(Proposed { subject: row.get(0)?, operation: row.get(1)?, title: row.get(2)? })
}
