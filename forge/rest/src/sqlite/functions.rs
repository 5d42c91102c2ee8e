//! What SQLite lacks of Postgres' operators and forms, registered under names that begin with `rest_`.
//!
//! All are deterministic and bounded. An error's text is
//! `PGERR:<sqlstate>:<message>`, then detail and hint, each after a unit separator.

mod json;
mod lists;
pub(super) mod number;
pub(super) mod pattern;
pub(super) mod search;
pub(super) mod time;

use std::collections::BTreeMap;
use std::panic::UnwindSafe;

use forge_database::schema::{RangeOf, Type};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value as Sql, ValueRef};

use super::values::{self, Refused, range};

/// Why a function gives nothing.
#[derive(Debug, thiserror::Error)]
#[error("PGERR:{}:{}\u{1f}{}\u{1f}", .0.code, .0.message, .0.details.as_deref().unwrap_or_default())]
struct Raised(Refused);

/// What `rest_cast` is told of numbers.
pub(super) const OF_NUMBER: &str = "number";

type Given = Result<Sql, Refused>;

const FLAGS: FunctionFlags = FunctionFlags::SQLITE_UTF8
    .union(FunctionFlags::SQLITE_DETERMINISTIC)
    .union(FunctionFlags::SQLITE_INNOCUOUS);

/// Registers them all on a connection.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    number::register(conn)?;
    time::register(conn)?;
    pattern::register(conn)?;
    search::register(conn)?;
    json::register(conn)?;
    lists::register(conn)?;
    scalar(conn, "rest_cast", 3, true, cast)?;
    scalar(conn, "rest_range", 4, false, ranges)?;
    // rest_range_key(range, type): what it sorts by
    scalar(conn, "rest_range_key", 2, false, |context| {
        let of = range_of(text(context, 1));
        Ok(Sql::Blob(range::read(of, text(context, 0))?.sort_key()))
    })?;
    // rest_range_text(range of times, zone)
    scalar(conn, "rest_range_text", 2, false, |context| {
        let range = range::read(RangeOf::Timestamptz, text(context, 0))?;
        Ok(Sql::Text(range.in_zone(text(context, 1)).to_string()))
    })?;
    scalar(conn, "rest_position", 2, false, position)
}

/// Registers a function. One that is not lenient gives null where an argument is null.
fn scalar(
    conn: &Connection,
    name: &str,
    arguments: i32,
    lenient: bool,
    act: impl Fn(&Context<'_>) -> Given + Send + UnwindSafe + 'static,
) -> rusqlite::Result<()> {
    conn.create_scalar_function(name, arguments, FLAGS, move |context: &Context<'_>| {
        if !lenient && (0..context.len()).any(|at| context.get_raw(at) == ValueRef::Null) {
            return Ok(Sql::Null);
        }
        act(context).map_err(|refused| rusqlite::Error::UserFunctionError(Box::new(Raised(refused))))
    })
}

/// A text argument; empty for anything else.
fn text<'c>(context: &'c Context<'_>, at: usize) -> &'c str {
    match context.get_raw(at) {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    }
}

fn real(context: &Context<'_>, at: usize) -> f64 {
    match context.get_raw(at) {
        ValueRef::Integer(value) => value as f64,
        ValueRef::Real(value) => value,
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|t| t.parse().ok()).unwrap_or(0.0),
        _ => 0.0,
    }
}

fn truth(is: bool) -> Given {
    Ok(Sql::Integer(i64::from(is)))
}

/// `rest_cast(text, type, values)`: the stored value of a text. For an enum there are its values; [`OF_NUMBER`]
/// says that the text is that of a number.
fn cast(context: &Context<'_>) -> Given {
    let whole;
    let value = match context.get_raw(0) {
        ValueRef::Null => return Ok(Sql::Null),
        ValueRef::Integer(value) => {
            whole = value.to_string();
            &whole
        }
        _ => text(context, 0),
    };
    let name = text(context, 1);
    if name == "\"numeric\"" {
        return match number::plain(value.trim()) {
            Some(number) => Ok(Sql::Text(number)),
            None => Err(Refused::new("22P02", format!("invalid input syntax for type numeric: \"{value}\""))),
        };
    }
    let ty: Type = serde_json::from_str(name).map_err(|_| Refused::new("42704", "type does not exist"))?;
    let mut enums = BTreeMap::new();
    if let Type::Enum(name) = &ty {
        enums.insert(name.clone(), serde_json::from_str(text(context, 2)).unwrap_or_default());
    }
    let stored = values::from_text(&enums, &ty, value);
    match stored {
        // Numbers that are too large are told otherwise than texts.
        Err(refused) if refused.code == "22003" && text(context, 2) == OF_NUMBER => {
            Err(Refused::new("22003", format!("{} out of range", values::type_name(&ty))))
        }
        other => other,
    }
}

fn range_of(name: &str) -> RangeOf {
    match name {
        "int4range" => RangeOf::Integer,
        "int8range" => RangeOf::Bigint,
        "numrange" => RangeOf::Numeric,
        "daterange" => RangeOf::Date,
        _ => RangeOf::Timestamptz,
    }
}

/// `rest_range(one, operator, other, type)`
fn ranges(context: &Context<'_>) -> Given {
    let of = range_of(text(context, 3));
    let (one, other) = (range::read(of, text(context, 0))?, range::read(of, text(context, 2))?);
    match range::holds(&one, text(context, 1), &other) {
        Some(holds) => truth(holds),
        None => Err(Refused::new("42883", "operator does not exist")),
    }
}

/// `rest_position(value, values)`: where a value is in the list of its enum.
fn position(context: &Context<'_>) -> Given {
    let values: Vec<String> = serde_json::from_str(text(context, 1)).unwrap_or_default();
    let at = values.iter().position(|value| value == text(context, 0));
    Ok(at.and_then(|at| i64::try_from(at).ok()).map_or(Sql::Null, Sql::Integer))
}
