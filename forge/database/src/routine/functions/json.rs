//! JSON.

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::{Map, Value as Json};

use super::{Given, Raise, raise, strict, truth};

/// How deep a path may lead.
const PATH_MAX: usize = 32;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    strict(conn, "pg_json_get", 2, |a| {
        let json = parsed(a.text(0)?)?;
        let found = match a.value(1) {
            Value::Integer(at) => item(&json, at),
            Value::Text(key) => json.as_object().and_then(|map| map.get(&key)),
            Value::Null | Value::Real(_) | Value::Blob(_) => None,
        };
        Ok(found.map_or(Value::Null, text_of))
    })?;
    strict(conn, "pg_json_path", 2, |a| {
        let json = parsed(a.text(0)?)?;
        let mut at = Some(&json);
        for key in path(a.text(1)?)? {
            at = at.and_then(|json| step(json, &key));
        }
        Ok(at.map_or(Value::Null, text_of))
    })?;
    strict(conn, "pg_json_text", 1, |a| {
        Ok(match parsed(a.text(0)?)? {
            Json::Null => Value::Null,
            Json::String(text) => Value::Text(text),
            other => Value::Text(other.to_string()),
        })
    })?;
    strict(conn, "pg_json_length", 1, |a| match parsed(a.text(0)?)? {
        Json::Array(list) => Ok(Value::Integer(i64::try_from(list.len()).unwrap_or(i64::MAX))),
        _ => raise("22023", "cannot get array length of a non-array"),
    })?;
    strict(conn, "pg_json_typeof", 1, |a| Ok(Value::Text(kind(&parsed(a.text(0)?)?).to_owned())))?;
    strict(conn, "pg_json_strip_nulls", 1, |a| Ok(text_of(&stripped(parsed(a.text(0)?)?))))?;
    strict(conn, "pg_json_merge", 2, |a| merged(parsed(a.text(0)?)?, parsed(a.text(1)?)?))?;
    strict(conn, "pg_json_remove", 2, |a| {
        let mut json = parsed(a.text(0)?)?;
        match (&mut json, a.value(1)) {
            (Json::Object(map), Value::Text(key)) => drop(map.remove(&key)),
            (Json::Array(list), Value::Text(key)) => list.retain(|one| one.as_str() != Some(&key)),
            (Json::Array(list), Value::Integer(at)) => {
                if let Some(at) = index(list.len(), at) {
                    list.remove(at);
                }
            }
            _ => return raise("22023", "cannot delete from scalar"),
        }
        Ok(text_of(&json))
    })?;
    strict(conn, "pg_json_contains", 2, |a| truth(contains(&parsed(a.text(0)?)?, &parsed(a.text(1)?)?)))?;
    strict(conn, "pg_json_has", 2, |a| {
        let key = a.text(1)?;
        truth(match parsed(a.text(0)?)? {
            Json::Object(map) => map.contains_key(key),
            Json::Array(list) => list.iter().any(|one| one.as_str() == Some(key)),
            Json::String(text) => text == key,
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        })
    })?;
    strict(conn, "pg_json_set", 4, |a| {
        let mut json = parsed(a.text(0)?)?;
        let keys = path(a.text(1)?)?;
        set(&mut json, &keys, parsed(a.text(2)?)?, a.int(3)? == 1);
        Ok(text_of(&json))
    })
}

fn parsed(text: &str) -> Result<Json, Raise> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(json),
        Err(_) => raise("22P02", "invalid input syntax for type json"),
    }
}

fn text_of(json: &Json) -> Value {
    Value::Text(json.to_string())
}

fn path(text: &str) -> Result<Vec<String>, Raise> {
    let keys: Vec<Json> = parsed(text)?.as_array().cloned().unwrap_or_default();
    if keys.len() > PATH_MAX {
        return raise("54000", format!("a path has more than {PATH_MAX} steps"));
    }
    Ok(keys.iter().map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).collect())
}

fn step<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    match json {
        Json::Object(map) => map.get(key),
        Json::Array(_) => item(json, key.parse().ok()?),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

fn item(json: &Json, at: i64) -> Option<&Json> {
    let list = json.as_array()?;
    list.get(index(list.len(), at)?)
}

/// Counts from 0, and from the end where negative.
fn index(length: usize, at: i64) -> Option<usize> {
    let far = usize::try_from(at.unsigned_abs()).ok()?;
    let at = if at < 0 { length.checked_sub(far)? } else { far };
    (at < length).then_some(at)
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn stripped(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(kept.map(|(key, value)| (key, stripped(value))).collect())
        }
        Json::Array(list) => list.into_iter().map(stripped).collect(),
        other => other,
    }
}

/// `||`: members of the right win; anything else becomes a list.
fn merged(left: Json, right: Json) -> Given {
    let list = |json: Json| match json {
        Json::Array(list) => list,
        other => vec![other],
    };
    Ok(text_of(&match (left, right) {
        (Json::Object(mut left), Json::Object(right)) => {
            left.extend(right);
            Json::Object(left)
        }
        (left, right) => Json::Array(list(left).into_iter().chain(list(right)).collect()),
    }))
}

fn contains(whole: &Json, part: &Json) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|own| contains(own, value)))
        }
        (Json::Array(whole), Json::Array(part)) => {
            part.iter().all(|value| whole.iter().any(|own| contains(own, value)))
        }
        (Json::Array(whole), part) => whole.contains(part),
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (whole, part) => whole == part,
    }
}

fn set(json: &mut Json, keys: &[String], value: Json, create: bool) {
    let Some((key, rest)) = keys.split_first() else { return };
    let inner = match json {
        Json::Object(map) if rest.is_empty() => return set_member(map, key, value, create),
        Json::Object(map) => map.get_mut(key),
        Json::Array(list) => {
            let at = key.parse().ok().and_then(|at| index(list.len(), at));
            match (at, rest.is_empty()) {
                (None, true) if create => return list.push(value),
                (Some(at), true) => {
                    list[at] = value;
                    return;
                }
                (at, _) => at.and_then(|at| list.get_mut(at)),
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    };
    if let Some(inner) = inner {
        set(inner, rest, value, create);
    }
}

fn set_member(map: &mut Map<String, Json>, key: &str, value: Json, create: bool) {
    if create || map.contains_key(key) {
        map.insert(key.to_owned(), value);
    }
}
