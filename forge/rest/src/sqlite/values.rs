//! Values as text and as JSON, turned into what SQLite stores, with the errors of Postgres.

mod array;
pub(super) mod document;
pub(super) mod range;

use std::collections::BTreeMap;

use forge_database::ddl::sqlite::value_from_text;
use forge_database::schema::{RangeOf, Schema, Type};
use rusqlite::types::Value as Sql;

use super::reads::Site;
use crate::error::RestError;
use crate::wire::json;

/// The values of enums by name.
pub type Enums = BTreeMap<String, Vec<String>>;

/// Why a text is no value of a type, in the words of Postgres.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The SQLSTATE.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// More about it.
    pub details: Option<String>,
}

impl Refused {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Refused {
        Refused { code, message: message.into(), details: None }
    }

    fn details(mut self, details: impl Into<String>) -> Refused {
        self.details = Some(details.into());
        self
    }

    /// The same as the answer to who asked.
    pub fn refused(&self, site: &Site<'_>) -> RestError {
        let anonymous = site.who.role == forge_core::Role::Anon;
        RestError::from_sqlstate(self.code, &self.message, self.details.as_deref(), None, anonymous)
    }
}

/// The stored value of a text for a column of type `ty`.
pub fn from_text(enums: &Enums, ty: &Type, text: &str) -> Result<Sql, Refused> {
    match ty {
        Type::Numeric(precision, scale) => numeric(text, *precision, *scale),
        Type::Double => double(text).map(Sql::Real),
        Type::Boolean => boolean(text),
        Type::Uuid => uuid(text),
        Type::Array(inner) => {
            let list = array::read(enums, inner, text)?;
            Ok(Sql::Text(list.to_string()))
        }
        Type::Range(of) => Ok(Sql::Text(range::read(*of, text)?.to_string())),
        Type::Jsonb => match document::stored(text) {
            Some(stored) => Ok(Sql::Text(stored)),
            None => Err(refusal(ty, text)),
        },
        Type::Bytea if !text.starts_with("\\x") => escaped(text),
        Type::Date => value_from_text(ty, enums, &day(text)).map_err(|_| refusal(ty, text)),
        Type::Time if !text.contains(':') && text.trim().len() < 4 => Err(invalid_time("time", text)),
        Type::Text => match text.contains('\0') {
            true => Err(Refused::new("22021", "invalid byte sequence for encoding \"UTF8\": 0x00")),
            false => Ok(Sql::Text(text.to_owned())),
        },
        _ => value_from_text(ty, enums, text).map_err(|_| refusal(ty, text)),
    }
}

/// The stored value of a JSON value, as it is written in a body.
pub fn from_json(enums: &Enums, ty: &Type, raw: &str) -> Result<Sql, Refused> {
    let raw = raw.trim();
    match ty {
        _ if raw == "null" => Ok(Sql::Null),
        Type::Jsonb => from_text(enums, ty, raw),
        Type::Array(inner) if raw.starts_with('[') => {
            let list = array::from_json(enums, inner, raw)?;
            Ok(Sql::Text(list.to_string()))
        }
        Type::Array(_) if !raw.starts_with('"') => Err(Refused::new("22P02", "expected JSON array")),
        _ => from_text(enums, ty, &json::unquoted(raw)),
    }
}

/// What a column of type `ty` is compared with. Unlike a value to be stored, it need not fit into the column.
pub fn operand(enums: &Enums, ty: &Type, text: &str) -> Result<Sql, Refused> {
    match ty {
        Type::Numeric(..) => {
            let number = double(text);
            number.map(Sql::Real).map_err(|_| invalid("numeric", text))
        }
        Type::Varchar(_) => from_text(enums, &Type::Text, text),
        _ => from_text(enums, ty, text),
    }
}

