//! Lists, which are held as JSON.

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::Value as Json;

use super::{Given, Raise, raise, strict, truth};

/// The most elements of a list that a function makes.
const ELEMENTS_MAX: usize = 100_000;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    strict(conn, "pg_braces", 1, |a| Ok(Value::Text(to_braces(&elements(a.text(0)?)?))))?;
    strict(conn, "pg_array_length", 2, |a| {
        let length = elements(a.text(0)?)?.len();
        let counted = (a.int(1)? == 1 && length > 0).then(|| i64::try_from(length).unwrap_or(i64::MAX));
        Ok(counted.map_or(Value::Null, Value::Integer))
    })?;
    strict(conn, "pg_array_append", 2, |a| {
        let mut list = elements(a.text(0)?)?;
        list.push(element(a.value(1)));
        made(list)
    })?;
    strict(conn, "pg_array_cat", 2, |a| {
        let mut list = elements(a.text(0)?)?;
        list.extend(elements(a.text(1)?)?);
        made(list)
    })?;
    strict(conn, "pg_array_remove", 2, |a| {
        let mut list = elements(a.text(0)?)?;
        let gone = element(a.value(1));
        list.retain(|one| !same(one, &gone));
        made(list)
    })?;
    strict(conn, "pg_array_position", 2, |a| {
        let wanted = element(a.value(1));
        let at = elements(a.text(0)?)?.iter().position(|one| same(one, &wanted));
        Ok(at.map_or(Value::Null, |at| Value::Integer(i64::try_from(at + 1).unwrap_or(i64::MAX))))
    })?;
    strict(conn, "pg_array_contains", 2, |a| {
        let (whole, part) = (elements(a.text(0)?)?, elements(a.text(1)?)?);
        truth(part.iter().all(|wanted| whole.iter().any(|one| same(one, wanted))))
    })?;
    strict(conn, "pg_array_overlaps", 2, |a| {
        let (left, right) = (elements(a.text(0)?)?, elements(a.text(1)?)?);
        truth(left.iter().any(|one| right.iter().any(|other| same(one, other))))
    })?;
    strict(conn, "pg_string_to_array", 2, |a| {
        let (text, by) = (a.text(0)?, a.text(1)?);
        let parts: Vec<Json> = match (text, by) {
            ("", _) => Vec::new(),
            (text, "") => vec![Json::from(text)],
            (text, by) => text.split(by).map(Json::from).collect(),
        };
        made(parts)
    })?;
    strict(conn, "pg_array_to_string", 2, |a| {
        let list = elements(a.text(0)?)?;
        let parts: Vec<String> = list.iter().filter(|one| !one.is_null()).map(shown).collect();
        Ok(Value::Text(parts.join(a.text(1)?)))
    })
}

/// A list as Postgres writes it, `{a,"b c",NULL}`, or as JSON, to JSON.
pub(crate) fn from_braces(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str::<Vec<Json>>(text).ok().map(|list| Json::from(list).to_string());
    }
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut list: Vec<Json> = Vec::new();
    let mut chars = inner.chars().peekable();
    if inner.trim().is_empty() {
        return Some("[]".to_owned());
    }
    loop {
        while chars.peek().is_some_and(|c| c.is_whitespace()) {
            chars.next();
        }
        let mut item = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => item.push(chars.next()?),
                    other => item.push(other),
                }
            }
            list.push(Json::from(item));
        } else {
            while let Some(next) = chars.next_if(|c| *c != ',') {
                match next {
                    '{' | '}' | '"' => return None,
                    '\\' => item.push(chars.next()?),
                    other => item.push(other),
                }
            }
            list.push(bare(item.trim())?);
        }
        while chars.peek().is_some_and(|c| c.is_whitespace()) {
            chars.next();
        }
        match chars.next() {
            None => return Some(Json::from(list).to_string()),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// An element without quotes: null, a number, or a text.
fn bare(text: &str) -> Option<Json> {
    if text.is_empty() {
        return None;
    }
    if text.eq_ignore_ascii_case("null") {
        return Some(Json::Null);
    }
    match serde_json::from_str::<Json>(text) {
        Ok(number @ Json::Number(_)) => Some(number),
        Ok(_) | Err(_) => Some(Json::from(text)),
    }
}

fn to_braces(list: &[Json]) -> String {
    let item = |one: &Json| match one {
        Json::Null => "NULL".to_owned(),
        Json::String(text) => {
            let special = |c: char| matches!(c, ',' | '{' | '}' | '"' | '\\') || c.is_whitespace();
            if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                text.clone()
            }
        }
        Json::Bool(is) => if *is { "t" } else { "f" }.to_owned(),
        other => other.to_string(),
    };
    format!("{{{}}}", list.iter().map(item).collect::<Vec<_>>().join(","))
}

fn elements(text: &str) -> Result<Vec<Json>, Raise> {
    match serde_json::from_str(text) {
        Ok(list) => Ok(list),
        Err(_) => raise("22P02", "malformed list"),
    }
}

fn made(list: Vec<Json>) -> Given {
    if list.len() > ELEMENTS_MAX {
        return raise("54000", format!("a list has more than {ELEMENTS_MAX} elements"));
    }
    Ok(Value::Text(Json::from(list).to_string()))
}

fn element(value: Value) -> Json {
    match value {
        Value::Null | Value::Blob(_) => Json::Null,
        Value::Integer(value) => Json::from(value),
        Value::Real(value) => Json::from(value),
        Value::Text(text) => Json::from(text),
    }
}

/// A truth value is a number in SQLite and may be either in a list; a number may be whole in one of them.
fn same(a: &Json, b: &Json) -> bool {
    let number = |value: &Json| match value {
        Json::Bool(is) => Some(f64::from(u8::from(*is))),
        other => other.as_f64(),
    };
    match (a, b) {
        (Json::Null, _) | (_, Json::Null) => false,
        _ if a == b => true,
        _ => number(a).zip(number(b)).is_some_and(|(a, b)| a == b),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
