//! Ways into JSON, and how two JSON values compare.

use std::cmp::Ordering;

use rusqlite::Connection;
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::Value;

use super::{scalar, text, truth};
use crate::sqlite::values::{Refused, document};
use crate::wire::json;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    // rest_arrow(json, name or index)
    scalar(conn, "rest_arrow", 2, false, |context| {
        let of = text(context, 0);
        let part = match context.get_raw(1) {
            ValueRef::Integer(index) => element(of, index),
            // Where a name is there twice, the last one counts.
            _ => json::members(of).filter(|(name, _)| name == text(context, 1)).map(|(_, part)| part).last(),
        };
        Ok(part.map_or(Sql::Null, |part| Sql::Text(part.to_owned())))
    })?;
    scalar(conn, "rest_unquote", 1, false, |context| match text(context, 0) {
        "null" => Ok(Sql::Null),
        value if value.starts_with(['{', '[']) => Ok(Sql::Text(document::shown(value))),
        value => Ok(Sql::Text(json::unquoted(value))),
    })?;
    // rest_document(json): as text.
    scalar(conn, "rest_document", 1, false, |context| Ok(Sql::Text(document::shown(text(context, 0)))))?;
    // rest_scalar(json, name of a type): the number or the truth in it, as text.
    scalar(conn, "rest_scalar", 2, false, |context| {
        let (value, to) = (text(context, 0), text(context, 1));
        let is = match value.as_bytes().first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') | None => "null",
            Some(_) => "numeric",
        };
        if is == if to == "boolean" { "boolean" } else { "numeric" } {
            return Ok(Sql::Text(value.to_owned()));
        }
        Err(Refused::new("22023", format!("cannot cast jsonb {is} to type {to}")))
    })?;
    // rest_json(one, '@>' or '<@', other)
    scalar(conn, "rest_json", 3, false, |context| {
        let (one, other) = (parsed(text(context, 0))?, parsed(text(context, 2))?);
        truth(if text(context, 1) == "@>" {
            contains(&one, &other, true)
        } else {
            contains(&other, &one, true)
        })
    })?;
    scalar(conn, "rest_json_key", 1, false, |context| {
        let mut key = Vec::new();
        match parsed(text(context, 0))? {
            // An empty list comes before everything, where it is not within another value.
            Value::Array(items) if items.is_empty() => key.push(0),
            value => sort_key(&value, true, &mut key),
        }
        Ok(Sql::Blob(key))
    })?;
    Ok(())
}

fn element(of: &str, index: i64) -> Option<&str> {
    // A scalar is a list of itself here.
    if !of.starts_with(['[', '{']) {
        return matches!(index, 0 | -1).then_some(of);
    }
    let at = if index < 0 {
        let length = i64::try_from(json::items(of).count()).ok()?;
        length.checked_add(index)?
    } else {
        index
    };
    json::items(of).nth(usize::try_from(at).ok()?)
}

pub(super) fn parsed(text: &str) -> Result<Value, Refused> {
    serde_json::from_str(text).map_err(|_| Refused::new("22P02", "invalid input syntax for type json"))
}

/// Whether `one` contains `other`, by the rules of `jsonb`: a list contains a scalar only at the top.
fn contains(one: &Value, other: &Value, top: bool) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            other.iter().all(|(name, value)| one.get(name).is_some_and(|found| contains(found, value, false)))
        }
        (Value::Array(one), Value::Array(other)) => {
            other.iter().all(|value| one.iter().any(|found| contains(found, value, false)))
        }
        (Value::Array(one), other) if top && !other.is_object() => {
            one.iter().any(|found| order(found, other) == Ordering::Equal)
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (one, other) => order(one, other) == Ordering::Equal,
    }
}

fn rank(of: &Value) -> u8 {
    match of {
        Value::Null => 0,
        Value::String(_) => 1,
        Value::Number(_) => 2,
        Value::Bool(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// The order of `jsonb`.
pub(super) fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0)),
        },
        (Value::Array(one), Value::Array(other)) => {
            let pairs = one.iter().zip(other).map(|(one, other)| order(one, other));
            one.len().cmp(&other.len()).then_with(|| pairs.fold(Ordering::Equal, Ordering::then))
        }
        (Value::Object(one), Value::Object(other)) => {
            let pairs = one.iter().zip(other).map(|((name, value), (other_name, other))| {
                name.cmp(other_name).then_with(|| order(value, other))
            });
            one.len().cmp(&other.len()).then_with(|| pairs.fold(Ordering::Equal, Ordering::then))
        }
        _ => rank(one).cmp(&rank(other)),
    }
}

/// Bytes that sort as the values do: lists in documents by their length first, others by their items, of which
/// null is the highest.
pub(super) fn sort_key(of: &Value, by_length: bool, key: &mut Vec<u8>) {
    key.push(if of.is_null() && !by_length { u8::MAX } else { rank(of) + 1 });
    match of {
        Value::Null => {}
        Value::Bool(value) => key.push(u8::from(*value)),
        Value::Number(number) => {
            let bits = number.as_f64().unwrap_or(0.0).to_bits();
            let bits = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
            key.extend(bits.to_be_bytes());
        }
        Value::String(text) => {
            key.extend(text.as_bytes());
            key.push(0);
        }
        Value::Array(items) => {
            if by_length {
                key.extend((items.len() as u64).to_be_bytes());
            }
            items.iter().for_each(|item| sort_key(item, by_length, key));
            key.push(0);
        }
        Value::Object(members) => {
            key.extend((members.len() as u64).to_be_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| (name.len(), *name));
            for (name, value) in members {
                key.extend(name.as_bytes());
                key.push(0);
                sort_key(value, by_length, key);
            }
        }
    }
}
