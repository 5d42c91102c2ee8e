//! The SQLite renderer: logical schemas as `STRICT` tables, and the statements from one to another.
//!
//! Everything is rendered so that SQLite's own `ALTER TABLE` leaves exactly the text that a fresh
//! `CREATE TABLE` would: one space between tokens, every name quoted, whatever belongs to a column
//! inside its definition, unique groups as indices. [`objects`] is therefore what
//! `sqlite_schema` must hold, byte for byte.

mod check;
mod convert;
mod range;
mod search;
mod seed;
mod steps;
mod table;
mod time;
mod value;

pub use table::{Object, objects, physical_type};
pub use time::NOW;
pub use value::{ValueError, value_from_text};

pub(crate) use check::check_sql;
pub(crate) use seed::seed_rows;
pub(in crate::ddl) use seed::seed_rows_with;
pub(in crate::ddl) use steps::rename_steps;
pub(crate) use steps::steps;
pub(crate) use time::{date_of, timestamp_of};

use crate::{schema::Schema, tables};

/// The most significant digits that a number keeps exactly: what a binary double can give back.
pub const DIGITS_MAX: u32 = 15;
/// The highest scale of a number: it leaves one digit before the point.
pub const SCALE_MAX: u32 = DIGITS_MAX - 1;

/// A name, quoted.
pub fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Makes sure that the table in which the logical schema is stored exists.
pub(crate) fn open_books() -> Vec<String> {
    vec![tables::schema::CREATE.to_owned()]
}

/// Stores the logical schema.
pub(crate) fn store_schema(schema: &Schema) -> String {
    tables::schema::store(schema)
}

/// Whether a statement of a plan keeps loki's own books rather than the app's tables.
pub fn is_bookkeeping(sql: &str) -> bool {
    sql == tables::schema::CREATE || sql.starts_with(tables::schema::STORE)
}
