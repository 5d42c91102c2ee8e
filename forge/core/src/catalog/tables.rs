//! The catalog's SQL, a file for each table.

pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod migrations;
pub(super) mod resources;

use rusqlite::types::Type;

/// A stored text that is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no value of this column")]
struct Foreign(String);

/// A column's JSON.
fn parsed<T: serde::de::DeserializeOwned>(at: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}

/// A column's closed value.
fn known<T>(at: usize, text: String, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    read(&text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(Foreign(text.clone())))
    })
}
