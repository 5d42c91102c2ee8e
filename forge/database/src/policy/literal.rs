//! Text literals, read as the type that their surroundings want.

use rusqlite::types::Value;

use super::typed::{Literal, Ty, Wild};
use crate::ddl::sqlite::value_from_text;
use crate::schema::{Schema, Type};

/// The most wildcards of a `like` pattern: each one multiplies the time a match may take.
pub const WILDCARDS_MAX: usize = 8;

/// The text as a literal of the type; `None` if it is not one.
///
/// What is held as text takes the form in which SQLite stores it, which Postgres reads as well.
pub(super) fn coerce(text: &str, ty: &Ty, schema: &Schema) -> Option<Literal> {
    let ty = match ty {
        Ty::Text | Ty::Unknown => return Some(Literal::Text(text.to_owned())),
        Ty::Double | Ty::Numeric => return decimal(text.trim()),
        Ty::Json | Ty::Opaque(_) => return None,
        Ty::Bool => Type::Boolean,
        Ty::Int => Type::Bigint,
        Ty::Uuid => Type::Uuid,
        Ty::Timestamptz => Type::Timestamptz,
        Ty::Date => Type::Date,
        Ty::Time => Type::Time,
        Ty::Enum(name) => Type::Enum(name.clone()),
    };
    match value_from_text(&ty, &schema.enums, text).ok()? {
        Value::Integer(value) if ty == Type::Boolean => Some(Literal::Bool(value != 0)),
        Value::Integer(value) => Some(Literal::Int(value)),
        Value::Text(value) => Some(Literal::Text(value)),
        Value::Null | Value::Real(_) | Value::Blob(_) => None,
    }
}

fn decimal(text: &str) -> Option<Literal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (plain(whole) && plain(fraction) && text.len() <= 40).then(|| Literal::Decimal(text.to_owned()))
}

/// A `like` pattern in parts: `%`, `_`, and `\` before a character that stands for itself.
pub(super) fn wildcards(pattern: &str) -> Result<Vec<Wild>, &'static str> {
    let mut parts: Vec<Wild> = Vec::new();
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        let literal = match next {
            '%' => {
                if parts.last() != Some(&Wild::Many) {
                    parts.push(Wild::Many);
                }
                continue;
            }
            '_' => {
                parts.push(Wild::One);
                continue;
            }
            '\\' => chars.next().ok_or("the pattern ends with a lone `\\`")?,
            other => other,
        };
        match parts.last_mut() {
            Some(Wild::Text(text)) => text.push(literal),
            _ => parts.push(Wild::Text(literal.to_string())),
        }
    }
    if parts.iter().filter(|part| **part == Wild::Many).count() > WILDCARDS_MAX {
        return Err("the pattern has too many `%`");
    }
    Ok(parts)
}
