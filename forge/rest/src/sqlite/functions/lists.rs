//! Lists and vectors.

use rusqlite::Connection;
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::Value;

use super::json::{order, parsed};
use super::{scalar, text, truth};

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    // rest_list(one, operator, other)
    scalar(conn, "rest_list", 3, false, |context| {
        let (one, other) = (leaves(parsed(text(context, 0))?), leaves(parsed(text(context, 2))?));
        truth(match text(context, 1) {
            "@>" => other.iter().all(|item| has(&one, item)),
            "<@" => one.iter().all(|item| has(&other, item)),
            _ => one.iter().any(|item| has(&other, item)),
        })
    })?;
    scalar(conn, "rest_braces", 1, false, |context| {
        let mut braces = String::new();
        write(&parsed(text(context, 0))?, &mut braces);
        Ok(Sql::Text(braces))
    })?;
    scalar(conn, "rest_vector", 1, false, |context| {
        let ValueRef::Blob(bytes) = context.get_raw(0) else { return Ok(Sql::Null) };
        let number = |four: &[u8]| {
            let four: [u8; 4] = four.try_into().unwrap_or_default();
            f32::from_le_bytes(four).to_string()
        };
        let numbers: Vec<String> = bytes.chunks_exact(4).map(number).collect();
        Ok(Sql::Text(format!("[{}]", numbers.join(","))))
    })
}

/// Postgres takes lists within lists as one list here.
fn leaves(of: Value) -> Vec<Value> {
    match of {
        Value::Array(items) => items.into_iter().flat_map(leaves).collect(),
        other => vec![other],
    }
}

/// Null is equal to nothing.
fn has(list: &[Value], item: &Value) -> bool {
    !item.is_null() && list.iter().any(|one| order(one, item).is_eq())
}

fn write(of: &Value, braces: &mut String) {
    match of {
        Value::Array(items) => {
            braces.push('{');
            for (at, item) in items.iter().enumerate() {
                braces.push_str(if at == 0 { "" } else { "," });
                write(item, braces);
            }
            braces.push('}');
        }
        Value::Null => braces.push_str("NULL"),
        Value::Bool(value) => braces.push(if *value { 't' } else { 'f' }),
        Value::Number(number) => braces.push_str(&number.to_string()),
        Value::String(text) => word(text, braces),
        Value::Object(_) => word(&of.to_string(), braces),
    }
}

fn word(text: &str, braces: &mut String) {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace();
    if !text.is_empty() && !text.contains(special) && !text.eq_ignore_ascii_case("null") {
        braces.push_str(text);
        return;
    }
    braces.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            braces.push('\\');
        }
        braces.push(c);
    }
    braces.push('"');
}
