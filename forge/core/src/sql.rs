//! The application's database as Forge's own services use it: short statements, the same on both engines.
//!
//! There are no transactions that wait for their caller. A service reads, decides, and then writes a list of
//! statements that say how many rows each must touch. Where one touches another number, nothing has happened,
//! and the service reads again or refuses. So every act is whole or absent, whoever else acts at the time and
//! whenever the process ends.
//!
//! Statements are written for both engines at once: `$1`, `$2` for values, `{auth.users}` for a table of one of
//! Forge's schemas, nothing that only one engine knows.

use std::borrow::Cow;

use async_trait::async_trait;
use loki_store::Timestamp;

/// A row: values by the names of their columns.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// A database that carries out statements.
#[async_trait]
pub trait Sql: Send + Sync + 'static {
    /// Reads; all statements see the same moment. Gives the rows of each.
    async fn read(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError>;

    /// Writes, all of it or nothing. Gives the rows that each returns.
    async fn write(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError>;
}

/// Why statements were not carried out. In every case nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// A statement touched another number of rows than it must.
    #[error("statement {at} did not find what it must")]
    Unmet {
        /// Which one, from 0.
        at: usize,
    },
    /// Another row has the values already.
    #[error("statement {at} repeats what is there")]
    Duplicate {
        /// Which one, from 0.
        at: usize,
    },
    /// A row refers to one that is not there, or is referred to.
    #[error("statement {at} breaks a reference")]
    Reference {
        /// Which one, from 0.
        at: usize,
    },
    /// It has too much to do, or is not there.
    #[error("the database cannot be used now")]
    Unavailable,
    /// Anything else, which is a mistake in the statements.
    #[error("statement {at} failed: {message}")]
    Failed {
        /// Which one, from 0.
        at: usize,
        /// What the database says.
        message: String,
    },
}

/// A statement with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The text, for both engines.
    pub sql: Cow<'static, str>,
    /// The values of `$1`, `$2` and so on.
    pub values: Vec<Value>,
    /// How many rows it must touch (or give, where it reads); `None` for any number.
    pub rows: Option<usize>,
}

/// A value. Times, identifiers and JSON are text.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// None.
    Null,
    /// Text, or anything that is written as text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
}

/// An engine, as far as its way of writing names goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Tables of a schema are tables whose name has a dot.
    Sqlite,
    /// Schemas are schemas.
    Postgres,
}

impl Statement {
    /// A statement that may touch any number of rows.
    pub fn new(sql: impl Into<Cow<'static, str>>, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement { sql: sql.into(), values: values.into_iter().collect(), rows: None }
    }

    /// The same, and it must touch so many rows.
    #[must_use]
    pub fn touching(mut self, rows: usize) -> Statement {
        self.rows = Some(rows);
        self
    }

    /// Its text for one engine.
    pub fn text(&self, dialect: Dialect) -> String {
        let mut out = String::with_capacity(self.sql.len() + 16);
        let mut rest = self.sql.as_ref();
        while let Some(at) = rest.find(['{', '$']) {
            out.push_str(&rest[..at]);
            let (found, after) = rest[at..].split_at(1);
            rest = after;
            match (found, dialect) {
                ("$", Dialect::Sqlite) => out.push('?'),
                ("$", Dialect::Postgres) => out.push('$'),
                _ => {
                    let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
                    rest = after;
                    match dialect {
                        Dialect::Sqlite => out.push_str(&format!("\"{name}\"")),
                        Dialect::Postgres => out.push_str(name),
                    }
                }
            }
        }
        out.push_str(rest);
        out
    }
}

impl std::fmt::Debug for Value {
    /// Values may be secrets: only their kind is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Value::Null => "null",
            Value::Text(_) => "text",
            Value::Integer(_) => "integer",
            Value::Bool(_) => "bool",
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Value {
        Value::Text(time_text(time))
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Value {
        Value::Text(json.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// A time as it is stored: UTC with microseconds, `2026-12-01T04:05:06.123456+00:00`. Sorts as text.
pub fn time_text(time: Timestamp) -> String {
    format!("{}.{:06}+00:00", time.strftime("%Y-%m-%dT%H:%M:%S"), time.subsec_microsecond())
}

/// Text in a column; empty where there is none.
pub fn text(row: &Row, column: &str) -> String {
    optional_text(row, column).unwrap_or_default()
}

/// Text in a column, if there is one.
pub fn optional_text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A number in a column; 0 where there is none.
pub fn integer(row: &Row, column: &str) -> i64 {
    row.get(column).and_then(serde_json::Value::as_i64).unwrap_or_default()
}

/// Whether a column says yes.
pub fn flag(row: &Row, column: &str) -> bool {
    match row.get(column) {
        Some(serde_json::Value::Bool(flag)) => *flag,
        Some(serde_json::Value::Number(number)) => number.as_i64() != Some(0),
        _ => false, // Null, absent, or of a column that holds something else: not a yes.
    }
}

/// JSON in a column, whether the engine gives it as text or as itself; null where there is none.
pub fn json(row: &Row, column: &str) -> serde_json::Value {
    match row.get(column) {
        Some(serde_json::Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => serde_json::Value::Null,
    }
}

/// A time in a column, if there is one.
pub fn time(row: &Row, column: &str) -> Option<Timestamp> {
    row.get(column)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_serves_both_engines() {
        let statement = Statement::new(
            "update {auth.users} set email = $1 where id = $12 returning id",
            [Value::from("a"), Value::Null],
        );
        assert_eq!(
            statement.text(Dialect::Sqlite),
            "update \"auth.users\" set email = ?1 where id = ?12 returning id"
        );
        assert_eq!(
            statement.text(Dialect::Postgres),
            "update auth.users set email = $1 where id = $12 returning id"
        );
    }

    #[test]
    fn times_are_stored_so_that_they_sort_as_text() {
        let times = ["2026-12-01T04:05:06.1Z", "2026-12-01T04:05:06.12Z", "2026-12-01T04:05:07Z"];
        let texts: Vec<String> = times.map(|text| time_text(text.parse().unwrap())).to_vec();
        assert_eq!(texts[0], "2026-12-01T04:05:06.100000+00:00");
        assert!(texts.is_sorted());
        let row: Row = serde_json::from_value(serde_json::json!({ "at": texts[1] })).unwrap();
        assert_eq!(time(&row, "at"), times[1].parse().ok());
    }

    #[test]
    fn columns_are_read_as_either_engine_gives_them() {
        let row: Row =
            serde_json::from_str(r#"{"a":1,"b":true,"c":"{\"x\":1}","d":{"x":1},"e":null,"f":0}"#).unwrap();
        assert!(flag(&row, "a") && flag(&row, "b"));
        assert!(!flag(&row, "e") && !flag(&row, "f") && !flag(&row, "absent"));
        assert_eq!(json(&row, "c"), json(&row, "d"));
        assert_eq!(optional_text(&row, "e"), None);
        assert_eq!(integer(&row, "a"), 1);
    }

    #[test]
    fn values_are_not_shown() {
        assert_eq!(format!("{:?}", Value::from("password")), "text");
    }
}
