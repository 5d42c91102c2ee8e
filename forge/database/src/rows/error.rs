//! Why rows were not read or written, with the code that Postgres would give.

use rusqlite::ErrorCode;

use crate::policy::{Flaw, PolicyError};

/// Rows that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The new row does not pass the table's policies.
    #[error("new row violates row-level security policy for table \"{table}\"")]
    Policy {
        /// The table.
        table: String,
    },
    /// No such table.
    #[error("there is no table `{table}`")]
    UnknownTable {
        /// What was asked for.
        table: String,
    },
    /// No such column.
    #[error("`{table}` has no column `{column}`")]
    UnknownColumn {
        /// The table.
        table: String,
        /// What was asked for.
        column: String,
    },
    /// A value that its column cannot hold.
    #[error("`{column}` cannot hold {value}: {expected} is expected")]
    Value {
        /// The column.
        column: String,
        /// The value, shortened.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// A comparison that the column's type does not have.
    #[error("`{column}` has type {ty}, which does not compare this way")]
    Comparison {
        /// The column.
        column: String,
        /// Its type.
        ty: String,
    },
    /// More than one request may ask for.
    #[error("{what}: {found}, the most is {most}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// How much there may be.
        most: usize,
    },
    /// A constraint of the table does not hold.
    #[error("{message}")]
    Constraint {
        /// The code.
        sqlstate: &'static str,
        /// SQLite's words, which name the columns.
        message: String,
    },
    /// The table's policies cannot be evaluated.
    #[error("the policies of `{table}` cannot be evaluated")]
    Compile {
        /// The table.
        table: String,
        /// What is wrong with them.
        #[source]
        source: PolicyError,
    },
    /// SQLite refused.
    #[error("could not {what} `{table}`")]
    Sqlite {
        /// What was attempted.
        what: &'static str,
        /// The table.
        table: String,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
}

impl RowError {
    /// The five characters by which clients tell errors apart.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            RowError::Policy { .. } => "42501",
            RowError::UnknownTable { .. } => "42P01",
            RowError::UnknownColumn { .. } => "42703",
            RowError::Value { .. } => "22P02",
            RowError::Comparison { .. } => "42883",
            RowError::Limit { .. } => "54000",
            RowError::Constraint { sqlstate, .. } => sqlstate,
            RowError::Compile { source, .. } if source.flaw == Flaw::Cycle => "42P17",
            RowError::Compile { .. } => "42P13",
            RowError::Sqlite { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::AuthorizationForStatementDenied) => "42501",
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "55P03",
                Some(ErrorCode::DiskFull) => "53100",
                Some(ErrorCode::ReadOnly) => "25006",
                _ => "XX000",
            },
        }
    }

    /// Tells constraints from other errors of SQLite.
    pub(super) fn sqlite(what: &'static str, table: &str, source: rusqlite::Error) -> RowError {
        use rusqlite::ffi;
        let rusqlite::Error::SqliteFailure(code, message) = &source else {
            return RowError::Sqlite { what, table: table.to_owned(), source };
        };
        let sqlstate = match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_ROWID => "23505",
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "23503",
            ffi::SQLITE_CONSTRAINT_NOTNULL => "23502",
            ffi::SQLITE_CONSTRAINT_CHECK => "23514",
            ffi::SQLITE_CONSTRAINT_DATATYPE => "22P02",
            _ => return RowError::Sqlite { what, table: table.to_owned(), source },
        };
        let message = message.clone().unwrap_or_else(|| code.to_string());
        RowError::Constraint { sqlstate, message }
    }
}
