//! Brings a database file to the schema the program knows, step by step.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// One step of a database's own schema. Append-only: a step that was ever released is never changed.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema version the step leads to; ascending from 1.
    pub version: u32,
    /// A short name, for messages.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Refuses a file that is newer than `migrations`; returns the file's version.
pub(crate) fn check(conn: &Connection, path: &Path, migrations: &[Migration]) -> Result<u32, StoreError> {
    let mut known = 0;
    for step in migrations {
        if step.version <= known {
            return Err(StoreError::Disorder { version: step.version, name: step.name });
        }
        known = step.version;
    }
    let found = version(conn, path)?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Applies the steps the file has not seen, each in one transaction with its version.
pub(crate) fn migrate(
    conn: &mut Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let found = check(conn, path, migrations)?;
    for step in migrations.iter().filter(|step| step.version > found) {
        let failed = |source: rusqlite::Error| match StoreError::sqlite("migrate", source) {
            StoreError::Sqlite { source, .. } => {
                StoreError::Migrate { version: step.version, name: step.name, source }
            }
            known => known,
        };
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Another process may have taken the step while this one waited for the lock.
        if version(&tx, path)? < step.version {
            tx.execute_batch(step.sql).map_err(failed)?;
            tx.pragma_update(None, "user_version", step.version).map_err(failed)?;
            tx.commit().map_err(failed)?;
        }
    }
    Ok(())
}

fn version(conn: &Connection, path: &Path) -> Result<u32, StoreError> {
    let version: i64 = conn
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|source| StoreError::sqlite("read the schema version", source))?;
    u32::try_from(version).map_err(|_| StoreError::Corrupt {
        path: path.to_owned(),
        what: format!("its schema version is {version}"),
    })
}
