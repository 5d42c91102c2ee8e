//! Values of policies and what operators make of them.

use std::cmp::Ordering;

use serde_json::Value;

use super::Unknown;
use crate::policy::{Binary, Key, Yields};
use crate::schema::Type;

/// A value, with points in time told apart from text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Instant(jiff::Timestamp),
    Json(Value),
}

/// The value of a column as it came from the row layer.
pub(super) fn held(ty: &Type, value: &Value) -> Val {
    match (ty, value) {
        (_, Value::Null) => Val::Null,
        (Type::Jsonb, json) => Val::Json(json.clone()),
        (Type::Timestamptz, Value::String(text)) => text.parse().map_or(Val::Null, Val::Instant),
        (_, Value::Bool(truth)) => Val::Bool(*truth),
        (_, Value::Number(number)) => {
            number.as_i64().map_or_else(|| Val::Real(number.as_f64().unwrap_or(f64::NAN)), Val::Int)
        }
        (_, Value::String(text)) => Val::Text(text.clone()),
        (_, other) => Val::Json(other.clone()),
    }
}

pub(super) fn get(from: Val, key: &Key, yields: Yields) -> Val {
    let Val::Json(json) = from else { return Val::Null };
    let member = match key {
        Key::Name(name) => json.get(name),
        Key::Index(index) => json.get(*index as usize),
    };
    match (member, yields) {
        (None, _) | (Some(Value::Null), Yields::Text) => Val::Null,
        (Some(member), Yields::Json) => Val::Json(member.clone()),
        (Some(Value::String(text)), Yields::Text) => Val::Text(text.clone()),
        (Some(member), Yields::Text) => Val::Text(member.to_string()),
    }
}

pub(super) fn truth(value: Val) -> Result<Option<bool>, Unknown> {
    match value {
        Val::Null => Ok(None),
        Val::Bool(truth) => Ok(Some(truth)),
        Val::Text(text) => match text.as_str() {
            "t" | "true" | "1" | "yes" => Ok(Some(true)),
            "f" | "false" | "0" | "no" => Ok(Some(false)),
            _ => Err(Unknown(format!("'{text}' is no truth"))),
        },
        other => Err(Unknown(format!("{other:?} is no truth"))),
    }
}

pub(super) fn not(truth: Option<bool>) -> Val {
    truth.map_or(Val::Null, |truth| Val::Bool(!truth))
}

pub(super) fn binary_of(binary: Binary, a: Val, b: Val) -> Result<Val, Unknown> {
    let compared = |test: fn(Ordering) -> bool| -> Result<Val, Unknown> {
        Ok(compare(&a, &b)?.map_or(Val::Null, |ordering| Val::Bool(test(ordering))))
    };
    match binary {
        Binary::Equal => compared(Ordering::is_eq),
        Binary::NotEqual => compared(Ordering::is_ne),
        Binary::Less => compared(Ordering::is_lt),
        Binary::LessOrEqual => compared(Ordering::is_le),
        Binary::Greater => compared(Ordering::is_gt),
        Binary::GreaterOrEqual => compared(Ordering::is_ge),
        Binary::Distinct | Binary::NotDistinct => {
            let same = match (&a, &b) {
                (Val::Null, Val::Null) => true,
                (Val::Null, _) | (_, Val::Null) => false,
                _ => compare(&a, &b)? == Some(Ordering::Equal),
            };
            Ok(Val::Bool(same == (binary == Binary::NotDistinct)))
        }
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide => arithmetic(binary, a, b),
        Binary::And | Binary::Or => Err(Unknown("a connective is no comparison".to_owned())),
    }
}

/// The order of two values; none with null.
fn compare(a: &Val, b: &Val) -> Result<Option<Ordering>, Unknown> {
    let odd = || Unknown(format!("{a:?} and {b:?} do not compare"));
    Ok(match (a, b) {
        (Val::Null, _) | (_, Val::Null) => None,
        (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
        (Val::Instant(a), Val::Instant(b)) => Some(a.cmp(b)),
        (Val::Instant(a), Val::Text(b)) => Some(a.cmp(&instant(b).ok_or_else(odd)?)),
        (Val::Text(a), Val::Instant(b)) => Some(instant(a).ok_or_else(odd)?.cmp(b)),
        (Val::Bool(a), Val::Text(b)) => truth(Val::Text(b.clone()))?.map(|b| a.cmp(&b)),
        (Val::Text(a), Val::Bool(b)) => truth(Val::Text(a.clone()))?.map(|a| a.cmp(b)),
        (Val::Json(_), _) | (_, Val::Json(_)) => return Err(odd()),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ => return Err(odd()),
        },
    })
}

