//! Values between JSON, in which rows come and go, and SQLite, in which they stay.

use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::Value;

use super::error::RowError;
use crate::ddl::sqlite::value_from_text;
use crate::schema::{Column, Schema, Type};

/// What SQLite stores for a value.
pub fn to_sql(schema: &Schema, column: &Column, value: &Value) -> Result<Sql, RowError> {
    let refuse = |expected: String| RowError::Value {
        column: column.name.clone(),
        value: value.to_string().chars().take(80).collect(),
        expected,
    };
    // A text that looks like a number is still a text, and the other way round.
    let text = match (value, &column.ty) {
        (Value::Null, _) => return Ok(Sql::Null),
        (Value::String(text), Type::Jsonb) => return Ok(Sql::Text(Value::from(text.as_str()).to_string())),
        (_, Type::Jsonb) => return Ok(Sql::Text(value.to_string())),
        (Value::Array(_), Type::Array(_) | Type::Vector(_)) => value.to_string(),
        (Value::Bool(_), Type::Boolean) => value.to_string(),
        (
            Value::Number(_),
            Type::Smallint | Type::Integer | Type::Bigint | Type::Double | Type::Numeric(..),
        ) => value.to_string(),
        (Value::String(text), _) => text.clone(),
        (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_), _) => {
            return Err(refuse(column.ty.to_string()));
        }
    };
    value_from_text(&column.ty, &schema.enums, &text).map_err(|error| refuse(error.expected))
}

/// The value that SQLite stored.
pub fn from_sql(ty: &Type, stored: ValueRef<'_>) -> Value {
    match (stored, ty) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(value), Type::Boolean) => Value::Bool(value != 0),
        (ValueRef::Integer(value), _) => Value::from(value),
        (ValueRef::Real(value), _) => Value::from(value),
        (ValueRef::Text(bytes), Type::Jsonb | Type::Array(_)) => {
            let text = String::from_utf8_lossy(bytes);
            serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()))
        }
        (ValueRef::Text(bytes), _) => Value::from(String::from_utf8_lossy(bytes).as_ref()),
        (ValueRef::Blob(bytes), Type::Vector(_)) => floats(bytes),
        (ValueRef::Blob(bytes), _) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::from(format!("\\x{hex}"))
        }
    }
}

fn floats(bytes: &[u8]) -> Value {
    let numbers = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Value::from(numbers.map(Value::from).collect::<Vec<_>>())
}
