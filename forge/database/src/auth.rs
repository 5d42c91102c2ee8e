//! The schema `auth`: the people of an application, which every backend has.
//!
//! The tables are the same on both engines. On SQLite, which has no schemas, a table of the schema is one whose
//! name begins with `auth.`. They are Forge's own: no request reaches them, migrations do not change them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// What makes the tables on SQLite. It may be repeated.
const SQLITE: &str = include_str!("auth/sqlite.sql");
/// What makes the tables on Postgres. It may be repeated.
const POSTGRES: &str = include_str!("auth/postgres.sql");
/// The role as which Forge reaches the tables on Postgres.
pub const ROLE: &str = "forge_auth";

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the tables where they are not there yet.
pub fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(SQLITE)
}

/// The tables could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to make the tables of sign-in in `{}`", path.display())]
pub struct EnsureError {
    /// The database's file.
    path: PathBuf,
    /// What SQLite says.
    #[source]
    source: rusqlite::Error,
}

/// Makes the tables in the database at `path`, which is from before there were any.
pub fn ensure(path: &Path) -> Result<(), EnsureError> {
    let make = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        if exists(&conn)? { Ok(()) } else { create(&conn) }
    };
    make().map_err(|source| EnsureError { path: path.to_owned(), source })
}

/// Whether the tables are there.
pub fn exists(conn: &Connection) -> rusqlite::Result<bool> {
    crate::tables::objects::exists(conn, "auth.audit_log_entries")
}

/// The statements that make the tables on Postgres, for a role that `app_role` may become.
pub(crate) fn postgres(app_role: &str) -> Vec<String> {
    let tables = POSTGRES.split(";\n").map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned);
    let role = crate::ddl::postgres::quote_name(ROLE);
    let made = format!(
        "DO $loki$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{ROLE}') THEN CREATE ROLE \
         {role} NOLOGIN; END IF; END $loki$"
    );
    let grants = [
        made,
        format!("GRANT USAGE ON SCHEMA auth TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO {role}"),
        format!("GRANT {role} TO {}", crate::ddl::postgres::quote_name(app_role)),
    ];
    tables.chain(grants).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_made_once() {
        let conn = Connection::open_in_memory().unwrap();
        assert!(!exists(&conn).unwrap());
        create(&conn).unwrap();
        create(&conn).unwrap();
        assert!(exists(&conn).unwrap());
    }

    #[test]
    fn both_engines_have_the_same_columns() {
        let columns = |sql: &str| {
            let lines = sql.lines().filter(|line| line.starts_with("  ") && !line.contains("UNIQUE ("));
            lines.map(|line| line.trim().split(' ').next().unwrap().replace('"', "")).collect::<Vec<_>>()
        };
        assert!(columns(SQLITE).len() > 100);
        assert_eq!(columns(SQLITE), columns(POSTGRES));
    }
}
