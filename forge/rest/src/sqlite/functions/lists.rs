//! Lists and vectors.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context};
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::Value;

use super::json::{order, parsed, sort_key};
use super::{FLAGS, number, scalar, text, time, truth};
use crate::wire::json;

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
    // rest_braces(list, form of its items, zone or null)
    scalar(conn, "rest_braces", 3, true, |context| {
        let ValueRef::Text(_) = context.get_raw(0) else { return Ok(Sql::Null) };
        let mut braces = String::new();
        write(&parsed(text(context, 0))?, &Form::of(context, ' '), &mut braces);
        Ok(Sql::Text(braces))
    })?;
    // rest_items(list, form of its items, zone or null): the list as JSON
    scalar(conn, "rest_items", 3, true, |context| {
        let ValueRef::Text(_) = context.get_raw(0) else { return Ok(Sql::Null) };
        let mut list = String::new();
        brackets(&parsed(text(context, 0))?, &Form::of(context, 'T'), &mut list);
        Ok(Sql::Text(list))
    })?;
    scalar(conn, "rest_list_key", 1, false, |context| Ok(Sql::Blob(list_key(&parsed(text(context, 0))?))))?;
    // rest_least(list), rest_greatest(list)
    conn.create_aggregate_function("rest_least", 1, FLAGS, Extreme { greatest: false })?;
    conn.create_aggregate_function("rest_greatest", 1, FLAGS, Extreme { greatest: true })?;
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

/// How the items of a list are written.
enum Form<'c> {
    /// As they are stored.
    Plain,
    /// As doubles.
    Double,
    /// With so many places.
    Fixed(usize),
    /// As times in a zone.
    Time(Option<&'c str>, char),
}

impl<'c> Form<'c> {
    /// The form that the second and the third argument name.
    fn of(context: &'c Context<'_>, separator: char) -> Form<'c> {
        let zone = match context.get_raw(2) {
            ValueRef::Null => None,
            _ => Some(text(context, 2)),
        };
        match text(context, 1) {
            "double" => Form::Double,
            "time" => Form::Time(zone, separator),
            places => places.parse().map_or(Form::Plain, Form::Fixed),
        }
    }

    /// An item that this form changes.
    fn changed(&self, of: &Value) -> Option<String> {
        match (self, of) {
            (Form::Double, Value::Number(number)) => Some(number::shown(number.as_f64()?, false)),
            (Form::Fixed(places), Value::Number(number)) => {
                Some(number::rounded(&number::plain(&number.to_string())?, *places))
            }
            (Form::Time(zone, separator), Value::String(stored)) => time::shown(stored, *zone, *separator),
            _ => None,
        }
    }
}

/// Bytes that sort as lists do: by their items, those of lists within them one after the other, then by how many
/// there are and how they lie.
fn list_key(of: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    let items = leaves(of.clone());
    items.iter().for_each(|item| sort_key(item, false, &mut key));
    key.push(0);
    let mut within = of;
    while let Value::Array(items) = within {
        key.extend((items.len() as u64).to_be_bytes());
        let Some(first) = items.first() else { break };
        within = first;
    }
    key
}

/// The least or the greatest of many lists.
struct Extreme {
    greatest: bool,
}

impl Aggregate<Option<(Vec<u8>, String)>, Sql> for Extreme {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<(Vec<u8>, String)>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, best: &mut Option<(Vec<u8>, String)>) -> rusqlite::Result<()> {
        let ValueRef::Text(_) = context.get_raw(0) else { return Ok(()) };
        let list = text(context, 0);
        let Ok(value) = parsed(list) else { return Ok(()) };
        let key = list_key(&value);
        if best.as_ref().is_none_or(|(least, _)| if self.greatest { key > *least } else { key < *least }) {
            *best = Some((key, list.to_owned()));
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        best: Option<Option<(Vec<u8>, String)>>,
    ) -> rusqlite::Result<Sql> {
        Ok(best.flatten().map_or(Sql::Null, |(_, list)| Sql::Text(list)))
    }
}

fn brackets(of: &Value, form: &Form<'_>, list: &mut String) {
    match of {
        Value::Array(items) => {
            list.push('[');
            for (at, item) in items.iter().enumerate() {
                list.push_str(if at == 0 { "" } else { "," });
                brackets(item, form, list);
            }
            list.push(']');
        }
        Value::String(_) => {
            list.push_str(&form.changed(of).map_or_else(|| of.to_string(), |text| json::quoted(&text)))
        }
        _ => list.push_str(&form.changed(of).unwrap_or_else(|| of.to_string())),
    }
}

fn write(of: &Value, form: &Form<'_>, braces: &mut String) {
    if let Some(changed) = form.changed(of) {
        return word(&changed, braces);
    }
    match of {
        Value::Array(items) => {
            braces.push('{');
            for (at, item) in items.iter().enumerate() {
                braces.push_str(if at == 0 { "" } else { "," });
                write(item, form, braces);
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
