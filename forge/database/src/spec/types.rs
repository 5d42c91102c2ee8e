//! Types as they are written.

use std::collections::BTreeSet;

use crate::schema::{RangeOf, Type};

/// What may be written, for messages.
pub(super) const EXPECTED: &str = "a type: text, varchar(n), smallint, integer, bigint, double, numeric(p,s), boolean, \
                                   uuid, timestamptz, date, time, jsonb, bytea, vector(n), int4range, int8range, numrange, daterange, tstzrange, \
                                   tsvector, an enum, or one of them with []";

/// The names of types, for finding the one that is meant.
pub(super) const NAMES: [&str; 35] = [
    "text",
    "varchar",
    "string",
    "smallint",
    "integer",
    "int",
    "bigint",
    "double",
    "float",
    "real",
    "numeric",
    "decimal",
    "boolean",
    "bool",
    "uuid",
    "timestamptz",
    "timestamp",
    "datetime",
    "date",
    "time",
    "jsonb",
    "json",
    "bytea",
    "blob",
    "vector",
    "char",
    "serial",
    "bigserial",
    "citext",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tstzrange",
    "tsvector",
];

/// Reads a type; `Err` says what is wrong with it.
pub(super) fn parse(text: &str, enums: &BTreeSet<String>) -> Result<Type, String> {
    let text = text.trim();
    if let Some(inner) = text.strip_suffix("[]") {
        return Ok(Type::Array(Box::new(parse(inner, enums)?)));
    }
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => {
            let inner = rest.strip_suffix(')').ok_or_else(|| format!("`{text}` is not closed"))?;
            (name.trim(), numbers(inner).ok_or_else(|| format!("`({inner})` is no list of numbers"))?)
        }
        None => (text, Vec::new()),
    };
    if enums.contains(name) && arguments.is_empty() {
        return Ok(Type::Enum(name.to_owned()));
    }
    let lower = name.to_ascii_lowercase();
    let count = arguments.len();
    let wants = |what: &str| Err(format!("`{lower}` is written {what}"));
    match (lower.as_str(), arguments.as_slice()) {
        ("varchar" | "character varying" | "char", [length]) => Ok(Type::Varchar(*length)),
        ("varchar" | "character varying" | "text" | "string" | "citext", []) => Ok(Type::Text),
        ("smallint" | "int2", []) => Ok(Type::Smallint),
        ("integer" | "int" | "int4" | "serial", []) => Ok(Type::Integer),
        ("bigint" | "int8" | "bigserial", []) => Ok(Type::Bigint),
        ("double" | "double precision" | "float" | "float8" | "real", []) => Ok(Type::Double),
        ("numeric" | "decimal", [precision, scale]) => Ok(Type::Numeric(*precision, *scale)),
        ("numeric" | "decimal", [precision]) => Ok(Type::Numeric(*precision, 0)),
        // Without a precision: what every engine here keeps exactly, with room for a price in any currency.
        ("numeric" | "decimal", []) => Ok(Type::Numeric(15, 4)),
        ("boolean" | "bool", []) => Ok(Type::Boolean),
        ("uuid", []) => Ok(Type::Uuid),
        (
            "timestamptz"
            | "timestamp"
            | "datetime"
            | "timestamp with time zone"
            | "timestamp without time zone",
            [],
        ) => Ok(Type::Timestamptz),
        ("date", []) => Ok(Type::Date),
        ("time", []) => Ok(Type::Time),
        ("jsonb" | "json", []) => Ok(Type::Jsonb),
        ("bytea" | "blob", []) => Ok(Type::Bytea),
        ("int4range", []) => Ok(Type::Range(RangeOf::Integer)),
        ("int8range", []) => Ok(Type::Range(RangeOf::Bigint)),
        ("numrange", []) => Ok(Type::Range(RangeOf::Numeric)),
        ("daterange", []) => Ok(Type::Range(RangeOf::Date)),
        ("tstzrange", []) => Ok(Type::Range(RangeOf::Timestamptz)),
        ("tsvector", []) => Ok(Type::Tsvector),
        ("vector", [dimensions]) => Ok(Type::Vector(*dimensions)),
        ("vector", _) => wants("vector(n), with the number of dimensions"),
        ("varchar" | "character varying" | "char", _) => wants("varchar(n)"),
        ("numeric" | "decimal", _) => wants("numeric(p,s)"),
        (known, _) if NAMES.contains(&known) && count > 0 => wants(&format!("without ({count} numbers)")),
        _ => Err(format!("`{text}` is no type")),
    }
}

/// The type that a column's name suggests, when nothing else says it.
pub(super) fn suggested(name: &str) -> Type {
    if name == "id" {
        Type::Uuid
    } else if name.ends_with("_at") {
        Type::Timestamptz
    } else if name.starts_with("is_") || name.starts_with("has_") {
        Type::Boolean
    } else {
        Type::Text
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split(',').map(|part| part.trim().parse().ok()).collect()
}
