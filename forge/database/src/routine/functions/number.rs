//! Numbers, and what compares any values.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Given, Raise, interval, lenient, list, raise, strict, wrong_value};
use crate::ddl::sqlite::value_from_text;
use crate::schema::Type;

pub(super) fn register(conn: &Connection) -> rusqlite::Result<()> {
    strict(conn, "pg_div", 2, |a| divide(a.value(0), a.value(1)))?;
    strict(conn, "pg_mod", 2, |a| remainder(a.value(0), a.value(1)))?;
    strict(conn, "pg_round", 2, |a| Ok(Value::Real(rounded(a.real(0)?, a.int(1)?))))?;
    strict(conn, "pg_trunc", 1, |a| whole(a.value(0), f64::trunc))?;
    strict(conn, "pg_ceil", 1, |a| whole(a.value(0), f64::ceil))?;
    strict(conn, "pg_floor", 1, |a| whole(a.value(0), f64::floor))?;
    strict(conn, "pg_power", 2, |a| finite(a.real(0)?.powf(a.real(1)?)))?;
    strict(conn, "pg_sqrt", 1, |a| match a.real(0)? {
        negative if negative < 0.0 => raise("2201F", "cannot take square root of a negative number"),
        value => Ok(Value::Real(value.sqrt())),
    })?;
    strict(conn, "pg_fixed", 2, |a| {
        let scale = a.int(1)?.clamp(0, 15);
        let digits = usize::try_from(scale).unwrap_or(0);
        Ok(Value::Text(format!("{:.digits$}", rounded(a.real(0)?, scale))))
    })?;
    strict(conn, "pg_number_text", 1, |a| Ok(Value::Text(format!("{}", a.real(0)?))))?;
    strict(conn, "pg_vector_json", 1, |a| match a.value(0) {
        Value::Blob(bytes) => {
            let four = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let numbers: Vec<String> =
                bytes.chunks_exact(4).map(|bytes| format!("{}", four(bytes))).collect();
            Ok(Value::Text(format!("[{}]", numbers.join(","))))
        }
        _ => raise("42804", "a vector is expected"),
    })?;
    strict(conn, "pg_cast", 2, |a| cast(a.text(0)?, a.text(1)?))?;
    strict(conn, "pg_cast_enum", 3, |a| {
        let (text, name) = (a.text(0)?, a.text(1)?);
        let values: Vec<String> = serde_json::from_str(a.text(2)?).unwrap_or_default();
        if values.iter().any(|value| value == text) {
            return Ok(Value::Text(text.to_owned()));
        }
        let (code, message) = wrong_value(name, true, text);
        raise(code, message)
    })?;
    lenient(conn, "pg_greatest", -1, |a| Ok(best((0..a.len()).map(|at| a.value(at)), Ordering::Greater)))?;
    lenient(conn, "pg_least", -1, |a| Ok(best((0..a.len()).map(|at| a.value(at)), Ordering::Less)))
}

fn divide(a: Value, b: Value) -> Given {
    match (a, b) {
        (_, Value::Integer(0)) => raise("22012", "division by zero"),
        (Value::Integer(a), Value::Integer(b)) => match a.checked_div(b) {
            Some(value) => Ok(Value::Integer(value)),
            None => raise("22003", "bigint out of range"),
        },
        (a, b) => match (real(a)?, real(b)?) {
            (_, 0.0) => raise("22012", "division by zero"),
            (a, b) => finite(a / b),
        },
    }
}

fn remainder(a: Value, b: Value) -> Given {
    match (a, b) {
        (_, Value::Integer(0)) => raise("22012", "division by zero"),
        (Value::Integer(a), Value::Integer(b)) => Ok(Value::Integer(a.checked_rem(b).unwrap_or(0))),
        (a, b) => match (real(a)?, real(b)?) {
            (_, 0.0) => raise("22012", "division by zero"),
            (a, b) => finite(rounded(a % b, 10)),
        },
    }
}

fn real(value: Value) -> Result<f64, Raise> {
    match value {
        Value::Integer(value) => Ok(value as f64),
        Value::Real(value) => Ok(value),
        Value::Null | Value::Text(_) | Value::Blob(_) => raise("42804", "a number is expected"),
    }
}

fn finite(value: f64) -> Given {
    if value.is_finite() { Ok(Value::Real(value)) } else { raise("22003", "value out of range: overflow") }
}

fn whole(value: Value, act: fn(f64) -> f64) -> Given {
    match value {
        Value::Real(value) => Ok(Value::Real(act(value))),
        other => Ok(other),
    }
}

/// Rounds the decimal that the number is shown as, halves away from zero, as a decimal would be.
fn rounded(value: f64, scale: i64) -> f64 {
    let scale = scale.clamp(-15, 15);
    if scale <= 0 {
        let unit = 10f64.powi(i32::try_from(-scale).unwrap_or(0));
        return (value / unit).round() * unit;
    }
    let scale = usize::try_from(scale).unwrap_or(0);
    let shown = format!("{}", value.abs());
    let Some((before, after)) = shown.split_once('.') else { return value };
    if after.len() <= scale {
        return value;
    }
    let (kept, rest) = after.split_at(scale);
    let Ok(digits) = format!("{before}{kept}").parse::<u128>() else { return value };
    let digits = digits + u128::from(rest.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let text = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = text.split_at(text.len() - scale);
    let number: f64 = format!("{whole}.{fraction}").parse().unwrap_or(value);
    if value < 0.0 { -number } else { number }
}

/// A text as a value of the type of that name, as SQLite holds it.
fn cast(text: &str, name: &str) -> Given {
    let refuse = || {
        let (code, message) = wrong_value(name, false, text);
        raise(code, message)
    };
    let ty = match name {
        "smallint" => Type::Smallint,
        "integer" => Type::Integer,
        "bigint" => Type::Bigint,
        "double precision" | "numeric" => Type::Double,
        "boolean" => Type::Boolean,
        "uuid" => Type::Uuid,
        "timestamp with time zone" => Type::Timestamptz,
        "date" => Type::Date,
        "time without time zone" => Type::Time,
        "jsonb" => Type::Jsonb,
        "bytea" => Type::Bytea,
        "interval" => {
            return match interval::parse(text) {
                Some(interval) => Ok(Value::Text(interval.to_string())),
                None => refuse(),
            };
        }
        _ if name.ends_with("[]") => {
            return match list::from_braces(text) {
                Some(list) => Ok(Value::Text(list)),
                None => refuse(),
            };
        }
        _ => match name.strip_prefix("numeric(").and_then(|rest| rest.strip_suffix(')')) {
            Some(size) => {
                let scale = size.split_once(',').and_then(|(_, scale)| scale.parse().ok()).unwrap_or(0);
                return match text.trim().parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Value::Real(rounded(value, scale))),
                    Ok(_) | Err(_) => refuse(),
                };
            }
            None => return Ok(Value::Text(text.to_owned())),
        },
    };
    match value_from_text(&ty, &BTreeMap::new(), text) {
        Ok(value) => Ok(value),
        Err(_) => refuse(),
    }
}

fn best(values: impl Iterator<Item = Value>, wanted: Ordering) -> Value {
    let mut best = Value::Null;
    for value in values.filter(|value| *value != Value::Null) {
        if best == Value::Null || compare(&value, &best) == wanted {
            best = value;
        }
    }
    best
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Integer(a), Value::Real(b)) => (*a as f64).total_cmp(b),
        (Value::Real(a), Value::Integer(b)) => a.total_cmp(&(*b as f64)),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}
