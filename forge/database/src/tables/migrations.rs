//! `_loki_migrations`: what was applied to the database it is in, and how to undo it.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use crate::pipeline::history::{Entry, NewEntry};

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS _loki_migrations (
        version INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        migration TEXT NOT NULL CHECK (json_valid(migration)),
        subject_hash TEXT NOT NULL,
        up TEXT NOT NULL CHECK (json_valid(up)),
        down TEXT NOT NULL CHECK (json_valid(down)),
        down_losses TEXT NOT NULL CHECK (json_valid(down_losses)),
        schema_before TEXT NOT NULL CHECK (json_valid(schema_before)),
        approved_by TEXT NOT NULL,
        applied_at TEXT NOT NULL,
        undone_by TEXT
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS _loki_migrations_name ON _loki_migrations (name) WHERE undone_by IS NULL;";

const COLUMNS: &str = "version, name, migration, subject_hash, up, down, down_losses, schema_before, approved_by, \
                       applied_at, undone_by";

/// Makes the table where it is not there.
pub(crate) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(CREATE)
}

/// Writes an entry and says its version. Rows are never deleted, so no version is used twice.
pub(crate) fn insert(conn: &Connection, entry: &NewEntry<'_>) -> rusqlite::Result<u32> {
    let sql = "SELECT coalesce(max(version), 0) + 1 FROM _loki_migrations";
    let version: u32 = conn.query_row(sql, [], |row| row.get(0))?;
    conn.execute(
        "INSERT INTO _loki_migrations (version, name, migration, subject_hash, up, down, down_losses,
            schema_before, approved_by, applied_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            version,
            entry.migration.name,
            json(entry.migration)?,
            entry.subject_hash,
            json(entry.up)?,
            json(entry.down)?,
            json(entry.down_losses)?,
            json(entry.schema_before)?,
            entry.approved_by,
            entry.applied_at,
        ],
    )?;
    Ok(version)
}

/// Marks every entry above `version` as undone by `subject_hash`.
pub(crate) fn undo_above(conn: &Connection, version: u32, subject_hash: &str) -> rusqlite::Result<usize> {
    conn.execute(
        "UPDATE _loki_migrations SET undone_by = ?2 WHERE version > ?1 AND undone_by IS NULL",
        params![version, subject_hash],
    )
}

/// Every entry, undone ones included, oldest first.
pub fn all(conn: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM _loki_migrations ORDER BY version");
    conn.prepare(&sql)?.query_map([], read)?.collect()
}

/// The entries that hold, newest first.
pub(crate) fn holding(conn: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM _loki_migrations WHERE undone_by IS NULL ORDER BY version DESC");
    conn.prepare(&sql)?.query_map([], read)?.collect()
}

/// The entry of that name that holds.
pub(crate) fn by_name(conn: &Connection, name: &str) -> rusqlite::Result<Option<Entry>> {
    let sql = format!("SELECT {COLUMNS} FROM _loki_migrations WHERE name = ?1 AND undone_by IS NULL");
    conn.query_row(&sql, [name], read).optional()
}

/// The newest version that holds; 0 for a database without migrations.
pub(crate) fn version(conn: &Connection) -> rusqlite::Result<u32> {
    let sql = "SELECT coalesce(max(version), 0) FROM _loki_migrations WHERE undone_by IS NULL";
    conn.query_row(sql, [], |row| row.get(0))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        version: row.get(0)?,
        name: row.get(1)?,
        migration: parsed(row, 2)?,
        subject_hash: row.get(3)?,
        up: parsed(row, 4)?,
        down: parsed(row, 5)?,
        down_losses: parsed(row, 6)?,
        schema_before: parsed(row, 7)?,
        approved_by: row.get(8)?,
        applied_at: row.get(9)?,
        undone_by: row.get(10)?,
    })
}

fn json<T: Serialize + ?Sized>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn parsed<T: for<'de> Deserialize<'de>>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
    })
}
