//! What SQLite lacks of Postgres' functions, registered under names with `pg_`.
//!
//! All are deterministic and bounded. An error carries its SQLSTATE at the start of its message, so that
//! whoever runs the statement can take it off again with [`raised`].

pub(crate) mod interval;
pub(crate) mod json;
pub(crate) mod list;
mod number;
mod text;
mod time;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};

/// The most bytes of a text that a function gives.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Registers them all on a connection.
pub fn register(conn: &Connection) -> rusqlite::Result<()> {
    text::register(conn)?;
    number::register(conn)?;
    time::register(conn)?;
    json::register(conn)?;
    list::register(conn)
}

/// The SQLSTATE and the message of an error that one of these functions raised.
pub fn raised(message: &str) -> Option<(&str, &str)> {
    let (code, rest) = message.split_once(": ")?;
    let shaped = code.len() == 5 && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    shaped.then_some((code, rest))
}

/// Why a function gives nothing.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Raise {
    code: &'static str,
    message: String,
}

type Given = Result<Value, Raise>;

fn raise<T>(code: &'static str, message: impl Into<String>) -> Result<T, Raise> {
    Err(Raise { code, message: message.into() })
}

/// The arguments of a call, none of which is null.
struct Arguments<'a, 'c>(&'a Context<'c>);

impl Arguments<'_, '_> {
    fn raw(&self, at: usize) -> ValueRef<'_> {
        if at < self.0.len() { self.0.get_raw(at) } else { ValueRef::Null }
    }

    fn text(&self, at: usize) -> Result<&str, Raise> {
        match self.raw(at) {
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text),
                Err(_) => raise("22021", "invalid byte sequence for encoding \"UTF8\""),
            },
            _ => raise("42804", "a text is expected"),
        }
    }

    fn int(&self, at: usize) -> Result<i64, Raise> {
        match self.raw(at) {
            ValueRef::Integer(value) => Ok(value),
            // A whole number that went through arithmetic.
            ValueRef::Real(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(value as i64),
            _ => raise("42804", "a whole number is expected"),
        }
    }

    fn real(&self, at: usize) -> Result<f64, Raise> {
        match self.raw(at) {
            ValueRef::Integer(value) => Ok(value as f64),
            ValueRef::Real(value) => Ok(value),
            _ => raise("42804", "a number is expected"),
        }
    }

    fn value(&self, at: usize) -> Value {
        Value::try_from(self.raw(at)).unwrap_or(Value::Null)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Registers a function that gives null when one of its arguments is null.
fn strict(
    conn: &Connection,
    name: &str,
    arguments: i32,
    act: impl Fn(&Arguments<'_, '_>) -> Given + Send + 'static + std::panic::UnwindSafe,
) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function(name, arguments, flags, move |context: &Context<'_>| {
        if (0..context.len()).any(|at| matches!(context.get_raw(at), ValueRef::Null)) {
            return Ok(Value::Null);
        }
        finish(act(&Arguments(context)))
    })
}

/// Registers a function that sees nulls.
fn lenient(
    conn: &Connection,
    name: &str,
    arguments: i32,
    act: impl Fn(&Arguments<'_, '_>) -> Given + Send + 'static + std::panic::UnwindSafe,
) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function(name, arguments, flags, move |context: &Context<'_>| {
        finish(act(&Arguments(context)))
    })
}

fn finish(given: Given) -> rusqlite::Result<Value> {
    let given = match given {
        Ok(Value::Text(text)) if text.len() > TEXT_BYTES_MAX => {
            raise("54000", format!("the text is longer than {TEXT_BYTES_MAX} bytes"))
        }
        other => other,
    };
    given.map_err(|raise| rusqlite::Error::UserFunctionError(Box::new(raise)))
}

/// The code and message for a text that is no value of the type of that name.
pub(crate) fn wrong_value(name: &str, is_enum: bool, text: &str) -> (&'static str, String) {
    let shown: String = text.chars().take(60).collect();
    if is_enum {
        return ("22P02", format!("invalid input value for enum {name}: \"{shown}\""));
    }
    let of_time = ["date", "interval", "timestamp with time zone", "time without time zone"].contains(&name);
    let digits = text.trim_start().bytes().take_while(u8::is_ascii_digit).count();
    match of_time {
        true if digits > 0 && name != "interval" => {
            ("22008", format!("date/time field value out of range: \"{shown}\""))
        }
        true => ("22007", format!("invalid input syntax for type {name}: \"{shown}\"")),
        false => ("22P02", format!("invalid input syntax for type {name}: \"{shown}\"")),
    }
}

fn truth(is: bool) -> Given {
    Ok(Value::Integer(i64::from(is)))
}
