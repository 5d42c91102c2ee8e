//! Values in text form as Postgres literals.

use std::collections::BTreeMap;

use rusqlite::types::Value;

use super::{quote_text, table::sql_type};
use crate::ddl::sqlite::{ValueError, value_from_text};
use crate::schema::Type;

/// The value that `text` means for a column of type `ty`, as a literal of that type. What is no value of it
/// is refused as on SQLite.
pub fn literal(ty: &Type, enums: &BTreeMap<String, Vec<String>>, text: &str) -> Result<String, ValueError> {
    let stored = value_from_text(ty, enums, text)?;
    let written = match (ty, stored) {
        (_, Value::Null) => return Ok("NULL".to_owned()),
        (Type::Boolean, Value::Integer(value)) => return Ok((value != 0).to_string()),
        (Type::Array(_), Value::Text(json)) => {
            serde_json::from_str(&json).map_or(json, |list: serde_json::Value| list_text(&list))
        }
        (Type::Vector(_), Value::Blob(_)) | (_, Value::Real(_)) => text.trim().to_owned(),
        (_, Value::Blob(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{hex}")
        }
        (_, Value::Integer(value)) => value.to_string(),
        (_, Value::Text(value)) => value,
    };
    // A literal of `varchar(3)` would be cut to three characters; as text it is refused when too long.
    let ty = if matches!(ty, Type::Varchar(_)) { "text".to_owned() } else { sql_type(ty) };
    Ok(format!("{}::{ty}", quote_text(&written)))
}

/// A JSON list in the form of Postgres' arrays.
fn list_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "NULL".to_owned(),
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(list_text).collect();
            format!("{{{}}}", items.join(","))
        }
        serde_json::Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
