//! `migrations`: the mirror of the database's own history.

use rusqlite::{Connection, Transaction, params};

use crate::catalog::{CatalogError, MigrationEntry};

pub(in crate::catalog) fn put(tx: &Transaction<'_>, entry: &MigrationEntry) -> Result<(), CatalogError> {
    tx.execute(
        "INSERT INTO migrations (version, name, up_hash, applied_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (version) DO \
         UPDATE SET name = excluded.name, up_hash = excluded.up_hash, applied_at = excluded.applied_at",
        params![entry.version, entry.name, entry.up_hash, entry.applied_at],
    )?;
    Ok(())
}

pub(in crate::catalog) fn remove_above(tx: &Transaction<'_>, version: u32) -> Result<usize, CatalogError> {
    Ok(tx.execute("DELETE FROM migrations WHERE version > ?1", [version])?)
}

pub(in crate::catalog) fn list(conn: &Connection) -> Result<Vec<MigrationEntry>, CatalogError> {
    let mut statement =
        conn.prepare("SELECT version, name, up_hash, applied_at FROM migrations ORDER BY version")?;
    let rows = statement.query_map([], |row| {
        Ok(MigrationEntry {
            version: row.get(0)?,
            name: row.get(1)?,
            up_hash: row.get(2)?,
            applied_at: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
