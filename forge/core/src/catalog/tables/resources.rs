//! `resources`.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{known, parsed};
use crate::catalog::{CatalogError, Declaration, Declared, Resource, ResourceKind, Status};

const COLUMNS: &str = "kind, name, spec, lines, status, created_at";

pub(in crate::catalog) fn declare(
    tx: &Transaction<'_>,
    declaration: &Declaration,
    at: &str,
) -> Result<Declared, CatalogError> {
    let Declaration { kind, name, spec, lines, status } = declaration;
    let lines_json = serde_json::Value::from(lines.as_slice()).to_string();
    let Some(old) = one(tx, *kind, name)? else {
        tx.execute(
            "INSERT INTO resources (kind, name, spec, lines, status, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![kind.as_str(), name, spec.to_string(), lines_json, status.as_str(), at],
        )?;
        return Ok(Declared::Created);
    };
    // What is there stays there while nobody asks for something else.
    let status = if old.spec == *spec && old.status == Status::Ready { Status::Ready } else { *status };
    if old.spec == *spec && old.lines == *lines && old.status == status {
        return Ok(Declared::Unchanged);
    }
    tx.execute(
        "UPDATE resources SET spec = ?3, lines = ?4, status = ?5 WHERE kind = ?1 AND name = ?2",
        params![kind.as_str(), name, spec.to_string(), lines_json, status.as_str()],
    )?;
    Ok(Declared::Updated)
}

pub(in crate::catalog) fn list(
    conn: &Connection,
    kind: Option<ResourceKind>,
) -> Result<Vec<Resource>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM resources WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name");
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map([kind.map(ResourceKind::as_str)], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(in crate::catalog) fn one(
    conn: &Connection,
    kind: ResourceKind,
    name: &str,
) -> Result<Option<Resource>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM resources WHERE kind = ?1 AND name = ?2");
    Ok(conn.query_row(&sql, params![kind.as_str(), name], read).optional()?)
}

pub(in crate::catalog) fn remove(
    tx: &Transaction<'_>,
    kind: ResourceKind,
    name: &str,
) -> Result<bool, CatalogError> {
    let sql = "DELETE FROM resources WHERE kind = ?1 AND name = ?2";
    Ok(tx.execute(sql, params![kind.as_str(), name])? == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Resource> {
    let (spec, lines): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(Resource {
        kind: known(0, row.get(0)?, ResourceKind::from_name)?,
        name: row.get(1)?,
        spec: parsed(2, &spec)?,
        lines: parsed(3, &lines)?,
        status: known(4, row.get(4)?, Status::from_name)?,
        created_at: row.get(5)?,
    })
}
