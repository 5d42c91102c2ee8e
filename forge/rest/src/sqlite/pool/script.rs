//! Statements of Forge's own services, which the guard lets pass.

use forge_core::sql::{Dialect, Row, SqlError, Statement, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, ToSql, ffi};

use super::session::Session;

/// Carries out the statements within the transaction that is open, up to the first that fails.
pub(super) fn run(session: &Session, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError> {
    let run = |(at, statement): (usize, &Statement)| {
        let (rows, touched) =
            session.guard.lifted(|| one(session, statement)).map_err(|error| failure(at, &error))?;
        match statement.rows {
            Some(wanted) if wanted != touched => Err(SqlError::Unmet { at }),
            Some(_) | None => Ok(rows),
        }
    };
    statements.iter().enumerate().map(run).collect()
}

/// The rows that a statement gives, and how many it touched.
fn one(session: &Session, statement: &Statement) -> rusqlite::Result<(Vec<Row>, usize)> {
    let mut prepared = session.conn.prepare_cached(&statement.text(Dialect::Sqlite))?;
    for (at, value) in statement.values.iter().enumerate() {
        prepared.raw_bind_parameter(at + 1, Bound(value))?;
    }
    if prepared.column_count() == 0 {
        let touched = prepared.raw_execute()?;
        return Ok((Vec::new(), touched));
    }
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let value = |(at, name): (usize, &String)| Ok((name.clone(), json(row.get_ref(at)?)));
        rows.push(names.iter().enumerate().map(value).collect::<rusqlite::Result<Row>>()?);
    }
    let touched = rows.len();
    Ok((rows, touched))
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Bool(flag) => ValueRef::Integer(i64::from(*flag)),
        }))
    }
}

fn json(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned().into(),
    }
}

fn failure(at: usize, error: &rusqlite::Error) -> SqlError {
    let Some(code) = error.sqlite_error() else {
        return SqlError::Failed { at, message: error.to_string() };
    };
    match (code.code, code.extended_code) {
        (
            ErrorCode::ConstraintViolation,
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID,
        ) => SqlError::Duplicate { at },
        (ErrorCode::ConstraintViolation, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => SqlError::Reference { at },
        (
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OperationInterrupted
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
            _,
        ) => SqlError::Unavailable,
        _ => SqlError::Failed { at, message: error.to_string() },
    }
}
