//! Lists: the literals of Postgres and JSON, as the JSON that is stored.

use forge_database::schema::Type;
use rusqlite::types::Value as Sql;
use serde_json::Value;

use super::{Enums, Refused, from_json as value_from_json, from_text};
use crate::wire::json;

/// The most lists within lists.
const DEPTH_MAX: usize = 6;

/// A literal such as `{a,"b c",NULL,{d}}`.
pub(super) fn read(enums: &Enums, inner: &Type, text: &str) -> Result<Value, Refused> {
    let malformed = || Refused::new("22P02", format!("malformed array literal: \"{text}\""));
    let trimmed = text.trim();
    let mut at = trimmed.char_indices().peekable();
    let list = list(enums, inner, &mut at, 0, &malformed)?;
    if at.next().is_some() {
        return Err(malformed());
    }
    Ok(list)
}

type At<'t> = std::iter::Peekable<std::str::CharIndices<'t>>;

fn list(
    enums: &Enums,
    inner: &Type,
    at: &mut At<'_>,
    depth: usize,
    malformed: &dyn Fn() -> Refused,
) -> Result<Value, Refused> {
    if depth == DEPTH_MAX || at.next().map(|(_, c)| c) != Some('{') {
        return Err(malformed());
    }
    let mut items = Vec::new();
    loop {
        skip(at);
        match at.peek().map(|(_, c)| *c) {
            Some('}') if items.is_empty() => {
                at.next();
                return Ok(Value::Array(items));
            }
            Some('{') => items.push(list(enums, inner, at, depth + 1, malformed)?),
            Some(_) => {
                let (word, quoted) = word(at).ok_or_else(malformed)?;
                items.push(if !quoted && word.eq_ignore_ascii_case("null") {
                    Value::Null
                } else {
                    element(inner, from_text(enums, inner, &word)?)
                });
            }
            None => return Err(malformed()),
        }
        skip(at);
        match at.next().map(|(_, c)| c) {
            Some(',') => {}
            Some('}') => return Ok(Value::Array(items)),
            _ => return Err(malformed()),
        }
    }
}

fn skip(at: &mut At<'_>) {
    while at.next_if(|(_, c)| c.is_whitespace()).is_some() {}
}

/// One element, and whether it was quoted.
fn word(at: &mut At<'_>) -> Option<(String, bool)> {
    let mut word = String::new();
    if at.next_if(|(_, c)| *c == '"').is_some() {
        loop {
            match at.next()?.1 {
                '"' => return Some((word, true)),
                '\\' => word.push(at.next()?.1),
                c => word.push(c),
            }
        }
    }
    while let Some((_, c)) = at.next_if(|(_, c)| !matches!(c, ',' | '}' | '{' | '"')) {
        word.push(if c == '\\' { at.next()?.1 } else { c });
    }
    let word = word.trim_end().to_owned();
    (!word.is_empty()).then_some((word, false))
}

/// A JSON array, each element as the type has it.
pub(super) fn from_json(enums: &Enums, inner: &Type, raw: &str) -> Result<Value, Refused> {
    nested(enums, inner, raw, 0)
}

fn nested(enums: &Enums, inner: &Type, raw: &str, depth: usize) -> Result<Value, Refused> {
    if depth == DEPTH_MAX {
        return Err(Refused::new("54000", format!("number of array dimensions exceeds {DEPTH_MAX}")));
    }
    let item = |item: &str| {
        if item.starts_with('[') && *inner != Type::Jsonb {
            return nested(enums, inner, item, depth + 1);
        }
        Ok(element(inner, value_from_json(enums, inner, item)?))
    };
    json::items(raw).map(item).collect::<Result<_, _>>().map(Value::Array)
}

/// A stored value as an element.
fn element(inner: &Type, stored: Sql) -> Value {
    match stored {
        Sql::Null => Value::Null,
        Sql::Integer(value) if *inner == Type::Boolean => Value::Bool(value != 0),
        Sql::Integer(value) => value.into(),
        Sql::Real(value) if value.fract() == 0.0 && value.abs() < 9e15 => (value as i64).into(),
        Sql::Real(value) => value.into(),
        Sql::Text(text) if *inner == Type::Jsonb => serde_json::from_str(&text).unwrap_or(Value::Null),
        Sql::Text(text) => text.into(),
        Sql::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("\\x{hex}").into()
        }
    }
}