/// The name of a type as Postgres prints it.
pub fn type_name(ty: &Type) -> String {
    match ty {
        Type::Varchar(_) => "character varying".to_owned(),
        Type::Numeric(..) => "numeric".to_owned(),
        Type::Double => "double precision".to_owned(),
        Type::Timestamptz => "timestamp with time zone".to_owned(),
        Type::Time => "time without time zone".to_owned(),
        Type::Vector(_) => "vector".to_owned(),
        Type::Array(inner) => format!("{}[]", type_name(inner)),
        _ => ty.to_string(),
    }
}

/// The type that a cast names.
pub fn named_type(schema: &Schema, name: &str) -> Option<Type> {
    let name = name.trim();
    if let Some(inner) = name.strip_suffix("[]") {
        return named_type(schema, inner).map(|inner| Type::Array(Box::new(inner)));
    }
    if schema.enums.contains_key(name) {
        return Some(Type::Enum(name.to_owned()));
    }
    Some(match name.to_ascii_lowercase().as_str() {
        "text" | "name" => Type::Text,
        "varchar" | "character varying" => Type::Text,
        "smallint" | "int2" => Type::Smallint,
        "integer" | "int" | "int4" => Type::Integer,
        "bigint" | "int8" => Type::Bigint,
        "double precision" | "float8" | "float" => Type::Double,
        "boolean" | "bool" => Type::Boolean,
        "uuid" => Type::Uuid,
        "timestamptz" | "timestamp with time zone" => Type::Timestamptz,
        "date" => Type::Date,
        "time" | "time without time zone" => Type::Time,
        "json" | "jsonb" => Type::Jsonb,
        "bytea" => Type::Bytea,
        "tsvector" => Type::Tsvector,
        "int4range" => Type::Range(RangeOf::Integer),
        "int8range" => Type::Range(RangeOf::Bigint),
        "numrange" => Type::Range(RangeOf::Numeric),
        "daterange" => Type::Range(RangeOf::Date),
        "tstzrange" => Type::Range(RangeOf::Timestamptz),
        _ => return None,
    })
}

fn invalid(ty: &str, text: &str) -> Refused {
    Refused::new("22P02", format!("invalid input syntax for type {ty}: \"{text}\""))
}

/// What Postgres says of a text that is no value of a type.
fn refusal(ty: &Type, text: &str) -> Refused {
    let name = type_name(ty);
    match ty {
        Type::Smallint | Type::Integer | Type::Bigint => {
            let digits = text.trim().trim_start_matches(['-', '+']);
            if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Refused::new("22003", format!("value \"{text}\" is out of range for type {name}"));
            }
            invalid(&name, text)
        }
        Type::Varchar(length) => {
            Refused::new("22001", format!("value too long for type character varying({length})"))
        }
        Type::Enum(name) => Refused::new("22P02", format!("invalid input value for enum {name}: \"{text}\"")),
        Type::Timestamptz | Type::Date | Type::Time => {
            let digits = |byte: &u8| byte.is_ascii_digit() || b"-+:. TZtz".contains(byte);
            let (name, least) = if *ty == Type::Time { ("time", 4) } else { (name.as_str(), 8) };
            if text.len() >= least && text.bytes().all(|byte| digits(&byte)) && text.contains(['-', ':']) {
                return Refused::new("22008", format!("date/time field value out of range: \"{text}\""));
            }
            invalid_time(name, text)
        }
        Type::Jsonb => {
            let token = text.split_whitespace().next().unwrap_or_default();
            let details = if token.is_empty() {
                "The input string ended unexpectedly.".to_owned()
            } else {
                format!("Token \"{token}\" is invalid.")
            };
            Refused::new("22P02", "invalid input syntax for type json").details(details)
        }
        Type::Bytea => {
            let stray = text.strip_prefix("\\x").unwrap_or_default().chars().find(|c| !c.is_ascii_hexdigit());
            match stray {
                Some(c) => Refused::new("22023", format!("invalid hexadecimal digit: \"{c}\"")),
                None => Refused::new("22023", "invalid hexadecimal data: odd number of digits"),
            }
        }
        _ => invalid(&name, text),
    }
}

