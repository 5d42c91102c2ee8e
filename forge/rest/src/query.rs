//! One `select` that somebody wrote, in the name of whoever is asked for, bounded in rows, bytes and time.
//!
//! On SQLite it is read in the grammar of Postgres and compiled with the policies around every table, and runs on
//! a connection that can only read. On Postgres it runs as it is written, in the role of who asks, within a
//! transaction that can only read.

use async_trait::async_trait;
use forge_core::Identity;
use serde_json::Value;

use crate::error::RestError;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The text.
    pub sql: String,
    /// The values of `$1`, `$2` and so on.
    pub values: Vec<Value>,
    /// The most rows that are given.
    pub rows_max: usize,
    /// The most bytes that the rows come to, as JSON.
    pub bytes_max: usize,
}

/// What is found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The columns in order.
    pub columns: Vec<String>,
    /// The rows, each a value for every column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there is more than the bounds let through.
    pub truncated: bool,
}

/// A database that answers queries.
#[async_trait]
pub trait Queries: Send + Sync + 'static {
    /// Answers queries in the name of `who`, all of the same moment. Nothing is written, whatever the texts say.
    async fn queries(&self, who: &Identity, queries: &[Query]) -> Result<Vec<Found>, RestError>;

    /// Answers one query.
    async fn query(&self, who: &Identity, query: &Query) -> Result<Found, RestError> {
        let found = self.queries(who, std::slice::from_ref(query)).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }
}

/// Rows that come in one after another, up to the bounds.
pub(crate) struct Taking {
    found: Found,
    rows_max: usize,
    bytes_left: usize,
}

impl Taking {
    pub(crate) fn new(columns: Vec<String>, query: &Query) -> Taking {
        let found = Found { columns, ..Found::default() };
        Taking { found, rows_max: query.rows_max, bytes_left: query.bytes_max }
    }

    /// Takes a row that comes to so many bytes; whether there is room for another.
    pub(crate) fn take(&mut self, bytes: usize, row: Vec<Value>) -> bool {
        if self.found.rows.len() == self.rows_max || bytes > self.bytes_left {
            self.found.truncated = true;
            return false;
        }
        self.bytes_left -= bytes;
        self.found.rows.push(row);
        true
    }

    pub(crate) fn found(self) -> Found {
        self.found
    }
}
