//! Values in text form as SQLite stores them.

use std::collections::BTreeMap;

use rusqlite::types::Value;

use super::{DIGITS_MAX, quote_text, range, search};
use crate::schema::Type;

/// The longest value in text form.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// Why a text is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {expected}", shortened(text))]
pub struct ValueError {
    /// The text.
    pub text: String,
    /// What was expected, such as `a whole number from -32768 to 32767`.
    pub expected: String,
}

/// The value that `text` means for a column of type `ty`, as it is stored. Times are brought to UTC
/// and microseconds, identifiers to lower case, JSON to its shortest form. There is no clock here: `now` is
/// no time, and `infinity` is none that SQLite could hold.
pub fn value_from_text(
    ty: &Type,
    enums: &BTreeMap<String, Vec<String>>,
    text: &str,
) -> Result<Value, ValueError> {
    let refuse = |expected: &str| ValueError { text: text.to_owned(), expected: expected.to_owned() };
    if text.len() > VALUE_BYTES_MAX || text.contains('\0') {
        return Err(refuse("a text of at most 1 MiB without null bytes"));
    }
    match ty {
        Type::Text => Ok(Value::Text(text.to_owned())),
        Type::Varchar(length) if text.chars().count() <= *length as usize => Ok(Value::Text(text.to_owned())),
        Type::Varchar(length) => Err(refuse(&format!("at most {length} characters long"))),
        Type::Smallint => whole(text, i16::MIN.into(), i16::MAX.into()),
        Type::Integer => whole(text, i32::MIN.into(), i32::MAX.into()),
        Type::Bigint => whole(text, i64::MIN, i64::MAX),
        Type::Double => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Real(number)),
            Ok(_) | Err(_) => Err(refuse("a number")),
        },
        Type::Numeric(precision, scale) => numeric(text, *precision, *scale),
        Type::Boolean => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" => Ok(Value::Integer(1)),
            "false" | "f" | "0" | "no" => Ok(Value::Integer(0)),
            _ => Err(refuse("true or false")),
        },
        Type::Uuid => uuid(text).map(Value::Text).ok_or_else(|| refuse("a uuid")),
        Type::Timestamptz => {
            timestamp(text).map(Value::Text).ok_or_else(|| refuse("a time such as 2026-01-02T03:04:05Z"))
        }
        Type::Date => text
            .trim()
            .parse::<jiff::civil::Date>()
            .ok()
            .filter(|date| date.year() >= 0)
            .map(|date| Value::Text(date.to_string()))
            .ok_or_else(|| refuse("a day such as 2026-01-02")),
        Type::Time => text
            .trim()
            .parse::<jiff::civil::Time>()
            .map(|time| Value::Text(time_of_day(time)))
            .map_err(|_| refuse("a time of day such as 03:04:05")),
        Type::Jsonb => {
            json(text).map(|json| Value::Text(json.to_string())).ok_or_else(|| refuse("valid JSON"))
        }
        Type::Array(_) => match json(text) {
            Some(list @ serde_json::Value::Array(_)) => Ok(Value::Text(list.to_string())),
            Some(serde_json::Value::Object(map)) if map.is_empty() => Ok(Value::Text("[]".to_owned())),
            Some(_) | None => Err(refuse("a JSON list such as [\"a\", \"b\"]")),
        },
        Type::Bytea => match text.strip_prefix("\\x") {
            Some(hex) => bytes(hex).map(Value::Blob).ok_or_else(|| refuse("hexadecimal after \\x")),
            None => Ok(Value::Blob(text.as_bytes().to_vec())),
        },
        Type::Vector(dimensions) => {
            let expected = format!("a list of {dimensions} numbers");
            vector(text, *dimensions).map(Value::Blob).ok_or_else(|| refuse(&expected))
        }
        Type::Range(of) => range::canonical(*of, text)
            .map(Value::Text)
            .ok_or_else(|| refuse(&format!("{} such as [a,b), the lower bound first", of.name()))),
        Type::Tsvector => search::canonical(text)
            .map(Value::Text)
            .ok_or_else(|| refuse("a search vector such as 'fat':2 'rat':3")),
        Type::Enum(name) => {
            let values = enums.get(name).map(Vec::as_slice).unwrap_or_default();
            if values.iter().any(|value| value == text) {
                return Ok(Value::Text(text.to_owned()));
            }
            Err(refuse(&format!("one of {}", values.join(", "))))
        }
    }
}

/// The value as a literal in SQL.
pub(super) fn literal(
    ty: &Type,
    enums: &BTreeMap<String, Vec<String>>,
    text: &str,
) -> Result<String, ValueError> {
    Ok(sql(&value_from_text(ty, enums, text)?))
}

/// A stored value as a literal in SQL.
pub(super) fn sql(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        // `{:?}` keeps the point or the exponent, so that SQLite reads a real number.
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => quote_text(text),
        Value::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("X'{hex}'")
        }
    }
}

fn whole(text: &str, min: i64, max: i64) -> Result<Value, ValueError> {
    match text.trim().parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(Value::Integer(number)),
        Ok(_) | Err(_) => {
            Err(ValueError { text: text.to_owned(), expected: format!("a whole number from {min} to {max}") })
        }
    }
}

/// A decimal: digits beyond the scale are refused rather than rounded, unless they are zeros.
fn numeric(text: &str, precision: u32, scale: u32) -> Result<Value, ValueError> {
    let whole_max = (precision - scale).min(DIGITS_MAX - scale.min(DIGITS_MAX));
    let refuse = || ValueError {
        text: text.to_owned(),
        expected: format!("a number with at most {whole_max} digits before and {scale} after the point"),
    };
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(refuse());
    }
    let fits = whole.trim_start_matches('0').len() <= whole_max as usize
        && fraction.trim_end_matches('0').len() <= scale as usize;
    match trimmed.parse::<f64>() {
        // Adding zero turns -0.0 into 0.0.
        Ok(number) if fits => Ok(Value::Real(number + 0.0)),
        Ok(_) | Err(_) => Err(refuse()),
    }
}

fn uuid(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let hyphens = [8, 13, 18, 23];
    let shaped = lower.len() == 36
        && lower.bytes().enumerate().all(|(at, b)| {
            if hyphens.contains(&at) { b == b'-' } else { b.is_ascii_digit() || (b'a'..=b'f').contains(&b) }
        });
    shaped.then_some(lower)
}

/// With an offset, or without one in UTC; a day alone is its midnight. To microseconds.
pub(super) fn instant(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim();
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .ok()
            .or_else(|| text.parse::<jiff::civil::Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    let at = at.round(jiff::Unit::Microsecond).ok()?;
    (at.to_zoned(jiff::tz::TimeZone::UTC).year() >= 0).then_some(at)
}

fn timestamp(text: &str) -> Option<String> {
    let civil = instant(text)?.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        civil.subsec_nanosecond() / 1_000
    ))
}

/// To microseconds, without zeros at the end.
fn time_of_day(time: jiff::civil::Time) -> String {
    // The last moment of a day has nothing to be rounded up to.
    let micros = ((time.subsec_nanosecond() + 500) / 1_000).min(999_999);
    let whole = time.strftime("%H:%M:%S");
    match format!("{micros:06}").trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    }
}

fn json(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

fn vector(text: &str, dimensions: u32) -> Option<Vec<u8>> {
    let numbers: Vec<f32> = serde_json::from_str(text).ok()?;
    let fits = numbers.len() == dimensions as usize && numbers.iter().all(|number| number.is_finite());
    fits.then(|| numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