/// Bytes as text in which a backslash stands before three octal digits or another backslash.
fn escaped(text: &str) -> Result<Sql, Refused> {
    let refuse = || Refused::new("22P02", "invalid input syntax for type bytea");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        (rest, _) = match (byte, after) {
            (b'\\', [b'\\', after @ ..]) => (after, bytes.push(b'\\')),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                (after, bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')))
            }
            (b'\\', _) => return Err(refuse()),
            (byte, after) => (after, bytes.push(*byte)),
        };
    }
    Ok(Sql::Blob(bytes))
}

fn invalid_time(name: &str, text: &str) -> Refused {
    Refused::new("22007", format!("invalid input syntax for type {name}: \"{text}\""))
}

/// A day of which a time, if there is one, is left away, and months and days have two digits.
fn day(text: &str) -> String {
    let trimmed = text.trim();
    let day = match trimmed.split_once(['T', ' ']) {
        Some((day, time)) if time.contains(':') => day,
        _ => trimmed,
    };
    match day.split('-').collect::<Vec<_>>().as_slice() {
        [year, month, day] if year.len() == 4 => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => day.to_owned(),
    }
}

/// A time without an offset is one of the zone in which times are shown.
pub(super) fn in_zone(text: &str, zone: &str) -> Option<String> {
    let trimmed = text.trim();
    let (day, time) = trimmed.split_at_checked(10)?;
    if time.contains(['Z', 'z', '+', '-']) {
        return None;
    }
    let civil = format!("{day}{}", if time.is_empty() { "T00:00:00" } else { time });
    let civil: jiff::civil::DateTime = civil.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::get(zone).ok()?).ok()?;
    Some(zoned.timestamp().to_string())
}

fn boolean(text: &str) -> Result<Sql, Refused> {
    let lower = text.trim().to_ascii_lowercase();
    let starts = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if starts("true", 1) || starts("yes", 1) || lower == "on" || lower == "1" {
        return Ok(Sql::Integer(1));
    }
    if starts("false", 1) || starts("no", 1) || starts("off", 2) || lower == "0" {
        return Ok(Sql::Integer(0));
    }
    Err(invalid("boolean", text))
}

/// With or without hyphens and braces, as Postgres takes it.
fn uuid(text: &str) -> Result<Sql, Refused> {
    let bare = text.trim();
    let bare = bare.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(bare);
    let digits: String = bare.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    // A hyphen may stand after any four digits.
    let mut before = 0;
    let hyphens_fit = !bare.ends_with('-')
        && !bare.contains("--")
        && bare.chars().all(|c| {
            before += usize::from(c != '-');
            c != '-' || (before > 0 && before % 4 == 0)
        });
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) || !hyphens_fit {
        return Err(invalid("uuid", text));
    }
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(Sql::Text(parts.join("-")))
}

fn double(text: &str) -> Result<f64, Refused> {
    let trimmed = text.trim();
    let plain = trimmed.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = trimmed.parse::<f64>().ok().filter(|_| plain);
    let number = number.ok_or_else(|| invalid("double precision", text))?;
    if number.is_finite() {
        return Ok(number);
    }
    Err(Refused::new("22003", format!("\"{text}\" is out of range for type double precision")))
}

/// A decimal, rounded to its scale.
fn numeric(text: &str, precision: u32, scale: u32) -> Result<Sql, Refused> {
    let number = double(text).map_err(|_| invalid("numeric", text))?;
    let places = scale.min(30) as usize;
    let rounded = if text.contains(['e', 'E']) {
        format!("{number:.places$}")
    } else {
        super::functions::number::rounded(text.trim(), places)
    };
    let rounded: f64 = rounded.parse().map_err(|_| invalid("numeric", text))?;
    let whole = precision.saturating_sub(scale);
    if rounded.abs() >= 10f64.powi(i32::try_from(whole).unwrap_or(i32::MAX)) {
        let details = format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value less than {}.",
            if whole == 0 { "1".to_owned() } else { format!("10^{whole}") }
        );
        return Err(Refused::new("22003", "numeric field overflow").details(details));
    }
    Ok(Sql::Real(rounded + 0.0))
}
