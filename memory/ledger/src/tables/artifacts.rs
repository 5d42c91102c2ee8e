//! `artifacts`: what is too large for an event, by the hash of its bytes.

use rusqlite::{Connection, OptionalExtension};

use crate::error::{LedgerError, doing};
use crate::event::ArtifactId;

/// Keeps the bytes, if they are not there already.
pub(crate) fn insert(conn: &Connection, id: &ArtifactId, bytes: &[u8]) -> Result<(), LedgerError> {
    conn.prepare_cached("INSERT INTO artifacts (id, bytes) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")
        .and_then(|mut statement| statement.execute((id.as_str(), bytes)))
        .map(drop)
        .map_err(doing("insert an artifact"))
}

pub(crate) fn exists(conn: &Connection, id: &ArtifactId) -> Result<bool, LedgerError> {
    conn.prepare_cached("SELECT 1 FROM artifacts WHERE id = ?1")
        .and_then(|mut statement| statement.exists([id.as_str()]))
        .map_err(doing("look for an artifact"))
}

/// The bytes, once they are found to be the ones that were kept.
pub(crate) fn get(conn: &Connection, id: &ArtifactId) -> Result<Vec<u8>, LedgerError> {
    let bytes: Option<Vec<u8>> = conn
        .prepare_cached("SELECT bytes FROM artifacts WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id.as_str()], |row| row.get(0)).optional())
        .map_err(doing("read an artifact"))?;
    match bytes {
        Some(bytes) if ArtifactId::of(&bytes) == *id => Ok(bytes),
        Some(_) => Err(LedgerError::TamperedArtifact { id: id.clone() }),
        None => Err(LedgerError::UnknownArtifact { id: id.clone() }),
    }
}
