//! Constraints that a row violates, under the names that they have in Postgres.

use forge_database::people;
use forge_database::schema::{ForeignKey, Table, Type, foreign_key_name, unique_name};
use rusqlite::types::Value as Sql;
use rusqlite::{ErrorCode, ffi};

use super::{listed, of_sqlite, pg_text};
use crate::error::RestError;

/// What an error may say about a row.
#[derive(Debug, Clone, Copy)]
pub(in crate::sqlite) struct Refusal<'t> {
    /// The table that is written.
    pub(in crate::sqlite) table: &'t Table,
    /// Whether policies bind who asks: then nothing of the row is told.
    pub(in crate::sqlite) bound: bool,
    /// Whether nobody is signed in.
    pub(in crate::sqlite) anonymous: bool,
}

impl Refusal<'_> {
    /// A column that has no value and must have one.
    pub(in crate::sqlite) fn null(&self, column: &str, row: &[Sql]) -> RestError {
        let table = &self.table.name;
        let message =
            format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
        self.error("23502", &message, self.whole(row))
    }

    /// A check that does not hold.
    pub(in crate::sqlite) fn check(&self, name: &str, row: &[Sql]) -> RestError {
        let message =
            format!("new row for relation \"{}\" violates check constraint \"{name}\"", self.table.name);
        self.error("23514", &message, self.whole(row))
    }

    /// Values that another row has already.
    pub(in crate::sqlite) fn duplicate(&self, columns: &[String], row: &[Sql]) -> RestError {
        let message =
            format!("duplicate key value violates unique constraint \"{}\"", self.unique_name(columns));
        let values: Vec<String> = columns.iter().map(|column| self.value(column, row)).collect();
        let details = format!("Key ({})=({}) already exists.", columns.join(", "), values.join(", "));
        self.error("23505", &message, Some(details).filter(|_| !self.bound && !row.is_empty()))
    }

    /// A row that refers to one that is not there.
    pub(in crate::sqlite) fn missing(&self, key: &ForeignKey, value: &Sql) -> RestError {
        let (table, to) = (&self.table.name, people::bare_name(&key.table));
        let name = foreign_key_name(table, &key.column);
        let message =
            format!("insert or update on table \"{table}\" violates foreign key constraint \"{name}\"");
        let details = if self.bound {
            format!("Key is not present in table \"{to}\".")
        } else {
            let shown = self.shown(&key.column, value);
            format!("Key ({})=({shown}) is not present in table \"{to}\".", key.column)
        };
        self.error("23503", &message, Some(details))
    }

    /// A row of this table that rows of `child` still refer to.
    pub(in crate::sqlite) fn referred(&self, child: &str, key: &ForeignKey, value: &Sql) -> RestError {
        let name = foreign_key_name(child, &key.column);
        let message = format!(
            "update or delete on table \"{}\" violates foreign key constraint \"{name}\" on table \"{child}\"",
            self.table.name
        );
        let details = if self.bound {
            format!("Key is still referenced from table \"{child}\".")
        } else {
            let shown = self.shown(&key.references, value);
            format!("Key ({})=({shown}) is still referenced from table \"{child}\".", key.references)
        };
        self.error("23503", &message, Some(details))
    }

    fn error(&self, code: &str, message: &str, details: Option<String>) -> RestError {
        RestError::from_sqlstate(code, message, details.as_deref(), None, self.anonymous)
    }

    fn whole(&self, row: &[Sql]) -> Option<String> {
        let values = self.table.columns.iter().map(|column| &column.ty).zip(row);
        Some(format!("Failing row contains ({}).", listed(values)))
            .filter(|_| !self.bound && row.len() == self.table.columns.len())
    }

    fn value(&self, column: &str, row: &[Sql]) -> String {
        let at = self.table.columns.iter().position(|known| known.name == column);
        at.and_then(|at| row.get(at)).map(|value| self.shown(column, value)).unwrap_or_default()
    }

    fn shown(&self, column: &str, value: &Sql) -> String {
        pg_text(self.table.column(column).map_or(&Type::Text, |column| &column.ty), value)
    }

    /// The name of the constraint or index that keeps the columns unique.
    fn unique_name(&self, columns: &[String]) -> String {
        let table = &self.table.name;
        let same = |group: &[String]| group == columns;
        if same(&self.table.primary_key) {
            return format!("{table}_pkey");
        }
        if self.table.uniques.iter().any(|group| same(group)) {
            return unique_name(table, columns);
        }
        let index = self
            .table
            .indices
            .iter()
            .find(|index| index.unique && index.columns.iter().map(|column| &column.name).eq(columns));
        index.map_or_else(|| unique_name(table, columns), |index| index.name.clone())
    }
}

/// The error for a row that SQLite refuses. `row` has the values of all columns, or none where they are not
/// known.
pub(in crate::sqlite) fn of_row(refusal: &Refusal<'_>, error: &rusqlite::Error, row: &[Sql]) -> RestError {
    let plain = || of_sqlite(error, refusal.anonymous);
    let rusqlite::Error::SqliteFailure(failure, Some(said)) = error else { return plain() };
    if failure.code != ErrorCode::ConstraintViolation {
        return plain();
    }
    let named = said.split_once(": ").map_or("", |(_, named)| named);
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            refusal.duplicate(&columns(refusal.table, named), row)
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => match columns(refusal.table, named).first() {
            Some(column) => refusal.null(column, row),
            // A key of another table that a deletion would empty.
            None => of_elsewhere(refusal, named),
        },
        ffi::SQLITE_CONSTRAINT_CHECK if refusal.table.checks.iter().any(|check| check.name == named) => {
            refusal.check(named, row)
        }
        // A check that stands in for a type. Values are converted before, so it is a conversion that let
        // something pass; its text is ours and is not told.
        ffi::SQLITE_CONSTRAINT_CHECK | ffi::SQLITE_CONSTRAINT_DATATYPE => {
            refusal.error("22023", "a value does not fit the type of its column", None)
        }
        _ => plain(),
    }
}

/// The columns that SQLite names as `table.column, table.column`.
fn columns(table: &Table, named: &str) -> Vec<String> {
    let prefix = format!("{}.", table.name);
    let column = |part: &str| part.strip_prefix(&prefix).map(str::to_owned);
    named.split(", ").map_while(column).filter(|name| table.column(name).is_some()).collect()
}

fn of_elsewhere(refusal: &Refusal<'_>, named: &str) -> RestError {
    let (table, column) = named.split_once('.').unwrap_or((named, ""));
    let message =
        format!("null value in column \"{column}\" of relation \"{table}\" violates not-null constraint");
    refusal.error("23502", &message, None)
}
