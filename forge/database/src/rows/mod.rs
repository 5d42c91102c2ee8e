//! The one place that reads and writes rows of the application for somebody.
//!
//! Every statement is built here, from names of the schema and bound values, with the policies of the
//! table in it. Nothing takes SQL from outside. What may be seen and changed, and in which order
//! refusals come, is as in Postgres:
//!
//! - reading sees rows that pass the policies for select;
//! - a change or deletion reaches rows that pass those of its command and, if it filters or gives rows
//!   back, those for select;
//! - a new row passes the checks *before* any constraint looks at it, so that an error about a constraint
//!   tells nothing to those who may not write the row. The checks see the tables as they were before the
//!   statement.
//!
//! The service is bound by no policy.

mod error;
pub mod guard;
mod query;
mod value;
mod write;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use error::RowError;
pub use query::select;
pub use value::{from_sql, to_sql};
pub use write::{delete, insert, update};

/// A row: values by column.
pub type Row = serde_json::Map<String, Value>;

/// The most rows that one call reads or gives back.
pub const ROWS_MAX: usize = 10_000;
/// The most rows that one call adds.
pub const NEW_ROWS_MAX: usize = 1_000;
/// The most conditions of a filter.
pub const FILTERS_MAX: usize = 64;

/// What to read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// The columns; empty for all.
    pub columns: Vec<String>,
    /// The conditions, all of which must hold.
    pub filter: Vec<Filter>,
    /// The order.
    pub order: Vec<Order>,
    /// The most rows; [`ROWS_MAX`] if it is more or missing.
    pub limit: Option<usize>,
    /// How many rows to pass over.
    pub offset: usize,
}

/// A condition on a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The column.
    pub column: String,
    /// The comparison.
    pub op: Op,
    /// The value; for [`Op::In`] a list.
    pub value: Value,
}

impl Filter {
    /// `column = value`
    pub fn equal(column: &str, value: impl Into<Value>) -> Filter {
        Filter { column: column.to_owned(), op: Op::Equal, value: value.into() }
    }
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `is`: null, true and false.
    Is,
    /// `in`
    In,
}

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: String,
    /// Whether the highest comes first.
    pub descending: bool,
}

/// What a change gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returning {
    /// How many rows it was. Needs no right to read them.
    Count,
    /// The rows. They must pass the policies for select.
    Rows,
}

/// What a change did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changed {
    /// How many rows it was.
    pub count: usize,
    /// The rows as they are now (as they were, after a delete), if asked for.
    pub rows: Vec<Row>,
}
