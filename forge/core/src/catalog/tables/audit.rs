//! `audit_log` and `audit_head`.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::parsed;
use crate::catalog::{
    CatalogError,
    audit::{AuditEntry, AuditHead, GENESIS, NewAuditEntry},
};

const COLUMNS: &str = "seq, key, at, actor, action, subject, details, prev, hash";

pub(in crate::catalog) fn append(
    tx: &Transaction<'_>,
    new: &NewAuditEntry,
    at: &str,
) -> Result<AuditEntry, CatalogError> {
    if let Some(old) = by_key(tx, &new.key)? {
        return if old.says(new) { Ok(old) } else { Err(CatalogError::KeyReused { key: new.key.clone() }) };
    }
    let head = head(tx)?;
    let entry = AuditEntry::after(&head, new, at);
    tx.execute(
        "INSERT INTO audit_log (seq, key, at, actor, action, subject, details, prev, hash) VALUES (?1, ?2, ?3, ?4, \
         ?5, ?6, ?7, ?8, ?9)",
        params![
            entry.seq.cast_signed(),
            entry.key,
            entry.at,
            entry.actor,
            entry.action,
            entry.subject,
            entry.details.to_string(),
            entry.prev,
            entry.hash
        ],
    )?;
    tx.execute(
        "INSERT INTO audit_head (id, seq, hash) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, \
         hash = excluded.hash",
        params![entry.seq.cast_signed(), entry.hash],
    )?;
    Ok(entry)
}

pub(in crate::catalog) fn by_key(conn: &Connection, key: &str) -> Result<Option<AuditEntry>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM audit_log WHERE key = ?1");
    Ok(conn.query_row(&sql, [key], read).optional()?)
}

pub(in crate::catalog) fn page(
    conn: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditEntry>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM audit_log WHERE seq > ?1 ORDER BY seq LIMIT ?2");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(params![i64::try_from(after).unwrap_or(i64::MAX), limit], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(in crate::catalog) fn verify(conn: &Connection) -> Result<AuditHead, CatalogError> {
    let kept = head(conn)?;
    let mut last = AuditHead { seq: 0, hash: GENESIS.to_owned() };
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM audit_log ORDER BY seq"))?;
    for entry in statement.query_map([], read)? {
        let entry = entry?;
        let broken = |why| CatalogError::Broken { seq: entry.seq, why };
        if entry.seq != last.seq + 1 {
            return Err(broken("an entry before it is gone"));
        }
        if entry.prev != last.hash {
            return Err(broken("it does not follow the entry before"));
        }
        if entry.hash != entry.expected_hash() {
            return Err(broken("it was changed"));
        }
        last = AuditHead { seq: entry.seq, hash: entry.hash };
    }
    if last != kept {
        let why = "the log does not end where the head says";
        return Err(CatalogError::Broken { seq: last.seq.min(kept.seq) + 1, why });
    }
    Ok(last)
}

fn head(conn: &Connection) -> Result<AuditHead, CatalogError> {
    let sql = "SELECT seq, hash FROM audit_head WHERE id = 1";
    let head = conn
        .query_row(sql, [], |row| {
            Ok(AuditHead { seq: row.get::<_, i64>(0)?.cast_unsigned(), hash: row.get(1)? })
        })
        .optional()?;
    Ok(head.unwrap_or_else(|| AuditHead { seq: 0, hash: GENESIS.to_owned() }))
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let details: String = row.get(6)?;
    Ok(AuditEntry {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        key: row.get(1)?,
        at: row.get(2)?,
        actor: row.get(3)?,
        action: row.get(4)?,
        subject: row.get(5)?,
        details: parsed(6, &details)?,
        prev: row.get(7)?,
        hash: row.get(8)?,
    })
}