fn number(value: &Val) -> Option<f64> {
    match value {
        Val::Int(number) => Some(*number as f64),
        Val::Real(number) => Some(*number),
        Val::Text(text) => text.trim().parse().ok(),
        Val::Null | Val::Bool(_) | Val::Instant(_) | Val::Json(_) => None,
    }
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    let civil = || {
        let at = text.parse::<jiff::civil::DateTime>().ok()?;
        at.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse().ok().or_else(civil)
}

pub(super) fn arithmetic(binary: Binary, a: Val, b: Val) -> Result<Val, Unknown> {
    let overflow = || Unknown("the number is too large".to_owned());
    match (a, b) {
        (Val::Null, _) | (_, Val::Null) => Ok(Val::Null),
        (Val::Int(_), Val::Int(0)) if binary == Binary::Divide => Ok(Val::Null),
        (Val::Int(a), Val::Int(b)) => {
            let value = match binary {
                Binary::Add => a.checked_add(b),
                Binary::Subtract => a.checked_sub(b),
                Binary::Multiply => a.checked_mul(b),
                _ => a.checked_div(b),
            };
            value.map(Val::Int).ok_or_else(overflow)
        }
        (a, b) => {
            let (Some(x), Some(y)) = (number(&a), number(&b)) else {
                return Err(Unknown(format!("{a:?} and {b:?} are no numbers")));
            };
            Ok(match binary {
                Binary::Add => Val::Real(x + y),
                Binary::Subtract => Val::Real(x - y),
                Binary::Multiply => Val::Real(x * y),
                _ if y == 0.0 => Val::Null,
                _ => Val::Real(x / y),
            })
        }
    }
}

pub(super) fn member(of: &Val, list: &[Val], negated: bool) -> Result<Val, Unknown> {
    if list.is_empty() {
        return Ok(Val::Bool(negated));
    }
    let mut unknown = false;
    for item in list {
        match compare(of, item)? {
            Some(Ordering::Equal) => return Ok(Val::Bool(!negated)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { Val::Null } else { Val::Bool(negated) })
}

pub(super) fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        ['_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && like(&text[1..], rest)
        }
    }
}

/// What does not convert is null, as on SQLite; Postgres raises an error, and refuses the row as well.
pub(super) fn cast(value: Val, ty: &Type) -> Val {
    match (value, ty) {
        (Val::Text(text), Type::Uuid) => {
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            let hex = text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
            if hex && parts == [8, 4, 4, 4, 12] { Val::Text(text.to_lowercase()) } else { Val::Null }
        }
        (Val::Text(text), Type::Smallint | Type::Integer | Type::Bigint) => {
            let plain = !text.starts_with('+') && text.trim() == text;
            text.parse().ok().filter(|_| plain).map_or(Val::Null, Val::Int)
        }
        (Val::Text(text), Type::Double) => match serde_json::from_str::<f64>(&text) {
            Ok(number) => Val::Real(number),
            Err(_not_a_number) => Val::Null,
        },
        (Val::Text(text), Type::Boolean) => match text.to_lowercase().as_str() {
            "t" | "true" | "yes" | "y" | "on" | "1" => Val::Bool(true),
            "f" | "false" | "no" | "n" | "off" | "0" => Val::Bool(false),
            _ => Val::Null,
        },
        (Val::Text(text), Type::Timestamptz) => instant(&text).map_or(Val::Null, Val::Instant),
        (Val::Instant(at), Type::Date) => Val::Text(at.strftime("%Y-%m-%d").to_string()),
        (Val::Text(text), Type::Date) => {
            text.parse::<jiff::civil::Date>().map_or(Val::Null, |date| Val::Text(date.to_string()))
        }
        (Val::Bool(truth), Type::Text) => Val::Text(truth.to_string()),
        (Val::Int(number), Type::Text) => Val::Text(number.to_string()),
        (Val::Bool(truth), Type::Smallint | Type::Integer | Type::Bigint) => Val::Int(truth.into()),
        (Val::Int(number), Type::Double) => Val::Real(number as f64),
        (value, _) => value,
    }
}
