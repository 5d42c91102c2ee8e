//! `sqlite_schema` and the pragmas that describe tables.

use rusqlite::Connection;

/// A row of `sqlite_schema`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
}

/// A row of `table_info`.
#[derive(Debug, Clone)]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    /// Place in the primary key, from 1; 0: not part of it.
    pub(crate) key: usize,
}

/// A row of `foreign_key_list`.
#[derive(Debug, Clone)]
pub(crate) struct FoundKey {
    pub(crate) id: i64,
    pub(crate) table: String,
    pub(crate) from: String,
    pub(crate) to: Option<String>,
    pub(crate) on_delete: String,
}

/// An index and its columns; a column that is an expression has no name.
#[derive(Debug, Clone)]
pub(crate) struct FoundIndex {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// `c`: created, `u`: from UNIQUE, `pk`: from PRIMARY KEY.
    pub(crate) origin: String,
    pub(crate) partial: bool,
    pub(crate) columns: Vec<(Option<String>, bool)>,
}

/// Everything in `sqlite_schema` that is neither the engine's own nor one of loki's books, sorted.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<Found>> {
    let mut statement = conn.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' \
         ESCAPE '\\' AND tbl_name NOT LIKE '\\_loki%' ESCAPE '\\' AND tbl_name NOT LIKE 'auth.%' ORDER BY type, name",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Found { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    rows.collect()
}

/// Whether there is a table of this name.
pub(crate) fn exists(conn: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    conn.query_row(sql, [table], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}

pub(crate) fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<FoundColumn>> {
    let mut statement = conn
        .prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let rows = statement.query_map([table], |row| {
        Ok(FoundColumn {
            name: row.get(0)?,
            ty: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get::<_, u32>(4)? as usize,
        })
    })?;
    rows.collect()
}

pub(crate) fn foreign_keys(conn: &Connection, table: &str) -> rusqlite::Result<Vec<FoundKey>> {
    let mut statement = conn.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok(FoundKey {
            id: row.get(0)?,
            table: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            on_delete: row.get(4)?,
        })
    })?;
    rows.collect()
}

pub(crate) fn indices(conn: &Connection, table: &str) -> rusqlite::Result<Vec<FoundIndex>> {
    let mut list = conn
        .prepare("SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY seq DESC")?;
    let rows = list.query_map([table], |row| {
        Ok(FoundIndex {
            name: row.get(0)?,
            unique: row.get(1)?,
            origin: row.get(2)?,
            partial: row.get(3)?,
            columns: Vec::new(),
        })
    })?;
    let mut out = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut info =
        conn.prepare("SELECT name, \"desc\" FROM pragma_index_xinfo(?1) WHERE \"key\" ORDER BY seqno")?;
    for index in &mut out {
        let columns = info.query_map([&index.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        index.columns = columns.collect::<rusqlite::Result<_>>()?;
    }
    Ok(out)
}
